"""The figures of single answers, held against scikit-learn, statsmodels and seqeval."""

from __future__ import annotations

import numpy as np
import pytest
from seqeval.metrics import classification_report
from sklearn import metrics
from sklearn.calibration import calibration_curve
from statsmodels.stats.proportion import proportion_confint

from archwise.records import Array
from archwise.report.answers import answers
from archwise.report.confusion import MOST_POINTS, confusion, of_each_class, rank_curves, reliability, thinned, wilson
from archwise.report.make import judged_rows
from archwise.report.rows import Rows

LABELS = ["a", "b", "c"]


@pytest.fixture
def classes() -> tuple[Array, Array]:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 500)
    return truth, np.where(rng.random(500) < 0.6, truth, rng.integers(0, 3, 500))


@pytest.fixture
def ranked() -> tuple[Array, Array]:
    """Rows of a class and their scores, many of them equal."""
    rng = np.random.default_rng(1)
    truth = rng.random(2_000) < 0.3
    return truth, np.clip(rng.normal(0.4 + 0.2 * truth, 0.2), 0, 1).round(2)


def test_counts_are_those_of_scikit_learn(classes: tuple[Array, Array]) -> None:
    found = confusion(*classes, LABELS)
    assert found["counts"] == metrics.confusion_matrix(*classes).tolist()
    worst = found["pairs"][0]
    counts = metrics.confusion_matrix(*classes)
    assert worst["n"] == (counts * (1 - np.eye(3))).max()
    assert worst["share"] == worst["n"] / counts[LABELS.index(worst["true"])].sum()


def test_of_many_classes_only_the_pairs_are_told() -> None:
    truth = np.arange(30)
    found = confusion(truth, np.roll(truth, 1), [str(place) for place in truth])
    assert found["labels"] == []
    assert found["counts"] == []
    assert len(found["pairs"]) == 12


def test_precision_recall_and_f1_are_those_of_scikit_learn(classes: tuple[Array, Array]) -> None:
    precision, recall, f1, n = metrics.precision_recall_fscore_support(*classes)
    for place, row in enumerate(of_each_class(*classes, LABELS)):
        assert row["n"] == n[place]
        assert [row["precision"], row["recall"], row["f1"]] == pytest.approx(
            [precision[place], recall[place], f1[place]]
        )


def test_a_class_that_nobody_has_gives_no_figures() -> None:
    row = of_each_class(np.array([0, 0]), np.array([0, 0]), ["a", "b"])[1]
    assert [row["precision"], row["recall"], row["f1"], row["low"]] == [None] * 4


@pytest.mark.parametrize(("right", "n"), [(0, 5), (5, 5), (3, 10), (480, 500)])
def test_the_interval_of_a_share_is_wilsons(right: int, n: int) -> None:
    assert wilson(right, n) == pytest.approx(proportion_confint(right, n, method="wilson"), abs=1e-6)


def test_areas_and_curves_are_those_of_scikit_learn(ranked: tuple[Array, Array]) -> None:
    curve = rank_curves(*ranked, "a")
    assert curve is not None
    assert curve["auc"] == pytest.approx(metrics.roc_auc_score(*ranked))
    assert curve["average_precision"] == pytest.approx(metrics.average_precision_score(*ranked))
    alarms, hits, _ = metrics.roc_curve(*ranked, drop_intermediate=False)
    held = {(round(float(x), 5), round(float(y), 5)) for x, y in zip(alarms, hits, strict=True)}
    assert {(x, y) for x, y in curve["roc"]} <= held
    precision, recall, _ = metrics.precision_recall_curve(*ranked)
    held = {(round(float(x), 5), round(float(y), 5)) for x, y in zip(recall, precision, strict=True)}
    assert {(x, y) for x, y in curve["pr"]} <= held


def test_one_class_alone_has_no_curve() -> None:
    assert rank_curves(np.zeros(9, bool), np.arange(9.0), "a") is None


def test_a_long_curve_keeps_its_ends_and_few_points() -> None:
    points = np.stack([np.linspace(0, 1, 5_000), np.linspace(1, 0, 5_000)], axis=1)
    found = thinned(points)
    assert len(found) <= MOST_POINTS + 2
    assert found[0] == [0.0, 1.0]
    assert found[-1] == [1.0, 0.0]


def test_odds_are_held_against_shares_as_scikit_learn_does() -> None:
    rng = np.random.default_rng(2)
    shares = rng.random(1_000)
    is_true = rng.random(1_000) < shares**2
    true, said = calibration_curve(is_true, shares, n_bins=10, strategy="quantile")
    found = reliability(shares, is_true)
    assert [each["said"] for each in found] == pytest.approx(said)
    assert [each["true"] for each in found] == pytest.approx(true)
    assert sum(each["n"] for each in found) == 1_000


def test_entities_are_counted_as_seqeval_counts_them(made) -> None:
    held = made("tag")
    rows = Rows(held.model, judged_rows(held.model, held.rows))
    tags = [cell.split() for cell in held.rows["tags"]]
    said = [[str(tag) for tag in row[: len(cell)]] for row, cell in zip(rows.answers["prediction"], tags, strict=True)]
    report = classification_report(tags, said, output_dict=True, zero_division=0)
    for each in answers(rows)["entities"]:
        wanted = report[each["label"]]
        assert each["n"] == wanted["support"]
        assert each["f1"] == pytest.approx(wanted["f1-score"])
        assert (each["precision"] or 0.0) == pytest.approx(wanted["precision"])


def test_labels_are_judged_as_scikit_learn_judges_them(made) -> None:
    held = made("multilabel")
    rows = Rows(held.model, judged_rows(held.model, held.rows))
    truth = rows.judged.targets > 0.5
    shares = np.stack([rows.answers[f"p:{name}"] for name in rows.classes], axis=1)
    for place, each in enumerate(answers(rows)["classes"]):
        assert each["f1"] == pytest.approx(metrics.f1_score(truth[:, place], shares[:, place] >= 0.5))
        assert each["auc"] == pytest.approx(metrics.roc_auc_score(truth[:, place], shares[:, place]))


def test_errors_of_numbers_are_told_by_range(made) -> None:
    held = made("regress")
    rows = Rows(held.model, judged_rows(held.model, held.rows))
    told = answers(rows)
    off = rows.answers["prediction"] - held.rows["pay"].to_numpy()
    assert sum(each["n"] for each in told["ranges"]) == held.rows.height
    mean = sum(each["n"] * each["mean_distance"] for each in told["ranges"]) / held.rows.height
    assert mean == pytest.approx(metrics.mean_absolute_error(held.rows["pay"], rows.answers["prediction"]), rel=1e-5)
    assert told["quantiles"]["0.5"] == pytest.approx(float(np.median(off)), rel=1e-3)
