"""A straight line: the steps ahead go on from the last one as the past went on average."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from archwise.architectures.window_graph import past_weights, solved_by
from archwise.architectures.window_plan import PAST, facts_of, need_past, pasts, told, without_defaults
from archwise.records import Architecture, Array, Batch, Profile, Scalar, Signature, Solved, Suits

SPACE = (PAST,)


def _suits(profile: Profile) -> Suits:
    return Suits(0.15, f"{told(facts_of(profile))}: goes on as the past did on average")


def _variants(profile: Profile) -> tuple[dict[str, Scalar], ...]:
    return (without_defaults({"past": pasts(facts_of(profile))[2]}, SPACE),)


def _solve(
    signature: Signature, settings: Mapping[str, Scalar], _batch: Batch, _targets: Array, _task: str, _seed: int
) -> Solved:
    n_past = int(settings["past"])
    weights = past_weights(n_past, np.full(signature.horizon, -1))
    if n_past > 1:
        slopes = np.arange(1, signature.horizon + 1) / (n_past - 1)
        weights[0, -1] += slopes
        weights[0, 0] -= slopes
    return solved_by(signature, weights, n_parameters=1)


ARCHITECTURE = Architecture(
    name="drift",
    family="reference",
    summary="The steps ahead go on from the last one as the past went on average.",
    source="the drift forecast; Hyndman & Athanasopoulos 2021, section 5.2",
    reads=("timeline",),
    gives=("window",),
    tasks=("forecast",),
    suits=_suits,
    space=SPACE,
    variants=_variants,
    need=need_past,
    solve=_solve,
)
