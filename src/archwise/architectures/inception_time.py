"""InceptionTime: convolutions of several widths side by side, over and over, over the steps of a series."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from archwise.architectures.convolution_plan import (
    READS,
    are_short,
    convolution_plan,
    judge_by_series,
    series_need,
    series_space,
)
from archwise.records import Architecture, Profile, Scalar, Setting, Signature, Suits

if TYPE_CHECKING:
    from torch import nn

_A_SHORTCUT = 3  # modules between two shortcuts


def build(signature: Signature, settings: Mapping[str, Scalar]) -> nn.Module:
    """Build the body: (B, T, C) series to (B, D) features, with the table's columns beside them."""
    from archwise.blocks.joined import beside_table
    from archwise.blocks.sequence import SequenceInputs
    from archwise.blocks.series_convolution import InceptionModule, SeriesConvolutionBody, Shortcut

    inputs = SequenceInputs(signature, width=1)
    filters, widest = int(settings["filters"]), int(settings["kernel"])
    kernels = tuple(max(1, widest // part) // 2 * 2 + 1 for part in (1, 2, 4))
    width, layers, n_left = inputs.width, [], int(settings["depth"])
    while n_left > 0:
        modules: list[InceptionModule] = []
        for _ in range(min(_A_SHORTCUT, n_left)):
            modules.append(InceptionModule(modules[-1].width if modules else width, filters, kernels))
        layers.append(Shortcut(width, modules))
        width, n_left = layers[-1].width, n_left - len(modules)
    return beside_table(SeriesConvolutionBody(inputs, layers, dropout=float(settings["dropout"])), signature)


def suits(profile: Profile) -> Suits:
    """Judge the data by how many series there are to learn from."""
    return judge_by_series(
        profile,
        many=(0.7, "enough to learn shapes of several widths"),
        few=(0.5, "few, but shapes of several widths are learnt from few"),
    )


def variants(profile: Profile) -> tuple[dict[str, Scalar], ...]:
    """Name the settings worth trying: small, which takes an eighth of the time; as published; each series by itself."""
    fitted: dict[str, Scalar] = {"kernel": 10} if are_short(profile) else {}
    return (fitted, {**fitted, "depth": 6, "filters": 32}, {**fitted, "scale": "row"})


ARCHITECTURE = Architecture(
    name="inception-time",
    family="sequence",
    summary="convolutions of three widths and a maximum side by side, over and over, and the mean over the steps",
    source="Ismail Fawaz et al. 2020 (InceptionTime, of depth 6 and 32 filters); one network in place of their five",
    reads=READS,
    gives=("vector",),
    suits=suits,
    space=(
        Setting("depth", 3, "modules, with a shortcut around each three", low=1, high=9),
        Setting("filters", 16, "filters of each of the four convolutions of a module", low=8, high=64, log=True),
        Setting("kernel", 40, "steps of the widest filters; the others have a half and a quarter", low=4, high=80),
        *series_space(),
    ),
    need=series_need,
    build=build,
    plan=convolution_plan,
    variants=variants,
)
