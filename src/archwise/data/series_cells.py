"""Cells that hold a series: lists of numbers, lists of channels, or text, as typed columns and as dense arrays."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from archwise.data.missing import MISSING_MARKS, blank_missing
from archwise.records import Array

ONE_CHANNEL, CHANNELS = pl.List(pl.Float64), pl.List(pl.List(pl.Float64))
BETWEEN_CHANNELS, BETWEEN_STEPS = ":", ","
_AT_ONCE = 4_000_000  # numbers that are laid out densely at a time


def holds_series(dtype: pl.DataType) -> bool:
    """Whether cells of a type are lists of numbers, or lists of such lists."""
    if not isinstance(dtype, (pl.List, pl.Array)):
        return False
    inner = dtype.inner
    return inner.is_numeric() or (isinstance(inner, (pl.List, pl.Array)) and inner.inner.is_numeric())


def series_of(values: pl.Series) -> tuple[pl.Series, Array]:
    """Read cells as series.

    Args:
        values: lists of numbers; or lists of channels, each a list of numbers; or text as `series_of_text` reads it.

    Returns:
        lists of Float64, or lists of lists, null and NaN for a missing value; null where no value is known. And a (N,)
        bool mask of the cells that are no series, or hold a value that is infinite.
    """
    if values.dtype in (pl.String, pl.Categorical) or isinstance(values.dtype, pl.Enum):
        typed, is_bad = series_of_text(blank_missing(values.cast(pl.String)))
    elif holds_series(values.dtype):
        is_nested = isinstance(values.dtype.inner, (pl.List, pl.Array))  # type: ignore[attr-defined]
        typed, is_bad = values.cast(CHANNELS if is_nested else ONE_CHANNEL), np.zeros(len(values), bool)
    else:
        typed, is_bad = pl.Series(values.name, [None] * len(values), dtype=ONE_CHANNEL), values.is_not_null().to_numpy()
    rows, numbers = _numbers_of(typed)
    is_bad = is_bad | (np.bincount(rows[np.isinf(numbers)], minlength=len(typed)) > 0)
    is_known = np.bincount(rows[~np.isnan(numbers)], minlength=len(typed)) > 0
    return typed.set(pl.Series(is_bad | ~is_known), None), is_bad


def series_of_text(cells: pl.Series) -> tuple[pl.Series, Array]:
    """Read texts such as "1.5,2,?:3,4,5": values between commas, channels between colons.

    Args:
        cells: (N,) String.

    Returns:
        (N,) lists of lists of Float64, and a (N,) bool mask of the cells with anything that is no number.
    """
    channels = cells.str.split(BETWEEN_CHANNELS)
    n_channels = channels.list.len().fill_null(0).to_numpy()
    flat = channels.filter(pl.Series(n_channels > 0)).explode().cast(pl.String)
    row_of_channel = np.repeat(np.arange(len(cells)), n_channels)
    values = flat.str.split(BETWEEN_STEPS)
    n_values = values.list.len().to_numpy()
    words = values.explode().cast(pl.String).str.strip_chars()
    numbers = words.cast(pl.Float64, strict=False)
    is_word = numbers.is_null() & ~words.is_in(["", *MISSING_MARKS])
    row_of_value = np.repeat(row_of_channel, n_values)
    is_bad = np.bincount(row_of_value[is_word.to_numpy()], minlength=len(cells)) > 0
    lists = pl.DataFrame({"channel": np.repeat(np.arange(len(flat)), n_values), "value": numbers})
    by_channel = lists.group_by("channel", maintain_order=True).agg("value").with_columns(row=pl.Series(row_of_channel))
    by_row = by_channel.group_by("row", maintain_order=True).agg("value")
    every = pl.DataFrame({"row": np.arange(len(cells))}).join(by_row, on="row", how="left", maintain_order="left")
    typed = every.get_column("value").cast(CHANNELS).alias(cells.name)
    return typed.set(pl.Series(is_bad), None), is_bad


def channel_counts(typed: pl.Series) -> Array:
    """How many channels each series has, (N,) int64; 0 where it is missing."""
    if typed.dtype == ONE_CHANNEL:
        return typed.is_not_null().to_numpy().astype(np.int64)
    return typed.list.len().fill_null(0).to_numpy().astype(np.int64)


def n_values(typed: pl.Series) -> Array:
    """How many values the longest channel of each series has, known or missing, (N,) int64."""
    if typed.dtype == ONE_CHANNEL:
        return typed.list.len().fill_null(0).to_numpy().astype(np.int64)
    lengths = typed.list.eval(pl.element().list.len().max()).list.first()
    return lengths.fill_null(0).to_numpy().astype(np.int64)


def dense_blocks(typed: pl.Series, n_channels: int) -> Iterator[tuple[int, Array]]:
    """Series as dense arrays, some rows at a time, so that a few long ones do not fill the memory.

    Args:
        typed: as `series_of` gives it.
        n_channels: C; of other series the first C channels are laid out.

    Returns:
        the first row of each block, and the block (n, C, L) float64, L its longest series, NaN where no value is known.
    """
    longest = n_values(typed)
    start = 0
    while start < len(typed):
        widths = np.maximum.accumulate(longest[start:]) * n_channels * np.arange(1, len(longest) - start + 1)
        stop = start + max(1, int(np.searchsorted(widths, _AT_ONCE, side="right")))
        yield start, _dense(typed[start:stop], n_channels, int(longest[start:stop].max()))
        start = stop


def n_known_steps(block: Array) -> Array:
    """The place behind the last step at which any channel is known, (n,) int64, of (n, C, L); 0 where none is."""
    is_known = np.asarray(~np.isnan(block).all(axis=1))  # (n, L)
    n_behind = np.argmax(is_known[:, ::-1], axis=1) if is_known.shape[1] else np.zeros(len(block), np.int64)
    ends: Array = np.where(is_known.any(axis=1), is_known.shape[1] - n_behind, 0)
    return ends


def _dense(typed: pl.Series, n_channels: int, longest: int) -> Array:
    """(n, C, L) float64."""
    block = np.full((len(typed), n_channels, longest), np.nan)
    rows, places, steps, numbers = _laid_out(typed)
    kept = places < n_channels
    block[rows[kept], places[kept], steps[kept]] = numbers[kept]
    return block


def _numbers_of(typed: pl.Series) -> tuple[Array, Array]:
    """All values of all series, and the row of each."""
    rows, _, _, numbers = _laid_out(typed)
    return rows, numbers


def _laid_out(typed: pl.Series) -> tuple[Array, Array, Array, Array]:
    """Of every value its row, its channel, its step, and what it is, float64 with NaN for a missing one."""
    if typed.dtype == ONE_CHANNEL:
        rows, places, channels = np.arange(len(typed)), np.zeros(len(typed), np.int64), typed
    else:
        counts = channel_counts(typed)
        rows, places = np.repeat(np.arange(len(typed)), counts), _within(counts)
        channels = typed.filter(pl.Series(counts > 0)).explode().cast(ONE_CHANNEL)
    lengths = channels.list.len().fill_null(0).to_numpy().astype(np.int64)
    values = channels.filter(pl.Series(lengths > 0)).explode().cast(pl.Float64)
    numbers = values.fill_null(float("nan")).to_numpy()
    return np.repeat(rows, lengths), np.repeat(places, lengths), _within(lengths), numbers


def _within(counts: Array) -> Array:
    """The place of every item within its own group, of (G,) sizes of groups."""
    ends = np.cumsum(counts)
    places: Array = np.arange(int(counts.sum())) - np.repeat(ends - counts, counts)
    return places
