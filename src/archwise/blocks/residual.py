"""Residual layers for vectors."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from archwise.blocks.dropout import Dropout
from archwise.blocks.table import TableInputs


class ResidualBody(nn.Module):
    """A linear map of the inputs of a table, blocks that each add to it, and a last normalisation with ReLU.

    Args:
        inputs: of the table. width: of what the blocks add to.
        n_blocks: how many. inner: units within a block. dropout: shares left out within a block and of what it adds.

    Source:
        Gorishniy et al. 2021, "Revisiting deep learning models for tabular data", section 3.2.
    """

    def __init__(
        self, inputs: TableInputs, width: int, *, n_blocks: int, inner: int, dropout: tuple[float, float]
    ) -> None:
        super().__init__()
        self.inputs = inputs
        before = inputs.width
        self.first = nn.Linear(before, width)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.BatchNorm1d(width),
                nn.Linear(width, inner),
                nn.ReLU(),
                Dropout(dropout[0]),
                nn.Linear(inner, width),
                Dropout(dropout[1]),
            )
            for _ in range(n_blocks)
        )
        self.last = nn.Sequential(nn.BatchNorm1d(width), nn.ReLU())
        self.width = width

    def forward(self, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Map a batch of named inputs to features (B, width)."""
        vectors: torch.Tensor = self.first(self.inputs(batch))
        for block in self.blocks:
            vectors = vectors + block(vectors)
        features: torch.Tensor = self.last(vectors)
        return features
