"""The statistics, by simulation: intervals cover as often as they say, and equal candidates are not told apart."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations

import numpy as np
import pytest

from archwise import evidence
from archwise.evidence import (
    FEWEST_UNITS,
    BootstrapScores,
    bootstrap_scores,
    compare,
    critical_value,
    interval,
    of_folds,
)
from archwise.records import Array, Comparison, Metric
from archwise.tasks import scores

ACCURACY = Metric("accuracy", True, scores.accuracy)
RMSE = Metric("rmse", False, partial(scores.root_mean_squared_error, scale=1.0), "units")
N_RESAMPLES = 1_000
N_RACERS = 8
N_RACES = 1_000
Draw = Callable[[np.random.Generator, int, int], Array]  # (generator, N, M) -> (N, M): hits, or errors


def outputs_of(metric: Metric, columns: Array) -> list[Array]:
    """Outputs that hit or miss, or err by so much, against a truth of zeros."""
    if metric is RMSE:
        return [column[:, None] for column in columns.T]
    return [np.stack([column, 1.0 - column], axis=1) for column in columns.T]


def score(metric: Metric, columns: Array, *, seed: int = 0, groups: Array | None = None) -> BootstrapScores:
    truth = np.zeros(len(columns), dtype=np.int64)
    outputs = outputs_of(metric, columns)
    return bootstrap_scores(truth, outputs, metric, seed=seed, groups=groups, n_resamples=N_RESAMPLES)


def width(scored: BootstrapScores, candidate: int = 0) -> float:
    low, high = interval(scored, candidate)
    return high - low


# ---------------------------------------------------------------- one score


def hits(rng: np.random.Generator, n: int, m: int, *, share: float) -> Array:
    return (rng.random((n, m)) < share).astype(np.float64)


def normal_errors(rng: np.random.Generator, n: int, m: int) -> Array:
    return rng.normal(size=(n, m))


def heavy_errors(rng: np.random.Generator, n: int, m: int) -> Array:
    return rng.standard_t(6, size=(n, m)) / math.sqrt(1.5)


@pytest.mark.parametrize(
    ("metric", "draw", "truth"),
    [
        pytest.param(ACCURACY, partial(hits, share=0.75), 0.75, id="accuracy"),
        pytest.param(ACCURACY, partial(hits, share=0.95), 0.95, id="high accuracy"),
        pytest.param(RMSE, normal_errors, 1.0, id="rmse"),
        pytest.param(RMSE, heavy_errors, 1.0, id="rmse of heavy tails"),
    ],
)
def test_the_interval_of_a_score_covers_the_truth_95_times_in_100(metric: Metric, draw: Draw, truth: float) -> None:
    n_sets = 2_000
    scored = score(metric, draw(np.random.default_rng(11), 500, n_sets))
    ends = np.array([interval(scored, place) for place in range(n_sets)])
    covered = ((ends[:, 0] <= truth) & (truth <= ends[:, 1])).mean()
    assert 0.935 <= covered <= 0.965


def test_the_interval_of_few_rows_is_wider_by_the_root_of_their_number() -> None:
    errors = normal_errors(np.random.default_rng(0), 1_600, 1)
    assert width(score(RMSE, errors[:400])) / width(score(RMSE, errors)) == pytest.approx(2.0, rel=0.2)


def test_the_interval_holds_the_score_itself() -> None:
    scored = score(ACCURACY, hits(np.random.default_rng(0), 200, 20, share=0.9))
    for place in range(20):
        low, high = interval(scored, place)
        assert low <= scored.point[place] <= high


def test_a_candidate_that_is_always_right_has_the_interval_of_one_point() -> None:
    assert interval(score(ACCURACY, np.ones((100, 1))), 0) == (1.0, 1.0)


# ---------------------------------------------------------------- whole races


def correlated_hits(rng: np.random.Generator, n: int, m: int, *, agreed: float = 0.7) -> Array:
    """Hits of candidates that agree on a share of the rows, 85 in 100 right each."""
    common, own = rng.random((n, 1)) < 0.85, rng.random((n, m)) < 0.85
    return np.where(rng.random((n, m)) < agreed, common, own).astype(np.float64)


def correlated_errors(rng: np.random.Generator, n: int, m: int) -> Array:
    return 0.8 * rng.normal(size=(n, 1)) + 0.6 * rng.normal(size=(n, m))


def unequal_hits(rng: np.random.Generator, n: int, m: int) -> Array:
    """Hits on rows of common difficulty: candidate j is right on 70 + 3 j in 100."""
    ease = (0.75 * rng.normal(size=(n, 1)) + math.sqrt(1 - 0.75**2) * rng.normal(size=(n, m))).astype(np.float64)
    thresholds = np.array([evidence._NORMAL.inv_cdf(share) for share in true_shares(m)])
    return (ease < thresholds).astype(np.float64)


def true_shares(m: int) -> list[float]:
    return [0.70 + 0.03 * place for place in range(m)]


def unequal_errors(rng: np.random.Generator, n: int, m: int) -> Array:
    return correlated_errors(rng, n, m) * np.array(true_sizes(m))


def true_sizes(m: int) -> list[float]:
    return [1.0 + 0.05 * place for place in range(m)]


def race_all_pairs(metric: Metric, draw: Draw, n_rows: int) -> list[list[Comparison]]:
    """Every pair of every one of N_RACES simulated races. The races share their resamples, which are drawn once."""
    rng = np.random.default_rng(5)
    columns = np.concatenate([draw(rng, n_rows, N_RACERS) for _ in range(N_RACES)], axis=1)
    scored = score(metric, columns, seed=7)
    assert scored.left_out is not None
    found = []
    for start in range(0, columns.shape[1], N_RACERS):
        of_race = slice(start, start + N_RACERS)
        race = replace(
            scored,
            point=scored.point[of_race],
            resampled=scored.resampled[:, of_race],
            left_out=scored.left_out[:, of_race],
        )
        found.append(all_pairs(race))
    return found


def all_pairs(scored: BootstrapScores) -> list[Comparison]:
    places = range(len(scored.point))
    return compare(scored, [str(place) for place in places], list(combinations(places, 2)))


def cover_all(found: Sequence[Comparison], true: Sequence[float], sign: float) -> bool:
    return all(c.low <= sign * (true[int(c.left)] - true[int(c.right)]) <= c.high for c in found)


@pytest.mark.parametrize(
    ("metric", "draw", "true", "n_rows"),
    [
        pytest.param(ACCURACY, unequal_hits, true_shares(N_RACERS), 500, id="accuracy"),
        pytest.param(RMSE, unequal_errors, true_sizes(N_RACERS), 300, id="rmse"),
    ],
)
def test_the_intervals_of_all_pairs_cover_the_true_differences_at_once(
    metric: Metric, draw: Draw, true: list[float], n_rows: int
) -> None:
    races = race_all_pairs(metric, draw, n_rows)
    assert np.mean([cover_all(found, true, metric.sign) for found in races]) >= 0.94


@pytest.mark.parametrize(
    ("metric", "draw", "n_rows"),
    [
        pytest.param(ACCURACY, correlated_hits, 500, id="accuracy"),
        pytest.param(ACCURACY, correlated_hits, 60, id="accuracy of few rows"),
        pytest.param(ACCURACY, partial(correlated_hits, agreed=0.97), 500, id="accuracy of near twins"),
        pytest.param(RMSE, correlated_errors, 200, id="rmse"),
        pytest.param(RMSE, correlated_errors, FEWEST_UNITS, id="rmse of the fewest rows"),
    ],
)
def test_equal_candidates_are_told_apart_in_at_most_5_races_of_100(metric: Metric, draw: Draw, n_rows: int) -> None:
    races = race_all_pairs(metric, draw, n_rows)
    two_errors = 2 * math.sqrt(0.05 * 0.95 / N_RACES)
    assert np.mean([any(not c.tied for c in found) for found in races]) <= 0.05 + two_errors
    assert np.mean([best_network_beats_best_reference(found) for found in races]) <= 0.05


def best_network_beats_best_reference(found: Sequence[Comparison]) -> bool:
    """Of eight candidates the first four are references; both sides send the one that looks best."""
    ahead = {(int(c.left), int(c.right)): c for c in found}
    beyond = {0: 0.0} | {place: -ahead[0, place].difference for place in range(1, N_RACERS)}
    reference = max(range(N_RACERS // 2), key=lambda place: beyond[place])
    network = max(range(N_RACERS // 2, N_RACERS), key=lambda place: beyond[place])
    return ahead[reference, network].high < 0


def test_a_true_difference_is_found() -> None:
    rng = np.random.default_rng(3)
    columns = np.column_stack([hits(rng, 500, 1, share=0.9), hits(rng, 500, 1, share=0.7)])
    (found,) = compare(score(ACCURACY, columns), ["good", "bad"], [(0, 1)])
    assert found.low > 0


def test_more_candidates_make_every_interval_wider() -> None:
    columns = correlated_errors(np.random.default_rng(0), 300, 12)
    few, many = score(RMSE, columns[:, :2]), score(RMSE, columns)
    assert critical_value(many) > critical_value(few)


# ---------------------------------------------------------------- single properties


def test_whole_groups_are_drawn() -> None:
    rng = np.random.default_rng(2)
    errors = normal_errors(rng, 100, 1)
    copies, groups = np.repeat(errors, 4, axis=0), np.repeat(np.arange(100), 4)
    assert interval(score(RMSE, copies, groups=groups), 0) == pytest.approx(interval(score(RMSE, errors), 0))


def test_rows_that_come_in_copies_give_wider_intervals_when_groups_are_drawn() -> None:
    columns = correlated_errors(np.random.default_rng(2), 100, 2)
    copies, groups = np.repeat(columns, 4, axis=0), np.repeat(np.arange(100), 4)
    by_rows, by_groups = score(RMSE, copies), score(RMSE, copies, groups=groups)
    assert width(by_groups) / width(by_rows) == pytest.approx(2.0, rel=0.15)
    (rows,), (whole,) = compare(by_rows, "ab", [(0, 1)]), compare(by_groups, "ab", [(0, 1)])
    assert (whole.high - whole.low) / (rows.high - rows.low) == pytest.approx(2.0, rel=0.15)
    assert (rows.n_rows, whole.n_rows) == (400, 100)


def test_group_names_need_not_be_numbers_from_nought() -> None:
    columns = correlated_errors(np.random.default_rng(2), 90, 2)
    groups = np.repeat(np.arange(30), 3)
    np.testing.assert_array_equal(
        score(RMSE, columns, groups=groups).resampled, score(RMSE, columns, groups=groups * 7 - 1_000).resampled
    )


def test_too_few_rows_claim_nothing() -> None:
    n_rows = FEWEST_UNITS - 1
    columns = np.column_stack([np.ones(n_rows), np.zeros(n_rows)])
    (found,) = compare(score(ACCURACY, columns), ["right", "wrong"], [(0, 1)])
    assert (found.difference, found.tied) == (1.0, True)
    assert (found.low, found.high) == (-math.inf, math.inf)


def test_too_few_groups_claim_nothing_however_many_rows_they_have() -> None:
    columns = np.column_stack([np.ones(1_000), np.zeros(1_000)])
    groups = np.arange(1_000) % (FEWEST_UNITS - 1)
    (found,) = compare(score(ACCURACY, columns, groups=groups), ["right", "wrong"], [(0, 1)])
    assert found.tied


def test_the_same_seed_gives_the_same_figures() -> None:
    columns = correlated_errors(np.random.default_rng(4), 200, 3)
    first, again, other = score(RMSE, columns, seed=1), score(RMSE, columns, seed=1), score(RMSE, columns, seed=2)
    assert all_pairs(first) == all_pairs(again)
    assert interval(first, 0) == interval(again, 0)
    assert all_pairs(first) != all_pairs(other)


@pytest.mark.parametrize(("metric", "better", "worse"), [(ACCURACY, 0.9, 0.6), (RMSE, 0.5, 2.0)])
def test_a_difference_is_positive_where_the_left_one_is_better(metric: Metric, better: float, worse: float) -> None:
    rng = np.random.default_rng(6)
    draw = hits if metric is ACCURACY else lambda rng, n, m, share: share * rng.normal(size=(n, m))
    columns = np.column_stack([draw(rng, 400, 1, share=better), draw(rng, 400, 1, share=worse)])
    left, right = compare(score(metric, columns), ["better", "worse"], [(0, 1), (1, 0)])
    assert 0 < left.low < left.difference < left.high
    assert (right.difference, right.low, right.high) == pytest.approx((-left.difference, -left.high, -left.low))


def test_identical_outputs_are_tied_with_an_interval_of_nought() -> None:
    columns = correlated_errors(np.random.default_rng(8), 300, 3)
    columns[:, 1] = columns[:, 0]
    twins, others = compare(score(RMSE, columns), "abc", [(0, 1), (0, 2)])
    assert (twins.difference, twins.low, twins.high, twins.tied) == (0.0, 0.0, 0.0, True)
    assert others.low < others.high


def test_only_twins_in_the_race_are_tied() -> None:
    (found,) = compare(score(ACCURACY, np.ones((100, 2))), "ab", [(0, 1)])
    assert (found.low, found.high, found.tied) == (0.0, 0.0, True)


def test_the_size_of_the_chunks_does_not_change_the_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = correlated_errors(np.random.default_rng(9), 101, 3)
    at_once = score(RMSE, columns)
    monkeypatch.setattr(evidence, "CELLS_A_CHUNK", 101 * 7)
    in_parts = score(RMSE, columns)
    assert at_once.left_out is not None
    np.testing.assert_allclose(in_parts.resampled, at_once.resampled, rtol=1e-12)
    np.testing.assert_allclose(in_parts.left_out, at_once.left_out, rtol=1e-12)


def test_a_part_of_a_large_table_gives_the_interval_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = correlated_errors(np.random.default_rng(10), 6_000, 2)
    whole = score(RMSE, columns)
    monkeypatch.setattr(evidence, "MOST_ROWS", 1_500)
    part = score(RMSE, columns)
    np.testing.assert_array_equal(part.point, whole.point)
    assert width(part) == pytest.approx(width(whole), rel=0.15)
    (in_part,), (in_whole,) = compare(part, "ab", [(0, 1)]), compare(whole, "ab", [(0, 1)])
    assert in_part.high - in_part.low == pytest.approx(in_whole.high - in_whole.low, rel=0.15)


def test_outputs_that_are_no_numbers_lose_to_all_and_disturb_nobody() -> None:
    columns = correlated_errors(np.random.default_rng(12), 200, 3)
    broken = columns.copy()
    broken[17, 2] = math.nan
    sound, spoilt = score(RMSE, columns[:, :2]), score(RMSE, broken)
    between, against = compare(spoilt, "abc", [(0, 1), (0, 2)])
    assert between == compare(sound, "abc", [(0, 1)])[0]
    assert (against.low, against.tied) == (math.inf, False)
    assert interval(spoilt, 2) == (math.inf, math.inf)


def test_two_that_give_no_numbers_are_tied() -> None:
    (found,) = compare(score(RMSE, np.full((50, 2), math.nan)), "ab", [(0, 1)])
    assert found.tied


def test_widening_moves_the_ends_and_not_the_scores() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=300)
    outputs = [truth[:, None] + rng.normal(0, spread, (300, 1)) for spread in (0.5, 0.6)]
    metric = Metric("error", False, lambda t, o, w: (w @ np.abs(o[:, 0] - t)) / w.sum(axis=1))
    plain = bootstrap_scores(truth, outputs, metric, seed=0)
    wide = of_folds(plain, 1, widening=2.0)
    (one,), (other,) = (compare(scores, ["a", "b"], [(0, 1)]) for scores in (plain, wide))
    assert other.difference == one.difference
    assert other.high - other.low == pytest.approx(2.0 * (one.high - one.low))
    low, high = interval(wide, 0)
    assert high - low > 1.5 * (interval(plain, 0)[1] - interval(plain, 0)[0])
