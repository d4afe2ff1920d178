"""A window as the features of a linear forecast: as it is, or as its trend and what is left of it."""

from __future__ import annotations

import torch
from torch import nn


class Parts(nn.Module):
    """The steps of every channel side by side, split into a moving mean and the rest where a kernel is given.

    Args:
        n_past: L. n_channels: C. kernel: steps of the moving mean, odd; 0 for none.

    Source:
        Zeng et al. 2023, the decomposition of DLinear.
    """

    def __init__(self, n_past: int, n_channels: int, *, kernel: int = 0) -> None:
        super().__init__()
        self.kernel = kernel if kernel < n_past else 0
        self.width = n_past * n_channels * (2 if self.kernel else 1)

    def forward(self, window: torch.Tensor) -> torch.Tensor:
        """Map (N, L, C) to (N, width)."""
        if not self.kernel:
            return window.flatten(1)
        side = self.kernel // 2
        ends = window[:, :1].expand(-1, side, -1), window[:, -1:].expand(-1, side, -1)
        padded = torch.cat([ends[0], window, ends[1]], dim=1).transpose(1, 2)  # (N, C, L + kernel - 1)
        trend = torch.nn.functional.avg_pool1d(padded, self.kernel, stride=1).transpose(1, 2)
        return torch.cat([trend, window - trend], dim=1).flatten(1)
