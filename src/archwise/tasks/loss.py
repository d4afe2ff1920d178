"""Losses by name: a task names what `blocks/loss.py` has, and torch is loaded when the first loss is taken."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from archwise.records import Json

if TYPE_CHECKING:
    import torch

Loss = Callable[["torch.Tensor", "torch.Tensor", Mapping[str, Json]], "torch.Tensor"]


def loss_of(name: str) -> Loss:
    """The loss of that name in `blocks/loss.py`: outputs (B, K), targets (B, ...) and options to (B,) losses."""

    def loss(outputs: torch.Tensor, targets: torch.Tensor, options: Mapping[str, Json]) -> torch.Tensor:
        from archwise.blocks import loss as losses

        found: Loss = getattr(losses, name)
        return found(outputs, targets, options)

    return loss
