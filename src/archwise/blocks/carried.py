"""A recurrent body that is read in parts: it goes on from what it kept of the steps before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import torch
from torch import nn

from archwise.blocks.joined import JoinedBody
from archwise.blocks.pooling import Kept, Pooling
from archwise.blocks.recurrent import RecurrentLayer
from archwise.blocks.sequence import SequenceBody


class CarriedBody(nn.Module):
    """A recurrent body, read forwards only, that takes what it kept and gives what it keeps.

    Args:
        body: a pooled `SequenceBody` of recurrent layers, or one beside the columns of a table.

    Raises:
        ValueError: it reads both ways, or pools nothing, or its layers are others.
    """

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        sequence = body.left if isinstance(body, JoinedBody) else body
        layers = list(sequence.layers) if isinstance(sequence, SequenceBody) else []
        is_one_way = all(isinstance(layer, RecurrentLayer) and layer.backwards is None for layer in layers)
        if not isinstance(sequence, SequenceBody) or sequence.pooling is None or not layers or not is_one_way:
            raise ValueError("only a body of recurrent layers that is read forwards and pooled goes on from its states")
        self.sequence = sequence
        self.layers = [cast(RecurrentLayer, layer) for layer in layers]
        self.pooling = cast(Pooling, sequence.pooling)
        self.beside = body.right if isinstance(body, JoinedBody) else None

    def keeps(self) -> tuple[int, ...]:
        """The widths of all that it keeps: of each layer, then of the pooling."""
        of_layers = [width for layer in self.layers for width in layer.keeps()]
        return (*of_layers, *self.pooling.keeps(self.layers[-1].width))

    def forward(self, batch: Mapping[str, torch.Tensor], kept: Sequence[torch.Tensor]) -> tuple[torch.Tensor, Kept]:
        """Read more steps of rows.

        Args:
            batch: named inputs; of sequences the steps that follow those before, none of them padding.
            kept: (B, width) each, as `keeps` says; nought at first.

        Returns:
            features (B, D) of all steps until now, and what to go on from.
        """
        values, _ = self.sequence.inputs(batch)
        left, found = list(kept), list[torch.Tensor]()
        for layer in self.layers:
            n_kept = len(layer.keeps())
            values, given = layer.go_on(values, left[:n_kept])
            left, found = left[n_kept:], [*found, *given]
        features, given = self.pooling.go_on(values, tuple(left))
        if self.beside is not None:
            features = torch.cat([features, self.beside(batch)], dim=1)
        return features, (*found, *given)
