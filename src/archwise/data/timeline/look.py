"""Looks at a source as series: the role of every column, the grid, the parts, and what the user should know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from archwise.data.kinds import kinds as all_kinds
from archwise.data.missing import blank_missing
from archwise.data.open import open_table
from archwise.data.timeline.frequency import Frequency
from archwise.data.timeline.grid import Roles, Timeline, check_cells, check_roles, lay_on_grid
from archwise.data.timeline.prepare import KIND, fit_timeline, roles_of
from archwise.data.timeline.split import NO_CALENDAR, Cuts, SplitTimes, cut_times
from archwise.errors import ColumnError, DataError, UsageError
from archwise.records import FORECAST, Array, ColumnProfile, Finding, ForecastFacts, Json, Profile, Scalar, Table

VALUE = "value"  # the target where each row is a series
_MOST_SNIFFED = 5_000
_NUMBERS = ("number", "plain", "boolean")


@dataclass(frozen=True)
class TimelineRequest:
    """What the user says of series.

    targets: to forecast. known: known ahead. drop: left out. horizon: H. times: how the parts are found.
    test: a source of the sealed steps, or None.
    """

    targets: tuple[str, ...]
    horizon: int
    times: SplitTimes
    time: str = ""
    series: str = ""
    known: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    zone: str = ""
    gaps: str = "error"
    names: tuple[str, ...] = ()
    test: object | None = None
    loss: str = ""


@dataclass(frozen=True)
class OpenedTimeline:
    """A source as series, with its parts and what was fitted on the training steps."""

    table: Table
    roles: Roles
    timeline: Timeline
    cuts: Cuts
    state: dict[str, Json]
    profile: Profile


def open_timeline(source: object, request: TimelineRequest) -> OpenedTimeline:
    """Read a source as series.

    Raises:
        SourceError, ColumnError, DataError, TargetError, UsageError: it cannot be read or used as asked.
    """
    table = open_table(source, names=request.names)
    roles, aside = find_roles(table.frame, request, not_read=table.not_read)
    timeline = read_steps(table, roles)
    given = None
    if request.test is not None:
        given = np.diff(timeline.begins)
        other = open_table(request.test, names=request.names)
        timeline = append(timeline, read_steps(other, roles, frequency=timeline.frequency), other.source)
    cells = check_cells(timeline, roles, table.source)
    cuts = cut_times(timeline, request.times, horizon=request.horizon, given=given)
    state = fit_timeline(timeline, roles, train_until=cuts.valid_from, horizon=request.horizon)
    profile = _profile(table, roles, timeline, request, aside=aside, facts=_facts(timeline, roles, cuts, state))
    findings = (*table.findings, *timeline.findings, *cells, *_tell_few(timeline, cuts, request.horizon))
    findings = (*findings, *_tell(timeline, state))
    return OpenedTimeline(table, roles, timeline, cuts, state, replace(profile, findings=findings))


def read_steps(table: Table, roles: Roles, *, frequency: Frequency | None = None) -> Timeline:
    """The series of a table, from the first step of each to the last at which a target is known."""
    timeline = lay_on_grid(table.frame, roles, frequency=frequency, source=table.source)
    start, stop = known_range(timeline, len(roles.targets))
    if not (stop > start).any():
        raise ColumnError(f"{table.source}: no row has a value of {', '.join(roles.targets)}; every cell is missing")
    part = timeline.part(start, stop)
    kept = np.diff(part.begins) > 0
    if not kept.all():
        names = tuple(name for name, keep in zip(part.names, kept, strict=True) if keep)
        begins = np.concatenate([[0], np.cumsum(np.diff(part.begins)[kept])])
        part = replace(part, names=names, begins=begins, first=part.first[kept])
    return part


def known_range(timeline: Timeline, n_targets: int) -> tuple[Array, Array]:
    """Of each series the first step at which a target is known, and the one after the last, (S,) each."""
    known: Array = np.asarray(~np.isnan(timeline.values[:, :n_targets]).all(axis=1))
    start, stop = np.zeros(timeline.n_series, np.int64), np.zeros(timeline.n_series, np.int64)
    for place, (begin, end) in enumerate(zip(timeline.begins[:-1], timeline.begins[1:], strict=True)):
        steps = np.flatnonzero(known[begin:end])
        if len(steps):
            start[place], stop[place] = steps[0], steps[-1] + 1
    return start, stop


def append(timeline: Timeline, other: Timeline, source: str) -> Timeline:
    """Series with the steps of another timeline behind them.

    Numbered steps of the other go on where the series end; moments must come after them, at once.

    Raises:
        DataError: a series of the other is unknown, or does not follow.
    """
    places = {name: place for place, name in enumerate(timeline.names)}
    unknown = [name for name in other.names if name not in places]
    if unknown:
        raise DataError(f"{source}: series '{unknown[0]}' is not in the data to fit")
    pieces = [timeline.values[a:b] for a, b in zip(timeline.begins[:-1], timeline.begins[1:], strict=True)]
    for name, first, begin, end in zip(other.names, other.first, other.begins[:-1], other.begins[1:], strict=True):
        place = places[name]
        after = int(timeline.first[place]) + len(pieces[place])
        if timeline.frequency.unit != "row" and first != after:
            raise DataError(
                f"{source}: its first step is {int(first - after):+,} steps of {timeline.frequency.told} away from the "
                "one that follows the data to fit; give the steps that follow at once"
            )
        pieces[place] = np.concatenate([pieces[place], other.values[begin:end]])
    begins = np.concatenate([[0], np.cumsum([len(piece) for piece in pieces])])
    return replace(timeline, begins=begins, values=np.concatenate(pieces))


def find_roles(
    frame: pl.DataFrame, request: TimelineRequest, *, not_read: Mapping[str, str] | None = None
) -> tuple[Roles, dict[str, str]]:
    """The role of every column, and why those without one are set aside.

    Args:
        not_read: columns that the source knows to be no covariates, and why.

    Raises:
        ColumnError, UsageError: as for `check_roles`, or nothing says what is to be forecast.
    """
    if request.series and not request.time and not request.targets:
        roles = Roles((VALUE,), series=request.series, by_row=True, gaps=request.gaps)
        check_roles(replace(roles, targets=()), frame.columns)
        return roles, {}
    if not request.targets:
        shown = ", ".join(frame.columns[:20]) + (", …" if len(frame.columns) > 20 else "")
        raise UsageError(
            f"name the column to forecast with --target, or several: a,b. There are: {shown}. Where each row is a "
            "series, name the column of their names with --series"
        )
    roles = Roles(
        request.targets, (), request.known, request.time, request.series, zone=request.zone, gaps=request.gaps
    )
    check_roles(roles, frame.columns)
    missing = [name for name in request.drop if name not in frame.columns]
    if missing:
        raise ColumnError(f"--drop: there is no column '{missing[0]}'")
    aside = dict.fromkeys(request.drop, "left out, as asked")
    past = []
    named = {*roles.channels, roles.time, roles.series, *aside}
    for name in (name for name in frame.columns if name not in named):
        why = (not_read or {}).get(name) or _why_aside(frame.get_column(name))
        if why:
            aside[name] = why
        else:
            past.append(name)
    return replace(roles, past=tuple(past)), aside


def _why_aside(column: pl.Series) -> str:
    """Why a column cannot be a covariate, or ""."""
    cells = blank_missing(column.gather_every(max(1, len(column) // _MOST_SNIFFED)))
    guess = max((kind.sniff(cells) for kind in all_kinds().values()), key=lambda found: found.confidence)
    if guess.kind in _NUMBERS:
        return ""
    return f"{guess.kind}: {guess.because}; covariates are numbers"


# ---------------------------------------------------------------- the profile


def _facts(timeline: Timeline, roles: Roles, cuts: Cuts, state: dict[str, Json]) -> ForecastFacts:
    n_train = int(np.quantile(cuts.valid_from, 0.25))
    return ForecastFacts(
        n_series=timeline.n_series,
        n_steps=n_train,
        horizon=int(state["horizon"]),
        seasons=tuple(state["seasons"]),
        n_targets=len(roles.targets),
        n_past=len(roles.past),
        n_known=len(roles.known),
        calendar=timeline.frequency.unit != "row",
    )


def _profile(
    table: Table,
    roles: Roles,
    timeline: Timeline,
    request: TimelineRequest,
    *,
    aside: dict[str, str],
    facts: ForecastFacts,
) -> Profile:
    told = {
        **dict.fromkeys(roles.targets, "forecast"),
        **dict.fromkeys(roles.past, "a covariate that is known until now"),
        **dict.fromkeys(roles.known, "a covariate that is known ahead"),
    }
    columns = [
        ColumnProfile(
            name, KIND, told[name], True, int(np.isnan(values).sum()), len(np.unique(values)), _summary(values)
        )
        for name, values in zip(roles.channels, timeline.values.T, strict=True)
    ]
    for name, why in {roles.time: "the moments", roles.series: "the names of the series", **aside}.items():
        if name:
            cells = table.frame.get_column(name)
            columns.append(ColumnProfile(name, "plain", why, False, cells.null_count(), cells.n_unique()))
    n_steps = np.diff(timeline.begins)
    span = f"{n_steps.max():,}" if n_steps.min() == n_steps.max() else f"{n_steps.min():,} to {n_steps.max():,}"
    because = f"--horizon {request.horizon} asks for it: {timeline.n_series:,} series of {span} steps"
    loss = request.loss or ("mean_absolute" if timeline.n_series > 1 else "")
    return Profile(
        table.source,
        table.frame.height,
        tuple(columns),
        ",".join(roles.targets),
        FORECAST,
        because,
        loss=loss,
        forecast=facts,
    )


def _summary(values: Array) -> dict[str, Scalar]:
    known = values[~np.isnan(values)]
    if not len(known):
        return {}
    return {"min": float(known.min()), "max": float(known.max()), "mean": float(known.mean())}


def _tell_few(timeline: Timeline, cuts: Cuts, horizon: int) -> Sequence[Finding]:
    """A warning where one moment cuts all series and few of them have a whole forecast in each part."""
    n_valid = int((cuts.test_from - cuts.valid_from >= horizon).sum())
    n_sealed = int((cuts.until - cuts.test_from >= horizon).sum())
    if timeline.frequency.unit == "row" or 2 * min(n_valid, n_sealed) >= timeline.n_series:
        return ()
    message = (
        f"the parts meet at one moment for all {timeline.n_series:,} series; only {n_valid:,} have {horizon:,} steps "
        f"to decide on, and {n_sealed:,} to be sealed: {NO_CALENDAR}"
    )
    return (Finding("series", "warning", message, n_rows=timeline.n_series - min(n_valid, n_sealed)),)


def _tell(timeline: Timeline, state: dict[str, Json]) -> Sequence[Finding]:
    seasons = ", ".join(f"{season:,}" for season in state["seasons"])
    told = f"steps of {timeline.frequency.told}; " + (
        f"the training steps repeat themselves after {seasons} steps" if seasons else "no season was found in them"
    )
    found = [Finding("season", "note", told)]
    logs = [name for name, log in zip(roles_of(state).channels, state["logs"], strict=True) if log]
    if logs:
        names = ", ".join(f"'{name}'" for name in logs)
        message = f"{names}: the ups and downs grow with the level, as those of amounts do; logarithms are forecast"
        found.append(Finding("amounts", "note", message))
    return found
