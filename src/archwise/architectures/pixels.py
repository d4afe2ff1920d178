"""A multi-layer perceptron on pixels: no pixel knows its neighbours, which is why convolution is needed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from archwise.architectures.picture_plan import (
    READS,
    judge_pictures,
    picture_need,
    picture_plan,
    picture_settings,
    picture_space,
)
from archwise.records import Architecture, Plan, Profile, Scalar, Setting, Signature, Suits

if TYPE_CHECKING:
    from torch import nn

_LARGEST = 32  # pixels a side: every pixel has weights of its own

SPACE = (
    *picture_space(largest=128),
    Setting("layers", 2, "hidden layers", low=1, high=4),
    Setting("width", 256, "units of each hidden layer", low=16, high=1024, log=True),
    Setting("activation", "relu", "what each unit does with its sum", choices=("relu", "gelu", "silu", "tanh")),
    Setting("dropout", 0.2, "share of units left out in a training step", low=0.0, high=0.7),
)


def build(signature: Signature, settings: Mapping[str, Scalar]) -> nn.Module:
    """Build the body: (B, H, W, C) pictures to (B, width) features, with the table's columns beside them."""
    from archwise.blocks.dense import DenseBody, DenseLayers, LayerForm
    from archwise.blocks.joined import beside_table
    from archwise.blocks.picture import FlatPictureInputs

    inputs = FlatPictureInputs(signature)
    form = LayerForm(str(settings["activation"]), "none", float(settings["dropout"]))
    widths = (int(settings["width"]),) * int(settings["layers"])
    return beside_table(DenseBody(inputs, DenseLayers(inputs.width, widths, form=form)), signature)


def suits(profile: Profile) -> Suits:
    """Judge the data: it stands beside convolution to show what that is worth."""
    return judge_pictures(
        profile,
        many=(0.25, "each pixel gets weights of its own, so that a thing must be learnt anew wherever it may be"),
        few=(0.15, "few for weights at every pixel"),
    )


def plan(profile: Profile) -> Plan:
    """Plan its training: the pictures as they are, since a shifted picture is another one to it."""
    return picture_plan(profile, rate=1e-3, augment="none")


def variants(profile: Profile) -> tuple[dict[str, Scalar], ...]:
    """Name the settings worth trying, at 32 pixels a side or fewer."""
    return (picture_settings(profile, largest=_LARGEST),)


ARCHITECTURE = Architecture(
    name="pixels",
    family="ann",
    summary="pixels in a row through hidden layers, which know nothing of places",
    source="Rumelhart, Hinton & Williams 1986",
    reads=READS,
    gives=("vector",),
    suits=suits,
    space=SPACE,
    need=picture_need,
    build=build,
    plan=plan,
    variants=variants,
)
