"""Whether the rows change along their order: the first four fifths of them held against the last, column by column."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import polars as pl

from archwise.data.split import stamps_of
from archwise.errors import ColumnError
from archwise.records import Array, Finding

_EARLY_SHARE = 0.8
_MOST_ROWS = 20_000  # evidence enough; more are only slower
_FEWEST_ROWS = 100
_CHANCE = 1e-3  # of a false alarm anywhere in the table, were the rows in random order
_SMALLEST_SHIFT = 0.2  # of the distribution, however sure a lesser one is
_MOST_LEVELS = 20  # the most frequent, and all others together
_MOST_TOLD = 4
_LONG = 10_000  # numbers that are told with commas


@dataclass(frozen=True)
class Shift:
    """How far a column shifts.

    size: the largest difference of the cumulated shares of a number, or half the sum of the differences of the
    shares of levels; 0 to 1. chance: of one as large in random order. told: the figures.
    """

    name: str
    size: float
    chance: float
    told: str


def find_drift(
    typed: pl.DataFrame, target: pl.Series, *, frame: pl.DataFrame, ordering: Sequence[str], time: str = ""
) -> tuple[Finding, ...]:
    """A finding where the last fifth of the rows differs from those before it by more than chance and by much.

    Args:
        typed: (N, D) the columns a model may read, with the types of their kinds.
        target: (N,) Float64 or String, null where unknown.
        frame: (N, ...) the table as it was read.
        ordering: columns of it that may tell the order of the rows, as dates and numbers do.
        time: the column by which rows are split, or "" for their order in the table.

    Source:
        Kolmogorov 1933 and Smirnov 1948 for numbers, with the bound of Massart 1990; Pearson 1900 for levels, with
        the approximation of Wilson & Hilferty 1931; Bonferroni for the number of columns.
    """
    order = _order(frame, time)
    if order is None or len(order) < _FEWEST_ROWS:
        return ()
    columns = {str(column.name): column for column in (*typed.get_columns(), target)}
    columns.pop(time, None)
    found = _sure([column.gather(order) for column in columns.values()], round(_EARLY_SHARE * len(order)))
    if not found:
        return ()
    if time:
        return (_tell_time(found, str(target.name), time),)
    sorted_by = [name for name in ordering if name != target.name and _rises(frame.get_column(name).gather(order))]
    return (_tell_order(found, str(target.name), sorted_by, _rises(target.gather(order))),)


def tell_difference(known: pl.DataFrame, given: pl.DataFrame) -> str:
    """In what given rows differ from known ones by more than chance and by much, with figures; empty where in nothing.

    Args:
        known, given: (N, D) and (M, D) the columns a model may read, with the types of their kinds.
    """
    found = find_shifts(known, given)
    return _tell(found, "") if found else ""


def find_shifts(known: pl.DataFrame, given: pl.DataFrame) -> list[Shift]:
    """The columns in which given rows differ from known ones by more than chance and by much, the largest shift first.

    Args:
        known, given: as for `tell_difference`; fewer than 100 rows on either side show nothing.
    """
    if min(known.height, given.height) < _FEWEST_ROWS:
        return []
    parts = [part.gather_every(max(1, part.height // _MOST_ROWS)) for part in (known, given.select(known.columns))]
    return _sure(pl.concat(parts).get_columns(), parts[0].height)


def _sure(columns: Sequence[pl.Series], n_early: int) -> list[Shift]:
    """The columns whose last rows differ surely and by much from the first `n_early`, the largest shift first.

    Columns of series are left out: they are neither numbers nor levels.
    """
    shifts = [_shift_of(column, n_early) for column in columns if not column.dtype.is_nested()]
    is_sure = [shift.chance * len(shifts) <= _CHANCE and shift.size >= _SMALLEST_SHIFT for shift in shifts]
    return sorted((shift for shift, sure in zip(shifts, is_sure, strict=True) if sure), key=lambda shift: -shift.size)


def _order(frame: pl.DataFrame, time: str) -> Array | None:
    """Row numbers in order, evenly over all where they are many; None where the time cannot be read."""
    rows = np.arange(frame.height)[:: max(1, frame.height // _MOST_ROWS)]
    if not time:
        return rows
    try:
        return rows[np.argsort(stamps_of(frame.get_column(time).gather(rows)), kind="stable")]
    except ColumnError:
        return None  # the split says so


def _shift_of(column: pl.Series, n_early: int) -> Shift:
    if column.dtype == pl.String:
        return _shift_of_levels(column, n_early)
    values = column.cast(pl.Int64).cast(pl.Float64) if column.dtype.is_temporal() else column.cast(pl.Float64)
    every = values.fill_null(math.inf).to_numpy()  # missing is a value of its own, the last
    early, late = np.sort(every[:n_early]), np.sort(every[n_early:])
    shares = [np.searchsorted(part, every, side="right") / len(part) for part in (early, late)]
    size = float(np.abs(shares[0] - shares[1]).max())
    chance = 2.0 * math.exp(-2.0 * size**2 * len(early) * len(late) / len(every))
    return Shift(str(column.name), size, chance, _tell_medians(column, n_early))


def _tell_medians(column: pl.Series, n_early: int) -> str:
    parts = (column[:n_early], column[n_early:])
    if column.dtype != pl.Boolean:
        before, after = (_short(part.drop_nulls().sort()) for part in parts)
        if before != after:
            return f"median {before}, then {after}"
    shares = [100 * _share_true(part) if column.dtype == pl.Boolean else 100 * _share_missing(part) for part in parts]
    what = "true" if column.dtype == pl.Boolean else "missing"
    return f"{what} in {shares[0]:.3g} %, then {shares[1]:.3g} %"


def _short(ordered: pl.Series) -> str:
    """The middle of sorted values in words."""
    if not len(ordered):
        return "none"
    middle = ordered[len(ordered) // 2]
    return format(middle, ",.5g" if abs(middle) >= _LONG else ".5g") if ordered.dtype == pl.Float64 else str(middle)


def _share_true(part: pl.Series) -> float:
    return float((part == True).sum()) / len(part)  # noqa: E712  null is not true


def _share_missing(part: pl.Series) -> float:
    return part.null_count() / len(part)


def _shift_of_levels(column: pl.Series, n_early: int) -> Shift:
    codes, levels = _pool(column)
    counts = np.stack([np.bincount(part, minlength=len(levels)) for part in (codes[:n_early], codes[n_early:])])
    sizes = counts.sum(axis=1, keepdims=True)  # (2, 1)
    expected = sizes * counts.sum(axis=0) / sizes.sum()  # (2, levels)
    shares = counts / sizes
    freedom = len(levels) - 1
    size = 0.5 * float(np.abs(shares[0] - shares[1]).sum())
    if freedom == 0:
        return Shift(str(column.name), size, 1.0, "")
    ratio = float((np.square(counts - expected) / expected).sum()) / freedom
    spread = 2.0 / (9.0 * freedom)
    chance = NormalDist().cdf(-(math.cbrt(ratio) - 1.0 + spread) / math.sqrt(spread))
    most = int(np.argmax(np.abs(shares[0] - shares[1])))
    told = f"{levels[most]} in {100 * shares[0, most]:.3g} %, then {100 * shares[1, most]:.3g} %"
    return Shift(str(column.name), size, chance, told)


def _pool(column: pl.Series) -> tuple[Array, list[str]]:
    """(N,) int64 code of each cell and what the codes are: the frequent levels, missing, and all others."""
    counted = column.drop_nulls().rename("level").value_counts(name="n").sort(["n", "level"], descending=[True, False])
    top = counted["level"].head(_MOST_LEVELS)
    codes = column.replace_strict(top, pl.Series(np.arange(len(top))), default=len(top), return_dtype=pl.Int64)
    codes = codes.set(column.is_null(), len(top) + 1)
    names = [*(f"'{level}'" for level in top), "other levels", "missing"]
    met, places = np.unique(codes.to_numpy(), return_inverse=True)
    return places, [names[code] for code in met]


def _rises(column: pl.Series) -> bool:
    """Whether a column of moments, numbers or names never falls along the rows, or never rises; and is no constant."""
    if column.dtype == pl.String:
        try:
            stamps = stamps_of(column[:_FEWEST_ROWS])  # a look at few, for most columns are in no order
            stamps = stamps_of(column) if _is_sorted(stamps) else stamps
        except ColumnError:
            ranks = column.rank("dense").fill_null(0).to_numpy()
            return bool(ranks.min() < ranks.max()) and _is_sorted(ranks.astype(np.int64))
    else:
        try:
            stamps = stamps_of(column)
        except ColumnError:
            return False
    return bool(stamps.min() < stamps.max()) and _is_sorted(stamps)


def _is_sorted(values: Array) -> bool:
    before, after = values[:-1], values[1:]
    return bool((before <= after).all() or (before >= after).all())


def _tell(shifts: Sequence[Shift], target: str) -> str:
    of_target = [shift for shift in shifts if shift.name == target]
    told = [*of_target, *(shift for shift in shifts if shift.name != target)]
    words = [
        f"{'the target ' if shift.name == target else ''}'{shift.name}' (by {shift.size:.2f} of 1: {shift.told})"
        for shift in told[:_MOST_TOLD]
    ]
    more = f", and {len(told) - _MOST_TOLD} more" if len(told) > _MOST_TOLD else ""
    return f"{', '.join(words)}{more}"


def _tell_time(shifts: Sequence[Shift], target: str, time: str) -> Finding:
    message = (
        f"in time, by '{time}', the last fifth of the rows differs from those before it in {_tell(shifts, target)}; "
        "the latest rows are sealed, so their score tells how well the model lasts"
    )
    return Finding("drift", "warning", message, time)


def _tell_order(shifts: Sequence[Shift], target: str, sorted_by: Sequence[str], is_by_target: bool) -> Finding:
    found = (
        "the rows are in no random order: the last fifth of them differs from those before it in "
        f"{_tell(shifts, target)}"
    )
    if sorted_by:
        name = sorted_by[0]
        message = (
            f"{found}; they are sorted by '{name}': if that is time, and later rows are to be predicted, split by it "
            f"with --time {name}, for a random split would judge too kindly"
        )
        return Finding("drift", "warning", message, name)
    if is_by_target:
        return Finding("drift", "note", f"{found}; they are sorted by the target, and the split mixes them", target)
    message = (
        f"{found}; if rows that stand together belong together (one place, one day, one source), a random split "
        "judges too kindly: name the column that tells, with --group COLUMN or --time COLUMN"
    )
    return Finding("drift", "note", message)
