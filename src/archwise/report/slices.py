"""Scores of parts of the rows, such as one level of a column, and which of them fall behind the rest.

A part falls behind where its score is worse than that of the rows outside it by more than chance allows, at a level of
5 % for all parts that were looked at together. Sources: Efron & Tibshirani 1993 (bootstrap); Holm 1979 (many parts).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import polars as pl

from archwise.data.kinds import read_as
from archwise.data.timeline.frequency import stamps_at
from archwise.data.timeline.prepare import frequency_of, state_of
from archwise.evidence import bootstrap_scores, interval
from archwise.records import FORECAST, Array, Json, Metric
from archwise.report.rows import Rows
from archwise.report.time_left import Allowed

MOST_ROWS = 4_000  # that are looked at, drawn at random
MOST_COLUMNS = 60
FEWEST = 30  # rows of a part, and outside it
FEWEST_A_CLASS = 5  # of two, where pairs of them are ranked
MOST_LEVELS = 10  # of a category
N_BINS = 4  # of a number, of equally many rows
N_RESAMPLES = 200
LEVEL = 0.05
MISSING = "missing"


@dataclass(frozen=True)
class Part:
    """Some of N rows. of: the column or what else they were cut by. name: what they have in common. held: (N,) bool."""

    of: str
    name: str
    held: Array


def score_slices(rows: Rows, allowed: Allowed) -> dict[str, Json]:
    """Score every part of the rows that a column makes.

    Args:
        allowed: when it must be done; columns that had no time are counted.

    Returns:
        metric, score of all; n_rows; parts: of, name, n, score, low, high (95 %), rest (the score outside), behind;
        n_looked: how many parts were compared; n_columns_left: columns that had no time.
    """
    rows = rows.sample(MOST_ROWS)
    metric, served = rows.metric, rows.served
    groups = rows.judged.groups
    whole = bootstrap_scores(rows.judged.targets, [served], metric, seed=0, groups=groups, n_resamples=N_RESAMPLES)
    spread = float(whole.resampled[:, 0].std(ddof=1))
    cuts = list(_cuts(rows))
    found, n_left = [], 0
    for parts in cuts:
        if allowed.left() <= 0:
            n_left += 1
            continue
        found += [held for part in parts if (held := _judge(rows, part, metric, spread)) is not None]
    _mark_behind(found)
    return {
        "metric": metric.name,
        "greater_is_better": metric.greater_is_better,
        "score": float(whole.point[0]),
        "n_rows": rows.n_rows,
        "parts": found,
        "n_looked": len(found),
        "n_columns_left": n_left,
    }


def _judge(rows: Rows, part: Part, metric: Metric, spread: float) -> dict[str, Json] | None:
    """The score of a part with its interval, and how surely it is worse than the rest; None where that cannot be."""
    truth, held = rows.judged.targets, part.held
    n = int(held.sum())
    if n < FEWEST or len(held) - n < FEWEST or not _can_rank(rows, held, metric):
        return None
    groups = rows.judged.groups
    scores = bootstrap_scores(
        truth[held], [rows.served[held]], metric, seed=0, groups=None if groups is None else groups[held],
        n_resamples=N_RESAMPLES,
    )  # fmt: skip
    score = float(scores.point[0])
    low, high = interval(scores, 0)
    rest = float(metric.score(truth[~held], rows.served[~held], np.ones((1, len(held) - n)))[0])
    error = math.hypot(float(scores.resampled[:, 0].std(ddof=1)), spread * math.sqrt(len(held) / (len(held) - n)))
    if not (math.isfinite(score) and math.isfinite(rest) and error > 0):
        return None
    worse = metric.sign * (rest - score) / error
    return {
        "of": part.of, "name": part.name, "n": n, "score": score, "low": low, "high": high, "rest": rest,
        "p": 1.0 - NormalDist().cdf(worse), "behind": False,
    }  # fmt: skip


def _can_rank(rows: Rows, held: Array, metric: Metric) -> bool:
    """Whether a part has enough rows of either class, inside and outside, where a metric ranks their pairs."""
    if metric.name != "roc_auc":
        return True
    return all(np.bincount(rows.judged.targets[side], minlength=2).min() >= FEWEST_A_CLASS for side in (held, ~held))


def _mark_behind(found: Sequence[dict[str, Json]]) -> None:
    """Mark those that are behind beyond chance, by Holm's steps over all that were looked at."""
    for place, part in enumerate(sorted(found, key=lambda part: part["p"])):
        if part["p"] > LEVEL / (len(found) - place):
            return
        part["behind"] = True


# ---------------------------------------------------------------- how rows are cut


