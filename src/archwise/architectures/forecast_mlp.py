"""Hidden layers over a window, beside a weighted sum of its steps."""

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
    prior_by_windows,
    reads_more,
    told,
    window_plan,
)
from archwise.records import Architecture, Plan, Profile, Scalar, Setting, Signature, Suits

if TYPE_CHECKING:
    import torch

SPACE = (
    PAST,
    Setting("width", 128, "units of each hidden layer", low=16, high=1024, log=True),
    Setting("layers", 2, "hidden layers", low=1, high=4),
    Setting("dropout", 0.2, "share of units left out in a training step", low=0.0, high=0.7),
    LEVEL,
    CALENDAR,
    COVARIATES,
)


def build(signature: Signature, settings: Mapping[str, Scalar]) -> torch.nn.Module:
    """Build the body.

    Args:
        signature: input `window`.
        settings: a value for every setting of the space.

    Returns:
        a module from a batch to (B, M, width + 2), or with H more where the steps ahead are known.
    """
    from archwise.blocks.forecast_window import WindowBody, n_channels, n_past
    from archwise.blocks.window_layers import WindowMLP

    layers = WindowMLP(
        n_past(signature),
        n_channels(signature, settings),
        width=int(settings["width"]),
        n_layers=int(settings["layers"]),
        dropout=float(settings["dropout"]),
    )
    return WindowBody(signature, layers, settings)


def suits(profile: Profile) -> Suits:
    """Judge the series: bends need many windows."""
    facts = facts_of(profile)
    prior = prior_by_windows(facts, few=0.3, some=0.5, many=0.65)
    return Suits(prior, f"{told(facts)}: hidden layers see bends that a weighted sum misses, given windows enough")


def plan(profile: Profile) -> Plan:
    """Plan its training."""
    return window_plan(profile, rate=1e-3, average=0.99)


def variants(profile: Profile) -> tuple[dict[str, Scalar], ...]:
    """Name the settings worth trying: lengths of the past, and what else is known."""
    facts = facts_of(profile)
    _, middle, long = pasts(facts)
    found: list[dict[str, Scalar]] = [
        {"past": middle},
        {"past": middle, "level": "mean"},
        *reads_more(facts, middle),
        {"past": long, "width": 64},
    ]
    return distinct(found, SPACE)


ARCHITECTURE = Architecture(
    name="forecast-mlp",
    family="ann",
    summary="hidden layers over a window, beside a weighted sum of its steps",
    source="Das et al. 2023 (TiDE); Rumelhart, Hinton & Williams 1986",
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
