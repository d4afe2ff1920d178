"""The recurrent architectures as forecasts: their settings beside those of texts, their body, what is worth trying."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from archwise.architectures.window_plan import CALENDAR, COVARIATES, LEVEL, facts_of, pasts, prior_by_windows, told
from archwise.records import Profile, Scalar, Setting, Signature, Suits

if TYPE_CHECKING:
    from torch import nn

RATE = 1e-3
SPACE = (
    Setting("past", 0, "steps of the past that a forecast reads; 0 where nothing is forecast", searched=False),
    Setting("segment", 1, "steps of a forecast's past that are read at once", low=1, high=96, log=True, of=("window",)),
    LEVEL,
    CALENDAR,
    COVARIATES,
)


def build_on_window(cell: str, signature: Signature, settings: Mapping[str, Scalar]) -> nn.Module:
    """Build the body of a forecast: a cell that reads the past of each target segment by segment.

    Args:
        cell: "rnn", "lstm" or "gru".
        signature: input `window`.
        settings: a value for every setting of the space; those of texts are of no account.
    """
    from archwise.blocks.forecast_window import WindowBody, n_channels, n_past
    from archwise.blocks.segment import SegmentCells

    cells = SegmentCells(
        cell,
        (n_past(signature), n_channels(signature, settings)),
        segment=int(settings["segment"]),
        width=int(settings["width"]),
        n_layers=int(settings["layers"]),
        dropout=float(settings["dropout"]),
    )
    return WindowBody(signature, cells, settings)


def suits_window(profile: Profile) -> Suits:
    """Judge series to be forecast: a recurrent cell needs many windows."""
    facts = facts_of(profile)
    prior = prior_by_windows(facts, few=0.2, some=0.4, many=0.55)
    return Suits(prior, f"{told(facts)}: a recurrent cell over segments keeps a long past in few steps")


def window_variants(profile: Profile) -> tuple[dict[str, Scalar], ...]:
    """Name the settings worth trying for a forecast: segments of a day or so, of a middling and of a long past."""
    facts = facts_of(profile)
    _, middle, long = pasts(facts)
    segment = max(1, min(24, middle // 4))
    first: dict[str, Scalar] = {"past": middle, "segment": segment, "dropout": 0.2}
    found = [
        first,
        {**first, "past": long, "segment": max(1, min(48, long // 4))},
        *([{**first, "covariates": "read"}] if facts.n_past + facts.n_known else []),
        {**first, "level": "mean"},
    ]
    return tuple({name: value for name, value in each.items() if (name, value) != ("segment", 1)} for each in found)
