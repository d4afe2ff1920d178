"""What more rows would bring: the parts of the rows, the power law, its interval and its words."""

from __future__ import annotations

import numpy as np
import pytest

from archwise.choice.growth import FEWEST_ROWS, SIZES, Part, cut_parts, grow, growth_json
from archwise.evidence import BootstrapScores, of_folds
from archwise.records import Array, Json, Metric

ERROR = Metric("rmse", False, lambda truth, outputs, weights: weights[:, 0])
AREA = Metric("roc_auc", True, lambda truth, outputs, weights: weights[:, 0])
PARTS = (2, 4, 4, 8, 8, 8, 8, 1)  # what part of all rows each score is of
N_ALL = 8_000


def scores(means: Array, *, drawn: float, judged: float, sign: float, seed: int = 0) -> BootstrapScores:
    """Scores of the parts around their means.

    drawn: spread by the training rows at N_ALL; judged: spread by the validation rows, which all sizes have in common.
    """
    rng = np.random.default_rng(seed)
    point = means + rng.normal(size=len(PARTS)) * drawn * np.sqrt(PARTS)
    return BootstrapScores(point, point + judged * rng.normal(size=(300, 1)), 1_000, sign)


def facts_of(a: float, b: float, c: float, metric: Metric = ERROR, **spread: float) -> dict[str, Json]:
    n_rows = [N_ALL // size for size in PARTS]
    errors = a + b * (np.asarray(n_rows) / N_ALL) ** -c
    means = 1.0 - errors if metric.greater_is_better else errors
    given = {"drawn": 1e-4, "judged": 0.01, **spread}
    found = scores(
        means, drawn=given["drawn"], judged=given["judged"], sign=metric.sign, seed=int(given.get("seed", 0))
    )
    return growth_json(grow(found, PARTS, n_rows, seed=0), metric, "trees")


def cut(targets: Array, *, seed: int = 0, groups: Array | None = None) -> tuple[Part, ...]:
    """The parts of the rows of one split."""
    return cut_parts([targets], seed=seed, n_fit=len(targets), groups=groups)


class TestParts:
    def test_each_size_holds_the_next_and_draws_of_a_size_share_no_row(self) -> None:
        parts = cut(np.zeros(1_000))
        assert [part.size for part in parts] == [2, 4, 4, 8, 8, 8, 8]
        rows = {size: np.concatenate([part.rows for part in parts if part.size == size]) for size in SIZES}
        assert set(rows[8]) == set(rows[4]) == set(rows[2])
        assert all(len(set(of_size)) == len(of_size) == 500 for of_size in rows.values())
        assert set(parts[3].rows) < set(parts[1].rows)

    def test_rows_are_rising_so_that_they_can_be_read_from_disk(self) -> None:
        assert all((np.diff(part.rows) > 0).all() for part in cut(np.zeros(500)))

    def test_every_part_has_its_share_of_every_class(self) -> None:
        targets = np.repeat([0, 1, 2], [700, 260, 40])
        for part in cut(targets, seed=3):
            wanted = np.asarray([700, 260, 40]) / part.size
            assert (np.abs(np.bincount(targets[part.rows], minlength=3) - wanted) <= 1.5).all()

    def test_every_part_has_its_share_of_every_fold_and_of_the_few_rows_of_a_class(self) -> None:
        targets, folds = np.repeat([0, 1], [984, 16]), np.arange(1_000) % 5
        for seed in range(20):
            for part in cut_parts([targets, folds], seed=seed, n_fit=800):
                assert (np.abs(np.bincount(targets[part.rows]) - np.asarray([984, 16]) / part.size) <= 1.0).all()
                assert (np.abs(np.bincount(folds[part.rows]) - 200 / part.size) <= 5.0).all()

    def test_where_folds_decide_the_rows_of_a_fit_must_be_enough(self) -> None:
        assert len(cut_parts([np.zeros(300)], seed=0, n_fit=240)) == 7
        assert cut_parts([np.zeros(300)], seed=0, n_fit=239) == ()

    def test_groups_stay_whole(self) -> None:
        groups = np.repeat(np.arange(100), 10)
        parts = cut(np.zeros(1_000), groups=groups)
        for part in parts:
            assert (np.bincount(groups[part.rows])[np.unique(groups[part.rows])] == 10).all()

    def test_the_same_seed_cuts_the_same_parts(self) -> None:
        first, again, other = (cut(np.zeros(500), seed=seed)[0].rows for seed in (1, 1, 2))
        assert (first == again).all()
        assert not np.array_equal(first, other)

    @pytest.mark.parametrize("n_rows", [0, 10, FEWEST_ROWS * SIZES[0] - 1])
    def test_few_rows_are_not_cut(self, n_rows: int) -> None:
        assert cut(np.zeros(n_rows)) == ()

    def test_a_group_as_large_as_the_parts_is_not_cut(self) -> None:
        assert cut(np.zeros(900), groups=np.repeat([0, 1, 2], 300)) == ()


class TestFit:
    @pytest.mark.parametrize("c", [0.2, 0.5, 1.0])
    @pytest.mark.parametrize("metric", [ERROR, AREA])
    def test_a_power_law_is_continued(self, c: float, metric: Metric) -> None:
        doubled = facts_of(0.1, 0.1, c, metric)["doubled"]
        assert doubled["n"] == 2 * N_ALL
        assert doubled["gain"][0] == pytest.approx(0.1 * (1 - 2**-c), rel=0.15)

    def test_four_times_the_rows_bring_more_than_twice(self) -> None:
        facts = facts_of(0.1, 0.1, 0.5)
        assert facts["fourfold"]["gain"][0] > facts["doubled"]["gain"][0]

    def test_a_flat_curve_promises_nothing(self) -> None:
        facts = facts_of(0.2, 0.0, 1.0, drawn=1e-3)
        assert facts["doubled"]["gain"][1] == 0.0
        assert "nothing that these rows can tell" in facts["sentence"]

    def test_a_score_that_falls_with_more_rows_promises_nothing(self) -> None:
        assert facts_of(0.2, -0.05, 0.5)["doubled"]["gain"] == [0.0, 0.0, 0.0]

    def test_draws_that_differ_widen_the_interval(self) -> None:
        def width(drawn: float) -> float:
            _, low, high = facts_of(0.1, 0.1, 0.5, drawn=drawn)["doubled"]["gain"]
            return float(high - low)

        assert width(3e-3) > 3 * width(3e-4)

    def test_in_folds_the_judged_rows_count_for_half_as_much_more_in_gains_and_a_seventh_in_scores(self) -> None:
        rng = np.random.default_rng(0)
        points = 0.1 + 0.1 / np.sqrt(np.asarray(N_ALL / np.asarray(PARTS)) / N_ALL)
        resampled = points + 1e-3 * rng.normal(size=(2_000, 1)) * np.sqrt(PARTS) + 1e-9
        split, folds = (
            grow(
                of_folds(BootstrapScores(points, resampled, 500, -1.0), n_folds),
                PARTS,
                N_ALL / np.asarray(PARTS),
                seed=0,
            )
            for n_folds in (1, 5)
        )
        assert folds.resampled.std(axis=0) == pytest.approx(1.15 * split.resampled.std(axis=0), rel=1e-3)
        assert folds.gains[:, 0].std() > 1.3 * split.gains[:, 0].std()

    def test_what_the_validation_rows_have_in_common_does_not_widen_it(self) -> None:
        narrow, wide = (facts_of(0.1, 0.1, 0.5, judged=judged)["doubled"]["gain"] for judged in (1e-6, 0.05))
        assert narrow == pytest.approx(wide, rel=1e-6)

    def test_the_interval_holds_what_the_curve_brings_on_average(self) -> None:
        held = []
        for seed in range(120):
            _, low, high = facts_of(0.1, 0.1, 0.4, drawn=2e-3, seed=seed)["doubled"]["gain"]
            held.append(low <= 0.1 * (1 - 2**-0.4) <= high)
        assert np.mean(held) >= 0.92

    def test_the_same_scores_give_the_same_facts(self) -> None:
        assert facts_of(0.1, 0.1, 0.5) == facts_of(0.1, 0.1, 0.5)


class TestWords:
    def test_a_share_is_told_in_points_with_its_interval(self) -> None:
        sentence = facts_of(0.05, 0.02, 0.3, AREA)["sentence"]
        assert sentence.startswith("Twice the training rows (16,000) would raise the roc_auc of trees by about 0.3")
        assert "points on average (95 % interval " in sentence
        assert sentence.endswith("the curve has not begun to flatten.")

    def test_an_error_is_lowered_and_its_name_is_not_said_twice(self) -> None:
        sentence = facts_of(50_000.0, 8_000.0, 1.2, drawn=20.0)["sentence"]
        assert "would lower the rmse of trees by about " in sentence
        assert sentence.count("rmse") == 1
        assert sentence.endswith("the curve is flattening.")

    def test_points_rise_in_rows_and_end_with_all(self) -> None:
        assert [point["n"] for point in facts_of(0.1, 0.1, 0.5)["points"]] == [1_000, 2_000, 4_000, 8_000]

    def test_ends_of_the_interval_stand_in_order_for_an_error(self) -> None:
        doubled = facts_of(0.1, 0.1, 0.5)["doubled"]
        assert doubled["low"] <= doubled["score"] <= doubled["high"]
