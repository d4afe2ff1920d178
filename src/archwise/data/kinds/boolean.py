"""Booleans: yes or no, read as the numbers 1 and 0 so that every architecture can weigh them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from archwise.data.kinds.number import apply_number, apply_numbers, fit_number, spec_number
from archwise.data.missing import blank_missing, stripped
from archwise.records import Array, Batch, Guess, Json, Kind, Need, ReadCell, Scalar

NAME = "boolean"
_PAIRS = (("true", "false"), ("yes", "no"), ("t", "f"), ("y", "n"))
_VALUES = {word: position == 0 for pair in (*_PAIRS, ("1", "0"), ("1.0", "0.0")) for position, word in enumerate(pair)}


def sniff_boolean(values: pl.Series) -> Guess:
    """Whether the cells are booleans, or the two words of a pair such as yes and no.

    Cells of 0 and 1 are left to the numbers, which read them alike.
    """
    if values.dtype == pl.Boolean:
        return Guess(NAME, 0.97, "its cells are booleans")
    if values.dtype != pl.String:
        return Guess(NAME, 0.0, "no words")
    words = set(blank_missing(values).drop_nulls().str.to_lowercase().unique())
    pair = next((pair for pair in _PAIRS if words == set(pair)), None)
    if pair is None:
        return Guess(NAME, 0.0, "the cells are not the two words of a pair such as yes and no")
    return Guess(NAME, 0.97, f"every cell is '{pair[0]}' or '{pair[1]}'")


def parse_boolean(values: pl.Series) -> tuple[pl.Series, Array]:
    """Read true, yes, t, y and 1 as true, and their opposites as false; anything else is bad."""
    values = blank_missing(values)
    if values.dtype == pl.Boolean:
        return values, np.zeros(len(values), dtype=bool)
    if values.dtype != pl.String and not values.dtype.is_numeric() and values.dtype != pl.Null:
        return pl.Series(values.name, [None] * len(values), dtype=pl.Boolean), values.is_not_null().to_numpy()
    words = values.cast(pl.String).str.to_lowercase()
    typed = words.replace_strict(_VALUES, default=None, return_dtype=pl.Boolean)
    return typed, (typed.is_null() & values.is_not_null()).to_numpy()


def summarise_boolean(typed: pl.Series) -> dict[str, Scalar]:
    """The share of true among the known cells."""
    share = typed.mean()
    return {"true": float(share)} if isinstance(share, float) else {}


def fit_boolean(typed: pl.Series, need: Need) -> dict[str, Json]:
    """Fit the scale to the values 1 and 0; two values have no quantiles, so there they are standardised."""
    return fit_number(typed.cast(pl.Float64), need if need.numbers == "raw" else Need("standard"))


def apply_boolean(state: Mapping[str, Json], typed: pl.Series) -> Batch:
    """The scaled values, (N, width) float32."""
    return apply_number(state, typed.cast(pl.Float64))


def one_boolean(state: Mapping[str, Json]) -> ReadCell:
    """A function that reads one plain cell and scales it as a column of one."""

    def read(cell: object) -> Batch | None:
        if type(cell) is str:
            text = stripped(cell)
            value = np.nan if text == "" else None if text is None else _VALUES.get(text.lower())
        elif type(cell) is bool:
            value = cell
        else:
            value = np.nan if cell is None or cell != cell else _VALUES.get(str(cell)) if type(cell) is int else None
        return None if value is None else apply_numbers(state, np.array([value], np.float64))

    return read


KIND = Kind(
    name=NAME,
    summary="yes or no",
    sniff=sniff_boolean,
    parse=parse_boolean,
    summarise=summarise_boolean,
    fit=fit_boolean,
    spec=spec_number,
    apply=apply_boolean,
    one=one_boolean,
)
