"""Nested cells: lists, structures and bytes, which no kind reads."""

from __future__ import annotations

import polars as pl

from archwise.data.aside import aside_kind
from archwise.records import Guess

NAME = "nested"


def sniff_nested(values: pl.Series) -> Guess:
    """Whether the cells are lists, structures, bytes or Python's objects."""
    if values.dtype.is_nested() or values.dtype in (pl.Binary, pl.Object):
        return Guess(NAME, 0.9, f"its cells are of the type {values.dtype}, which no kind reads yet")
    return Guess(NAME, 0.0, "plain cells")


KIND = aside_kind(NAME, "lists and other cells that hold more than one value; set aside", sniff_nested)
