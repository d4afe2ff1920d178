"""Constant columns: one value throughout, or none; they cannot tell rows apart."""

from __future__ import annotations

import polars as pl

from archwise.data.aside import aside_kind
from archwise.records import Guess

NAME = "constant"


def sniff_constant(values: pl.Series) -> Guess:
    """Whether every cell is missing, or every cell holds the same value.

    One value beside missing cells is not constant: which cells are missing may tell something.
    """
    n_missing = values.null_count()
    if n_missing == len(values):
        return Guess(NAME, 1.0, "every cell is missing")
    if n_missing == 0 and not values.dtype.is_nested() and values.n_unique() == 1:
        return Guess(NAME, 1.0, f"every one of {len(values):,} cells holds the same value")
    return Guess(NAME, 0.0, "cells differ")


KIND = aside_kind(NAME, "one value throughout, or none; set aside", sniff_constant)
