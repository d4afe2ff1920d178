"""A sketch of the training rows: enough of each column's distribution to tell later whether new rows are like them.

It holds quantiles and shares, no row: a number as 201 of its quantiles, a category as its most frequent levels, a text
by how many words it has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from archwise.data.kinds.category import count_levels
from archwise.records import Json

N_QUANTILES = 201
MOST_LEVELS = 50
N_ROWS = 2_000  # that a sketch stands for where rows are held against it
OTHERS = "(any other)"
_WORD = r"\S+"
_MOMENT = pl.Datetime("ms")
_NUMBERS, _LEVELS, _WORDS = ("number", "date", "boolean"), ("category",), ("text", "words")


def sketch_rows(typed: pl.DataFrame, columns: Sequence[tuple[str, str]]) -> dict[str, Json]:
    """Sketch the columns of training rows; series and pictures are left out.

    Args:
        typed: (N, D) with the types of their kinds.
        columns: (name, kind) of each.

    Returns:
        name -> missing, a share; and quantiles, or levels and their shares.
    """
    measured = measure(typed, columns)
    return {column.name: _sketch(column) for column in measured.get_columns()}


def measure(typed: pl.DataFrame, columns: Sequence[tuple[str, str]]) -> pl.DataFrame:
    """The columns as a sketch holds them: numbers, moments, names, and of texts how many words they have."""
    found = []
    for name, kind in columns:
        column = typed.get_column(name)
        if kind in _LEVELS:
            found.append(column)
        elif kind in _WORDS:
            words = column.list.len() if column.dtype == pl.List else column.str.count_matches(_WORD)
            found.append(words.cast(pl.Float64))
        elif kind in _NUMBERS:
            found.append(column.cast(_MOMENT if column.dtype.is_temporal() else pl.Float64))
    return pl.DataFrame(found)


def rows_of(sketch: Mapping[str, Json]) -> pl.DataFrame:
    """Rows with the distributions of a sketch, each column by itself, to hold measured rows against."""
    return pl.DataFrame([_column(name, facts) for name, facts in sketch.items()])


def _sketch(column: pl.Series) -> dict[str, Json]:
    missing = column.null_count() / max(1, len(column))
    if column.dtype != pl.String:
        known = column.drop_nulls().to_physical().cast(pl.Float64).to_numpy()
        found = np.quantile(known, np.linspace(0.0, 1.0, N_QUANTILES)).tolist() if len(known) else []
        return {"missing": missing, "moments": column.dtype.is_temporal(), "quantiles": found}
    levels, counts = count_levels(column)
    n_known = max(1, sum(counts))
    shares = {level: count / n_known for level, count in list(zip(levels, counts, strict=True))[:MOST_LEVELS]}
    return {"missing": missing, "levels": shares, "others": sum(counts[MOST_LEVELS:]) / n_known}


def _column(name: str, facts: Mapping[str, Json]) -> pl.Series:
    n_known = round(N_ROWS * (1.0 - facts["missing"]))
    lacking: list[None] = [None] * (N_ROWS - n_known)
    if "quantiles" in facts:
        at = (np.arange(n_known) + 0.5) / max(1, n_known)
        held = facts["quantiles"] or [0.0]  # where every cell is missing, none is shown
        values = pl.Series(name, np.interp(at, np.linspace(0.0, 1.0, len(held)), held).tolist() + lacking, pl.Float64)
        return values.cast(pl.Int64).cast(_MOMENT) if facts["moments"] else values
    shares = {**facts["levels"], OTHERS: facts["others"]}
    ends = np.round(np.cumsum(list(shares.values())) * n_known).astype(int)
    counts = np.diff(ends, prepend=0)
    names = [level for level, count in zip(shares, counts, strict=True) for _ in range(count)]
    return pl.Series(name, [*names, *lacking, *([None] * (n_known - len(names)))], dtype=pl.String)
