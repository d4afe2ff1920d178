"""A linear forecast: every step ahead is a weighted sum of the past, of trend and season apart where that helps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from archwise.architectures.window_plan import (
    CALENDAR,
    COVARIATES,
    LEVEL,
    PAST,
    distinct,
    facts_of,
    need_past,
    pasts,
    reads_more,
    told,
    window_plan,
)
from archwise.records import Architecture, Plan, Profile, Scalar, Setting, Signature, Suits

if TYPE_CHECKING:
    import torch

NAME = "forecast-linear"
SPACE = (
    PAST,
    Setting(
        "trend",
        0,
        "steps of a moving mean that is a trend with weights of its own; 0: none",
        choices=(0, 7, 13, 25, 49),
    ),
    LEVEL,
    CALENDAR,
    COVARIATES,
)


def build(signature: Signature, settings: Mapping[str, Scalar]) -> torch.nn.Module:
    """Build the body, which has no weights of its own: those of the head are all there are.

    Args:
        signature: input `window`.
        settings: a value for every setting of the space.

    Returns:
        a module from a batch to (B, M, width + 2).
    """
    from archwise.blocks.forecast_window import WindowBody, n_channels, n_past
    from archwise.blocks.trend import Parts

    parts = Parts(n_past(signature), n_channels(signature, settings), kernel=int(settings["trend"]))
    return WindowBody(signature, parts, settings)


def suits(profile: Profile) -> Suits:
    """Judge the series: few weights are much where little recurs."""
    facts = facts_of(profile)
    return Suits(0.7, f"{told(facts)}: a weighted sum of the past learns season and trend from few windows")


def plan(profile: Profile) -> Plan:
    """Plan its training."""
    return window_plan(profile, rate=2e-3, average=0.99)


def variants(profile: Profile) -> tuple[dict[str, Scalar], ...]:
    """Name the settings worth trying: lengths of the past, trend apart, another level."""
    facts = facts_of(profile)
    short, middle, long = pasts(facts)
    found: list[dict[str, Scalar]] = [
        {"past": middle},
        {"past": long},
        {"past": middle, "level": "mean"},
        {"past": middle, "trend": 25},
        {"past": short},
        *reads_more(facts, middle),
    ]
    return distinct(found, SPACE)


ARCHITECTURE = Architecture(
    name=NAME,
    family="ann",
    summary="each step ahead as a weighted sum of the past, of trend and season apart where that helps",
    source="Zeng et al. 2023 (DLinear, NLinear); Kim et al. 2022 (reversible normalisation)",
    reads=("timeline",),
    gives=("window",),
    tasks=("forecast",),
    suits=suits,
    space=SPACE,
    need=need_past,
    build=build,
    plan=plan,
    variants=variants,
)
