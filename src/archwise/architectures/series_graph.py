"""What references of series share: which data suit them, and how a missing value is read, in NumPy and in ONNX."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from archwise.architectures.sequence_plan import series_facts, series_form, series_setting
from archwise.records import Array, Batch, Need, Profile, Scalar, Setting, Signature, Suits

READS = ("series",)
MANY = 1_000  # series
KNOWN = "known"  # the series without missing values, in a graph


def stretched_settings() -> tuple[Setting, ...]:
    """The settings that say in which form series are read that are stretched to one length."""
    return (
        series_setting(),
        Setting("steps", 0, "steps to which series are stretched; 0 for their own", low=0, high=1_000, searched=False),
    )


def stretched_need(settings: Mapping[str, Scalar]) -> Need:
    """Ask for series that are all as long."""
    form = series_form(settings)
    return Need("standard", series=replace(form, length="same", longest=int(settings["steps"])))


def judge_series(profile: Profile, *, many: tuple[float, str], few: tuple[float, str]) -> Suits:
    """Judge the data by how many series there are: the prior and the reason for many and for few."""
    facts = series_facts(profile)
    if facts is None:
        return Suits(0.0, f"it reads series; none of the {len(profile.used)} columns of {profile.n_rows:,} rows is one")
    prior, reason = many if facts.n_rows >= MANY else few
    return Suits(prior, f"{facts.n_rows:,} {facts.rows} of {facts.mean:.0f} {facts.steps} on average: {reason}")


def series_shape(signature: Signature) -> tuple[int, int]:
    """Steps and channels."""
    spec = signature.input("series")
    if spec is None:
        raise ValueError("the data hold no series, which this reference reads")
    steps, channels = spec.shape
    return steps, channels


def known_series(batch: Batch) -> Array:
    """The series (N, T, C) float32, nought where a value is missing."""
    return np.nan_to_num(np.asarray(batch["series"], np.float32), nan=0.0)


def known_nodes() -> tuple[list[Any], dict[str, Array]]:
    """Nodes from `series` (B, T, C) to the same without missing values, and the constants they read."""
    from onnx import helper

    nodes = [
        helper.make_node("IsNaN", ["series"], ["is_missing"]),
        helper.make_node("Where", ["is_missing", "nought", "series"], [KNOWN]),
    ]
    return nodes, {"nought": np.array(0, np.float32)}
