"""A convolutional network: convolution, normalisation, activation, pooling in blocks, then fully connected layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from archwise.architectures.picture_plan import picture_facts, picture_plan, picture_settings
from archwise.records import Architecture, ImageNeed, Need, Plan, Profile, Scalar, Setting, Signature, Suits

if TYPE_CHECKING:
    from torch import nn

SPACE = (
    Setting("size", 32, "pixels a side in which pictures are read", low=8, high=512, searched=False),
    Setting("channels", 3, "3 for colour, 1 for grey", choices=(1, 3), searched=False),
    Setting("blocks", 3, "convolution blocks, each of which halves the maps", low=1, high=6),
    Setting("filters", 32, "filters of the first block; each next one has twice as many", low=8, high=128, log=True),
    Setting("convolutions", 2, "convolutions of each block", low=1, high=3),
    Setting("kernel", 3, "pixels a side of a filter", choices=(3, 5, 7)),
    Setting("normalisation", "batch", "what follows a convolution", choices=("batch", "none")),
    Setting("activation", "relu", "what bends", choices=("relu", "leaky_relu", "gelu", "silu", "tanh", "sigmoid")),
    Setting("pooling", "max", "how a block halves its maps; none strides", choices=("max", "average", "none")),
    Setting("ends", "average", "how maps become features", choices=("average", "flatten")),
    Setting("width", 128, "units of the fully connected layer", low=16, high=1024, log=True),
    Setting("dropout", 0.2, "share of the units of the fully connected layer that is dropped", low=0.0, high=0.7),
)


def need(settings: Mapping[str, Scalar]) -> Need:
    """Ask for whole pictures of its size."""
    return Need("standard", ImageNeed(int(settings["size"]), 3 if settings["channels"] == 3 else 1))


def build(signature: Signature, settings: Mapping[str, Scalar]) -> nn.Module:
    """Build the body: (B, H, W, C) pictures to (B, width) features."""
    from archwise.blocks.convolution import BlockForm, ConvolutionBlocks, ConvolutionBody
    from archwise.blocks.dense import LayerForm
    from archwise.blocks.picture import PictureInputs

    inputs = PictureInputs(signature)
    form = BlockForm(
        filters=int(settings["filters"]),
        kernel=int(settings["kernel"]),
        convolutions=int(settings["convolutions"]),
        normalisation=str(settings["normalisation"]),
        activation=str(settings["activation"]),
        pooling=str(settings["pooling"]),
    )
    n_blocks = min(int(settings["blocks"]), int(min(inputs.height, inputs.width)).bit_length() - 2)
    blocks = ConvolutionBlocks(inputs.channels, max(1, n_blocks), form=form)
    dense = LayerForm(str(settings["activation"]), "none", float(settings["dropout"]))
    return ConvolutionBody(inputs, blocks, ends=str(settings["ends"]), widths=(int(settings["width"]),), form=dense)


def suits(profile: Profile) -> Suits:
    """Judge the data: what is learnt from scratch needs pictures in their hundreds a class."""
    facts = picture_facts(profile)
    each = facts.n_rows // max(1, profile.n_classes)
    told = f"{facts.n_rows:,} pictures, read in {facts.size} x {facts.size} pixels, {each:,} a class"
    if each < 200:
        return Suits(0.35, f"{told}: few to learn filters from scratch")
    return Suits(0.75, f"{told}: enough to learn filters, which find a pattern wherever it is")


def plan(profile: Profile) -> Plan:
    """Plan its training."""
    return picture_plan(profile, rate=2e-3)


def variants(profile: Profile) -> tuple[dict[str, Scalar], ...]:
    """Name the settings worth trying: as deep as the pictures allow, then wider, then one that keeps places."""
    given = picture_settings(profile)
    depth = 3 if picture_facts(profile).size <= 40 else 4
    return (
        {**given, "blocks": depth},
        {**given, "blocks": depth, "ends": "flatten", "filters": 16},
        {**given, "blocks": depth, "filters": 64},
    )


ARCHITECTURE = Architecture(
    name="cnn",
    family="cnn",
    summary="convolution, normalisation, activation, pooling in blocks, then fully connected layers",
    source="LeCun, Bottou, Bengio & Haffner 1998; Ioffe & Szegedy 2015 for the normalisation",
    reads=("image",),
    gives="vector",
    suits=suits,
    space=SPACE,
    need=need,
    build=build,
    plan=plan,
    variants=variants,
)
