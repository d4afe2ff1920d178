"""Layers of an ensemble whose members share their weights and differ by factors on what passes through."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import nn

from archwise.blocks.dropout import Dropout
from archwise.blocks.table import TableInputs


class MemberLinear(nn.Module):
    """A linear map that all members share, between factors and before biases of each member's own.

    Args:
        width_in: D of the input. width: of the output. n_members: M.
        first: whether the factors on the input begin as random signs, which sets the members apart; else at 1.

    Source:
        Wen et al. 2020 (BatchEnsemble), eq. 5; the start is that of Gorishniy et al. 2024 (TabM), section 3.
    """

    undecayed = ("factors_in", "factors", "bias")

    def __init__(self, width_in: int, width: int, n_members: int, *, first: bool) -> None:
        super().__init__()
        bound = width_in**-0.5
        signs = 2.0 * torch.randint(2, (n_members, width_in)) - 1.0
        self.weight = nn.Parameter(torch.empty(width_in, width).uniform_(-bound, bound))
        self.factors_in = nn.Parameter(signs if first else torch.ones(n_members, width_in))
        self.factors = nn.Parameter(torch.ones(n_members, width))
        self.bias = nn.Parameter(torch.empty(width).uniform_(-bound, bound).repeat(n_members, 1))

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        """Map (B, M, D), or (B, 1, D) for the same to all members, to (B, M, width)."""
        sums = (vectors * self.factors_in) @ self.weight
        return torch.addcmul(self.bias, sums, self.factors)


class MemberBody(nn.Module):
    """Hidden layers of an ensemble behind the inputs of a table.

    Args:
        inputs: of the table. widths: units of each layer.
        n_members: M. dropout: share of units left out in a training step.
    """

    def __init__(self, inputs: TableInputs, widths: tuple[int, ...], *, n_members: int, dropout: float) -> None:
        super().__init__()
        self.inputs = inputs
        before = inputs.width
        self.layers = nn.ModuleList()
        for place, width in enumerate(widths):
            self.layers.append(MemberLinear(before, width, n_members, first=place == 0))
            before = width
        self.dropout = Dropout(dropout)
        self.n_members = n_members
        self.width = before

    def forward(self, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Map a batch of named inputs to features (B, M, width)."""
        vectors: torch.Tensor = self.inputs(batch)[:, None, :]
        for layer in self.layers:
            vectors = self.dropout(F.relu(layer(vectors)))
        return vectors
