"""The mean of several networks as one: what is written when seeds are averaged."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import nn


class MeanNetwork(nn.Module):
    """Networks side by side, whose answers are joined.

    Args:
        members: each maps the same inputs to outputs (B, K).
        join: outputs (B, M, K) to (B, K); None for the mean.

    Source:
        Lakshminarayanan, Pritzel & Blundell 2017 (deep ensembles).
    """

    def __init__(
        self, members: Sequence[nn.Module], *, join: Callable[[torch.Tensor], torch.Tensor] | None = None
    ) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.join = join

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        """Map inputs, each (B, width), to outputs (B, K)."""
        return join_outputs(torch.stack([member(*inputs) for member in self.members], dim=1), self.join)


def join_outputs(outputs: torch.Tensor, join: Callable[[torch.Tensor], torch.Tensor] | None) -> torch.Tensor:
    """The one answer of several.

    Args:
        outputs: (B, M, K).
        join: the task's; None for the mean.

    Returns:
        (B, K).
    """
    return outputs.mean(dim=1) if join is None else join(outputs)
