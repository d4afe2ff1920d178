"""The floor under every forecast: all steps ahead are as the last one."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from archwise.architectures.window_graph import past_weights, solved_by
from archwise.architectures.window_plan import facts_of, told
from archwise.records import Architecture, Array, Batch, Need, Profile, Scalar, Signature, Solved, Suits


def _suits(profile: Profile) -> Suits:
    return Suits(0.1, f"{told(facts_of(profile))}: the floor, that nothing changes from now on")


def _solve(
    signature: Signature, _settings: Mapping[str, Scalar], _batch: Batch, _targets: Array, _task: str, _seed: int
) -> Solved:
    window = signature.input("window")
    n_past = 1 if window is None else window.row[0]
    places = np.full(signature.horizon, -1)
    return solved_by(signature, past_weights(n_past, places), n_parameters=0)


ARCHITECTURE = Architecture(
    name="last-value",
    family="reference",
    summary="All steps ahead are as the last one: what any forecast must beat.",
    source="the naive forecast; Hyndman & Athanasopoulos 2021, section 5.2",
    reads=("timeline",),
    gives=("window",),
    tasks=("forecast",),
    suits=_suits,
    need=Need("raw", past=1),
    solve=_solve,
)
