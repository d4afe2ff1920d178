"""The convolutional network for texts: filters over a few neighbouring words, each kept where it answers most."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from archwise.architectures.sequence_plan import TEXTS, WORDS, judge_sequences, sequence_need, sequence_plan, text_space
from archwise.records import Architecture, Plan, Profile, Scalar, Setting, Signature, Suits

if TYPE_CHECKING:
    from torch import nn

_WIDTHS = {"3-5": (3, 4, 5), "2-4": (2, 3, 4), "1-3": (1, 2, 3)}

SPACE = (
    *text_space(),
    Setting("windows", "3-5", "words that filters see", choices=tuple(_WIDTHS)),
    Setting("filters", 100, "filters of each width", low=16, high=512, log=True),
    Setting("word_dropout", 0.3, "share of the numbers of word vectors that is dropped", low=0.0, high=0.7, of=WORDS),
    Setting(
        "forgotten", 0.0, "share of the words that are read as unknown in a training step", low=0.0, high=0.5, of=WORDS
    ),
    Setting("dropout", 0.5, "share of the features that is dropped", low=0.0, high=0.7),
)


def build(signature: Signature, settings: Mapping[str, Scalar]) -> nn.Module:
    """Build the body: a sequence to what its filters found (B, D), with the table's columns beside it."""
    from archwise.blocks.joined import beside_table
    from archwise.blocks.pooling import make_pooling
    from archwise.blocks.sequence import SequenceBody, SequenceInputs
    from archwise.blocks.window import WindowLayer

    inputs = SequenceInputs(
        signature,
        width=int(settings["embedding"]),
        dropout=float(settings["word_dropout"]),
        forgotten=float(settings["forgotten"]),
    )
    layer = WindowLayer(inputs.width, _WIDTHS[str(settings["windows"])], int(settings["filters"]))
    pooling = make_pooling("max", layer.width)
    body = SequenceBody(inputs, (layer,), pooling=pooling, dropout=float(settings["dropout"]))
    return beside_table(body, signature)


def suits(profile: Profile) -> Suits:
    """Judge the data by how many texts there are to learn from."""
    return judge_sequences(
        profile,
        many=(0.6, "enough to learn the phrases that tell, wherever they stand"),
        some=(0.45, "enough for a small network that looks for phrases"),
        few=(0.25, "few to learn the vectors of words from"),
    )


def plan(profile: Profile) -> Plan:
    """Plan its training."""
    return sequence_plan(profile, rate=1e-3)


def variants(profile: Profile) -> tuple[dict[str, Scalar], ...]:
    """Name the settings worth trying: wider windows, and narrower ones."""
    del profile
    return ({}, {"windows": "1-3"})


ARCHITECTURE = Architecture(
    name="textcnn",
    family="cnn",
    summary="filters over a few neighbouring words, each kept where it answers most",
    source="Kim 2014",
    reads=TEXTS,
    gives=("vector",),
    suits=suits,
    space=SPACE,
    need=sequence_need,
    build=build,
    plan=plan,
    variants=variants,
)
