"""The average of a network's weights over its steps, with the statistics that belong to them."""

from __future__ import annotations

import torch
from torch import nn


def averaged_tensors(network: nn.Module) -> list[torch.Tensor]:
    """The weights, and the statistics that normalisations keep of them: an average has need of its own."""
    return [*network.parameters(), *(buffer for buffer in network.buffers() if buffer.is_floating_point())]


def move_average(averaged: list[torch.Tensor], now: list[torch.Tensor], *, decay: float, step: int) -> None:
    """Move the average towards the weights, faster at first, so that the beginning is soon forgotten."""
    with torch.no_grad():
        torch._foreach_lerp_(averaged, now, average_share(decay, step))


def average_share(decay: float, step: int) -> float:
    """How far the average moves towards the weights at a step (from 0)."""
    return 1.0 - min(decay, (1 + step) / (10 + step))


def take_counts(averaged: nn.Module, now: nn.Module) -> None:
    """Take over the buffers that have no average, since they count."""
    for mine, its in zip(averaged.buffers(), now.buffers(), strict=True):
        if not mine.is_floating_point():
            mine.copy_(its)
