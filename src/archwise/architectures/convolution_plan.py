"""What the convolutional architectures of series share: what they ask for, and whether the data suit them."""

from __future__ import annotations

from collections.abc import Mapping

from archwise.architectures.sequence_plan import (
    FEW,
    sequence_plan,
    series_facts,
    series_form,
    series_setting,
)
from archwise.records import Need, Plan, Profile, Scalar, Setting, Suits

READS = ("series", "number", "category", "boolean", "date")
SHORT = 60  # steps on average, below which wide kernels see little but what lies beyond the ends


def series_space() -> tuple[Setting, ...]:
    """The settings of how series are read, and of what is dropped."""
    return (
        series_setting(),
        Setting("dropout", 0.2, "share of the features before the answer that is dropped", low=0.0, high=0.7),
    )


def series_need(settings: Mapping[str, Scalar]) -> Need:
    """Ask for series as long as they are, and for numbers on one scale."""
    return Need("standard", series=series_form(settings))


def judge_by_series(profile: Profile, *, many: tuple[float, str], few: tuple[float, str]) -> Suits:
    """Judge the data by how many series there are: the prior and the reason for many and for few."""
    facts = series_facts(profile)
    if facts is None:
        return Suits(0.0, f"it reads series; none of the {len(profile.used)} columns of {profile.n_rows:,} rows is one")
    prior, reason = few if facts.n_rows < FEW else many
    return Suits(prior, f"{facts.n_rows:,} {facts.rows} of {facts.mean:.0f} {facts.steps} on average: {reason}")


def are_short(profile: Profile) -> bool:
    """Whether series are shorter than the widest kernels are made for."""
    facts = series_facts(profile)
    return facts is not None and facts.mean < SHORT


def convolution_plan(profile: Profile) -> Plan:
    """Plan the training."""
    return sequence_plan(profile, rate=2e-3)
