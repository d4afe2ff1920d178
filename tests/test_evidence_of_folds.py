"""The statistics of cross-fitting, by simulation: models are fitted anew on every table, in closed form."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from archwise.evidence import BootstrapScores, bootstrap_scores, compare, interval, of_folds
from archwise.records import Array, Metric
from archwise.tasks.scores import root_mean_squared_error

RMSE = Metric("rmse", False, partial(root_mean_squared_error, scale=1.0))
N_TABLES, N_ROWS, N_FOLDS, WIDTH = 300, 200, 5, 5
NOISE = 0.7


def fit(rows: Array, numbers: Array) -> Array:
    """Weights (D,) of a ridge regression."""
    weights: Array = np.linalg.solve(rows.T @ rows + np.eye(rows.shape[1]), rows.T @ numbers)
    return weights


def errors_of_folds(rows: Array, numbers: Array, cut: Array) -> Array:
    """(N,) errors on each row of the model that was fitted without its fold."""
    errors = np.empty(len(numbers))
    for fold in range(N_FOLDS):
        out = cut == fold
        errors[out] = rows[out] @ fit(rows[~out], numbers[~out]) - numbers[out]
    return errors


@pytest.fixture(scope="module")
def tables() -> tuple[BootstrapScores, Array]:
    """Scores of two learners a table, each of which reads half of the columns; and the true RMSE of their final fits.

    By symmetry the learners are equal.
    """
    rng = np.random.default_rng(1)
    columns, true = [], []
    for _ in range(N_TABLES):
        rows = rng.normal(size=(N_ROWS, 2 * WIDTH))
        numbers = rows.sum(axis=1) / np.sqrt(2 * WIDTH) + NOISE * rng.normal(size=N_ROWS)
        cut = rng.permutation(N_ROWS) % N_FOLDS
        for block in (slice(0, WIDTH), slice(WIDTH, 2 * WIDTH)):
            columns.append(errors_of_folds(rows[:, block], numbers, cut))
            missed = fit(rows[:, block], numbers) - 1.0 / np.sqrt(2 * WIDTH)
            true.append(np.sqrt(missed @ missed + 0.5 + NOISE**2))
    outputs = [column[:, None] for column in columns]
    scored = bootstrap_scores(np.zeros(N_ROWS), outputs, RMSE, seed=3, n_resamples=400)
    return of_folds(scored, N_FOLDS), np.array(true)


def test_the_interval_in_folds_covers_the_score_of_the_final_fit_95_times_in_100(
    tables: tuple[BootstrapScores, Array],
) -> None:
    scored, true = tables
    ends = np.array([interval(scored, place) for place in range(2 * N_TABLES)])
    assert 0.93 <= np.mean((ends[:, 0] <= true) & (true <= ends[:, 1])) <= 0.98


def test_equal_learners_in_folds_are_told_apart_in_at_most_5_tables_of_100(
    tables: tuple[BootstrapScores, Array],
) -> None:
    scored, _ = tables
    assert scored.left_out is not None
    told_apart = []
    for place in range(0, 2 * N_TABLES, 2):
        pair = slice(place, place + 2)
        of_table = replace(
            scored, point=scored.point[pair], resampled=scored.resampled[:, pair], left_out=scored.left_out[:, pair]
        )
        told_apart.append(not compare(of_table, "ab", [(0, 1)])[0].tied)
    assert np.mean(told_apart) <= 0.05


def test_one_split_is_left_as_it_is_and_folds_widen_a_difference_by_half() -> None:
    columns = np.random.default_rng(0).normal(size=(100, 2))
    scored = bootstrap_scores(np.zeros(100), [column[:, None] for column in columns.T], RMSE, seed=0, n_resamples=200)
    (plain,), (one,), (five,) = (
        compare(each, "ab", [(0, 1)]) for each in (scored, of_folds(scored, 1), of_folds(scored, 5))
    )
    assert one == plain
    assert (five.high - five.low) / (plain.high - plain.low) == pytest.approx(1.5)
