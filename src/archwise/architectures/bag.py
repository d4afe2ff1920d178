"""The bag of words: the mean of the vectors of a text's words, whatever their order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from archwise.architectures.sequence_plan import TEXTS, WORDS, judge_sequences, sequence_need, sequence_plan, text_space
from archwise.records import Architecture, Plan, Profile, Scalar, Setting, Signature, Suits

if TYPE_CHECKING:
    from torch import nn

SPACE = (
    *text_space(),
    Setting("word_dropout", 0.5, "share of the numbers of word vectors that is dropped", low=0.0, high=0.8, of=WORDS),
    Setting(
        "forgotten", 0.0, "share of the words that are read as unknown in a training step", low=0.0, high=0.5, of=WORDS
    ),
)


def build(signature: Signature, settings: Mapping[str, Scalar]) -> nn.Module:
    """Build the body: a sequence to the mean of its vectors (B, D), with the table's columns beside it."""
    from archwise.blocks.joined import beside_table
    from archwise.blocks.pooling import make_pooling
    from archwise.blocks.sequence import SequenceBody, SequenceInputs

    inputs = SequenceInputs(
        signature,
        width=int(settings["embedding"]),
        dropout=float(settings["word_dropout"]),
        forgotten=float(settings["forgotten"]),
    )
    body = SequenceBody(inputs, (), pooling=make_pooling("mean", inputs.width), dropout=0.0)
    return beside_table(body, signature)


def suits(profile: Profile) -> Suits:
    """Judge the data by how many texts there are to learn from."""
    return judge_sequences(
        profile,
        many=(0.5, "enough to learn what each word says by itself"),
        some=(0.45, "enough to learn what each word says by itself"),
        few=(0.3, "few, of which only the words that recur can be learnt"),
    )


def plan(profile: Profile) -> Plan:
    """Plan its training."""
    return sequence_plan(profile, rate=5e-3)


ARCHITECTURE = Architecture(
    name="bag",
    family="ann",
    summary="the mean of the vectors of a text's words",
    source="Joulin, Grave, Bojanowski & Mikolov 2017 (fastText)",
    reads=TEXTS,
    gives=("vector",),
    suits=suits,
    space=SPACE,
    need=sequence_need,
    build=build,
    plan=plan,
    variants=lambda profile: ({},),
)
