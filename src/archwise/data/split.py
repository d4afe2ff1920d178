"""Splits the rows: those that train, those that decide, and those that are sealed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import polars as pl

from archwise.data.kinds.date import parse_date
from archwise.data.kinds.number import parse_number
from archwise.data.series_cells import holds_series
from archwise.data.strata import draw_sides, stratum_of
from archwise.errors import ColumnError, DataError
from archwise.records import Array, Split

FEWEST_ROWS, FEWEST_OPEN = 30, 20  # for three sides; for two where the third is given
TRAIN, VALID, TEST = 0, 1, 2
_FEWEST_GROUPS = 30  # of rows with equal inputs, for them to be copies rather than coincidences
_SERIES_A_SLICE = 1_000  # as many as are written out at a time
_LARGEST_SHARE = 0.05  # of the rows, for the largest such group


@dataclass(frozen=True)
class SplitRule:
    """How rows are split.

    valid, test: shares of the rows. stratify: keep the shares of the classes, or the spread of a number.
    group: column of rows that stay on one side, or "". time: column that orders rows, or "".
    columns: the inputs that are used, by which copies of a row are told.
    fewest: rows without which there is no split.
    is_dear: whether a row takes long to learn from, as a picture or a sequence does, so that folds are cut once.
    """

    valid: float
    test: float
    seed: int
    stratify: bool
    group: str = ""
    time: str = ""
    columns: tuple[str, ...] = ()
    fewest: int = FEWEST_ROWS
    is_dear: bool = False


def split_rows(frame: pl.DataFrame, target: pl.Series, rule: SplitRule) -> Split:
    """Split rows into three sides, the same for the same seed.

    Rows of one group, and rows with the same inputs, are on one side. With a time column the last rows are
    the test and rows of one moment are on one side; groups then go by their last row.

    Args:
        frame: (N, ...) rows whose target is known.
        target: (N,) their targets, String or Float64.
        rule: shares, seed and what keeps rows together.

    Raises:
        DataError: there are too few rows, groups or moments for three sides.
        ColumnError: the time column holds what is no time.
    """
    if frame.height < rule.fewest:
        raise DataError(
            f"{frame.height} rows with a target are too few to train, to decide and to test on; "
            f"give at least {rule.fewest}"
        )
    units, how = _units(frame, rule)
    if rule.time:
        sides, how = _split_in_time(frame, units, rule)
    else:
        strata = stratum_of(target) if rule.stratify else np.zeros(frame.height, dtype=np.int64)
        sides = draw_sides(units, strata, shares=(rule.test, rule.valid), seed=rule.seed)
        how = f"{'stratified' if rule.stratify else 'random'} by seed {rule.seed}{how}"
    train, valid, test = (np.flatnonzero(sides == side).astype(np.int64) for side in (TRAIN, VALID, TEST))
    if min(len(train), len(valid), len(test)) == 0:
        what = f"groups of '{rule.group}'" if rule.group else "rows that differ"
        raise DataError(
            f"there are too few {what} for three sides; give more rows, or smaller shares for test and valid"
        )
    is_grouped = len(np.unique(units)) < frame.height
    seal = fingerprint(frame[test], target.gather(test))
    return Split(train, valid, test, how, seal, units if is_grouped else None)


def fingerprint(frame: pl.DataFrame, target: pl.Series) -> str:
    """The SHA-256 of rows: of the names of their columns, their cells in order, and their targets.

    Of cells that are nested series count, and nothing else.
    """
    plain = [
        column.cast(pl.String, strict=False) if isinstance(column.dtype, (pl.Categorical, pl.Enum)) else column
        for column in frame.get_columns()
        if not column.dtype.is_nested() and column.dtype not in (pl.Binary, pl.Object)
    ]
    digest = hashlib.sha256()
    digest.update(pl.DataFrame(plain).write_csv().encode())
    for column in frame.get_columns():
        if holds_series(column.dtype):
            for part in column.to_frame().iter_slices(_SERIES_A_SLICE):
                digest.update(repr((column.name, part.to_series().to_list())).encode())
    digest.update(target.to_frame("target").write_csv().encode())
    return digest.hexdigest()


def _units(frame: pl.DataFrame, rule: SplitRule) -> tuple[Array, str]:
    """(N,) int64 number of the unit that each row moves with, and what the units are, in words."""
    units = np.arange(frame.height, dtype=np.int64)
    how = ""
    if rule.group:
        units = _join(units, _first_rows(frame.select(rule.group)), frame.get_column(rule.group))
        how += f", rows of one '{rule.group}' on one side"
    if rule.columns and not rule.time:
        copies = _first_rows(frame.select(rule.columns))
        sizes = np.unique(copies, return_counts=True)[1]
        if len(sizes) == frame.height:
            return _dense(units), how
        if len(sizes) >= _FEWEST_GROUPS and sizes.max() <= max(2, _LARGEST_SHARE * frame.height):
            units = _connect(units, copies)
            how += f", rows of equal inputs on one side ({frame.height - len(sizes):,} repeat another)"
        else:
            how += f", rows of equal inputs apart (only {len(sizes):,} differ, so they are no copies)"
    return _dense(units), how


def _first_rows(frame: pl.DataFrame) -> Array:
    """(N,) int64: for each row the first row that equals it."""
    keyed = frame.hash_rows(seed=0).to_frame("key").with_row_index("row")
    return keyed.select(pl.col("row").min().over("key").cast(pl.Int64)).to_series().to_numpy()


def _join(units: Array, groups: Array, column: pl.Series) -> Array:
    """The groups as units; a row without a group is a unit of its own."""
    joined: Array = np.where(column.is_null().to_numpy(), units, groups)
    return joined


def _connect(left: Array, right: Array) -> Array:
    """(N,) int64: the smallest row that each row is tied to through either grouping, by any chain of ties."""
    left, right = _dense(left), _dense(right)
    reached = np.arange(len(left), dtype=np.int64)
    while True:
        before = reached
        for groups in (left, right):
            least = np.full(int(groups.max()) + 1, len(left), dtype=np.int64)
            np.minimum.at(least, groups, reached)
            reached = least[groups]
        if np.array_equal(before, reached):
            return reached


def _dense(groups: Array) -> Array:
    numbered: Array = np.unique(groups, return_inverse=True)[1].astype(np.int64)
    return numbered


def _split_in_time(frame: pl.DataFrame, units: Array, rule: SplitRule) -> tuple[Array, str]:
    """Sides by time: the unit's last moment decides, and the cuts stand between two moments."""
    stamps = stamps_of(frame.get_column(rule.time))
    last = np.full(int(units.max()) + 1, -np.inf)
    np.maximum.at(last, units, stamps)
    stamps = last[units]
    moments, counts = np.unique(stamps, return_counts=True)
    valid_from, test_from = moment_cuts(moments, counts, rule.time, shares=(rule.valid, rule.test))
    sides = np.where(stamps >= test_from, TEST, np.where(stamps >= valid_from, VALID, TRAIN))
    how = f"in time by '{rule.time}': the last rows are the test, those before them the validation"
    if rule.group:
        how += f"; rows of one '{rule.group}' on one side, by its last row"
    return sides, how


