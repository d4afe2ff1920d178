"""Scores of parts of the rows, such as one level of a column, and which of them fall behind the rest.

A part falls behind where its score is worse than that of the rows outside it by more than chance allows, at a level of
5 % for all parts that were looked at together. Sources: Efron & Tibshirani 1993 (bootstrap); Holm 1979 (many parts);
Wallace 1959 (few rows).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import polars as pl

from archwise.data.padding import join_steps
from archwise.evidence import BootstrapScores, bootstrap_scores, interval
from archwise.model.judged import Judged
from archwise.records import Array, Json, Metric
from archwise.report.cut import Part
from archwise.report.cuts import cuts_of
from archwise.report.rows import Rows
from archwise.report.time_left import Allowed

MOST_ROWS = 4_000  # that are looked at, drawn at random
MOST_GROUPED, MOST_GROUPS = 20_000, 200  # rows and groups, where each group is told
FEWEST = 30  # rows of a part, and outside it
FEWEST_OF_GROUP = 10  # rows of a group, which are told by themselves
FEWEST_A_CLASS = 5  # of two, where pairs of them are ranked
N_RESAMPLES = 200
LEVEL = 0.05


def score_slices(rows: Rows, allowed: Allowed) -> dict[str, Json]:
    """Score every part of the rows that a column makes, and every group where rows are of groups.

    Args:
        allowed: when it must be done; columns that had no time are counted.

    Returns:
        metric, score of all; n_rows; parts: of, name, n, score, low, high (95 %), rest (the score outside), behind;
        n_looked: how many parts were compared; fewest: rows that a part must have; n_columns_left: columns that had no
        time; groups: what is told of them, or None.
    """
    grouped = _with_deciding(rows)
    rows = rows.sample(MOST_ROWS)
    whole = _whole(rows)
    found, n_left, groups = [], 0, None
    if grouped is not None:
        parts, groups = _groups_of(grouped)
        of_groups = _whole(grouped)
        for part in parts:
            if allowed.left() <= 0:
                groups["n_left"] += 1
            elif (told := _judge(of_groups, part, FEWEST_OF_GROUP)) is not None:
                found.append(told)
    for parts in list(cuts_of(rows, allowed.share(0.5))):
        if allowed.left() <= 0:
            n_left += 1
            continue
        found += [told for part in parts if (told := _judge(whole, part, FEWEST)) is not None]
    _mark_behind(found)
    return {
        "metric": whole.metric.name,
        "greater_is_better": whole.metric.greater_is_better,
        "score": whole.score,
        "n_rows": rows.n_rows,
        "parts": found,
        "n_looked": len(found),
        "fewest": FEWEST,
        "n_columns_left": n_left,
        "groups": groups,
    }


@dataclass(frozen=True)
class _Whole:
    """All rows that parts are cut from, with their score and its standard error."""

    rows: Rows
    metric: Metric
    score: float
    spread: float


def _whole(rows: Rows) -> _Whole:
    scores = _resampled(rows, np.ones(rows.n_rows, bool), rows.metric)
    return _Whole(rows, rows.metric, float(scores.point[0]), float(scores.resampled[:, 0].std(ddof=1)))


def _judge(whole: _Whole, part: Part, fewest: int) -> dict[str, Json] | None:
    """The score of a part with its interval, and how surely it is worse than the rest; None where that cannot be.

    Args:
        fewest: rows inside and outside.
    """
    rows, metric, held = whole.rows, whole.metric, part.held
    n = int(held.sum())
    if n < fewest or len(held) - n < fewest or not _can_rank(rows, held, metric):
        return None
    scores = _resampled(rows, held, metric)
    score = float(scores.point[0])
    low, high = interval(scores, 0)
    truth, served = rows.judged.targets[~held], rows.served[~held]
    rest = float(metric.score(truth, served, np.ones((1, len(held) - n)))[0])
    own, others = float(scores.resampled[:, 0].std(ddof=1)), whole.spread * math.sqrt(len(held) / (len(held) - n))
    error = math.hypot(own, others)
    if not (math.isfinite(score) and math.isfinite(rest) and error > 0):
        return None
    freedom = (scores.n_units - 1) * (error / own) ** 4 if own > 0 else math.inf
    worse = _normal(metric.sign * (rest - score) / error, freedom)
    return {
        "of": part.of, "name": part.name, "n": n, "score": score, "low": low, "high": high, "rest": rest,
        "p": 1.0 - NormalDist().cdf(worse), "behind": False,
    }  # fmt: skip


def _resampled(rows: Rows, held: Array, metric: Metric) -> BootstrapScores:
    """The score of some rows on resamples: of their groups, or of the rows themselves where they are of one group."""
    groups = None if rows.judged.groups is None else rows.judged.groups[held]
    if groups is not None and (groups == groups[0]).all():
        groups = None
    return bootstrap_scores(
        rows.judged.targets[held], [rows.served[held]], metric, seed=0, groups=groups, n_resamples=N_RESAMPLES
    )


def _normal(t: float, freedom: float) -> float:
    """How far out of the normal distribution a point of Student's t lies (Wallace 1959)."""
    if not math.isfinite(freedom):
        return t
    wide = (8.0 * freedom + 1.0) / (8.0 * freedom + 3.0)
    return math.copysign(wide * math.sqrt(freedom * math.log1p(t * t / freedom)), t)


# ---------------------------------------------------------------- groups


def _with_deciding(rows: Rows) -> Rows | None:
    """The rows with those that decided, as far as the group of each is known; None where none is told."""
    judged = rows.judged
    both = [each for each in (judged, judged.deciding) if each is not None and each.told is not None]
    if not both or not judged.grouped_by:
        return None
    told = pl.concat([each.told for each in both if each.told is not None])
    known = told["group"].is_not_null().to_numpy()
    if not known.any():
        return None
    joined = Judged(
        typed=pl.DataFrame(),
        targets=join_steps([each.targets for each in both])[known],
        outputs=join_steps([each.outputs for each in both])[known],
        name=" and ".join(each.name for each in both),
        groups=_units(both, told)[known],
        told=told.filter(pl.Series(known)),
        grouped_by=judged.grouped_by,
    )
    return Rows(rows.model, joined).sample(MOST_GROUPED)


def _units(both: Sequence[Judged], told: pl.DataFrame) -> Array:
    """(N,) int64 which rows depend on each other: those that the split kept together, or those of one group."""
    if all(each.groups is not None for each in both):
        return np.concatenate([each.groups for each in both if each.groups is not None])
    return told["group"].rank("dense").fill_null(0).to_numpy().astype(np.int64)


def _groups_of(rows: Rows) -> tuple[list[Part], dict[str, Json]]:
    """A part for each group, the largest first, and what is told of all of them."""
    assert rows.judged.told is not None  # as `_with_deciding` gives them
    names = rows.judged.told["group"]
    counts = names.value_counts(sort=True, name="rows")
    large = counts.filter(counts["rows"] >= FEWEST_OF_GROUP)["group"].to_list()[:MOST_GROUPS]
    parts = [Part(rows.judged.grouped_by, str(name), (names == name).to_numpy()) for name in large]
    return parts, {
        "column": rows.judged.grouped_by,
        "rows": rows.judged.name,
        "n_rows": rows.n_rows,
        "n_groups": len(counts),
        "n_told": len(large),
        "n_left": 0,
    }


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
