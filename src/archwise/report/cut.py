"""How rows are cut into parts: by the levels of a column, by ranges of a number, and by what is told of long cells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from archwise.data.series_cells import channel_counts, dense_blocks, n_values
from archwise.records import Array

MOST_LEVELS = 10  # of a category
MOST_CHANNELS = 4  # of a series, that are told one by one
LEAST_APART = 0.01  # of the usual spread, by which series differ where they are cut by level or spread
N_BINS = 4  # of a number, of equally many rows
MISSING = "missing"


@dataclass(frozen=True)
class Part:
    """Some of N rows. of: the column or what else they were cut by. name: what they have in common. held: (N,) bool."""

    of: str
    name: str
    held: Array


def cut(column: pl.Series, kind: str) -> Iterator[Part]:
    """The parts of rows that a column makes: levels, ranges of a number or of lengths, and of series level and spread.

    Args:
        column: (N,) as its kind types it. kind: its name.
    """
    missing = column.is_null().to_numpy()
    if missing.any():
        yield Part(column.name, MISSING, missing)
    if kind == "series":
        yield from _of_series(column)
    elif kind == "text":
        yield from ranges(column.name, column.str.count_matches(r"\S+").cast(pl.Float64), "{} words")
    elif kind == "words":
        lengths = column.list.len() if column.dtype == pl.List else column.str.count_matches(r"\S+")
        yield from ranges(column.name, lengths.cast(pl.Float64), "{} words")
    elif column.dtype.is_temporal():
        yield from _of_times(column)
    elif column.dtype.is_numeric():
        yield from ranges(column.name, column.cast(pl.Float64), "{}")
    elif column.dtype in (pl.String, pl.Boolean) and kind != "image":
        yield from levels(column.cast(pl.String))


def levels(column: pl.Series) -> Iterator[Part]:
    """The most frequent levels of a column, and the rest as one."""
    counted = column.drop_nulls().value_counts(sort=True, name="rows")
    shown = counted[column.name].to_list()[:MOST_LEVELS]
    for level in shown:
        yield Part(column.name, str(level), (column == level).fill_null(False).to_numpy())
    if len(counted) > MOST_LEVELS:
        others = column.is_not_null() & ~column.is_in(shown)
        yield Part(column.name, f"one of {len(counted) - MOST_LEVELS:,} rarer", others.to_numpy())


def ranges(name: str, values: pl.Series, words: str) -> Iterator[Part]:
    """Ranges of about equally many rows, and each value by itself where there are only as many."""
    numbers = values.to_numpy().astype(np.float64)
    known = numbers[np.isfinite(numbers)]
    if not len(known):
        return
    single = np.unique(known)
    if len(single) <= N_BINS:
        for value in single:
            yield Part(name, words.format(_plain(value)), numbers == value)
        return
    edges = np.unique(np.quantile(known, np.arange(1, N_BINS) / N_BINS, method="higher"))
    bins = np.searchsorted(edges, numbers, side="right")
    for place in range(len(edges) + 1):
        held = np.isfinite(numbers) & (bins == place)
        if held.any():
            low, high = numbers[held].min(), numbers[held].max()
            yield Part(name, words.format(_plain(low) if low == high else f"{_plain(low)} to {_plain(high)}"), held)


def _plain(value: float) -> str:
    """A number in three digits, or four from 100 on; a large one without fractions or powers, such as 121,772."""
    if 10_000 <= abs(value) < 1e15:
        return f"{value:,.0f}"
    return f"{value:.4g}" if abs(value) >= 100 else f"{value:.3g}"


def _of_times(column: pl.Series) -> Iterator[Part]:
    moments = column.cast(pl.Datetime("us")) if column.dtype != pl.Datetime else column
    for part in ranges(column.name, moments.cast(pl.Int64).cast(pl.Float64), "{}"):
        inside = moments.filter(pl.Series(part.held))
        if len(inside):
            yield Part(part.of, f"{str(inside.min())[:16]} to {str(inside.max())[:16]}", part.held)


def _of_series(column: pl.Series) -> Iterator[Part]:
    """Lengths of series, and the mean and the spread of each of their first channels."""
    yield from ranges(column.name, pl.Series(n_values(column)).cast(pl.Float64), "{} steps")
    n_channels = int(channel_counts(column).max(initial=0))
    facts = [_moments(block) for _, block in dense_blocks(column, min(n_channels, MOST_CHANNELS))]
    for place in range(min(n_channels, MOST_CHANNELS)):
        name = column.name if n_channels == 1 else f"{column.name}, channel {place + 1}"
        level, spread = (np.concatenate([each[what][:, place] for each in facts]) for what in (0, 1))
        for told, figures in (("level", level), ("spread", spread)):
            if np.nanstd(figures) > LEAST_APART * np.nanmedian(spread):  # else each series was scaled by itself
                yield from ranges(f"{name}, {told}", pl.Series(figures), "{}")


def _moments(block: Array) -> tuple[Array, Array]:
    """Mean and standard deviation of series (n, C, L), (n, C) each, NaN where nothing is known."""
    known = ~np.isnan(block)
    counts = known.sum(axis=2)
    with np.errstate(invalid="ignore"):
        means = np.where(known, block, 0.0).sum(axis=2) / counts
        spreads = np.sqrt(np.where(known, (block - means[:, :, None]) ** 2, 0.0).sum(axis=2) / counts)
    return means, spreads
