"""RealMLP: a multi-layer perceptron with the defaults that did best over many tables."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from archwise.architectures.table_plan import table_facts
from archwise.records import Architecture, Need, Plan, Profile, Scalar, Setting, Signature, Suits

if TYPE_CHECKING:
    import torch

_FREQUENCIES = 16  # of each number
_NUMBER_WIDTH = 4  # of each number's vector, itself with it
_STEPS = 5_000  # of a whole training, were all rows for training

SPACE = (
    Setting("layers", 3, "hidden layers", low=1, high=5),
    Setting("width", 256, "units of each hidden layer", low=16, high=1024, log=True),
    Setting(
        "activation",
        "auto",
        "what each unit does with its sum; auto is selu for classes and mish for a number",
        choices=("auto", "selu", "mish", "relu", "silu", "gelu"),
    ),
    Setting("dropout", 0.15, "share of units left out in a training step, at first", low=0.0, high=0.6),
    Setting("numbers", "periodic", "how a number enters: as it is, or as waves", choices=("plain", "periodic")),
    Setting("frequency", 0.1, "spread of the waves' first frequencies", low=0.02, high=10.0, log=True),
)


def build(signature: Signature, settings: Mapping[str, Scalar]) -> torch.nn.Module:
    """Build the body: waves of the numbers, units or vectors of the categories, a scale, hidden layers.

    Args:
        signature: inputs `numbers` and `codes`, either or both.
        settings: a value for every setting of the space.

    Returns:
        a module from a batch to (B, width).
    """
    from archwise.blocks.numeric import CosineEmbedding
    from archwise.blocks.table import MixedCodes, TableInputs
    from archwise.blocks.tangent import TangentBody

    waves = partial(
        CosineEmbedding, n_frequencies=_FREQUENCIES, width=_NUMBER_WIDTH, scale=float(settings["frequency"])
    )
    shape = str(settings["activation"])
    if shape == "auto":
        shape = "mish" if signature.n_outputs == 1 else "selu"
    return TangentBody(
        TableInputs(signature, codes=MixedCodes, numbers=waves if settings["numbers"] == "periodic" else None),
        (int(settings["width"]),) * int(settings["layers"]),
        shape=shape,
        dropout=float(settings["dropout"]),
    )


def suits(profile: Profile) -> Suits:
    """Judge the data: its defaults were tuned on tables of 1,000 to 500,000 rows."""
    facts = table_facts(profile)
    told = f"{facts.n_rows:,} rows, {facts.n_columns} columns, {facts.number_share:.0%} of them numbers"
    if facts.n_rows < 1_000:
        return Suits(0.4, f"{told}: fewer rows than the tables for which its defaults were found")
    if facts.number_share >= 0.5:
        return Suits(0.8, f"{told}: learnt waves bend along each number, a learnt scale chooses among the columns")
    return Suits(0.7, f"{told}: the size of table for which its defaults were found")


def plan(profile: Profile) -> Plan:
    """Plan its training as published in batches of 256, in about 5,000 steps: at most the published 256 epochs.

    On tables of 10,000 rows and more, as many epochs again cost four times as much and gained nothing.
    """
    is_number = profile.n_classes == 0
    epochs = max(8, min(256, _STEPS * 256 // max(1, profile.n_rows)))
    return Plan(
        epochs=epochs,
        batch=min(256, max(32, profile.n_rows // 8)),
        rate=0.2 if is_number else 0.04,
        schedule="coslog4",
        decay=2e-2,
        square_momentum=0.95,
        fade="flat_cosine",
        smoothing=0.0 if is_number else 0.1,
        patience=epochs,
        clip=0.0,
    )


def variants(profile: Profile) -> tuple[dict[str, Scalar], ...]:
    """Name the settings worth trying, the defaults first."""
    del profile  # the same for all
    return (
        {},
        {"dropout": 0.3},
        {"frequency": 0.5},
        {"numbers": "plain"},
        {"width": 512, "layers": 2},
    )


ARCHITECTURE = Architecture(
    name="realmlp",
    family="ann",
    summary="hidden layers with the published defaults that did best over many tables: scale, waves, schedule, start",
    source="Holzmüller, Grinsztajn & Steinwart 2024, Better by default",
    reads=("number", "category", "boolean", "date"),
    gives=("vector",),
    suits=suits,
    space=SPACE,
    need=Need("robust"),
    build=build,
    plan=plan,
    variants=variants,
)
