"""A picture beside the columns of a table: the features of both, side by side."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from archwise.blocks.dense import DenseBody, DenseLayers, LayerForm
from archwise.blocks.table import CodeEmbedding, TableInputs
from archwise.records import Signature

_TABLE_WIDTH = 64  # units of the hidden layer between a table's columns and the picture's features


class JoinedBody(nn.Module):
    """Two bodies side by side.

    Args:
        left, right: from a batch to features (B, width) each, with an attribute `width`.
    """

    def __init__(self, left: nn.Module, right: nn.Module) -> None:
        super().__init__()
        self.left, self.right = left, right
        self.width = int(left.width) + int(right.width)  # type: ignore[arg-type]  # a body has an int width

    def begin(self, batch: Mapping[str, torch.Tensor]) -> None:
        """Show each some training rows, if it wants to see them."""
        for body in (self.left, self.right):
            begin = getattr(body, "begin", None)
            if begin is not None:
                begin(batch)

    def forward(self, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Map a batch of named inputs to features (B, width)."""
        return torch.cat([self.left(batch), self.right(batch)], dim=1)


def beside_table(body: nn.Module, signature: Signature) -> nn.Module:
    """A body that reads pictures, joined with a hidden layer over the table's columns where the data have any."""
    if signature.input("numbers") is None and signature.input("codes") is None:
        return body
    inputs = TableInputs(signature, codes=CodeEmbedding, numbers=None)
    return JoinedBody(body, DenseBody(inputs, DenseLayers(inputs.width, (_TABLE_WIDTH,), form=LayerForm())))
