"""TabM: an ensemble of multi-layer perceptrons that share their weights."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from archwise.architectures.table_plan import table_facts, table_plan
from archwise.records import Architecture, Need, Plan, Profile, Scalar, Setting, Signature, Suits

if TYPE_CHECKING:
    import torch

_NUMBER_WIDTH = 16  # of each number's vector

SPACE = (
    Setting("members", 4, "networks of the ensemble", low=2, high=64, log=True),
    Setting("layers", 2, "hidden layers", low=1, high=5),
    Setting("width", 128, "units of each hidden layer", low=16, high=1024, log=True),
    Setting("dropout", 0.1, "share of units left out in a training step", low=0.0, high=0.6),
    Setting("bins", 32, "pieces along which each number is bent; 1 for a straight line", low=1, high=128, log=True),
)


def build(signature: Signature, settings: Mapping[str, Scalar]) -> torch.nn.Module:
    """Build the body: pieces of the numbers, units of the categories, and hidden layers that all members share.

    Args:
        signature: inputs `numbers` and `codes`, either or both.
        settings: a value for every setting of the space.

    Returns:
        a module from a batch to (B, members, width).
    """
    from archwise.blocks.member import MemberBody
    from archwise.blocks.numeric import PiecewiseLinearEmbedding
    from archwise.blocks.table import MixedCodes, TableInputs

    pieces = partial(PiecewiseLinearEmbedding, n_bins=int(settings["bins"]), width=_NUMBER_WIDTH)
    return MemberBody(
        TableInputs(signature, codes=MixedCodes, numbers=pieces if int(settings["bins"]) > 1 else None),
        (int(settings["width"]),) * int(settings["layers"]),
        n_members=int(settings["members"]),
        dropout=float(settings["dropout"]),
    )


def suits(profile: Profile) -> Suits:
    """Judge the data: the mean of many networks errs less than one, most where rows leave room for chance."""
    facts = table_facts(profile)
    told = f"{facts.n_rows:,} rows, {facts.n_columns} columns, {facts.number_share:.0%} of them numbers"
    if facts.n_rows < 1_000:
        return Suits(0.45, f"{told}: so few rows leave much to chance, which the mean of many networks evens out")
    if facts.n_rows < 200_000:
        return Suits(0.8, f"{told}: the mean of many networks that share their weights errs less than one network")
    return Suits(0.6, f"{told}: rows enough for one network to learn well; many cost many times its training")


def plan(profile: Profile) -> Plan:
    """Plan its training: AdamW at four times the usual rate for its members, with a weight average."""
    return table_plan(profile, rate=4e-3, average=0.995)


def variants(profile: Profile) -> tuple[dict[str, Scalar], ...]:
    """Name the settings worth trying, the defaults first."""
    del profile  # the same for all
    return (
        {},
        {"members": 8, "layers": 3, "dropout": 0.2},
        {"width": 192},
        {"dropout": 0.3},
        {"bins": 1},
    )


ARCHITECTURE = Architecture(
    name="tabm",
    family="ann",
    summary="an ensemble of networks that share their weights, in about the size of one",
    source="Gorishniy, Kotelnikov & Babenko 2024, TabM",
    reads=("number", "category", "boolean", "date"),
    gives=("vector",),
    suits=suits,
    space=SPACE,
    need=Need("quantile"),
    build=build,
    plan=plan,
    variants=variants,
)
