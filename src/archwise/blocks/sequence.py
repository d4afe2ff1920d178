"""Sequences become vectors step by step: words through an embedding, measurements as they are."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from archwise.blocks.dropout import Dropout
from archwise.records import Signature

SPREAD = 0.05  # of an embedding's numbers at the start: at 1 a recurrent network begins saturated, and learns far less


class SequenceInputs(nn.Module):
    """The steps of a sequence, and which of them are no padding; what follows knows nothing of words or measurements.

    The first step of every row counts, so that an empty sequence has an answer: that of one step of nought.

    Args:
        signature: its input `tokens` (B, T) int64, or `series` (B, T, C) float32, is read.
        width: D of the vector of a token. dropout: share of the numbers of these vectors that is dropped.
        spread: deviation of these numbers at the start.
    """

    def __init__(self, signature: Signature, *, width: int, dropout: float = 0.0, spread: float = SPREAD) -> None:
        super().__init__()
        tokens, series = signature.input("tokens"), signature.input("series")
        if tokens is None and series is None:
            raise ValueError("the data hold neither a text nor a series, which this body reads")
        self.embedding = None
        if tokens is not None:
            self.embedding = nn.Embedding(sum(tokens.levels), width, padding_idx=0)
            nn.init.normal_(self.embedding.weight, std=spread)
            with torch.no_grad():
                self.embedding.weight[0] = 0.0
        self.dropout = Dropout(dropout)
        self.width = series.shape[1] if tokens is None and series is not None else width

    def forward(self, batch: Mapping[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """Map a batch to the vectors of its steps (B, T, D), and a mask (B, T) bool that is true before the padding."""
        if self.embedding is not None:
            tokens = batch["tokens"]
            is_step = tokens != 0
            values = self.dropout(self.embedding(tokens))
        else:
            series = batch["series"]
            is_step = ~series.isnan().all(dim=2)
            values = series.nan_to_num(nan=0.0)
        places = torch.arange(1, is_step.shape[1] + 1, device=is_step.device)
        lengths = (is_step * places).amax(dim=1, keepdim=True)
        return values, places <= lengths.clamp(min=1)
