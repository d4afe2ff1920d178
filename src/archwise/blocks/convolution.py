"""Convolution blocks: convolution, normalisation, activation, pooling, over and over; and the layers behind them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import nn

from archwise.blocks.dense import ACTIVATIONS, DenseLayers, LayerForm
from archwise.blocks.dropout import Dropout

POOLINGS: dict[str, type[nn.Module]] = {"max": nn.MaxPool2d, "average": nn.AvgPool2d}
ENDS: dict[str, Callable[[], nn.Module]] = {
    "flatten": nn.Identity,
    "average": lambda: nn.AdaptiveAvgPool2d(1),
    "max": lambda: nn.AdaptiveMaxPool2d(1),
}


@dataclass(frozen=True)
class BlockForm:
    """What every convolution block is made of.

    filters: of the first block, twice as many in each next one, eight times at most. kernel: pixels a side.
    normalisation: "batch" or "none". pooling: "max", "average" or "none", in whose place the convolution strides.
    convolutions: of each block, before it pools. first: those of the first block, whose maps are the largest.
    """

    filters: int = 32
    kernel: int = 3
    convolutions: int = 1
    first: int = 1
    normalisation: str = "batch"
    activation: str = "relu"
    pooling: str = "max"


class ConvolutionBlocks(nn.Module):
    """Blocks that halve the maps and double the filters.

    Args:
        channels: of the maps that come in. n_blocks: how many. form: what each is made of.
    """

    def __init__(self, channels: int, n_blocks: int, *, form: BlockForm) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for place in range(n_blocks):
            width = form.filters * min(8, 2**place)
            n_convolutions = form.first if place == 0 else form.convolutions
            for number in range(n_convolutions):
                is_last = number == n_convolutions - 1
                stride = 2 if form.pooling == "none" and is_last else 1
                layers += _convolution(channels, width, form, stride=stride)
                channels = width
            if form.pooling != "none":
                layers.append(POOLINGS[form.pooling](2))
        self.layers = nn.Sequential(*layers)
        self.channels = channels

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Map (B, C, H, W) to (B, channels, H / 2^n, W / 2^n)."""
        found: torch.Tensor = self.layers(maps)
        return found


def _convolution(channels: int, width: int, form: BlockForm, *, stride: int) -> list[nn.Module]:
    """One convolution that keeps the size of the maps, or halves it by its stride."""
    has_norm = form.normalisation == "batch"
    convolution = nn.Conv2d(channels, width, form.kernel, stride=stride, padding=form.kernel // 2, bias=not has_norm)
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
    norm: list[nn.Module] = [nn.BatchNorm2d(width)] if has_norm else []
    return [convolution, *norm, ACTIVATIONS[form.activation]()]


class ConvolutionBody(nn.Module):
    """Maps through blocks, then flattened or averaged, then fully connected.

    Args:
        inputs: a module from a batch to maps (B, C, H, W), with attributes `height` and `width`. blocks: from maps.
        ends: "flatten" keeps where a feature is, "average" only how much of it there is, "max" only its strongest.
        widths: units of the fully connected layers, of which there may be none. form: what each of these is made of;
            without any, its dropout is that of the features.
    """

    def __init__(
        self, inputs: nn.Module, blocks: nn.Module, *, ends: str, widths: tuple[int, ...], form: LayerForm
    ) -> None:
        super().__init__()
        self.inputs, self.blocks = inputs, blocks
        self.pool = ENDS[ends]()
        with torch.no_grad():
            height, width, channels = inputs.height, inputs.width, inputs.channels
            blank = torch.zeros(1, int(channels), int(height), int(width))  # type: ignore[arg-type]
            was_training = blocks.training
            n_features = self.pool(blocks.eval()(blank)).numel()
            blocks.train(was_training)
        self.dense: nn.Module = DenseLayers(n_features, widths, form=form) if widths else Dropout(form.dropout)
        self.width = widths[-1] if widths else n_features

    def begin(self, batch: Mapping[str, torch.Tensor]) -> None:
        """Show the inputs some training rows."""
        self.inputs.begin(batch)  # type: ignore[operator]

    def forward(self, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Map a batch of named inputs to features (B, width)."""
        features: torch.Tensor = self.dense(self.pool(self.blocks(self.inputs(batch))).flatten(1))
        return features
