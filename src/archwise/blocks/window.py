"""Windows over the steps of a sequence: what a few neighbours say together, wherever they stand."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn


class WindowLayer(nn.Module):
    """Filters of several widths, each over the neighbours of every step, and a bend.

    Beyond the ends of a sequence there is nought, whatever the padding holds.

    Args:
        width_in: D of the vectors of the steps. widths: steps that a filter sees. n_filters: of each of the widths.

    Source:
        Kim 2014, section 2; he lets windows end with the sequence, here they reach beyond its ends.
    """

    def __init__(self, width_in: int, widths: tuple[int, ...], n_filters: int) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(nn.Conv1d(width_in, n_filters, width) for width in widths)
        self.reaches = tuple(width - 1 for width in widths)  # beyond the step at which a window stands
        self.width = len(widths) * n_filters

    def forward(self, values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Map (B, T, D) and a mask (B, T) to (B, T, width)."""
        steps = (values * mask[:, :, None].to(values.dtype)).transpose(1, 2)  # (B, D, T)
        found = []
        for convolution, reach in zip(self.convolutions, self.reaches, strict=True):
            found.append(convolution(F.pad(steps, (reach // 2, reach - reach // 2))))
        return F.relu(torch.cat(found, dim=1)).transpose(1, 2)
