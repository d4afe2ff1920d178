"""A small transformer: every word of a text looks at all others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from archwise.architectures.sequence_plan import READS, WORDS, judge_sequences, sequence_need, sequence_plan, text_space
from archwise.records import Architecture, Plan, Profile, Scalar, Setting, Signature, Suits

if TYPE_CHECKING:
    from torch import nn

SPACE = (
    *text_space(),
    Setting("width", 128, "numbers in the vector of a step", choices=(64, 128, 256)),
    Setting("layers", 2, "layers of attention", low=1, high=6),
    Setting("heads", 4, "that ask independently in each layer", choices=(2, 4, 8)),
    Setting("pooling", "mean", "how steps become one vector", choices=("max", "mean", "attention"), of=("vector",)),
    Setting("word_dropout", 0.2, "share of the numbers of word vectors that is dropped", low=0.0, high=0.7, of=WORDS),
    Setting(
        "forgotten", 0.0, "share of the words that are read as unknown in a training step", low=0.0, high=0.5, of=WORDS
    ),
    Setting("dropout", 0.2, "share of what layers add that is dropped", low=0.0, high=0.7),
)


def build(signature: Signature, settings: Mapping[str, Scalar]) -> nn.Module:
    """Build the body: a sequence to (B, D) features with the table's columns beside them, or to (B, T, D)."""
    from archwise.blocks.attention import AttentionLayer, FirstLayer, LastLayer
    from archwise.blocks.joined import beside_table
    from archwise.blocks.pooling import make_pooling
    from archwise.blocks.sequence import SequenceBody, SequenceInputs

    width, dropout = int(settings["width"]), float(settings["dropout"])
    inputs = SequenceInputs(
        signature,
        width=int(settings["embedding"]),
        dropout=float(settings["word_dropout"]),
        forgotten=float(settings["forgotten"]),
    )
    layers = [AttentionLayer(width, int(settings["heads"]), dropout=dropout) for _ in range(int(settings["layers"]))]
    stack = (FirstLayer(inputs.width, width), *layers, LastLayer(width))
    pooling = make_pooling(str(settings["pooling"]), width) if signature.form == "vector" else None
    body = SequenceBody(inputs, stack, pooling=pooling, dropout=dropout)
    return body if pooling is None else beside_table(body, signature)


def suits(profile: Profile) -> Suits:
    """Judge the data by how many sequences there are: attention learns order from nothing but data."""
    return judge_sequences(
        profile,
        many=(0.45, "attention has to learn from them what order means; more would help it more than others"),
        some=(0.3, "few for attention, which has to learn from them what order means"),
        few=(0.15, "too few for attention"),
    )


def plan(profile: Profile) -> Plan:
    """Plan its training."""
    return sequence_plan(profile, rate=1e-3)


ARCHITECTURE = Architecture(
    name="transformer",
    family="attention",
    summary="layers in which every word looks at all others",
    source="Vaswani et al. 2017; Xiong et al. 2020 for the place of the normalisation",
    reads=READS,
    gives=("vector", "sequence"),
    suits=suits,
    space=SPACE,
    need=sequence_need,
    build=build,
    plan=plan,
    variants=lambda profile: ({},),
)
