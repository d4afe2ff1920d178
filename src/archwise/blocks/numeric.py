"""Numeric feature embeddings: a number becomes a small vector, so that a network can bend along it often."""

from __future__ import annotations

import math

import torch
from torch import nn


class PeriodicEmbedding(nn.Module):
    """Each number through sines and cosines of learnt frequencies, a linear map of its own, and ReLU.

    Args:
        n_numbers: numbers of a row. n_frequencies: of each number. width: of each number's vector.
        scale: standard deviation of the frequencies at the start; the larger, the finer the bends.

    Source:
        Gorishniy et al. 2022, "On embeddings for numerical features", the variant PLR; the number itself joins
        its vector, so that a straight line costs nothing (as in Holzmüller et al. 2024).
    """

    undecayed = ("frequencies", "bias")  # parameters that weight decay leaves alone

    def __init__(self, n_numbers: int, *, n_frequencies: int, width: int, scale: float) -> None:
        super().__init__()
        self.frequencies = nn.Parameter(torch.randn(n_numbers, n_frequencies) * scale)
        bound = (2 * n_frequencies) ** -0.5
        self.weight = nn.Parameter(torch.empty(n_numbers, 2 * n_frequencies, width).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(n_numbers, 1, width))
        self.width = n_numbers * (width + 1)

    def forward(self, numbers: torch.Tensor) -> torch.Tensor:
        """Map numbers (B, Dn) to (B, Dn * (width + 1))."""
        angles = 2.0 * math.pi * numbers.T[:, :, None] * self.frequencies[:, None, :]  # (Dn, B, F)
        waves = torch.cat([angles.cos(), angles.sin()], dim=2)
        vectors = torch.relu(torch.baddbmm(self.bias, waves, self.weight))  # (Dn, B, width)
        return torch.cat([numbers, vectors.transpose(0, 1).flatten(1)], dim=1)
