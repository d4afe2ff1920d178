"""The perceptron: inputs times weights, summed, through the output's activation; no hidden layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from archwise.architectures.table_plan import table_facts, table_plan
from archwise.records import Architecture, Need, Plan, Profile, Scalar, Signature, Suits

if TYPE_CHECKING:
    import torch


def build(signature: Signature, settings: Mapping[str, Scalar]) -> torch.nn.Module:
    """Build the body, which has no parameter: the numbers, and one unit for each level of each category.

    Args:
        signature: inputs `numbers` and `codes`, either or both.
        settings: none.

    Returns:
        a module from a batch to (B, width); the head holds the weights.
    """
    from archwise.blocks.table import OneHotCodes, TableInputs

    del settings  # it has none
    return TableInputs(signature, codes=OneHotCodes, numbers=None)


def suits(profile: Profile) -> Suits:
    """Judge the data: it can only add up what each column says, which is enough where rows are few."""
    facts = table_facts(profile)
    if facts.n_rows < 20 * facts.n_columns:
        return Suits(0.5, f"{facts.n_rows:,} rows for {facts.n_columns} columns are too few for much more than a sum")
    if facts.n_rows < 2_000:
        return Suits(0.4, f"{facts.n_rows:,} rows: the fewer weights there are, the less can be learnt by heart")
    return Suits(
        0.25,
        f"{facts.n_rows:,} rows can hold more than a sum over {facts.n_columns} columns; kept to show it",
    )


def plan(profile: Profile) -> Plan:
    """Plan its training: a larger rate than a deep network bears, since the loss has a single valley."""
    return table_plan(profile, rate=1e-2, average=0.0)


ARCHITECTURE = Architecture(
    name="perceptron",
    family="ann",
    summary="inputs times weights, summed, through the output's activation; no hidden layer",
    source="Rosenblatt 1958, The perceptron",
    reads=("number", "category", "boolean", "date"),
    gives=("vector",),
    suits=suits,
    need=Need("standard"),
    build=build,
    plan=plan,
)
