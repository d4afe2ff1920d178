"""The linear head: features become outputs."""

from __future__ import annotations

import torch
from torch import nn


class LinearHead(nn.Module):
    """One affine map from the features to the outputs, which begins near given outputs.

    Args:
        width: D of the features. start: the K outputs for features of zero.
    """

    def __init__(self, width: int, start: tuple[float, ...]) -> None:
        super().__init__()
        self.linear = nn.Linear(width, len(start))
        nn.init.xavier_uniform_(self.linear.weight)
        with torch.no_grad():
            self.linear.bias.copy_(torch.tensor(start))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map features (B, D) to outputs (B, K)."""
        outputs: torch.Tensor = self.linear(features)
        return outputs
