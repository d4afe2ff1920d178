"""A published encoder of texts, cut into stages: tokens to their vectors, layers of attention, and one vector of a row.

Between stages the vectors of a row are (B, T, D) with NaN behind its end, as series are: what is padding is told by the
numbers themselves, so that stages follow each other, and what a trunk gave can be kept, without a mask beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn

from archwise.blocks.pooling import make_pooling
from archwise.blocks.sequence import real_steps
from archwise.records import Signature


class TokenNumbers(nn.Module):
    """The numbers of tokens as the preparation gives them, 0 behind the end.

    Args:
        signature: its input `tokens` (B, T) is read.
    """

    reads = "tokens"

    def __init__(self, signature: Signature) -> None:
        super().__init__()
        spec = signature.input(self.reads)
        if spec is None:
            raise ValueError("the data hold no text, which this body reads")
        self._n_steps = spec.shape[0]

    def blank(self) -> torch.Tensor:
        """What it gives for one row, (1, T), without any numbers in it."""
        return torch.zeros(1, self._n_steps, dtype=torch.int64, device="meta")

    def forward(self, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Map a batch to (B, T) int64."""
        return batch[self.reads].long()


class TokenVectors(nn.Module):
    """Tokens to vectors, each with its place; number 0 and the encoder's own for padding have changed places.

    Args:
        embeddings: of transformers. padding: their number for it. first_place: of the first token.
    """

    def __init__(self, embeddings: nn.Module, *, padding: int, first_place: int) -> None:
        super().__init__()
        self.embeddings = embeddings
        self._padding, self._first_place = padding, first_place

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Map (B, T) int64 to (B, T, D), NaN behind the end of a row."""
        mask = real_steps({"tokens": tokens})
        numbers = tokens
        if self._padding:
            numbers = torch.where(tokens == self._padding, 0, torch.where(tokens == 0, self._padding, tokens))
        places = torch.arange(tokens.shape[1], device=tokens.device) + self._first_place
        values: torch.Tensor = self.embeddings(input_ids=numbers, position_ids=places[None])
        return values.masked_fill(~mask[:, :, None], torch.nan)


class EncoderLayer(nn.Module):
    """A layer in which every token looks at all others of its row.

    Args:
        layer: of transformers, from vectors (B, T, D) and a mask (B, 1, 1, T) to vectors.
    """

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Map (B, T, D) to (B, T, D), NaN behind the end of a row in both."""
        known, mask = _without_padding(values)
        given: torch.Tensor = self.layer(known, attention_mask=mask[:, None, None, :])
        return given.masked_fill(~mask[:, :, None], torch.nan)


class PooledTokens(nn.Module):
    """The vectors of a row's tokens to one.

    Args:
        pooling: "mean" of them all, or "cls", which is the first.
    """

    def __init__(self, pooling: str) -> None:
        super().__init__()
        self.mean = make_pooling("mean", 0) if pooling == "mean" else None

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Map (B, T, D), NaN behind the end of a row, to (B, D)."""
        if self.mean is None:
            return values[:, 0]  # it is never padding
        pooled: torch.Tensor = self.mean(*_without_padding(values))
        return pooled


@dataclass(frozen=True)
class EncoderStages:
    """Cuts a network of transformers into stages.

    padding, first_place: as for `TokenVectors`. pooling: as for `PooledTokens`.
    """

    padding: int
    first_place: int
    pooling: str

    def __call__(self, model: nn.Module) -> list[nn.Module]:
        """The stages of a network like BERT: vectors of tokens, one stage a layer, one vector of a row."""
        first = TokenVectors(model.embeddings, padding=self.padding, first_place=self.first_place)  # type: ignore[arg-type]
        stack = model.transformer if hasattr(model, "transformer") else model.encoder  # DistilBERT has its own name
        return [first, *(EncoderLayer(layer) for layer in stack.layer), PooledTokens(self.pooling)]  # type: ignore[union-attr]


def _without_padding(values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Vectors with nought in the place of NaN, and a mask (B, T) that is true where there was none."""
    mask = ~values[:, :, 0].isnan()
    return torch.where(mask[:, :, None], values, 0.0), mask
