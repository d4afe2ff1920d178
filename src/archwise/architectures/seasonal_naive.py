"""The reference of everything that recurs: each step ahead is as it was one season before."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from archwise.architectures.window_graph import past_weights, solved_by
from archwise.architectures.window_plan import facts_of, told
from archwise.records import Architecture, Array, Batch, Need, Profile, Scalar, Setting, Signature, Solved, Suits

_LONGEST = 5_000  # steps of a season


def _suits(profile: Profile) -> Suits:
    facts = facts_of(profile)
    if not facts.seasons:
        return Suits(0.0, f"{told(facts)}: nothing recurs that could be repeated")
    return Suits(0.3, f"{told(facts)}: repeats the last {facts.seasons[0]} steps")


def _variants(profile: Profile) -> tuple[dict[str, Scalar], ...]:
    facts = facts_of(profile)
    found = [season for season in facts.seasons if 2 <= season <= min(_LONGEST, facts.n_steps // 2)]
    default = 24
    return tuple({"season": season} if season != default else {} for season in found) or ({},)


def _need(settings: Mapping[str, Scalar]) -> Need:
    return Need("raw", past=int(settings["season"]))


def _solve(
    signature: Signature, settings: Mapping[str, Scalar], _batch: Batch, _targets: Array, _task: str, _seed: int
) -> Solved:
    season = int(settings["season"])
    places = np.arange(signature.horizon) % season - season
    return solved_by(signature, past_weights(season, places), n_parameters=1)


ARCHITECTURE = Architecture(
    name="seasonal-naive",
    family="reference",
    summary="Each step ahead is as it was one season before.",
    source="the seasonal naive forecast; Hyndman & Athanasopoulos 2021, section 5.2",
    reads=("timeline",),
    gives=("window",),
    tasks=("forecast",),
    suits=_suits,
    space=(Setting("season", 24, "steps after which it repeats", low=2, high=_LONGEST, log=True, searched=False),),
    variants=_variants,
    need=_need,
    solve=_solve,
)
