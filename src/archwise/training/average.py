"""The average of a network's weights over its steps, with the statistics that belong to them."""

from __future__ import annotations

import torch
from torch import nn


def averaged_buffers(network: nn.Module) -> set[str]:
    """The names of the statistics that normalisations keep of what they see; no other buffer moves as weights do."""
    return {
        f"{place}.{name}" if place else name
        for place, module in network.named_modules()
        if isinstance(module, nn.modules.batchnorm._NormBase)
        for name, buffer in module.named_buffers(recurse=False)
        if buffer.is_floating_point()
    }


def averaged_tensors(network: nn.Module) -> list[torch.Tensor]:
    """The weights, and the statistics that normalisations keep of them: an average has need of its own."""
    names = averaged_buffers(network)
    return [*network.parameters(), *(buffer for name, buffer in network.named_buffers() if name in names)]


def move_average(averaged: list[torch.Tensor], now: list[torch.Tensor], *, decay: float, step: int) -> None:
    """Move the average towards the weights, faster at first, so that the beginning is soon forgotten."""
    with torch.no_grad():
        torch._foreach_lerp_(averaged, now, average_share(decay, step))


def average_share(decay: float, step: int) -> float:
    """How far the average moves towards the weights at a step (from 0)."""
    return 1.0 - min(decay, (1 + step) / (10 + step))


def take_the_rest(averaged: nn.Module, now: nn.Module) -> None:
    """Take over the buffers that have no average."""
    names = averaged_buffers(now)
    for (name, its), mine in zip(now.named_buffers(), averaged.buffers(), strict=True):
        if name not in names:
            mine.copy_(its)
