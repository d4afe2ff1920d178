"""Dilated causal convolutions over a window, each layer seeing twice as far back."""

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
    told,
    window_plan,
)
from archwise.records import Architecture, Plan, Profile, Scalar, Setting, Signature, Suits

if TYPE_CHECKING:
    import torch

SPACE = (
    PAST,
    Setting("width", 32, "channels of each layer", low=8, high=256, log=True),
    Setting("stride", 4, "steps that the first layer joins", low=1, high=24),
    Setting("dropout", 0.2, "share of channels left out in a training step", low=0.0, high=0.7),
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
    from archwise.blocks.window_layers import TemporalConvolutions

    layers = TemporalConvolutions(
        n_past(signature),
        n_channels(signature, settings),
        width=int(settings["width"]),
        stride=int(settings["stride"]),
        dropout=float(settings["dropout"]),
    )
    return WindowBody(signature, layers, settings)


def suits(profile: Profile) -> Suits:
    """Judge the series: it needs many windows."""
    facts = facts_of(profile)
    prior = prior_by_windows(facts, few=0.2, some=0.45, many=0.6)
    return Suits(prior, f"{told(facts)}: convolutions find the same shape wherever it stands in the past")


def plan(profile: Profile) -> Plan:
    """Plan its training."""
    return window_plan(profile, rate=1e-3, average=0.99)


def variants(profile: Profile) -> tuple[dict[str, Scalar], ...]:
    """Name the settings worth trying: lengths of the past, and what else is known."""
    facts = facts_of(profile)
    _, middle, long = pasts(facts)
    first: dict[str, Scalar] = {"past": middle, "stride": max(2, min(24, middle // 32))}
    found: list[dict[str, Scalar]] = [first]
    if facts.n_past + facts.n_known:
        found.append({**first, "covariates": "read"})
    if facts.calendar:
        found.append({**first, "calendar": "read"})
    found += [{**first, "level": "mean"}, {**first, "past": long, "stride": max(2, min(24, long // 32))}]
    return distinct(found, SPACE)


ARCHITECTURE = Architecture(
    name="tcn",
    family="cnn",
    summary="dilated causal convolutions over a window, each layer seeing twice as far back",
    source="Bai, Kolter & Koltun 2018",
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
