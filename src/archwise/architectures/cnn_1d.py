"""A fully convolutional network over the steps of a series."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from archwise.architectures.convolution_plan import (
    READS,
    convolution_plan,
    judge_by_series,
    series_need,
    series_space,
)
from archwise.records import Architecture, Profile, Scalar, Setting, Signature, Suits

if TYPE_CHECKING:
    from torch import nn

KERNELS = (7, 5, 3)  # the published 8, 5 and 3, the first made odd so that no step is shifted


def build(signature: Signature, settings: Mapping[str, Scalar]) -> nn.Module:
    """Build the body: (B, T, C) series to (B, D) features, with the table's columns beside them."""
    from archwise.blocks.joined import beside_table
    from archwise.blocks.sequence import SequenceInputs
    from archwise.blocks.series_convolution import ConvolutionStep, SeriesConvolutionBody

    inputs, filters = SequenceInputs(signature, width=1), int(settings["filters"])
    layers: list[ConvolutionStep] = []
    for kernel, factor in zip(KERNELS, (1, 2, 1), strict=True):
        layers.append(ConvolutionStep(layers[-1].width if layers else inputs.width, factor * filters, kernel))
    return beside_table(SeriesConvolutionBody(inputs, layers, dropout=float(settings["dropout"])), signature)


def suits(profile: Profile) -> Suits:
    """Judge the data by how many series there are to learn from."""
    return judge_by_series(
        profile,
        many=(0.6, "enough to learn shapes, wherever they lie"),
        few=(0.5, "few, but a plain network learns short shapes from few"),
    )


def variants(profile: Profile) -> tuple[dict[str, Scalar], ...]:
    """Name the settings worth trying: as published but half as wide, as published, and each series on its own scale."""
    del profile
    return ({}, {"filters": 128}, {"scale": "row"})


ARCHITECTURE = Architecture(
    name="cnn-1d",
    family="cnn",
    summary="three convolutions over the steps, and the mean of what they give",
    source="Wang, Yan & Oates 2017 (FCN)",
    reads=READS,
    gives=("vector",),
    suits=suits,
    space=(
        Setting("filters", 64, "filters of the first and the third; the second has twice as many", low=8, high=256,
                log=True),
        *series_space(),
    ),
    need=series_need,
    build=build,
    plan=convolution_plan,
    variants=variants,
)  # fmt: skip
