"""What the recurrent architectures share: their settings, how their bodies are built, and what is worth trying."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from archwise.architectures.recurrent_window import SPACE as WINDOW_SPACE
from archwise.architectures.recurrent_window import build_on_window, window_variants
from archwise.architectures.sequence_plan import WORDS, series_facts, series_setting, text_space
from archwise.records import Profile, Scalar, Setting, Signature

if TYPE_CHECKING:
    from torch import nn

SPACE = (
    *text_space(),
    series_setting(),
    Setting("width", 128, "units of a layer, in each way", low=16, high=512, log=True),
    Setting("layers", 1, "layers, each on the states of the one before", low=1, high=3),
    Setting("both_ways", True, "whether it is read backwards too", of=("vector", "sequence")),
    Setting(
        "pooling", "max", "how states become one vector", choices=("last", "max", "mean", "attention"), of=("vector",)
    ),
    Setting("word_dropout", 0.5, "share of the numbers of word vectors that is dropped", low=0.0, high=0.7, of=WORDS),
    Setting(
        "forgotten", 0.0, "share of the words that are read as unknown in a training step", low=0.0, high=0.5, of=WORDS
    ),
    Setting("dropout", 0.5, "share of the states that is dropped", low=0.0, high=0.7),
    *WINDOW_SPACE,
)


def build_recurrent(cell: str, signature: Signature, settings: Mapping[str, Scalar]) -> nn.Module:
    """Build the body: a sequence to (B, D) features with the table's columns beside them, to (B, T, D), or a forecast.

    Args:
        cell: "rnn", "lstm" or "gru".
        signature: input `tokens` or `series`; `numbers` and `codes` may be beside it.
        settings: a value for every setting of the space.
    """
    if signature.form == "window":
        return build_on_window(cell, signature, settings)
    from archwise.blocks.joined import beside_table
    from archwise.blocks.pooling import make_pooling
    from archwise.blocks.recurrent import recurrent_layers
    from archwise.blocks.sequence import SequenceBody, SequenceInputs

    inputs = SequenceInputs(
        signature,
        width=int(settings["embedding"]),
        dropout=float(settings["word_dropout"]),
        forgotten=float(settings["forgotten"]),
    )
    layers = recurrent_layers(
        cell,
        inputs.width,
        int(settings["width"]),
        n_layers=int(settings["layers"]),
        both_ways=bool(settings["both_ways"]),
    )
    pooling = None
    if signature.form == "vector":
        pooling = make_pooling(str(settings["pooling"]), layers[-1].width, both_ways=bool(settings["both_ways"]))
    body = SequenceBody(inputs, layers, pooling=pooling, dropout=float(settings["dropout"]))
    return body if pooling is None else beside_table(body, signature)


def recurrent_variants(profile: Profile) -> tuple[dict[str, Scalar], ...]:
    """Name the settings worth trying: as they are, with attention and forgotten words, and small and one way.

    Of series in place of the last two each on a scale of its own, so that only its shape counts.
    """
    if profile.forecast is not None:
        return window_variants(profile)
    if series_facts(profile):
        return ({}, {"pooling": "mean", "dropout": 0.2}, {"scale": "row"})
    if profile.task == "tag":  # every state is answered, so none are pooled; names that training lacks are the task
        forgetful: dict[str, Scalar] = {"forgotten": 0.3}
        return ({}, forgetful, {**forgetful, "dropout": 0.5, "word_dropout": 0.5})
    attentive: dict[str, Scalar] = {"pooling": "attention", "forgotten": 0.2}
    return ({}, attentive, {"both_ways": False, "pooling": "last", "width": 64})