def moment_cuts(moments: Array, counts: Array, name: str, *, shares: tuple[float, float]) -> tuple[float, float]:
    """The moments from which rows decide, and from which they are sealed.

    Args:
        moments, counts: (M,) the moments there are, rising, and the rows of each.
        name: of the time column.
        shares: of the rows, for valid and test.

    Raises:
        DataError: there are fewer than three moments.
    """
    if len(moments) < 3:
        raise DataError(f"column '{name}' has {len(moments)} moments; a split in time needs three or more")
    valid, test = shares
    n_until = np.cumsum(counts)  # rows up to and with each moment
    test_from = _cut(n_until, (1 - test) * n_until[-1], lowest=2, highest=len(moments) - 1)
    valid_from = _cut(n_until, (1 - test - valid) * n_until[-1], lowest=1, highest=test_from - 1)
    return float(moments[valid_from]), float(moments[test_from])


def _cut(n_until: Array, n_wanted: float, *, lowest: int, highest: int) -> int:
    """The moment from which the later side begins, so that about n_wanted rows stand before it."""
    nearest_moment = int(np.argmin(np.abs(n_until - n_wanted))) + 1
    return min(max(nearest_moment, lowest), highest)


def stamps_of(column: pl.Series, *, rows: Array | None = None) -> Array:
    """(N,) float64 that rises with time, of dates or of numbers.

    Args:
        rows: (N,) numbers of the rows in their source, from 0, where the column is a part of it.

    Raises:
        ColumnError: a cell is missing or no time.
    """
    dates, is_no_date = parse_date(column)
    numbers, is_no_number = parse_number(column)
    is_dated = bool(is_no_date.sum() < is_no_number.sum())
    typed, is_bad = (dates.cast(pl.Int64).cast(pl.Float64), is_no_date) if is_dated else (numbers, is_no_number)
    if typed.null_count():
        first = int(typed.is_null().arg_max() or 0)
        row = first if rows is None else int(rows[first])
        found = f"'{column[first]}' is no time" if is_bad[first] else "the cell is missing"
        raise ColumnError(
            f"time column '{column.name}', row {row + 1}: {found}; expected a date such as 2024-03-01 "
            f"or a number in all {len(column):,} rows"
        )
    return typed.to_numpy()
