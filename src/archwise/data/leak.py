"""Leaks: a single column that gives the target away."""

from __future__ import annotations

import numpy as np
import polars as pl

from archwise.records import Array, Finding

_ACCURACY = 0.999
_LEFT_OVER = 0.1  # of the majority's errors, that a leak may leave
_RANK_CORRELATION = 0.9999
_EXPLAINED = 0.9999
_FEWEST_ROWS = 20
_MOST_ROWS = 100_000  # evidence enough; more are only slower


def find_leaks(typed: pl.DataFrame, target: pl.Series) -> tuple[Finding, ...]:
    """Findings for every column that alone predicts the target almost without error, on rows held out.

    Args:
        typed: (N, D) the columns a model may read, with the types of their kinds.
        target: (N,) Float64 for a number, String for classes, null where unknown.
    """
    known = np.flatnonzero(target.is_not_null().to_numpy())
    known = known[:: max(1, len(known) // _MOST_ROWS)]
    if len(known) < _FEWEST_ROWS:
        return ()
    values = target.gather(known)
    findings = []
    for column in typed.get_columns():
        ranks = _ranks(column.gather(known))
        why = _judge_number(ranks, values) if values.dtype == pl.Float64 else _judge_classes(ranks, values)
        if why:
            message = (
                f"column '{column.name}' gives the target '{target.name}' away: {why}; if it is not known "
                f"when you predict, leave it out with --drop {column.name}"
            )
            findings.append(Finding("leak", "warning", message, column.name, len(known)))
    return tuple(findings)


def _ranks(column: pl.Series) -> Array:
    """Dense ranks of the values as (N,) int64 from 0; missing is a value of its own, the least."""
    if column.dtype == pl.Boolean:
        column = column.cast(pl.Int8)
    return column.rank("dense").fill_null(0).to_numpy().astype(np.int64)


def _judge_classes(ranks: Array, target: pl.Series) -> str:
    """Why the ranks give the classes away, or an empty text."""
    labels = target.rank("dense").to_numpy().astype(np.int64) - 1
    majority = float(np.bincount(labels).max()) / len(labels)
    answers = np.empty(len(labels), np.int64)
    for fitted in _halves(len(labels)):
        learnt = _majority(ranks[fitted], labels[fitted])
        answers[~fitted] = _nearest_answer(ranks[fitted], learnt, ranks[~fitted])
    accuracy = float((answers == labels).mean())
    if accuracy < _ACCURACY or 1 - accuracy > _LEFT_OVER * (1 - majority):
        return ""
    area = f", AUC {_area(answers, labels):.4f}" if labels.max() == 1 else ""
    return (
        f"it alone answers {_percent(accuracy)} of {len(labels):,} held-out rows right{area}, "
        f"where the commonest class has {_percent(majority)}"
    )


def _judge_number(ranks: Array, target: pl.Series) -> str:
    """Why the ranks give the number away, or an empty text."""
    values = target.to_numpy()
    order = target.rank("average").to_numpy()
    if ranks.min() == ranks.max():
        return ""
    mean_ranks = pl.Series(ranks).rank("average").to_numpy()
    correlation = float(np.corrcoef(mean_ranks, order)[0, 1])
    in_order = abs(correlation) >= _RANK_CORRELATION
    if not in_order and ranks.max() > len(ranks) // 4:  # too many levels to tell a rule from chance
        return ""
    explained = _explain(ranks, values)
    told = f"it alone explains {_percent(explained)} of the target's variance on {len(values):,} held-out rows"
    if in_order:
        return f"{told}, and in order of it the target is in order too (rank correlation {correlation:.4f})"
    return told if explained >= _EXPLAINED else ""


def _explain(ranks: Array, values: Array) -> float:
    """R² of the mean target of the nearest rank, each half of the rows answered from the other; 0 where it has none."""
    left_over = 0.0
    with np.errstate(over="ignore", invalid="ignore"):  # of values near the end of float64
        for fitted in _halves(len(values)):
            means = _means(ranks[fitted], values[fitted])
            left_over += float(((_nearest_answer(ranks[fitted], means, ranks[~fitted]) - values[~fitted]) ** 2).sum())
        total = float(((values - values.mean()) ** 2).sum())
    return 1.0 - left_over / total if total > 0.0 and np.isfinite(total) and np.isfinite(left_over) else 0.0


def _halves(n_rows: int) -> tuple[Array, Array]:
    """Two masks (N,): every other row, and the rest."""
    is_even = np.arange(n_rows) % 2 == 0
    return is_even, ~is_even


def _area(answers: Array, labels: Array) -> float:
    """Area under the ROC curve of answered labels 0 and 1."""
    return 0.5 * float(answers[labels == 1].mean() + (1 - answers[labels == 0]).mean())


def _majority(ranks: Array, labels: Array) -> Array:
    """The commonest label of each distinct rank, in rising order of the ranks."""
    pairs, counts = np.unique(ranks * (labels.max() + 1) + labels, return_counts=True)
    pair_ranks, pair_labels = np.divmod(pairs, labels.max() + 1)
    order = np.lexsort((counts, pair_ranks))
    is_last = np.append(np.diff(pair_ranks[order]) != 0, True)
    answers: Array = pair_labels[order][is_last]
    return answers


def _means(ranks: Array, values: Array) -> Array:
    """The mean value of each distinct rank, in rising order of the ranks."""
    _, positions = np.unique(ranks, return_inverse=True)
    means: Array = np.bincount(positions, weights=values) / np.bincount(positions)
    return means


def _nearest_answer(fitted: Array, answers: Array, asked: Array) -> Array:
    """The answer of the fitted rank nearest to each asked rank."""
    distinct = np.unique(fitted)
    right = np.clip(np.searchsorted(distinct, asked), 0, len(distinct) - 1)
    left = np.maximum(right - 1, 0)
    is_left = np.abs(asked - distinct[left]) < np.abs(distinct[right] - asked)
    return answers[np.where(is_left, left, right)]


def _percent(share: float) -> str:
    return f"{100 * share:.4g} %"
