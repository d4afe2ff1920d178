"""The marks that stand for a missing cell, the same for every source and for every kind."""

from __future__ import annotations

import polars as pl

MISSING_MARKS = ("?", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "null", "NULL", "None", "<NA>")

_BLANKS = frozenset(("", *MISSING_MARKS))


def stripped(cell: str) -> str | None:
    """One cell of text as `blank_missing` leaves it: empty where it is missing, None where only that can tell."""
    text = cell.strip(" ")
    if text in _BLANKS:
        return ""
    return text if len(text) == len(text.strip()) else None  # Polars and Python differ in what else is blank


def blank_missing(values: pl.Series) -> pl.Series:
    """Strip the cells of a text column and make empty cells and missing marks null.

    Args:
        values: (N,) of any type; what is not text is left as it is, but NaN becomes null.
    """
    if values.dtype == pl.String:
        stripped = values.str.strip_chars()
        is_missing = stripped.is_in(["", *MISSING_MARKS])
        return stripped.set(is_missing, None) if is_missing.any() else stripped
    if values.dtype.is_float():
        return values.fill_nan(None)
    if isinstance(values.dtype, (pl.Categorical, pl.Enum)):
        return blank_missing(values.cast(pl.String))
    return values
