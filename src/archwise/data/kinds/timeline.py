"""Measurements in the order of time, prepared together as one column by `data/timeline`; single cells give no input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod

import polars as pl

from archwise.data.aside import aside_kind
from archwise.records import Guess, Json, Widths

NAME = "timeline"


def sniff_timeline(values: pl.Series) -> Guess:  # noqa: ARG001  a kind's signature
    """Never: that rows are the steps of a series is said by --horizon, not by their cells."""
    return Guess(NAME, 0.0, "only the user knows that rows follow each other in time")


def spec_timeline(state: Mapping[str, Json]) -> Widths:
    """The past and what is known ahead, of a state that `data/timeline/prepare.py` fitted."""
    if "roles" not in state:
        return {}
    roles, horizon = state["roles"], int(state["horizon"])
    shapes = {
        "window": (int(state["past"]), sum(len(roles[role]) for role in ("targets", "past", "known"))),
        "future": (horizon, len(roles["known"])),
        "calendar": (horizon, 2 * len(state["calendar"])),
    }
    return {name: (shape, ()) for name, shape in shapes.items() if prod(shape)}


KIND = replace(
    aside_kind(NAME, "measurements in the order of time, of which the next are forecast (--horizon)", sniff_timeline),
    spec=spec_timeline,
)
