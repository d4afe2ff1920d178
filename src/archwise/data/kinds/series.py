"""Series: each cell holds measurements in their order, of one channel or several, as long as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

import numpy as np
import polars as pl

from archwise.data.series_cells import (
    channel_counts,
    dense_blocks,
    holds_series,
    n_known_steps,
    series_of,
)
from archwise.data.series_shape import (
    FEWEST_STRETCHED,
    MOST_STRETCHED,
    channel_moments,
    close_gaps,
    coarsen,
    coarseness,
    finite_clipped,
    scale_channels,
    scale_rows,
    stretch,
    usual_steps,
)
from archwise.errors import DataError
from archwise.records import Array, Batch, Guess, Json, Kind, Need, Scalar, SeriesNeed, Widths

NAME = "series"
ROOM = 1.5  # times the longest, where lengths differ and none is cut, so that new series may be longer


def sniff_series(values: pl.Series) -> Guess:
    """Whether the cells are lists of numbers, or lists of channels; of text only the user knows."""
    if not holds_series(values.dtype):
        return Guess(NAME, 0.0, "no lists of numbers")
    return Guess(NAME, 1.0, "its cells are lists of numbers")


def summarise_series(typed: pl.Series) -> dict[str, Scalar]:
    """Steps on average, least, in the middle and most; channels; and what of the series is not read as it is.

    usual: the steps that are kept. cut: share of the series that have more. gaps, gap_rows: missing values inside of
    series, and how many series have any. still: series of one value throughout. odd: series with another number of
    channels than most. Each of these but `usual` only where there is any.
    """
    counts = channel_counts(typed)
    if not (counts > 0).any():
        return {}
    n_channels = int(np.bincount(counts[counts > 0]).argmax())
    parts = [_facts(block) for _, block in dense_blocks(typed, n_channels)]
    lengths, gaps, still = (np.concatenate(each)[counts > 0] for each in zip(*parts, strict=True))
    usual = usual_steps(lengths)
    told: dict[str, Scalar] = {
        "cut": float((lengths > usual).mean()),
        "gaps": int(gaps.sum()),
        "gap_rows": int((gaps > 0).sum()),
        "still": int(still.sum()),
        "odd": int((counts[counts > 0] != n_channels).sum()),
    }
    return {
        "steps": float(lengths.mean()),
        "least": int(lengths.min()),
        "median": float(np.median(lengths)),
        "most": int(lengths.max()),
        "channels": n_channels,
        "usual": usual,
        **{name: figure for name, figure in told.items() if figure},
    }


def _facts(block: Array) -> tuple[Array, Array, Array]:
    """Of each series of (n, C, L): its steps, the values missing before its end, and whether it never changes."""
    lengths = n_known_steps(block)
    is_missing = np.isnan(block) & (np.arange(block.shape[2]) < lengths[:, None, None])
    filled = close_gaps(block, lengths)
    first = filled[:, :, :1]
    is_still = ((filled == first) | np.isnan(filled)).all(axis=(1, 2))
    return lengths, is_missing.sum(axis=(1, 2)), is_still


def fit_series(typed: pl.Series, need: Need) -> dict[str, Json]:
    """The channels, their scale and the steps that are kept, from training series; nothing where none are asked.

    Returns:
        the form; channels: C. steps: T. together: steps read as one. mean, spread: (C,) of each channel.
    """
    form = need.series
    if form is None:
        return {}
    counts = channel_counts(typed)
    n_channels = int(np.bincount(counts[counts > 0]).argmax()) if (counts > 0).any() else 1
    fitting = typed.set(pl.Series(counts != n_channels), None)
    blocks = list(dense_blocks(fitting, n_channels))
    lengths = np.concatenate([n_known_steps(block) for _, block in blocks] or [np.zeros(0, np.int64)])
    means, spreads = _moments([block for _, block in blocks], n_channels)
    steps, together = _steps(lengths, form)
    return {
        "form": asdict(form),
        "channels": n_channels,
        "steps": steps,
        "together": together,
        "mean": means,
        "spread": spreads,
    }


def _moments(blocks: list[Array], n_channels: int) -> tuple[Array, Array]:
    """Mean and standard deviation of each channel over all series."""
    rows = [channel_moments(np.concatenate([block[:, c].ravel() for block in blocks] or [np.zeros(0)])[None, None])
            for c in range(n_channels)]  # fmt: skip
    means, spreads = (np.concatenate(each) for each in zip(*rows, strict=True))
    return means, spreads


def _steps(lengths: Array, form: SeriesNeed) -> tuple[int, int]:
    """T, and how many steps are read as one."""
    usual = usual_steps(lengths)
    if form.length == "same":
        return form.longest or min(MOST_STRETCHED, max(FEWEST_STRETCHED, usual)), coarseness(usual)
    if form.longest:
        return form.longest, 1
    together = coarseness(usual)
    differ_uncut = lengths.max(initial=0) <= usual and len(np.unique(lengths[lengths > 0])) > 1
    room = ROOM if differ_uncut else 1.0
    return -(-int(room * usual) // together), together


def spec_series(state: Mapping[str, Json]) -> Widths:
    """One input `series`, (steps, channels), where the architecture reads series."""
    return {"series": ((int(state["steps"]), int(state["channels"])), ())} if state else {}


def apply_series(state: Mapping[str, Json], typed: pl.Series) -> Batch:
    """The scaled series, (N, T, C) float32, NaN behind the end of each; a missing one is NaN throughout.

    Raises:
        DataError: a series has another number of channels than those of training.
    """
    batch, why = load_series(state, typed)
    if why.null_count() < len(why):
        row = int(why.is_not_null().arg_max() or 0)
        raise DataError(f"column '{typed.name}', row {row + 1}: {why[row]}; give each series the same channels")
    return batch


def load_series(state: Mapping[str, Json], typed: pl.Series) -> tuple[Batch, pl.Series]:
    """What `apply_series` gives, NaN too where a series cannot be read; and why it cannot."""
    if not state:
        return {}, pl.Series("why", [None] * len(typed), dtype=pl.String)
    n_channels, counts = int(state["channels"]), channel_counts(typed)
    is_odd = (counts != n_channels) & (counts > 0)
    series = np.full((len(typed), int(state["steps"]), n_channels), np.nan, np.float32)
    for start, block in dense_blocks(typed.set(pl.Series(is_odd), None), n_channels):
        shaped = _shape(state, block)  # (n, C, up to T)
        series[start : start + len(block), : shaped.shape[2]] = np.moveaxis(shaped, 1, 2)
    whys = [
        f"series of {count} channels, where {n_channels} were learnt from" if odd else None
        for count, odd in zip(counts, is_odd, strict=True)
    ]
    return {"series": series}, pl.Series("why", whys, dtype=pl.String)


def _shape(state: Mapping[str, Json], block: Array) -> Array:
    """Series (n, C, L) in the form that was fitted, (n, C, up to T) float32."""
    form = SeriesNeed(**state["form"])
    lengths = n_known_steps(block)
    filled, lengths = coarsen(close_gaps(block, lengths), lengths, int(state["together"]))
    steps = int(state["steps"])
    if form.length == "same":
        kept = stretch(filled, lengths, steps)
        lengths = np.where(lengths > 0, steps, 0)
    else:
        kept, lengths = filled[:, :, :steps], np.minimum(lengths, steps)
    shaped = _finite(scale_rows(kept, lengths)) if form.scale == "row" else scaled_steps(state, kept)
    is_inside = np.arange(kept.shape[2]) < lengths[:, None, None]
    return np.where(is_inside, shaped, np.float32(np.nan))


def scaled_steps(state: Mapping[str, Json], steps: Array) -> Array:
    """Steps without gaps (n, C, L) on the scale of each channel, float32; a channel that is not known is 0."""
    return _finite(scale_channels(steps, np.asarray(state["mean"]), np.asarray(state["spread"])))


def _finite(scaled: Array) -> Array:
    return np.nan_to_num(finite_clipped(scaled), nan=0.0)


KIND = Kind(
    name=NAME,
    summary="measurements in their order: a list of numbers a cell, or a list of channels",
    sniff=sniff_series,
    parse=series_of,
    summarise=summarise_series,
    fit=fit_series,
    spec=spec_series,
    apply=apply_series,
    load=load_series,
)