def _cuts(rows: Rows) -> Iterator[list[Part]]:
    """The parts that each column makes, column by column."""
    if rows.task.name == FORECAST:
        yield from _cuts_of_steps(rows)
        return
    kinds = dict(rows.model.facts.columns)
    for column in rows.judged.typed.get_columns()[:MOST_COLUMNS]:
        parts = list(cut(column, read_as(kinds.get(column.name, ""))))
        if parts:
            yield parts


def cut(column: pl.Series, kind: str) -> Iterator[Part]:
    """The parts of rows that a column makes: levels of a category, ranges of a number, lengths of texts.

    Args:
        column: (N,) as its kind types it. kind: its name.
    """
    missing = column.is_null().to_numpy()
    if missing.any():
        yield Part(column.name, MISSING, missing)
    if kind == "series":
        yield from _ranges(column.name, column.list.len().cast(pl.Float64), "{} steps")
    elif kind == "text":
        yield from _ranges(column.name, column.str.count_matches(r"\S+").cast(pl.Float64), "{} words")
    elif kind == "words":
        lengths = column.list.len() if column.dtype == pl.List else column.str.count_matches(r"\S+")
        yield from _ranges(column.name, lengths.cast(pl.Float64), "{} words")
    elif column.dtype.is_temporal():
        yield from _ranges_of_time(column)
    elif column.dtype.is_numeric():
        yield from _ranges(column.name, column.cast(pl.Float64), "{}")
    elif column.dtype in (pl.String, pl.Boolean) and kind != "image":
        yield from _levels(column.cast(pl.String))


def _levels(column: pl.Series) -> Iterator[Part]:
    counted = column.drop_nulls().value_counts(sort=True, name="rows")
    shown = counted[column.name].to_list()[:MOST_LEVELS]
    for level in shown:
        yield Part(column.name, str(level), (column == level).fill_null(False).to_numpy())
    if len(counted) > MOST_LEVELS:
        others = column.is_not_null() & ~column.is_in(shown)
        yield Part(column.name, f"one of {len(counted) - MOST_LEVELS:,} rarer", others.to_numpy())


def _ranges(name: str, values: pl.Series, words: str) -> Iterator[Part]:
    """Ranges of about equally many rows, and each value by itself where there are only as many."""
    numbers = values.to_numpy().astype(np.float64)
    known = numbers[np.isfinite(numbers)]
    if not len(known):
        return
    single = np.unique(known)
    if len(single) <= N_BINS:
        for value in single:
            yield Part(name, words.format(f"{value:g}"), numbers == value)
        return
    edges = np.unique(np.quantile(known, np.arange(1, N_BINS) / N_BINS, method="higher"))
    bins = np.searchsorted(edges, numbers, side="right")
    for place in range(len(edges) + 1):
        held = np.isfinite(numbers) & (bins == place)
        if held.any():
            low, high = numbers[held].min(), numbers[held].max()
            yield Part(name, words.format(f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"), held)


def _ranges_of_time(column: pl.Series) -> Iterator[Part]:
    moments = column.cast(pl.Datetime("us")) if column.dtype != pl.Datetime else column
    for part in _ranges(column.name, moments.cast(pl.Int64).cast(pl.Float64), "{}"):
        inside = moments.filter(pl.Series(part.held))
        if len(inside):
            yield Part(part.of, f"{str(inside.min())[:16]} to {str(inside.max())[:16]}", part.held)


def _cuts_of_steps(rows: Rows) -> Iterator[list[Part]]:
    """Of a forecast: its series, and the hour, day or month in which it begins."""
    timeline, origins = rows.judged.timeline, rows.judged.origins
    assert timeline is not None  # of a forecast
    assert origins is not None
    if timeline.n_series > 1:
        names = pl.Series("series", [str(name) for name in timeline.names])[timeline.owner[origins]]
        yield list(_levels(names))
    frequency = frequency_of(state_of(rows.model.preparation))
    stamps = stamps_at(frequency, timeline.numbers[origins], name="stamp")
    if not stamps.dtype.is_temporal():
        return
    asked = {"hour of the first step": stamps.dt.hour, "day of the week": stamps.dt.weekday, "month": stamps.dt.month}
    for name, read in asked.items():
        try:
            values = read().cast(pl.String).alias(name)
        except pl.exceptions.PolarsError:  # a date has no hour
            continue
        if values.n_unique() > 1:
            yield list(_levels_of_all(values))


def _levels_of_all(column: pl.Series) -> Iterator[Part]:
    for level in sorted(column.unique().to_list(), key=lambda text: (len(text), text)):
        yield Part(column.name, level, (column == level).to_numpy())
