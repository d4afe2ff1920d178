"""Dates in a graph: seconds since 1970 become years on a scale, and places in the year, the week, the day."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from archwise.data.kinds.date import CIRCLES, YEAR_US, scale_of
from archwise.data.timeline.calendar import N_PLACES, circle
from archwise.model.bundle.graph import Graph
from archwise.model.bundle.number import add_number
from archwise.records import Json

_SECOND_US, _HOUR_US, _DAY_US = 1_000_000, 3_600_000_000, 86_400_000_000
_THURSDAY = 3  # the first of January 1970; a Monday is 0
_TO_MARCH = 719_468  # days from the first of March of the year 0 to 1970
_TO_END_OF_FEBRUARY, _FROM_MARCH_TO_YEAR = 59, 306  # days in January and February, and in the other months
_DAYS_400, _DAYS_100, _DAYS_4 = 146_097, 36_524, 1_460  # in 400 years, in 100, and in 4, each without its last leap day


def add_date(graph: Graph, seconds: str, state: Mapping[str, Json]) -> dict[str, str]:
    """Read moments as `apply_date` does, to the microsecond.

    Args:
        seconds: name of (N, 1) float64 since 1970 in UTC, NaN for missing.
        state: as `fit_date` gave it.

    Returns:
        numbers: the name of (N, width) float32.

    Source:
        Hinnant 2021, chrono-compatible low-level date algorithms, for the month: a year that begins in March.
    """
    stamps = _stamps(graph, seconds)
    years = graph.add("Mul", [stamps, graph.hold(1.0 / YEAR_US)])
    scaled = add_number(graph, graph.add("Sub", [years, graph.hold(state["origin"])]), scale_of(state))
    columns = [scaled["numbers"]]
    is_missing = graph.add("IsNaN", [seconds])
    known = graph.cast(graph.add("Where", [is_missing, graph.hold(0.0), stamps]), "int64")
    absent = graph.hold(math.nan if state["scale_how"] == "raw" else 0.0, np.float32)
    for part in state["parts"]:
        place = graph.add("Squeeze", [_PLACES[part](graph, known), graph.hold([1], np.int64)])
        circle = graph.add("Gather", [graph.hold(CIRCLES[part], np.float32), place], {"axis": 0})  # (N, 2)
        columns.append(graph.add("Where", [is_missing, absent, circle]))
    return {"numbers": columns[0] if len(columns) == 1 else graph.add("Concat", columns, {"axis": 1})}


def add_calendar(graph: Graph, seconds: str, parts: Sequence[str]) -> str:
    """What the calendar knows of moments, as `calendar_at` tells it.

    Args:
        seconds: name of (N, H) float64 since 1970 on the clock of the data, to the microsecond.
        parts: of hour, weekday and yearday.

    Returns:
        the name of (N, H, 2 K) float32.
    """
    stamps = graph.cast(_stamps(graph, seconds), "int64")
    into_day = graph.add("Div", [graph.cast(_whole(graph, "Mod", stamps, _DAY_US), "float64"), graph.hold(86_400e6)])
    circles = graph.hold(circle(np.arange(N_PLACES) / N_PLACES), np.float32)  # (places, 2)
    columns = []
    for part in parts:
        share = into_day
        if part != "hour":
            day = graph.cast((_weekday if part == "weekday" else _yearday)(graph, stamps), "float64")
            share = graph.add("Add", [day, into_day])
            share = graph.add("Div", [share, graph.hold(7.0 if part == "weekday" else 366.0)])
        place = graph.cast(graph.add("Floor", [graph.add("Mul", [share, graph.hold(float(N_PLACES))])]), "int64")
        columns.append(graph.add("Gather", [circles, place], {"axis": 0}))
    return columns[0] if len(columns) == 1 else graph.add("Concat", columns, {"axis": 2})


def _stamps(graph: Graph, seconds: str) -> str:
    """Whole microseconds, float64."""
    return graph.add("Round", [graph.add("Mul", [seconds, graph.hold(float(_SECOND_US))])])


def _whole(graph: Graph, operator: str, left: str, right: int) -> str:
    return graph.add(operator, [left, graph.hold(right, np.int64)])


def _days(graph: Graph, stamps: str) -> str:
    """Whole days since 1970, below nought before it; a division of whole numbers alone would round towards nought."""
    midnight = graph.add("Sub", [stamps, _whole(graph, "Mod", stamps, _DAY_US)])
    return _whole(graph, "Div", midnight, _DAY_US)


def _hour(graph: Graph, stamps: str) -> str:
    return _whole(graph, "Div", _whole(graph, "Mod", stamps, _DAY_US), _HOUR_US)


def _weekday(graph: Graph, stamps: str) -> str:
    return _whole(graph, "Mod", _whole(graph, "Add", _days(graph, stamps), _THURSDAY), 7)


def _civil(graph: Graph, stamps: str) -> tuple[str, str]:
    """The year among 400 that begin in March, and the day in it from the first of March, both from 0 on.

    Of the calendar that has always had its leap days.
    """
    day = _whole(graph, "Mod", _whole(graph, "Add", _days(graph, stamps), _TO_MARCH), _DAYS_400)
    leaps = [_whole(graph, "Div", day, each) for each in (_DAYS_4, _DAYS_100, _DAYS_400 - 1)]
    plain = graph.add("Sub", [graph.add("Add", [graph.add("Sub", [day, leaps[0]]), leaps[1]]), leaps[2]])
    year = _whole(graph, "Div", plain, 365)
    before = graph.add("Add", [_whole(graph, "Mul", year, 365), _whole(graph, "Div", year, 4)])
    before = graph.add("Sub", [before, _whole(graph, "Div", year, 100)])
    return year, graph.add("Sub", [day, before])


def _month(graph: Graph, stamps: str) -> str:
    """From 0 for January."""
    _, of_year = _civil(graph, stamps)
    from_march = _whole(graph, "Div", _whole(graph, "Add", _whole(graph, "Mul", of_year, 5), 2), 153)
    return _whole(graph, "Mod", _whole(graph, "Add", from_march, 2), 12)


def _yearday(graph: Graph, stamps: str) -> str:
    """From 0 for the first of January."""
    year, of_year = _civil(graph, stamps)
    is_leap = [graph.cast(graph.add("Equal", [_whole(graph, "Mod", year, each), _zero(graph)]), "int64")
               for each in (4, 100, 400)]  # fmt: skip
    leap_day = graph.add("Add", [graph.add("Sub", is_leap[:2]), is_leap[2]])
    of_march = graph.add("Add", [_whole(graph, "Add", of_year, _TO_END_OF_FEBRUARY), leap_day])
    in_winter = _whole(graph, "GreaterOrEqual", of_year, _FROM_MARCH_TO_YEAR)
    return graph.add("Where", [in_winter, _whole(graph, "Sub", of_year, _FROM_MARCH_TO_YEAR), of_march])


def _zero(graph: Graph) -> str:
    return graph.hold(0, np.int64)


_PLACES = {"month": _month, "weekday": _weekday, "hour": _hour}
