"""What the recurrent architectures share: their settings, how their bodies are built, and what is worth trying."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from archwise.architectures.sequence_plan import series_facts, series_setting, text_space
from archwise.records import Profile, Scalar, Setting, Signature

if TYPE_CHECKING:
    from torch import nn

SPACE = (
    *text_space(),
    series_setting(),
    Setting("width", 128, "units of a layer, in each way", low=16, high=512, log=True),
    Setting("layers", 1, "layers, each on the states of the one before", low=1, high=3),
    Setting("both_ways", True, "whether it is read backwards too"),
    Setting("pooling", "max", "how states become one vector", choices=("last", "max", "mean", "attention")),
    Setting("word_dropout", 0.3, "share of the numbers of word vectors that is dropped", low=0.0, high=0.7),
    Setting("dropout", 0.4, "share of the states that is dropped", low=0.0, high=0.7),
)


def build_recurrent(cell: str, signature: Signature, settings: Mapping[str, Scalar]) -> nn.Module:
    """Build the body: a sequence to (B, D) features with the table's columns beside them, or to (B, T, D).

    Args:
        cell: "rnn", "lstm" or "gru".
        signature: input `tokens` or `series`; `numbers` and `codes` may be beside it.
        settings: a value for every setting of the space.
    """
    from archwise.blocks.joined import beside_table
    from archwise.blocks.recurrent import RecurrentBody, recurrent_layers
    from archwise.blocks.sequence import SequenceInputs

    inputs = SequenceInputs(signature, width=int(settings["embedding"]), dropout=float(settings["word_dropout"]))
    layers = recurrent_layers(
        cell,
        inputs.width,
        int(settings["width"]),
        n_layers=int(settings["layers"]),
        both_ways=bool(settings["both_ways"]),
    )
    gives_steps = signature.form == "sequence"
    pooling = "" if gives_steps else str(settings["pooling"])
    body = RecurrentBody(inputs, layers, pooling=pooling, dropout=float(settings["dropout"]))
    return body if gives_steps else beside_table(body, signature)


def recurrent_variants(profile: Profile) -> tuple[dict[str, Scalar], ...]:
    """Name the settings worth trying: as they are, with attention, and small, one way and read to its end.

    Of series in place of the last each on a scale of its own, so that only its shape counts.
    """
    if series_facts(profile):
        return ({}, {"pooling": "mean", "dropout": 0.2}, {"scale": "row"})
    return ({}, {"pooling": "attention"}, {"both_ways": False, "pooling": "last", "width": 64})
