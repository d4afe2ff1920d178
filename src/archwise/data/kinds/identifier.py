"""Identifiers: keys of rows, which a model would only learn by heart."""

from __future__ import annotations

import re

import polars as pl

from archwise.data.aside import aside_kind
from archwise.records import Guess

NAME = "identifier"
_FEWEST_ROWS = 20  # below that, different values are no evidence of a key
_UNIQUE_SHARE = 0.95
_CONFIDENCE = 0.95
_MOST_WORDS = 2.0  # mean words a cell; what is longer is text
_WHOLE = r"^[+-]?\d{1,18}$"
_KEY_NAME = re.compile(r"(?:^|[_\s\-.])(?:id|uuid|guid|key)$|(?<=[a-z])(?:ID|Id)$", re.ASCII)
_KEY_WORDS = frozenset({"id", "uuid", "guid", "index", "rowid", "row_number", "row", "rownum"})


def sniff_identifier(values: pl.Series) -> Guess:
    """Whether the cells are keys: nearly all differ, and are words, or whole numbers named as keys."""
    cells = values.drop_nulls()
    if len(cells) < _FEWEST_ROWS or values.dtype.is_nested() or values.dtype.is_float() or values.dtype.is_temporal():
        return Guess(NAME, 0.0, "too few cells, or of a type that keys do not have")
    n_distinct = cells.n_unique()
    share = n_distinct / len(cells)
    if share < _UNIQUE_SHARE:
        return Guess(NAME, 0.0, f"{n_distinct:,} distinct values in {len(cells):,} cells are no keys")
    told = f"{n_distinct:,} distinct values in {len(cells):,} cells"
    whole = _as_whole_numbers(cells)
    if whole is None:
        return _sniff_text(cells, told)
    if is_key_name(values.name):
        return Guess(NAME, _CONFIDENCE, f"{told}, whole numbers under the name of a key")
    low, high = whole.min(), whole.max()
    if n_distinct == len(cells) and low in (0, 1) and high == n_distinct - 1 + int(low == 1):
        return Guess(NAME, _CONFIDENCE, f"it numbers the rows from {low:,} to {high:,}")
    return Guess(NAME, 0.0, "whole numbers that differ, but neither named nor numbered as keys are")


def is_key_name(name: str) -> bool:
    """Whether a column's name is that of a key, such as id, user_id, PassengerId."""
    return name.lower() in _KEY_WORDS or _KEY_NAME.search(name) is not None or name.lower().endswith("_id")


def _as_whole_numbers(cells: pl.Series) -> pl.Series | None:
    if cells.dtype.is_integer():
        return cells
    if cells.dtype == pl.String and cells.str.contains(_WHOLE).all():
        return cells.cast(pl.Int64)
    return None


def _sniff_text(cells: pl.Series, told: str) -> Guess:
    if cells.dtype != pl.String:
        return Guess(NAME, 0.0, "of a type that keys do not have")
    if cells.cast(pl.Float64, strict=False).null_count() < len(cells) // 2:
        return Guess(NAME, 0.0, "numbers with fractions are no keys")
    if float((cells.str.count_matches(r"\S+")).sum()) / len(cells) > _MOST_WORDS:
        return Guess(NAME, 0.0, "cells of several words are text")
    return Guess(NAME, 0.85, told)  # below a date, whose cells may all differ


KIND = aside_kind(NAME, "a key of the row; set aside", sniff_identifier)
