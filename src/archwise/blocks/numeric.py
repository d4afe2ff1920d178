"""Numeric feature embeddings: a number becomes a small vector, so that a network can bend along it often."""

from __future__ import annotations

import math
from statistics import NormalDist

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


class CosineEmbedding(nn.Module):
    """Each number through cosines of learnt frequencies and phases, and a linear map of its own, beside itself.

    Args:
        n_numbers: numbers of a row. n_frequencies: of each number. width: of each number's vector, itself with it.
        scale: standard deviation of the frequencies at the start.

    Source:
        Holzmüller, Grinsztajn & Steinwart 2024, section 3.3 and appendix A: PBLD (periodic, bias, linear, DenseNet),
        which learns at a tenth of the rate.
    """

    rate_factors = {"frequencies": 0.1, "phases": 0.1, "weight": 0.1, "bias": 0.1}  # noqa: RUF012  read only

    def __init__(self, n_numbers: int, *, n_frequencies: int, width: int, scale: float) -> None:
        super().__init__()
        bound = n_frequencies**-0.5
        self.frequencies = nn.Parameter(torch.randn(n_numbers, 1, n_frequencies) * scale)
        self.phases = nn.Parameter(torch.empty(n_numbers, 1, n_frequencies).uniform_(-math.pi, math.pi))
        self.weight = nn.Parameter(torch.empty(n_numbers, n_frequencies, width - 1).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(n_numbers, 1, width - 1).uniform_(-bound, bound))
        self.width = n_numbers * width

    def forward(self, numbers: torch.Tensor) -> torch.Tensor:
        """Map numbers (B, Dn) to (B, Dn * width)."""
        angles = torch.addcmul(self.phases, numbers.T[:, :, None], self.frequencies, value=2.0 * math.pi)  # (Dn, B, F)
        vectors = torch.baddbmm(self.bias, angles.cos(), self.weight)  # (Dn, B, width - 1)
        return torch.cat([numbers, vectors.transpose(0, 1).flatten(1)], dim=1)


class PiecewiseLinearEmbedding(nn.Module):
    """Each number as a learnt vector that bends at the training quantiles.

    Numbers must be normal scores (`Need("quantile")`), so that the quantiles are those of the normal distribution.

    Args:
        n_numbers: numbers of a row. n_bins: pieces of each number. width: of each number's vector.

    Source:
        Gorishniy et al. 2022, "On embeddings for numerical features", eq. 1; the straight line beside it and the
        start of the pieces at zero are version B of Gorishniy et al. 2024 (TabM).
    """

    undecayed = ("bias",)

    def __init__(self, n_numbers: int, *, n_bins: int, width: int) -> None:
        super().__init__()
        normal = NormalDist()
        edges = torch.tensor([normal.inv_cdf((edge + 0.5) / (n_bins + 1)) for edge in range(n_bins + 1)])
        self.starts: torch.Tensor
        self.slopes: torch.Tensor
        self.lows: torch.Tensor
        self.highs: torch.Tensor
        self.register_buffer("starts", edges[:-1], persistent=False)
        self.register_buffer("slopes", 1.0 / edges.diff(), persistent=False)
        lows, highs = torch.zeros(n_bins), torch.ones(n_bins)
        lows[0], highs[-1] = -torch.inf, torch.inf  # the outermost pieces go on
        self.register_buffer("lows", lows, persistent=False)
        self.register_buffer("highs", highs, persistent=False)
        self.line = nn.Parameter(torch.empty(n_numbers, 1, width).uniform_(-1.0, 1.0))
        self.bias = nn.Parameter(torch.empty(n_numbers, 1, width).uniform_(-1.0, 1.0))
        self.pieces = nn.Parameter(torch.zeros(n_numbers, n_bins, width))
        self.width = n_numbers * width

    def forward(self, numbers: torch.Tensor) -> torch.Tensor:
        """Map numbers (B, Dn) to (B, Dn * width)."""
        each = numbers.T[:, :, None]  # (Dn, B, 1)
        shares = ((each - self.starts) * self.slopes).clamp(self.lows, self.highs)  # (Dn, B, bins)
        vectors = torch.baddbmm(torch.addcmul(self.bias, each, self.line), shares, self.pieces)  # (Dn, B, width)
        return vectors.transpose(0, 1).flatten(1)
