"""A recurrent cell that reads a window segment by segment, in place of step by step."""

from __future__ import annotations

import torch
from torch import nn

from archwise.blocks.dropout import Dropout
from archwise.blocks.recurrent import recurrent_layers


class SegmentCells(nn.Module):
    """Layers of a cell over the segments of a window; the last state of the last layer.

    The steps that do not fill a segment are the oldest, and are left out.

    Args:
        cell: "rnn", "lstm" or "gru". window: its steps L and channels C. segment: steps of each. width: of the states.
        n_layers: one upon the other. dropout: share of the last state left out.

    Source:
        Lin et al. 2023 (SegRNN), with one map to all steps ahead in place of one a segment.
    """

    def __init__(
        self, cell: str, window: tuple[int, int], *, segment: int, width: int, n_layers: int, dropout: float
    ) -> None:
        super().__init__()
        n_past, n_channels = window
        self.segment = max(1, min(segment, n_past))
        self.n_segments = n_past // self.segment
        self.entry = nn.Linear(self.segment * n_channels, width)
        self.layers = nn.ModuleList(recurrent_layers(cell, width, width, n_layers=n_layers, both_ways=False))
        self.dropout = Dropout(dropout)
        self.width = width

    def forward(self, window: torch.Tensor) -> torch.Tensor:
        """Map (N, L, C) to (N, width)."""
        newest = window[:, window.shape[1] - self.n_segments * self.segment :]
        states = torch.relu(self.entry(newest.reshape(-1, self.n_segments, self.entry.in_features)))
        mask = torch.ones(states.shape[:2], dtype=torch.bool, device=states.device)
        for layer in self.layers:
            states = layer(states, mask)
        last: torch.Tensor = self.dropout(states[:, -1])
        return last
