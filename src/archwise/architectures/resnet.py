"""A residual network in the form for small pictures: three stages of blocks that add to what they are given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from archwise.architectures.picture_plan import (
    READS,
    SMALL,
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
    Setting("blocks", 1, "residual blocks of each of the three stages; 3 make ResNet-20", low=1, high=18),
    Setting("width", 32, "maps of the first stage; each next one has twice as many", low=8, high=128, log=True),
    Setting("order", "preactivation", "of normalisation and convolution", choices=("basic", "preactivation")),
    Setting("start", "plain", "whether the first convolution halves the maps", choices=("plain", "halved")),
    Setting("dropout", 0.0, "share of the averaged features that is dropped", low=0.0, high=0.7),
)


def build(signature: Signature, settings: Mapping[str, Scalar]) -> nn.Module:
    """Build the body: (B, H, W, C) pictures to (B, 4 * width) features, with the table's columns beside them."""
    from archwise.blocks.convolution import ConvolutionBody
    from archwise.blocks.dense import LayerForm
    from archwise.blocks.joined import beside_table
    from archwise.blocks.picture import PictureInputs
    from archwise.blocks.residual_map import ResidualStages

    inputs = PictureInputs(signature)
    stages = ResidualStages(
        inputs.channels,
        int(settings["width"]),
        n_blocks=int(settings["blocks"]),
        is_first_bent=settings["order"] == "preactivation",
        is_halved=settings["start"] == "halved",
    )
    form = LayerForm(dropout=float(settings["dropout"]))
    return beside_table(ConvolutionBody(inputs, stages, ends="average", widths=(), form=form), signature)


def suits(profile: Profile) -> Suits:
    """Judge the data: its depth pays where there are thousands of pictures."""
    return judge_pictures(
        profile,
        many=(0.7, "enough for more layers, which residual blocks keep trainable"),
        few=(0.3, "few for so many layers from scratch"),
    )


def plan(profile: Profile) -> Plan:
    """Plan its training."""
    return picture_plan(profile, rate=6e-3)


def variants(profile: Profile) -> tuple[dict[str, Scalar], ...]:
    """Name the settings worth trying: one block a stage, then deeper and narrower; other changes of the pictures."""
    facts = picture_facts(profile)
    fitted = {"width": 32 if facts.channels == 3 else 16, "start": "plain" if facts.size <= SMALL else "halved"}
    given = {**picture_settings(profile), **changed(fitted, ARCHITECTURE.defaults())}
    other = ways_to_augment(profile)[1]
    if facts.n_rows >= 10_000:
        return (given,)
    return given, {**given, "blocks": 3, "width": 16}, {**given, "plan.augment": other}


ARCHITECTURE = Architecture(
    name="resnet",
    family="cnn",
    summary="residual network for small pictures: three stages of blocks that add to what they are given",
    source="He, Zhang, Ren & Sun 2016, section 4.2; the same, Identity Mappings, 2016, for pre-activation",
    reads=READS,
    gives=("vector",),
    suits=suits,
    space=SPACE,
    need=picture_need,
    build=build,
    plan=plan,
    variants=variants,
)
