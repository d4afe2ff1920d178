"""A convolutional network: convolution, normalisation, activation, pooling in blocks, then fully connected layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from archwise.architectures.picture_plan import (
    READS,
    changed,
    judge_pictures,
    picture_facts,
    picture_need,
    picture_plan,
    picture_settings,
    picture_space,
    ways_to_augment,
)
from archwise.records import Architecture, Plan, Profile, Scalar, Setting, Signature, Suits

if TYPE_CHECKING:
    from torch import nn

SPACE = (
    *picture_space(largest=512),
    Setting("blocks", 4, "convolution blocks, each of which halves the maps", low=1, high=6),
    Setting("filters", 32, "filters of the first block; each next one has twice as many", low=8, high=128, log=True),
    Setting("convolutions", 2, "convolutions of each block but the first", low=1, high=3),
    Setting("first", 1, "convolutions of the first block, whose maps are the largest", low=1, high=3),
    Setting("kernel", 3, "pixels a side of a filter", choices=(3, 5, 7)),
    Setting("normalisation", "batch", "what follows a convolution", choices=("batch", "none")),
    Setting("activation", "relu", "what bends", choices=("relu", "leaky_relu", "gelu", "silu", "tanh", "sigmoid")),
    Setting("pooling", "max", "how a block halves its maps; none strides", choices=("max", "average", "none")),
    Setting("ends", "max", "how maps become features", choices=("max", "average", "flatten")),
    Setting("width", 0, "units of a fully connected layer before the answer; 0 for none", low=0, high=1024),
    Setting("dropout", 0.1, "share of the features before the answer that is dropped", low=0.0, high=0.7),
)


def build(signature: Signature, settings: Mapping[str, Scalar]) -> nn.Module:
    """Build the body: (B, H, W, C) pictures to (B, D) features, with the table's columns beside them."""
    from archwise.blocks.convolution import BlockForm, ConvolutionBlocks, ConvolutionBody
    from archwise.blocks.dense import LayerForm
    from archwise.blocks.joined import beside_table
    from archwise.blocks.picture import PictureInputs

    inputs = PictureInputs(signature)
    form = BlockForm(
        filters=int(settings["filters"]),
        kernel=int(settings["kernel"]),
        convolutions=int(settings["convolutions"]),
        first=int(settings["first"]),
        normalisation=str(settings["normalisation"]),
        activation=str(settings["activation"]),
        pooling=str(settings["pooling"]),
    )
    n_blocks = min(int(settings["blocks"]), min(inputs.height, inputs.width).bit_length() - 2)  # 2 pixels are left
    blocks = ConvolutionBlocks(inputs.channels, max(1, n_blocks), form=form)
    widths = (int(settings["width"]),) if settings["width"] else ()
    dense = LayerForm(str(settings["activation"]), "none", float(settings["dropout"]))
    body = ConvolutionBody(inputs, blocks, ends=str(settings["ends"]), widths=widths, form=dense)
    return beside_table(body, signature)


def suits(profile: Profile) -> Suits:
    """Judge the data: what is learnt from scratch needs pictures in their hundreds a class."""
    return judge_pictures(
        profile,
        many=(0.75, "enough to learn filters, which find a pattern wherever it is"),
        few=(0.35, "few to learn filters from scratch"),
    )


def plan(profile: Profile) -> Plan:
    """Plan its training."""
    return picture_plan(profile, rate=6e-3)


def variants(profile: Profile) -> tuple[dict[str, Scalar], ...]:
    """Name the settings worth trying: as deep as the pictures allow; other changes of them; one that keeps places."""
    facts = picture_facts(profile)
    given = picture_settings(profile)
    fitted = {"blocks": 4 if facts.size <= 64 else 5, "filters": 32 if facts.channels == 3 else 16}
    given |= changed(fitted, ARCHITECTURE.defaults())
    augmented = {**given, "plan.augment": ways_to_augment(profile)[1]}
    if facts.n_rows >= 10_000:
        return given, augmented
    return given, augmented, {**given, "ends": "flatten", "filters": 16, "width": 128}


ARCHITECTURE = Architecture(
    name="cnn",
    family="cnn",
    summary="convolution, normalisation, activation, pooling in blocks, then fully connected layers",
    source="LeCun, Bottou, Bengio & Haffner 1998; Ioffe & Szegedy 2015 for the normalisation",
    reads=READS,
    gives=("vector",),
    suits=suits,
    space=SPACE,
    need=picture_need,
    build=build,
    plan=plan,
    variants=variants,
)
