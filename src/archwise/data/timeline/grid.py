"""A table of measurements becomes series on a regular grid: sorted, gaps and repeats found and treated as asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from archwise.data.kinds.number import number_array, parse_number
from archwise.data.timeline.frequency import (
    Frequency,
    Stamps,
    find_frequency,
    numbers_of,
    read_stamps,
    stamp_text,
    stamps_at,
)
from archwise.errors import ColumnError, DataError, TargetError, UsageError, nearest, shorten
from archwise.records import Array, Finding

ERROR, FILL = "error", "fill"
MOST_STEPS_A_ROW = 50  # steps of the grid for each row that was read: beyond it the stamps are hardly a series


@dataclass(frozen=True)
class Roles:
    """What each column of a forecast is.

    targets: forecast. past: covariates whose future is not known. known: covariates that are known ahead.
    time, series: names of these columns, or "". by_row: each row of the table is a whole series, its columns the steps.
    zone: of the wall clock. gaps: "error" or "fill".
    """

    targets: tuple[str, ...]
    past: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    time: str = ""
    series: str = ""
    by_row: bool = False
    zone: str = ""
    gaps: str = ERROR

    @property
    def channels(self) -> tuple[str, ...]:
        """Every column of numbers: targets, then past, then known."""
        return (*self.targets, *self.past, *self.known)


@dataclass(frozen=True)
class Timeline:
    """S series on one grid, one after the other.

    names: (S,) of the series. begins: (S + 1,) int64 where each begins among all T steps. first: (S,) int64 place of
    its first step on the grid. values: (T, C) float64, a column for each of `Roles.channels`, NaN where unknown.
    """

    frequency: Frequency
    names: tuple[str, ...]
    begins: Array
    first: Array
    values: Array
    findings: tuple[Finding, ...] = ()

    @property
    def n_series(self) -> int:
        """S."""
        return len(self.names)

    @property
    def owner(self) -> Array:
        """(T,) int64, which series each step is of."""
        owner: Array = np.repeat(np.arange(self.n_series), np.diff(self.begins))
        return owner

    @property
    def numbers(self) -> Array:
        """(T,) int64 place of each step on the grid."""
        places = np.arange(len(self.values)) - np.repeat(self.begins[:-1], np.diff(self.begins))
        numbers: Array = places + np.repeat(self.first, np.diff(self.begins))
        return numbers

    def stamps(self, name: str) -> pl.Series:
        """(T,) the stamp of each step."""
        return stamps_at(self.frequency, self.numbers, name=name)

    def part(self, start: Array, stop: Array) -> Timeline:
        """Of each series the steps from start (S,) to before stop (S,), counted from its own first."""
        start, stop = np.maximum(start, 0), np.minimum(stop, np.diff(self.begins))
        stop = np.maximum(stop, start)
        places = ranges(self.begins[:-1] + start, self.begins[:-1] + stop)
        begins = np.concatenate([[0], np.cumsum(stop - start)])
        return replace(self, begins=begins, first=self.first + start, values=self.values[places])


def ranges(start: Array, stop: Array) -> Array:
    """All whole numbers from each start to before its stop, one range after the other."""
    sizes = stop - start
    found: Array = np.repeat(start - np.concatenate([[0], np.cumsum(sizes)[:-1]]), sizes) + np.arange(int(sizes.sum()))
    return found


def check_roles(roles: Roles, columns: Sequence[str]) -> None:
    """Refuse roles that the columns cannot have.

    Raises:
        ColumnError: a column is not there. UsageError: a column has two roles, or none is to be forecast.
    """
    named = {"--target": roles.targets, "--known": roles.known, "--time": (roles.time,), "--series": (roles.series,)}
    seen: dict[str, str] = {}
    for option, names in named.items():
        for name in filter(None, names):
            if name not in columns:
                raise ColumnError(f"{option}: there is no column '{name}'.{nearest(name, columns)}")
            if name in seen:
                raise UsageError(f"{option} {name}: the column is named by {seen[name]} already; give it one role")
            seen[name] = option


def lay_on_grid(frame: pl.DataFrame, roles: Roles, *, frequency: Frequency | None = None, source: str) -> Timeline:
    """Put the rows of a table on the grid of their stamps.

    Args:
        frame: as it was read.
        frequency: of the training data, None to find it.
        source: how to name the table.

    Raises:
        ColumnError: a stamp or a number cannot be read, or stands between two of the grid.
        DataError: stamps repeat, or are missing, and the user did not ask to fill them.
    """
    if roles.by_row:
        return _rows_as_series(frame, roles, source)
    names, owner = _owners(frame, roles.series)
    stamps = _stamps(frame, roles, owner)
    frequency = frequency or find_frequency(stamps, owner, zone=roles.zone)
    numbers = numbers_of(frequency, stamps, name=roles.time)
    values = np.stack([_channel(frame, name) for name in roles.channels], axis=1)
    order = np.lexsort((numbers, owner))
    findings = _tell_order(order, roles)
    owner, numbers, values = owner[order], numbers[order], values[order]
    is_new = np.concatenate([[True], (np.diff(owner) != 0) | (np.diff(numbers) != 0)])
    if not is_new.all():
        findings.append(_repeats(stamps, order, is_new, roles, source))
        owner, numbers, values = owner[is_new], numbers[is_new], _means(values, is_new)
    starts = np.flatnonzero(np.concatenate([[True], np.diff(owner) != 0]))
    ends = np.concatenate([starts[1:], [len(owner)]])
    lengths = numbers[ends - 1] - numbers[starts] + 1
    if lengths.sum() > MOST_STEPS_A_ROW * len(owner) + 1_000:
        raise DataError(
            f"{source}: {len(owner):,} rows span {int(lengths.sum()):,} steps of {frequency.told}; the stamps of "
            f"'{roles.time}' leave too many out to be a series"
        )
    begins = np.concatenate([[0], np.cumsum(lengths)])
    whole = np.full((int(begins[-1]), values.shape[1]), np.nan)
    places = begins[owner] + numbers - np.repeat(numbers[starts], ends - starts)
    whole[places] = values
    timeline = Timeline(frequency, names, begins, numbers[starts], whole)
    n_lost = len(whole) - len(places)
    if n_lost:
        findings.append(_gaps(timeline, places, n_lost, roles, source))
    return replace(timeline, findings=tuple(findings))


def check_cells(timeline: Timeline, roles: Roles, source: str) -> tuple[Finding, ...]:
    """Refuse cells that are missing inside a series, or say that they are filled.

    Raises:
        DataError: there are such cells, and the user did not ask to fill them.
    """
    findings = []
    for place, name in enumerate(roles.channels):
        is_lost = np.isnan(timeline.values[:, place])
        n_lost = int(is_lost.sum())
        if not n_lost:
            continue
        if n_lost == len(is_lost):
            raise ColumnError(
                f"column '{name}' of {source}: every cell is missing", at_fit=f"; leave it out with --drop {name}"
            )
        told = f"column '{name}': {n_lost:,} of {len(is_lost):,} steps have no value"
        if roles.gaps == ERROR:
            first = stamps_at(timeline.frequency, timeline.numbers[is_lost][:1], name="stamp")[0]
            raise DataError(
                f"{source}: {told}, the first at {first}; --gaps fill carries the last value on and judges nothing "
                "there, or mend the data"
            )
        message = f"{told}; the past carries the last value on, and no forecast is judged there"
        findings.append(Finding("missing", "warning", message, name, n_lost))
    return tuple(findings)


def carry_on(timeline: Timeline, values: Array) -> Array:
    """Values (T, C) with every unknown one as the last known of its series before it; before the first, unchanged.

    No value comes from the future.
    """
    places = np.where(np.isnan(values), -1, np.arange(len(values))[:, None])
    np.maximum.accumulate(places, axis=0, out=places)
    before = places < np.repeat(timeline.begins[:-1], np.diff(timeline.begins))[:, None]
    filled: Array = np.take_along_axis(values, np.maximum(places, 0), axis=0)
    filled[before] = np.nan
    return filled


# ---------------------------------------------------------------- rows and their series


def _rows_as_series(frame: pl.DataFrame, roles: Roles, source: str) -> Timeline:
    """Each row a whole series, its columns the steps in order; cells after the last known one are no steps."""
    ids = frame.get_column(roles.series).cast(pl.String)
    if ids.null_count() or ids.n_unique() < len(ids):
        raise ColumnError(f"{source}: column '{roles.series}' does not name every row by a name of its own")
    cells = np.stack([_channel(frame, name) for name in frame.columns if name != roles.series], axis=1)  # (S, T)
    known = ~np.isnan(cells)
    lengths = np.where(known.any(axis=1), cells.shape[1] - np.argmax(known[:, ::-1], axis=1), 0)
    begins = np.concatenate([[0], np.cumsum(lengths)])
    values = np.concatenate([row[:length] for row, length in zip(cells, lengths, strict=True)])[:, None]
    first = np.ones(len(ids), np.int64)
    return Timeline(Frequency("row", 1), tuple(ids.to_list()), begins, first, values)


def _owners(frame: pl.DataFrame, series: str) -> tuple[tuple[str, ...], Array]:
    """The names of the series, in the order of their first rows, and (N,) which each row is of."""
    if not series:
        return ("",), np.zeros(frame.height, np.int64)
    ids = frame.get_column(series).cast(pl.String)
    if ids.null_count():
        row = int(ids.is_null().arg_max() or 0)
        raise ColumnError(f"column '{series}', row {row + 1}: the cell is missing; every row must name its series")
    names = ids.unique(maintain_order=True)
    codes = ids.replace_strict(names, pl.Series(range(len(names))), return_dtype=pl.Int64)
    return tuple(names.to_list()), codes.to_numpy()


def _stamps(frame: pl.DataFrame, roles: Roles, owner: Array) -> Stamps:
    if not roles.time:
        seen = pl.DataFrame({"owner": owner}).select(pl.int_range(1, pl.len() + 1).over("owner")).to_series().to_numpy()
        return Stamps(seen, seen, False)
    return read_stamps(frame.get_column(roles.time), zone=roles.zone, series=owner)


def _channel(frame: pl.DataFrame, name: str) -> Array:
    """A column as (N,) float64, NaN where a cell is missing."""
    column = frame.get_column(name)
    typed, is_bad = parse_number(column)
    if is_bad.any():
        row = int(np.argmax(is_bad))
        raise TargetError(
            f"column '{name}', row {row + 1}: '{shorten(column[row])}' is not a number "
            f"({int(is_bad.sum()):,} such cells); mend the value",
            at_fit=f", or leave the column out with --drop {name}",
        )
    return number_array(typed)


def _means(values: Array, is_new: Array) -> Array:
    """The mean of the known values of rows that repeat a stamp."""
    unit = np.cumsum(is_new) - 1
    known = ~np.isnan(values)
    sums, counts = np.zeros((unit[-1] + 1, values.shape[1])), np.zeros((unit[-1] + 1, values.shape[1]))
    np.add.at(sums, unit, np.where(known, values, 0.0))
    np.add.at(counts, unit, known)
    return np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)


# ---------------------------------------------------------------- in words


def _tell_order(order: Array, roles: Roles) -> list[Finding]:
    if not roles.time or bool((np.diff(order) > 0).all()):
        return []
    return [Finding("order", "note", f"the rows are not in the order of '{roles.time}'; they are sorted")]


def _repeats(stamps: Stamps, order: Array, is_new: Array, roles: Roles, source: str) -> Finding:
    place = int(np.argmin(is_new))
    rows = sorted(int(row) + 1 for row in order[place - 1 : place + 1])
    told = stamp_text(int(stamps.clock[order[place]]), stamps.is_dated)
    n_more = int((~is_new).sum())
    found = f"{n_more:,} rows repeat the stamp of another, such as {told} in rows {rows[0]} and {rows[1]}"
    if roles.gaps == ERROR:
        hint = "" if roles.series else "name the column that tells series apart with --series, "
        clock = "" if roles.zone or not stamps.is_dated else ", or the clock's zone with --zone if an hour comes twice"
        raise DataError(
            f"{source}: {found}; give each step one row", at_fit=f", {hint}or take their mean with --gaps fill{clock}"
        )
    return Finding("repeats", "warning", f"{found}; their mean is taken", roles.time, n_more)


def _gaps(timeline: Timeline, places: Array, n_lost: int, roles: Roles, source: str) -> Finding:
    is_lost = np.ones(len(timeline.values), bool)
    is_lost[places] = False
    first = stamps_at(timeline.frequency, timeline.numbers[is_lost][:1], name="stamp")[0]
    found = (
        f"{n_lost:,} of {len(timeline.values):,} steps of {timeline.frequency.told} have no row, the first at {first}"
    )
    if roles.gaps == ERROR:
        clock = (
            "" if roles.zone or not 0 < timeline.frequency.step_s < 86_400 else "; or name the clock's zone with --zone"
        )
        raise DataError(
            f"{source}: {found}; give a row for each step",
            at_fit=f", or --gaps fill, which carries the last value on and judges nothing there{clock}",
        )
    message = f"{found}; the past carries the last value on, and no forecast is judged there"
    return Finding("gaps", "warning", message, roles.time, n_lost)
