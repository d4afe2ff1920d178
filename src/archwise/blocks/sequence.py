"""Sequences become vectors step by step: words through an embedding, measurements as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import nn

from archwise.blocks.dropout import Dropout
from archwise.blocks.vectors import fit_width
from archwise.records import Array, Signature

_UNKNOWN = 1
SPREAD = 0.05  # of an embedding's numbers at the start: at 1 a recurrent network begins saturated, and learns far less


class SequenceInputs(nn.Module):
    """The steps of a sequence, and which of them are no padding; what follows knows nothing of words or measurements.

    The first step of every row counts, so that an empty sequence has an answer: that of one step of nought.

    Args:
        signature: its input `tokens` (B, T) int64, or `series` (B, T, C) float32, is read.
        width: D of the vector of a token. spread: deviation of its numbers at the start.
        dropout: share of these numbers that is dropped. forgotten: share of the tokens that are read as unknown while
            it learns, so that no single word is relied on, and the vector of the unknown is learnt.

    Source:
        Iyyer et al. 2015, section 3.2 (word dropout).
    """

    def __init__(
        self,
        signature: Signature,
        *,
        width: int,
        dropout: float = 0.0,
        forgotten: float = 0.0,
        spread: float = SPREAD,
    ) -> None:
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
        self.dropout, self.forgotten = Dropout(dropout), forgotten
        self.width = width if series is None else series.shape[1]

    def begin_from(self, vectors: Array) -> None:
        """Begin from vectors of the words, (V, D) of any D, NaN where a word has none; those begin as they do."""
        if self.embedding is None:
            return
        weight = self.embedding.weight
        fitted = torch.from_numpy(fit_width(vectors, weight.shape[1])).to(weight)
        with torch.no_grad():
            weight.copy_(torch.where(fitted.isnan(), weight, fitted))

    def forward(self, batch: Mapping[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """Map a batch to the vectors of its steps (B, T, D), and a mask (B, T) bool that is true before the padding."""
        if self.embedding is not None:
            tokens = batch["tokens"]
            is_step = tokens != 0
            if self.training and self.forgotten > 0.0:
                is_kept = torch.rand(tokens.shape, device=tokens.device) >= self.forgotten
                tokens = torch.where(is_kept | ~is_step, tokens, _UNKNOWN)
            values = self.dropout(self.embedding(tokens))
        else:
            series = batch["series"]
            is_step = ~series.isnan().all(dim=2)
            values = series.nan_to_num(nan=0.0)
        places = torch.arange(1, is_step.shape[1] + 1, device=is_step.device)
        lengths = (is_step * places).amax(dim=1, keepdim=True)
        return values, places <= lengths.clamp(min=1)


class SequenceBody(nn.Module):
    """Layers over the steps of a sequence, then one vector of the row, or a vector of every step.

    Args:
        inputs: of the sequence.
        layers: each from vectors (B, T, D) and a mask (B, T) to vectors (B, T, width), with its `width`; there may be
            none. No layer lets padding change a step before it.
        pooling: from vectors (B, T, D) and a mask to (B, D); None for the vectors of every step.
        dropout: share of the numbers that is dropped, between layers and behind the last.
    """

    def __init__(
        self, inputs: SequenceInputs, layers: Sequence[nn.Module], *, pooling: nn.Module | None, dropout: float
    ) -> None:
        super().__init__()
        self.inputs = inputs
        self.layers = nn.ModuleList(layers)
        self.pooling = pooling
        self.dropout = Dropout(dropout)
        self.width = int(layers[-1].width) if layers else inputs.width  # type: ignore[arg-type]  # it has an int width

    def forward(self, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Map a batch of named inputs to features (B, D), or (B, T, D) without pooling."""
        values, mask = self.inputs(batch)
        for place, layer in enumerate(self.layers):
            values = layer(self.dropout(values) if place else values, mask)
        if self.pooling is not None:
            values = self.pooling(values, mask)
        features: torch.Tensor = self.dropout(values)
        return features
