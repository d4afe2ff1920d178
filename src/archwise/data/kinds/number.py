"""Numbers: measures, counts, amounts; also times of day and durations, in seconds."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from archwise.data.mark import find_marks, is_heavy
from archwise.data.missing import blank_missing, stripped
from archwise.data.scale import apply_bend, apply_scale, fit_bend, fit_scale, scale_width
from archwise.records import Array, Batch, Guess, Json, Kind, Need, ReadCell, ReadCells, Scalar, Widths

NAME = "number"
_SURE_SHARE = 0.95  # of the cells that must read as numbers
_FEW_DISTINCT = 20
_SELDOM = 16  # rows, of which one may be no plain number before all are looked at
_CODE = r"^0\d+$"  # 02139 is a code: a number is not written so
_NANOSECONDS = 1e9
_MICROSECONDS = 1e6
_PLAIN = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_LARGEST_INT = 2**63 - 1


def sniff_number(values: pl.Series) -> Guess:
    """How surely the cells are numbers: by their type, or by the share of texts that read as numbers."""
    typed, is_bad = parse_number(values)
    n_known = int(len(typed) - typed.null_count() + is_bad.sum())
    if n_known == 0 or values.dtype == pl.Boolean:
        return Guess(NAME, 0.0, "no cell is a number")
    share = 1.0 - float(is_bad.sum()) / n_known
    told = f"{_percent(share)} of {n_known:,} cells read as numbers"
    if share < _SURE_SHARE:
        return Guess(NAME, 0.3 * share, told)
    if values.dtype == pl.String and values.str.contains(_CODE).any():
        return Guess(NAME, 0.3, f"{told}, but some begin with a zero as codes do")
    n_distinct = typed.drop_nulls().n_unique()
    if n_distinct <= _FEW_DISTINCT < n_known:
        told += f", {n_distinct} distinct; if they are codes, read them as a category"
    return Guess(NAME, 0.9, told)


def parse_number(values: pl.Series) -> tuple[pl.Series, Array]:
    """Read cells as Float64; what is no number or infinite is bad, times and durations become seconds."""
    if values.dtype == pl.String:
        return _parse_texts(values)
    values = blank_missing(values)
    dtype = values.dtype
    if values.dtype == pl.String:  # names of categories
        return _parse_texts(values)
    if dtype.is_numeric() or dtype in (pl.Boolean, pl.Null):
        typed = values.cast(pl.Float64, strict=False)
    elif dtype == pl.Duration:
        typed = values.dt.total_microseconds(fractional=True) / _MICROSECONDS
    elif dtype == pl.Time:
        typed = values.cast(pl.Int64).cast(pl.Float64) / _NANOSECONDS
    else:
        typed = pl.Series(values.name, [None] * len(values), dtype=pl.Float64)
    is_finite = typed.is_finite().fill_null(False)
    is_bad = (~is_finite & values.is_not_null()).to_numpy()
    return typed.set(~is_finite, None), is_bad


def _parse_texts(values: pl.Series) -> tuple[pl.Series, Array]:
    """Read cells of text: nearly all are plain numbers, so that only what does not read as one is looked at closer."""
    typed = values.cast(pl.Float64, strict=False)
    if typed.null_count() > values.null_count() + len(values) // _SELDOM:  # as where a blank follows each delimiter
        values = values.str.strip_chars()
        typed = values.cast(pl.Float64, strict=False)
    unclear = np.flatnonzero((~typed.is_finite()).fill_null(True).to_numpy())
    is_bad = np.zeros(len(values), dtype=bool)
    if len(unclear) == 0:
        return typed, is_bad
    cells = blank_missing(values.gather(unclear))
    numbers = cells.cast(pl.Float64, strict=False)
    is_finite = numbers.is_finite().fill_null(False)
    is_bad[unclear] = (~is_finite & cells.is_not_null()).to_numpy()
    return typed.scatter(unclear, numbers.set(~is_finite, None)), is_bad


def summarise_number(typed: pl.Series) -> dict[str, Scalar]:
    """The smallest, the largest, the mean, the median and the standard deviation."""
    known = number_array(typed.drop_nulls())
    if len(known) == 0:
        return {}
    with np.errstate(over="ignore", invalid="ignore"):  # of values near the end of float64
        figures = {
            "min": known.min(),
            "median": np.median(known),
            "mean": known.mean(),
            "max": known.max(),
            "std": known.std(),
        }
    return {name: float(figure) for name, figure in figures.items()}


def number_array(typed: pl.Series) -> Array:
    """Float64 values, NaN for missing, as (N,) float64."""
    return typed.fill_null(float("nan")).to_numpy()


def fit_number(typed: pl.Series, need: Need) -> dict[str, Json]:
    """Fit the scale that the need asks for to the training values, and find what is apart from it.

    Returns:
        what `fit_scale` gives; of other needs than "raw" also, where there are any: marks, (M,) values that get a
        column of their own and are 0 on the scale of the rest; and bend, of "standard" with far tails.
    """
    values = number_array(typed)
    if need.numbers == "raw":
        return fit_scale(values, need)
    known = values[~np.isnan(values)]
    marks = np.array([mark.value for mark in find_marks(known)])
    rest = known[~np.isin(known, marks)]
    state = fit_scale(rest, need)
    state["flag"] = len(known) < len(values)
    if len(marks):
        state["marks"] = marks
    if need.numbers == "standard" and is_heavy(rest):
        state["bend"] = fit_bend(rest)
    return state


def spec_number(state: Mapping[str, Json]) -> Widths:
    """One column of `numbers`; one more for the flag of missing values, for the bent scale, and for each mark."""
    return {"numbers": (scale_width(state) + int("bend" in state) + len(state.get("marks", ())), ())}


def apply_number(state: Mapping[str, Json], typed: pl.Series) -> Batch:
    """The scaled values, (N, width) float32."""
    return apply_numbers(state, number_array(typed))


def apply_numbers(state: Mapping[str, Json], values: Array) -> Batch:
    """The scaled values of (N,) float64, NaN for missing: (N, width) float32."""
    if "marks" not in state and "bend" not in state:
        return {"numbers": apply_scale(state, values)}
    is_marked = values[:, None] == state.get("marks", np.zeros(0))  # (N, M)
    values = np.where(is_marked.any(axis=1), np.nan, values)
    columns = [apply_scale(state, values)]
    if state["flag"]:
        columns[0][is_marked.any(axis=1), 1] = 0.0  # marked is not missing
    if "bend" in state:
        columns.append(apply_bend(state["bend"], values))
    return {"numbers": np.concatenate([*columns, is_marked.astype(np.float32)], axis=1)}


def one_number(state: Mapping[str, Json]) -> ReadCell:
    """A function that reads one plain cell and scales it as a column of one."""

    def read(cell: object) -> Batch | None:
        value = read_number(cell)
        return None if value is None else apply_numbers(state, np.array([value]))

    return read


def many_numbers(state: Mapping[str, Json]) -> ReadCells:
    """A function that reads the plain cells of N rows and scales them as one column."""

    def read(cells: Sequence[object]) -> Batch | None:
        values = [read_number(cell) for cell in cells]
        return None if None in values else apply_numbers(state, np.array(values, np.float64))

    return read


def read_number(cell: object) -> float | None:
    """One plain cell as `parse_number` reads it, NaN for missing; None where only that can tell, or the cell is bad."""
    if type(cell) is str:
        text = stripped(cell)
        if text == "":
            return math.nan
        if text is None or not _PLAIN.fullmatch(text):
            return None
        value = float(text)
    elif type(cell) is float:
        value = math.nan if math.isnan(cell) else cell  # no NaN has a sign
    elif type(cell) is int and -_LARGEST_INT <= cell <= _LARGEST_INT:
        value = float(cell)
    elif cell is None:
        return math.nan
    elif type(cell) is bool:
        value = float(cell)
    else:
        return None
    return None if math.isinf(value) else value


def _percent(share: float) -> str:
    """A share in words; never 100 % where it is not all."""
    return "100 %" if share == 1.0 else f"{min(100 * share, 99.99):.4g} %"


KIND = Kind(
    name=NAME,
    summary="a measure, a count, an amount",
    sniff=sniff_number,
    parse=parse_number,
    summarise=summarise_number,
    fit=fit_number,
    spec=spec_number,
    apply=apply_number,
    one=one_number,
    many=many_numbers,
)
