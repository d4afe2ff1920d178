"""Layers in the neural tangent parametrisation, which begin where some training rows say."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import nn

from archwise.blocks.dropout import Dropout
from archwise.blocks.table import TableInputs

SHAPES: Mapping[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "selu": F.selu,
    "mish": F.mish,
    "relu": F.relu,
    "silu": F.silu,
    "gelu": F.gelu,
}
_N_MIXED = 5  # rows whose sums, mixed at random, a unit's bias begins at
_FLATTEST = 1e-6  # spread of a sum below which a unit is left as it was drawn


class TangentLinear(nn.Module):
    """A linear map whose weights are divided by the root of its inputs, so that one rate suits every width.

    Args:
        width_in: D of the input. width: of the output.

    Source:
        Jacot et al. 2018 for the parametrisation; Holzmüller, Grinsztajn & Steinwart 2024, appendix A, for the rates
        and the start: weights that give each unit a spread of one, biases at mixed rows ("he+5", Steinwart 2019).
    """

    rate_factors = {"bias": 0.1}  # noqa: RUF012  read only

    def __init__(self, width_in: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(width_in, width))
        self.bias = nn.Parameter(torch.zeros(width))
        self.gain = width_in**-0.5

    def begin(self, vectors: torch.Tensor) -> torch.Tensor:
        """Choose weights and biases for rows (N, D) of the input, and map them to (N, width)."""
        sums: torch.Tensor = self.gain * vectors @ self.weight
        spread = sums.std(dim=0, correction=0)
        scale = torch.where(spread > _FLATTEST, spread, 1.0)
        self.weight.copy_(self.weight / scale)
        sums /= scale
        n_rows, width = sums.shape
        drawn = sums.gather(0, torch.randint(n_rows, (_N_MIXED, width)))
        shares = torch.empty(_N_MIXED, width).exponential_()
        self.bias.copy_(-(drawn * shares / shares.sum(dim=0)).sum(dim=0))
        return sums + self.bias

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        """Map (B, D) to (B, width)."""
        sums: torch.Tensor = torch.addmm(self.bias, vectors, self.weight, alpha=self.gain)
        return sums


class ParametricActivation(nn.Module):
    """An activation of which each unit learns how much it takes: x + share * (shape(x) - x).

    Args:
        width: units. shape: a name of SHAPES.

    Source:
        Holzmüller, Grinsztajn & Steinwart 2024, section 3.3; the shares begin at 1 and learn at a tenth of the rate.
    """

    rate_factors = {"shares": 0.1}  # noqa: RUF012  read only

    def __init__(self, width: int, shape: str) -> None:
        super().__init__()
        self.shares = nn.Parameter(torch.ones(1, width))
        self.shape = SHAPES[shape]

    def forward(self, sums: torch.Tensor) -> torch.Tensor:
        """Map (B, width) to the same shape."""
        return torch.addcmul(sums, self.shape(sums) - sums, self.shares)


class FrontScale(nn.Module):
    """A learnt factor on each input, which chooses among them: it learns at six times the rate.

    Args:
        width: D of the input.

    Source:
        Holzmüller, Grinsztajn & Steinwart 2024, section 3.3, the diagonal weight layer.
    """

    rate_factors = {"factors": 6.0}  # noqa: RUF012  read only

    def __init__(self, width: int) -> None:
        super().__init__()
        self.factors = nn.Parameter(torch.ones(1, width))

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        """Map (B, D) to the same shape."""
        return vectors * self.factors


class TangentBody(nn.Module):
    """Hidden layers in the neural tangent parametrisation behind the inputs of a table.

    The features are divided by the root of their width, so that a linear head is in the same parametrisation.

    Args:
        inputs: of the table. widths: units of each layer.
        shape: of the activations, a name of SHAPES. dropout: share of units left out in a training step.
    """

    head_rate_factors = {"bias": 0.1}  # noqa: RUF012  read only

    def __init__(self, inputs: TableInputs, widths: tuple[int, ...], *, shape: str, dropout: float) -> None:
        super().__init__()
        self.inputs = inputs
        before = inputs.width
        self.scale = FrontScale(before)
        self.linears = nn.ModuleList()
        self.activations = nn.ModuleList()
        for width in widths:
            self.linears.append(TangentLinear(before, width))
            self.activations.append(ParametricActivation(width, shape))
            before = width
        self.dropout = Dropout(dropout)
        self.width = before
        self.gain = before**-0.5

    def begin(self, batch: Mapping[str, torch.Tensor]) -> None:
        """Let each layer begin where these rows say, one after the other."""
        vectors = self.scale(self.inputs(batch))
        for linear, activation in zip(self.linears, self.activations, strict=True):
            assert isinstance(linear, TangentLinear)
            vectors = activation(linear.begin(vectors))

    def forward(self, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Map a batch of named inputs to features (B, width)."""
        vectors: torch.Tensor = self.scale(self.inputs(batch))
        for linear, activation in zip(self.linears, self.activations, strict=True):
            vectors = self.dropout(activation(linear(vectors)))
        features: torch.Tensor = self.gain * vectors
        return features
