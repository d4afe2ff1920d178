"""Reads series that are to be forecast, as .tsf files of the Monash archive hold them.

# a comment
@relation tourism
@attribute series_name string
@attribute start_timestamp date   without it steps are numbered from 1
@frequency monthly                half_hourly, 10_minutes, 4_seconds, …
@horizon 24                       or none
@missing true
@equallength false
@data
T1:1979-01-01 00-00-00:1149.87,?,1053.8

Source: Godahewa et al. 2021, Monash Time Series Forecasting Archive.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from archwise.data.broken_line import tell_broken
from archwise.data.encoding import read_text
from archwise.data.header import refuse_names
from archwise.data.marked_header import Said, read_marked_header, said_flag, said_number, said_word
from archwise.data.missing import MISSING_MARKS
from archwise.data.timeline.pace import Pace, end_years, pace_of, stamps_from
from archwise.errors import SourceError
from archwise.records import Array, Finding, ForecastTold, Reader, Table

SERIES, TIME, STEP, VALUE = "series", "time", "step", "value"  # names of the columns
_SUFFIX = ".tsf"
_KNOWN = ("relation", "attribute", "frequency", "horizon", "missing", "equallength", "data")
_NAME = "series_name"
_DATE = "date"
_KINDS = ("string", "numeric", _DATE)
_BETWEEN, _BETWEEN_VALUES, _BETWEEN_NAMES = ":", ",", " / "
_WHY_STEP = f"the number of the step in its series; by --time {STEP} each series is cut at its own end"
_STAMPS = ("%Y-%m-%d %H-%M-%S", "%Y-%m-%d")
_FIRST_YEAR, _LAST_YEAR = 1_000, 9_998
_USUAL_OF_NUMBERS = 12


@dataclass(frozen=True)
class _Header:
    """What a file says of itself.

    attributes: of every line, before its values. start: the one at which a series begins, "" for none.
    pace: from one value to the next, None where series have no start. horizon: 0 where it is not said.
    """

    attributes: tuple[str, ...]
    start: str
    pace: Pace | None
    horizon: int
    has_missing: bool
    is_equal: bool


@dataclass(frozen=True)
class _Lines:
    """The N lines below the header.

    numbers: (N,) of the lines in the file. fields: (N,) attribute -> text, null where a line has fewer.
    n_fields: (N,) int64, values counted as one. values: (M,) of all lines, null for missing.
    n_values: (N,) int64. is_word: (M,) bool, what is no finite number.
    """

    numbers: list[int]
    fields: pl.DataFrame
    n_fields: Array
    values: pl.Series
    n_values: Array
    is_word: Array


def accepts_tsf(source: object) -> bool:
    """Whether the source is the path of a .tsf file."""
    return isinstance(source, (str, Path)) and Path(source).suffix.lower() == _SUFFIX


def read_tsf(source: object, names: tuple[str, ...] = ()) -> Table:
    """Read all series into one long table, a row a value: `series`, `time` where they have a start, `step`, `value`.

    Lines that are broken are set aside, and named.

    Args:
        source: the path.
        names: none.

    Raises:
        SourceError: the file is no .tsf file, holds no series, or more than 5 % of its lines are broken.
    """
    path = Path(str(source))
    refuse_names(names, str(path))
    content, findings = read_text(path)
    rows = content.decode("utf-8").split("\n")
    header, first = _header_in(rows, str(path))
    lines = _read_lines(rows, first, header, str(path))
    names_of, name_findings = _series_names(lines, header, str(path))
    starts = _starts(lines.fields, header)
    whys = _judge(lines, names_of, starts, header)
    broken = tell_broken(whys, lines.numbers, str(path))
    kept = np.array([why is None for why in whys])
    n_values = lines.n_values[kept]
    values = lines.values.filter(pl.Series(np.repeat(kept, lines.n_values)))
    owner = np.repeat(np.arange(len(n_values)), n_values)
    columns = [names_of.filter(pl.Series(kept)).gather(owner).alias(SERIES)]
    moved: tuple[Finding, ...] = ()
    if header.pace is not None and starts is not None:
        stamps, n_moved = stamps_from(header.pace, starts.filter(pl.Series(kept)), n_values)
        columns.append(stamps.alias(TIME))
        moved = _tell_moved(n_moved, len(n_values), header.pace, str(path))
    columns += [pl.Series(STEP, _steps(n_values) + 1), values.alias(VALUE)]
    found = (*findings, *broken, *name_findings, *moved)
    return Table(pl.DataFrame(columns), str(path), found, target=VALUE, not_read={STEP: _WHY_STEP})


def forecast_of_tsf(source: object) -> ForecastTold:
    """The roles of the columns, and the horizon where the file names one.

    Raises:
        SourceError: as for `read_tsf`, of its header.
    """
    path = Path(str(source))
    content, _ = read_text(path)
    header, _ = _header_in(content.decode("utf-8").split("\n"), str(path))
    usual = header.pace.usual_horizon if header.pace else _USUAL_OF_NUMBERS
    return ForecastTold(VALUE, SERIES, TIME if header.pace else STEP, header.horizon, usual, header.has_missing)


# ---------------------------------------------------------------- the header


def _header_in(rows: list[str], source: str) -> tuple[_Header, int]:
    """What a file says of itself, and in how many lines."""
    said, first = read_marked_header(rows, _KNOWN, source=source, example="@frequency monthly")
    attributes = _attributes(said, source)
    start = next((name for name, kind in attributes.items() if kind == _DATE), "")
    word = said_word(said, "frequency")
    pace = pace_of(word) if word else None
    if word and pace is None:
        raise SourceError(
            f"{source}: @frequency '{word}': expected yearly, quarterly, monthly, weekly, daily, hourly, half_hourly, "
            "or a number and a unit such as 10_minutes"
        )
    if start and pace is None:
        raise SourceError(
            f"{source}: series begin at their '{start}', and no line says how far apart their values are; add one such "
            "as @frequency monthly"
        )
    horizon = said_number(said, "horizon", source)
    has_missing, is_equal = said_flag(said, "missing", source), said_flag(said, "equallength", source)
    return _Header(tuple(attributes), start, pace if start else None, horizon, has_missing, is_equal), first


def _attributes(said: Said, source: str) -> dict[str, str]:
    """The attributes of a line and their kinds, in order."""
    found: dict[str, str] = {}
    for words in said.get("attribute", ()):
        if len(words) != 2 or words[1].lower() not in _KINDS or words[0] in found:
            raise SourceError(
                f"{source}: '@attribute {' '.join(words)[:40]}' is none; expected a name of its own and one of "
                f"{', '.join(_KINDS)}, as in @attribute {_NAME} string"
            )
        found[words[0]] = words[1].lower()
    return found


# ---------------------------------------------------------------- the lines


def _read_lines(rows: list[str], first: int, header: _Header, source: str) -> _Lines:
    numbered = [(number, row.strip()) for number, row in enumerate(rows[first:], start=first + 1)]
    numbered = [(number, row) for number, row in numbered if row and not row.startswith("#")]
    if not numbered:
        raise SourceError(f"{source}: no series below @data; expected one on each line")
    cells = pl.Series([row for _, row in numbered], dtype=pl.String)
    n_attributes = len(header.attributes)
    parts = cells.str.split(_BETWEEN)
    fields = {name: parts.list.get(place, null_on_oob=True) for place, name in enumerate(header.attributes)}
    last = parts.list.get(n_attributes, null_on_oob=True).fill_null("")
    pieces = last.str.split(_BETWEEN_VALUES)
    words = pieces.explode().cast(pl.String).str.strip_chars()
    values = words.cast(pl.Float64, strict=False)
    is_word = (values.is_null() & ~words.is_in(["", *MISSING_MARKS])) | values.is_infinite().fill_null(False)
    return _Lines(
        [number for number, _ in numbered],
        pl.DataFrame(fields).select(pl.all().str.strip_chars()) if fields else pl.DataFrame(),
        parts.list.len().to_numpy().astype(np.int64),
        values.fill_nan(None),
        pieces.list.len().to_numpy().astype(np.int64),
        is_word.to_numpy(),
    )


def _series_names(lines: _Lines, header: _Header, source: str) -> tuple[pl.Series, tuple[Finding, ...]]:
    """What each series is called: by `series_name`, or by all its attributes where that does not tell them apart."""
    fields = lines.fields
    told = [name for name in header.attributes if name != header.start]
    left = [name for name in told if name != _NAME]
    if _NAME in told and (not left or not fields[_NAME].is_duplicated().any()):
        names = fields[_NAME]
    elif told:
        names, left = fields.select(pl.concat_str(told, separator=_BETWEEN_NAMES)).to_series(), []
    else:
        names = pl.Series([f"T{number}" for number in range(1, len(lines.numbers) + 1)], dtype=pl.String)
    if not left:
        return names, ()
    shown = ", ".join(f"'{name}'" for name in left)
    message = f"{source}: {shown} is the same throughout a series, which no forecast reads; it is left out"
    return names, (Finding("columns", "note", message),)


def _starts(fields: pl.DataFrame, header: _Header) -> pl.Series | None:
    """(N,) the moment at which each series begins, null where that cannot be read; None where they have none."""
    if not header.start:
        return None
    text = fields[header.start]
    first, *others = (text.str.to_datetime(form, strict=False, time_unit="us") for form in _STAMPS)
    for other in others:
        first = first.fill_null(other)
    return first.set(first.dt.year() < _FIRST_YEAR, None)


def _judge(lines: _Lines, names: pl.Series, starts: pl.Series | None, header: _Header) -> list[str | None]:
    """Why each line is broken, None where it is not."""
    owner = np.repeat(np.arange(len(lines.numbers)), lines.n_values)
    has_word = np.bincount(owner[lines.is_word], minlength=len(lines.numbers)) > 0
    is_known = np.bincount(owner[lines.values.is_not_null().to_numpy()], minlength=len(lines.numbers)) > 0
    n_fields = len(header.attributes) + 1
    usual = int(np.bincount(lines.n_values).argmax()) if header.is_equal else 0
    is_unknown = np.zeros(len(names), bool) if starts is None else starts.is_null().to_numpy()
    ends = _end_years(lines, starts, header)
    seen: set[str] = set()
    whys: list[str | None] = []
    for row, name in enumerate(names):
        why = None
        if lines.n_fields[row] != n_fields:
            why = f"holds {lines.n_fields[row]} parts between colons where {n_fields} are expected"
        elif not name:
            why = "does not name its series"
        elif is_unknown[row]:
            begin = (lines.fields[header.start][row] or "")[:20]
            why = f"begins at '{begin}', which is no moment such as 2013-04-01 00-00-00"
        elif has_word[row]:
            why = "holds what is no number"
        elif not is_known[row]:
            why = "holds no value"
        elif usual and lines.n_values[row] != usual:
            why = f"holds {lines.n_values[row]:,} values where {usual:,} are expected"
        elif ends[row] > _LAST_YEAR:
            why = f"ends after the year {_LAST_YEAR}"
        elif name in seen:
            why = f"names the series '{name[:40]}' a second time"
        else:
            seen.add(name)
        whys.append(why)
    return whys


def _end_years(lines: _Lines, starts: pl.Series | None, header: _Header) -> Array:
    """The year in which each series ends, (N,); 0 where that is not known."""
    if starts is None or header.pace is None:
        return np.zeros(len(lines.numbers))
    return np.nan_to_num(end_years(header.pace, starts, lines.n_values))


def _steps(n_values: Array) -> Array:
    """From 0 on in every series."""
    begins = np.cumsum(n_values) - n_values
    places: Array = np.arange(int(n_values.sum())) - np.repeat(begins, n_values)
    return places


def _tell_moved(n_moved: int, n_series: int, pace: Pace, source: str) -> tuple[Finding, ...]:
    if not n_moved:
        return ()
    message = (
        f"{source}: {n_moved:,} of {n_series:,} series begin between two steps of {pace.told} of the others; their "
        "stamps are those of the step before, so that all stand on one grid"
    )
    return (Finding("gaps", "note", message, n_rows=n_moved),)


READER = Reader(
    "tsf",
    ".tsf files of series to forecast, as the Monash archive holds them",
    accepts_tsf,
    read_tsf,
    forecast=forecast_of_tsf,
)
