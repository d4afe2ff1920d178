"""A gated recurrent cell that reads a window segment by segment, in place of step by step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from archwise.architectures.window_plan import (
    CALENDAR,
    COVARIATES,
    LEVEL,
    PAST,
    facts_of,
    need_past,
    pasts,
    told,
    window_plan,
    without_defaults,
)
from archwise.records import Architecture, Plan, Profile, Scalar, Setting, Signature, Suits

if TYPE_CHECKING:
    import torch

SPACE = (
    PAST,
    Setting("segment", 24, "steps that are read at once", low=1, high=96, log=True),
    Setting("width", 128, "units of the state", low=16, high=1024, log=True),
    Setting("dropout", 0.2, "share of the state left out in a training step", low=0.0, high=0.7),
    LEVEL,
    CALENDAR,
    COVARIATES,
)


def build(signature: Signature, settings: Mapping[str, Scalar]) -> torch.nn.Module:
    """Build the body.

    Args:
        signature: input `series`.
        settings: a value for every setting of the space.

    Returns:
        a module from a batch to (B, M, width + 2), or with H more where the steps ahead are known.
    """
    from archwise.blocks.window import WindowBody, n_channels, n_past
    from archwise.blocks.window_layers import SegmentCell

    layers = SegmentCell(
        n_past(signature),
        n_channels(signature, settings),
        segment=int(settings["segment"]),
        width=int(settings["width"]),
        dropout=float(settings["dropout"]),
    )
    return WindowBody(signature, layers, settings)


def suits(profile: Profile) -> Suits:
    """Judge the series: it needs many windows."""
    facts = facts_of(profile)
    n_windows = facts.n_series * facts.n_steps
    prior = 0.2 if n_windows < 1_000 else 0.45 if n_windows < 20_000 else 0.6
    return Suits(prior, f"{told(facts)}: a recurrent cell over segments keeps long pasts in few steps")


def plan(profile: Profile) -> Plan:
    """Plan its training."""
    return window_plan(profile, rate=1e-3)


def variants(profile: Profile) -> tuple[dict[str, Scalar], ...]:
    """Name the settings worth trying: lengths of the past, and what else is known."""
    facts = facts_of(profile)
    _, middle, long = pasts(facts)
    segment = max(1, min(24, middle // 4))
    found: list[dict[str, Scalar]] = [
        {"past": middle, "segment": segment},
        {"past": long, "segment": min(48, max(1, long // 4))},
        *([{"past": middle, "segment": segment, "covariates": "read"}] if facts.n_past + facts.n_known else []),
        {"past": middle, "segment": segment, "level": "mean"},
    ]
    return tuple(without_defaults(each, SPACE) for each in found)


ARCHITECTURE = Architecture(
    name="segment-gru",
    family="sequence",
    summary="a gated recurrent cell that reads the past segment by segment",
    source="Lin et al. 2023 (SegRNN); Cho et al. 2014 (GRU)",
    reads=("series",),
    gives="window",
    tasks=("forecast",),
    suits=suits,
    space=SPACE,
    need=need_past,
    build=build,
    plan=plan,
    variants=variants,
)
