"""How far apart the stamps of a series stand, and the number of each on that grid."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import polars as pl

from archwise.data.kinds.date import parse_date
from archwise.data.kinds.number import parse_number
from archwise.errors import ColumnError, DataError, UsageError, shorten
from archwise.records import Array, Json

Unit = Literal["row", "us", "weekday", "month"]
_DAY_US = 86_400_000_000
_WEEKDAY_OF_EPOCH = 3  # 1970-01-01 was a Thursday, Monday being 0
_SHORTEST_MONTH = 27 * _DAY_US
_HAS_OFFSET = re.compile(r"(Z|[+-]\d{2}:?\d{2})\s*$")
_NAMES_US = {
    1_000_000: "second",
    60_000_000: "minute",
    3_600_000_000: "hour",
    _DAY_US: "day",
    7 * _DAY_US: "week",
}


@dataclass(frozen=True)
class Stamps:
    """The time column of N rows.

    utc: (N,) int64, microseconds since 1970, or the whole numbers of a column of numbers. clock: the same on the wall
    clock of the zone. is_dated: whether they are moments rather than numbers.
    """

    utc: Array
    clock: Array
    is_dated: bool


@dataclass(frozen=True)
class Frequency:
    """The grid on which stamps stand: one every n units from a phase on.

    unit: "us" microseconds, "weekday" Monday to Friday, "month", or "row" where stamps are only numbers.
    phase: what is left of a stamp on the grid: microseconds, or for months microseconds since their first day.
    zone: of the wall clock, "" for UTC. is_last_day: months are told by their last day.
    """

    unit: Unit
    n: int
    phase: int = 0
    zone: str = ""
    is_last_day: bool = False

    @property
    def told(self) -> str:
        """In words, such as "1 hour"."""
        if self.unit != "us":
            return f"{self.n} {self.unit}{'s' if self.n > 1 else ''}"
        size = max((size for size in _NAMES_US if self.n % size == 0), default=1)
        count = self.n // size
        return f"{count:,} {_NAMES_US.get(size, 'microsecond')}{'s' if count > 1 else ''}"

    @property
    def step_s(self) -> float:
        """Seconds from one stamp to the next, of months and weekdays on average; 0 for numbers."""
        average = {"us": 1e-6, "weekday": 7 / 5 * 86_400.0, "month": 365.2425 / 12 * 86_400.0, "row": 0.0}
        return self.n * average[self.unit]

    @property
    def is_on_clock(self) -> bool:
        """Whether the grid is that of the wall clock, as it is from a day on, rather than of UTC."""
        return self.unit in ("weekday", "month") or (self.unit == "us" and self.n % _DAY_US == 0)

    def to_json(self) -> dict[str, Json]:
        """A JSON object of its fields."""
        return asdict(self)

    @staticmethod
    def from_json(data: Mapping[str, Json]) -> Frequency:
        """The frequency that `to_json` wrote."""
        return Frequency(**data)


def read_stamps(column: pl.Series, *, zone: str = "", series: Array | None = None) -> Stamps:
    """Read the time column: dates, moments, months (1949-01), quarters (1949Q1), or whole numbers.

    A moment without an offset is one of the wall clock of the zone. Where that clock is put back, an hour comes twice:
    the first time in a series it is the earlier one.

    Args:
        zone: such as "Europe/Berlin", or "" for UTC.
        series: (N,) int64, which series each row is of.

    Raises:
        ColumnError: a cell is missing or no time, or names an hour that the clock of the zone skips.
        UsageError: there is no such zone.
    """
    _check_zone(zone)
    dates, is_no_date = parse_date(_whole_months(column))
    numbers, is_no_number = parse_number(column)
    is_dated = dates.null_count() < numbers.null_count()
    typed, is_bad = (dates, is_no_date) if is_dated else (numbers, is_no_number)
    if typed.null_count():
        first = int(typed.is_null().arg_max() or 0)
        found = f"'{shorten(column[first])}' is no time" if is_bad[first] else "the cell is missing"
        raise ColumnError(
            f"time column '{column.name}', row {first + 1}: {found}; expected a date such as 2024-03-01, a month such "
            f"as 2024-03, or a whole number in all {len(column):,} rows"
        )
    if not is_dated:
        values = numbers.to_numpy()
        if (values != np.floor(values)).any() or np.abs(values).max(initial=0.0) > 2**53:
            first = int(np.argmax((values != np.floor(values)) | (np.abs(values) > 2**53)))
            raise ColumnError(f"time column '{column.name}', row {first + 1}: {values[first]} is no whole number")
        whole = values.astype(np.int64)
        return Stamps(whole, whole, False)
    moments = typed.cast(pl.Int64).to_numpy()
    if not zone:
        return Stamps(moments, moments, True)
    if _has_offsets(column):
        return Stamps(moments, _to_clock(moments, zone), True)
    return Stamps(_from_clock(column, moments, zone, series), moments, True)


def find_frequency(stamps: Stamps, series: Array, *, zone: str = "") -> Frequency:
    """Find the grid: the commonest distance between neighbours in a series, as months or weekdays where it is theirs.

    Args:
        series: (N,) int64, which series each row is of.

    Raises:
        DataError: no series has two different stamps.
    """
    utc, clock = _distances(stamps.utc, series), _distances(stamps.clock, series)
    if not len(utc):
        raise DataError("no series has two stamps that differ; a forecast needs measurements at many moments")
    step = _commonest(utc)
    if not stamps.is_dated:
        return Frequency("row", step, int(stamps.utc[0]) % step)
    if step >= _SHORTEST_MONTH:
        months = _as_months(stamps.clock, series, zone)
        if months is not None:
            return months
    on_clock = _commonest(clock)
    if on_clock % _DAY_US == 0:
        phase = int(stamps.clock[0]) % on_clock
        days = stamps.clock // _DAY_US
        skips_weekends = bool((_weekday(days) < 5).all()) and bool((clock == 3 * _DAY_US).any())
        if on_clock == _DAY_US and skips_weekends:
            return Frequency("weekday", 1, phase, zone)
        return Frequency("us", on_clock, phase, zone)
    return Frequency("us", step, int(stamps.utc[0]) % step, zone)


def numbers_of(frequency: Frequency, stamps: Stamps, *, name: str) -> Array:
    """The place of every stamp on the grid, (N,) int64, one more from each to the next.

    Args:
        name: of the time column.

    Raises:
        ColumnError: a stamp stands between two of the grid.
    """
    values = stamps.clock if frequency.is_on_clock else stamps.utc
    if frequency.unit == "month":
        months = _months(values)
        numbers, left = np.divmod(months - frequency.phase // _FAR, frequency.n)
        expected = _month_stamps(months, frequency)
        is_off = (left != 0) | (expected != values)
    elif frequency.unit == "weekday":
        days, left = np.divmod(values - frequency.phase, _DAY_US)
        weekday = _weekday(days)
        numbers = (days + _WEEKDAY_OF_EPOCH) // 7 * 5 + weekday
        is_off = (left != 0) | (weekday >= 5)
    else:
        numbers, left = np.divmod(values - frequency.phase, frequency.n)
        is_off = left != 0
    if is_off.any():
        row = int(np.argmax(is_off))
        raise ColumnError(
            f"time column '{name}', row {row + 1}: {stamp_text(values[row], stamps.is_dated)} is not on the grid of "
            f"{frequency.told} on which the rows stand ({int(is_off.sum()):,} of {len(values):,} rows are not); bring "
            "the rows to equal distances"
        )
    return numbers.astype(np.int64)


def stamps_at(frequency: Frequency, numbers: Array, *, name: str) -> pl.Series:
    """The stamps at places of the grid, as a column: whole numbers, or moments, with the zone where there is one."""
    if frequency.unit == "row":
        return pl.Series(name, numbers * frequency.n + frequency.phase, dtype=pl.Int64)
    if frequency.unit == "month":
        values = _month_stamps(numbers * frequency.n + frequency.phase // _FAR, frequency)
    elif frequency.unit == "weekday":
        weeks, weekday = np.divmod(numbers, 5)
        values = (weeks * 7 - _WEEKDAY_OF_EPOCH + weekday) * _DAY_US + frequency.phase
    else:
        values = numbers * frequency.n + frequency.phase
    moments = pl.Series(name, values, dtype=pl.Int64).cast(pl.Datetime("us"))
    if not frequency.zone:
        return moments
    if frequency.is_on_clock:
        return moments.dt.replace_time_zone(frequency.zone, ambiguous="earliest", non_existent="null")
    return moments.dt.replace_time_zone("UTC").dt.convert_time_zone(frequency.zone)


def clock_at(frequency: Frequency, numbers: Array) -> pl.Series | None:
    """The wall clock at places of the grid, as moments without a zone; None where stamps are only numbers."""
    if frequency.unit == "row":
        return None
    on_clock = replace(frequency, zone="") if frequency.is_on_clock else frequency
    return stamps_at(on_clock, numbers, name="clock").dt.replace_time_zone(None)


def number_from(frequency: Frequency, text: str) -> int:
    """The first place on the grid that is not before a moment, or a number, that the user names.

    Raises:
        UsageError: it is neither.
    """
    try:
        stamps = read_stamps(pl.Series("stamp", [text], dtype=pl.String), zone=frequency.zone)
    except ColumnError:
        raise UsageError(f"'{text}' is no moment; write one such as 2024-03-01 or 2024-03-01 12:00") from None
    if stamps.is_dated != (frequency.unit != "row"):
        what = "moments" if frequency.unit != "row" else "numbers"
        raise UsageError(f"'{text}' cannot be held against the time column, whose stamps are {what}")
    value = int((stamps.clock if frequency.is_on_clock else stamps.utc)[0])
    if frequency.unit == "month":
        month = int(_months(np.array([value]))[0])
        is_later = bool(_month_stamps(np.array([month]), frequency)[0] < value)
        return -(-(month + is_later - frequency.phase // _FAR) // frequency.n)
    if frequency.unit == "weekday":
        days = -(-(value - frequency.phase) // _DAY_US)
        return (days + _WEEKDAY_OF_EPOCH) // 7 * 5 + min(int(_weekday(np.array([days]))[0]), 5)
    return -(-(value - frequency.phase) // frequency.n)


def stamp_text(value: int, is_dated: bool) -> str:
    """A stamp as a person reads it."""
    if not is_dated:
        return str(int(value))
    return str(dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=int(value)))


# ---------------------------------------------------------------- zones


def _check_zone(zone: str) -> None:
    try:
        ZoneInfo(zone or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageError(f"there is no time zone '{zone}'; write one such as Europe/Berlin") from None


def _has_offsets(column: pl.Series) -> bool:
    if isinstance(column.dtype, pl.Datetime):
        return column.dtype.time_zone is not None
    return column.dtype == pl.String and bool(_HAS_OFFSET.search(str(column[0] or "")))


def _to_clock(moments: Array, zone: str) -> Array:
    utc = pl.Series(moments, dtype=pl.Int64).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    return utc.dt.convert_time_zone(zone).dt.replace_time_zone(None).cast(pl.Int64).to_numpy()


def _from_clock(column: pl.Series, clock: Array, zone: str, series: Array | None) -> Array:
    """UTC of moments on the wall clock of a zone; the second of two equal ones in a series is the later."""
    owner = np.zeros(len(clock), np.int64) if series is None else series
    seen = pl.DataFrame({"owner": owner, "clock": clock})
    times = seen.select(pl.int_range(pl.len()).over("owner", "clock")).to_series().to_numpy()
    when = pl.Series(np.where(times % 2 == 1, "latest", "earliest"))
    naive = seen["clock"].cast(pl.Datetime("us")).to_frame("clock").with_columns(when.alias("when"))
    found = naive.select(
        pl.col("clock").dt.replace_time_zone(zone, ambiguous=pl.col("when"), non_existent="null")
    ).to_series()
    if found.null_count():
        row = int(found.is_null().arg_max() or 0)
        raise ColumnError(
            f"time column '{column.name}', row {row + 1}: '{column[row]}' is skipped by the clock of {zone}, which was "
            "put forward then; mend the stamp",
            at_fit=", or name the zone in which it was written with --zone",
        )
    return found.dt.convert_time_zone("UTC").dt.replace_time_zone(None).cast(pl.Int64).to_numpy()


# ---------------------------------------------------------------- months and weekdays

_FAR = 100 * _DAY_US  # the phase of months: their remainder of n times this, and how far into a month the stamps stand


def _whole_months(column: pl.Series) -> pl.Series:
    """Months and quarters as their first day; all else as it is."""
    if column.dtype != pl.String:
        return column
    text = column.str.strip_chars().str.replace(r"^(\d{4})-(\d{1,2})$", "$1-$2-01")
    for quarter in range(1, 5):
        text = text.str.replace(rf"^(\d{{4}})-?Q{quarter}$", f"${{1}}-{3 * quarter - 2:02d}-01")
    return text


def _months(values: Array) -> Array:
    """Months since 1970 of wall-clock microseconds."""
    return values.astype("datetime64[us]").astype("datetime64[M]").astype(np.int64)


def _first_days(months: Array) -> Array:
    """Microseconds of the first day of each month."""
    return months.astype("datetime64[M]").astype("datetime64[us]").astype(np.int64)


def _month_stamps(months: Array, frequency: Frequency) -> Array:
    """Wall-clock microseconds of the stamps of months since 1970; a day that a month lacks is its last."""
    into = frequency.phase % _FAR
    first, following = _first_days(months), _first_days(months + 1)
    if frequency.is_last_day:
        return np.asarray(following - _DAY_US + into % _DAY_US)
    last = following - _DAY_US + into % _DAY_US
    found: Array = np.minimum(first + into, last)
    return found


def _as_months(clock: Array, series: Array, zone: str) -> Frequency | None:
    """The grid of months on which all stamps stand, or None."""
    months = _months(clock)
    between = _distances(months, series)
    if not len(between) or (_distances(clock, series) < _SHORTEST_MONTH).any():
        return None
    n = int(np.gcd.reduce(between))
    into, from_end = clock - _first_days(months), _first_days(months + 1) - clock
    left = int(months[0]) % n * _FAR
    for is_last_day, phase in ((False, int(into.max())), (True, int(clock[0]) % _DAY_US)):
        found = Frequency("month", n, left + phase, zone, is_last_day)
        if is_last_day and (from_end > _DAY_US).any():
            continue
        if np.array_equal(_month_stamps(months, found), clock):
            return found
    return None


def _weekday(days: Array) -> Array:
    """Monday 0 to Sunday 6 of days since 1970."""
    found: Array = (days + _WEEKDAY_OF_EPOCH) % 7
    return found


def _distances(values: Array, series: Array) -> Array:
    """The distances above nought between neighbours in the same series."""
    order = np.lexsort((values, series))
    steps = np.diff(values[order])
    found: Array = steps[(np.diff(series[order]) == 0) & (steps > 0)]
    return found


def _commonest(distances: Array) -> int:
    """The commonest distance, of equally common ones the least."""
    found, counts = np.unique(distances, return_counts=True)
    return int(found[np.argmax(counts)])
