"""ResNet for tables: hidden layers that each add to what the layers before have found."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from archwise.architectures.table_plan import table_facts, table_plan
from archwise.records import Architecture, Need, Plan, Profile, Scalar, Setting, Signature, Suits

if TYPE_CHECKING:
    import torch

_NUMBER_WIDTH = 16  # of each number's vector
_FREQUENCIES = 24  # of each number

SPACE = (
    Setting("blocks", 2, "residual blocks, of two layers each", low=1, high=8),
    Setting("width", 192, "units of what the blocks add to", low=16, high=1024, log=True),
    Setting("expansion", 2, "units within a block, in widths", low=1, high=4),
    Setting("dropout", 0.2, "share of units left out within a block", low=0.0, high=0.6),
    Setting("residual_dropout", 0.0, "share left out of what a block adds", low=0.0, high=0.5),
    Setting("numbers", "periodic", "how a number enters: as it is, or as waves", choices=("plain", "periodic")),
)


def build(signature: Signature, settings: Mapping[str, Scalar]) -> torch.nn.Module:
    """Build the body: numbers and embedded categories, residual blocks, a last normalisation.

    Args:
        signature: inputs `numbers` and `codes`, either or both.
        settings: a value for every setting of the space.

    Returns:
        a module from a batch to (B, width).
    """
    from archwise.blocks.numeric import PeriodicEmbedding
    from archwise.blocks.residual import ResidualBody
    from archwise.blocks.table import CodeEmbedding, TableInputs

    waves = partial(PeriodicEmbedding, n_frequencies=_FREQUENCIES, width=_NUMBER_WIDTH, scale=0.1)
    width = int(settings["width"])
    return ResidualBody(
        TableInputs(signature, codes=CodeEmbedding, numbers=waves if settings["numbers"] == "periodic" else None),
        width,
        n_blocks=int(settings["blocks"]),
        inner=width * int(settings["expansion"]),
        dropout=(float(settings["dropout"]), float(settings["residual_dropout"])),
    )


def suits(profile: Profile) -> Suits:
    """Judge the data: depth needs rows."""
    facts = table_facts(profile)
    told = f"{facts.n_rows:,} rows, {facts.n_columns} columns"
    if facts.n_rows < 2_000:
        return Suits(0.3, f"{told}: too few rows to pay for the depth of residual blocks")
    if facts.n_rows < 20_000:
        return Suits(0.5, f"{told}: enough rows for a few residual blocks, rarely better than a plain network")
    return Suits(0.6, f"{told}: many rows, of which deeper networks make more when each block adds to the last")


def plan(profile: Profile) -> Plan:
    """Plan its training: AdamW with a cosine schedule, and a weight average that is good at any time."""
    return table_plan(profile, rate=1e-3, average=0.995)


def variants(profile: Profile) -> tuple[dict[str, Scalar], ...]:
    """Name the settings worth trying, the defaults first."""
    del profile  # the same for all
    return ({}, {"numbers": "plain"}, {"blocks": 4, "dropout": 0.4}, {"width": 384, "residual_dropout": 0.1})


ARCHITECTURE = Architecture(
    name="resnet-mlp",
    family="ann",
    summary="residual blocks of hidden layers with batch normalisation; each adds to what those before have found",
    source="Gorishniy, Rubachev, Khrulkov & Babenko 2021, Revisiting deep learning models for tabular data",
    reads=("number", "category", "boolean", "date"),
    gives=("vector",),
    suits=suits,
    space=SPACE,
    need=Need("quantile"),
    build=build,
    plan=plan,
    variants=variants,
)
