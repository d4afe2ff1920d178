"""Hidden layers: linear, normalisation, activation, dropout, over and over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn

from archwise.blocks.dropout import Dropout

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "selu": nn.SELU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}
NORMALISATIONS: dict[str, type[nn.Module]] = {
    "none": nn.Identity,
    "batch": nn.BatchNorm1d,
    "layer": nn.LayerNorm,
}
_GLOROT_GAINS = {"tanh": 1.0, "sigmoid": 4.0}  # over the slope at zero: 1 and a quarter
_LECUN = frozenset({"selu"})


@dataclass(frozen=True)
class LayerForm:
    """What every hidden layer is made of: names of ACTIVATIONS and NORMALISATIONS, and the share of units dropped."""

    activation: str = "relu"
    normalisation: str = "none"
    dropout: float = 0.0


class DenseLayers(nn.Module):
    """Hidden layers of a network.

    Args:
        width_in: D of the input. widths: units of each layer. form: what each layer is made of.
    """

    def __init__(self, width_in: int, widths: tuple[int, ...], *, form: LayerForm) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, width in zip((width_in, *widths), widths, strict=False):
            linear = nn.Linear(before, width)
            initialise(linear, form.activation)
            layers.append(linear)
            if form.normalisation != "none":
                layers.append(NORMALISATIONS[form.normalisation](width))
            layers.append(ACTIVATIONS[form.activation]())
            if form.dropout > 0.0:
                dropout = nn.AlphaDropout if form.activation == "selu" else Dropout
                layers.append(dropout(form.dropout))
        self.layers = nn.Sequential(*layers)
        self.width = widths[-1] if widths else width_in

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        """Map (B, D) to (B, width)."""
        features: torch.Tensor = self.layers(vectors)
        return features


class DenseBody(nn.Module):
    """Hidden layers behind the inputs of a table.

    Args:
        inputs: a module from a batch to (B, D). layers: from (B, D).
    """

    def __init__(self, inputs: nn.Module, layers: DenseLayers) -> None:
        super().__init__()
        self.inputs = inputs
        self.layers = layers
        self.width = layers.width

    def begin(self, batch: Mapping[str, torch.Tensor]) -> None:
        """Show the inputs some training rows, if they want to see them."""
        begin = getattr(self.inputs, "begin", None)
        if begin is not None:
            begin(batch)

    def forward(self, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Map a batch of named inputs to features (B, width)."""
        features: torch.Tensor = self.layers(self.inputs(batch))
        return features


def initialise(linear: nn.Linear, activation: str) -> None:
    """Draw the weights so that the activation passes on the spread of its input; biases become zero.

    Source:
        Glorot & Bengio 2010 for tanh and, four times as wide, sigmoid; LeCun et al. 1998 for selu, as Klambauer et
        al. 2017 ask; He et al. 2015 for all that are cut off below zero.
    """
    if activation in _GLOROT_GAINS:
        nn.init.xavier_normal_(linear.weight, gain=_GLOROT_GAINS[activation])
    elif activation in _LECUN:
        nn.init.kaiming_normal_(linear.weight, nonlinearity="linear")
    else:
        nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
    nn.init.zeros_(linear.bias)
