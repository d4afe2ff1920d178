"""The metrics against scikit-learn, weighting by weighting."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from sklearn import metrics as reference

from archwise.records import Array
from archwise.tasks import scores
from archwise.tasks.classify import softmax

N, R = 211, 7


def weightings(n: int = N, seed: int = 1) -> Array:
    generator = np.random.default_rng(seed)
    resamples = [np.bincount(generator.integers(0, n, n), minlength=n) for _ in range(R - 1)]
    return np.stack([np.ones(n), *resamples]).astype(np.float64)


def classes(n_classes: int, seed: int = 0) -> tuple[Array, Array]:
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, n_classes, N)
    outputs = generator.normal(size=(N, n_classes)).astype(np.float32)
    outputs[np.arange(N), truth] += 0.7
    return truth, outputs


def repeated(truth: Array, outputs: Array, weights: Array) -> tuple[Array, Array]:
    rows = np.repeat(np.arange(len(truth)), weights.astype(int))
    return truth[rows], outputs[rows]


@pytest.mark.parametrize("positive", [0, 1])
def test_roc_auc_agrees_with_sklearn_under_sample_weights(positive: int) -> None:
    truth, outputs = classes(2)
    ranked = outputs[:, positive].astype(np.float64) - outputs[:, 1 - positive]
    expected = [reference.roc_auc_score(truth == positive, ranked, sample_weight=row) for row in weightings()]
    np.testing.assert_allclose(scores.roc_auc(truth, outputs, weightings(), positive=positive), expected, atol=1e-12)


def test_roc_auc_counts_ties_as_sklearn_does() -> None:
    truth, outputs = classes(2)
    outputs = np.round(outputs * 2) / 2
    ranked = outputs[:, 1] - outputs[:, 0]
    expected = [reference.roc_auc_score(truth, ranked, sample_weight=row) for row in weightings()]
    np.testing.assert_allclose(scores.roc_auc(truth, outputs, weightings(), positive=1), expected, atol=1e-12)


def test_roc_auc_is_one_half_where_a_resample_holds_one_class() -> None:
    truth, outputs = np.array([0, 0, 1]), np.eye(3, 2, dtype=np.float32)
    np.testing.assert_array_equal(scores.roc_auc(truth, outputs, np.array([[2.0, 1.0, 0.0]]), positive=1), [0.5])


def test_roc_auc_is_the_same_in_one_chunk_or_many(monkeypatch: pytest.MonkeyPatch) -> None:
    truth, outputs = classes(2)
    at_once = scores.roc_auc(truth, outputs, weightings(), positive=1)
    monkeypatch.setattr(scores, "_CHUNK_CELLS", 2 * N)
    np.testing.assert_array_equal(scores.roc_auc(truth, outputs, weightings(), positive=1), at_once)


@pytest.mark.parametrize("n_classes", [2, 5])
@pytest.mark.parametrize(
    ("score", "expected"),
    [
        (scores.accuracy, lambda y, z: reference.accuracy_score(y, z.argmax(1))),
        (scores.balanced_accuracy, lambda y, z: reference.balanced_accuracy_score(y, z.argmax(1))),
        (scores.f1, lambda y, z: reference.f1_score(y, z.argmax(1), average="macro")),
        (scores.log_loss, lambda y, z: reference.log_loss(y, softmax(z), labels=range(z.shape[1]))),
    ],
    ids=["accuracy", "balanced_accuracy", "f1", "log_loss"],
)
def test_class_metrics_agree_with_sklearn_on_resampled_rows(
    score: Callable[..., Array], expected: Callable[[Array, Array], float], n_classes: int
) -> None:
    truth, outputs = classes(n_classes)
    found = score(truth, outputs, weightings())
    np.testing.assert_allclose(found, [expected(*repeated(truth, outputs, row)) for row in weightings()], rtol=1e-9)


@pytest.mark.parametrize("score", [scores.balanced_accuracy, scores.f1], ids=["balanced_accuracy", "f1"])
def test_a_class_that_a_resample_misses_does_not_count(score: Callable[..., Array]) -> None:
    truth, outputs = np.array([0, 0, 1, 2]), np.eye(3, dtype=np.float32)[[0, 1, 1, 2]]
    without_last = score(truth[:3], outputs[:3], np.ones((1, 3)))
    np.testing.assert_array_equal(score(truth, outputs, np.array([[1.0, 1.0, 1.0, 0.0]])), without_last)


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        (partial(scores.root_mean_squared_error, scale=3.0), reference.root_mean_squared_error),
        (partial(scores.mean_absolute_error, scale=3.0), reference.mean_absolute_error),
        (scores.r_squared, reference.r2_score),
    ],
    ids=["rmse", "mae", "r2"],
)
def test_number_metrics_agree_with_sklearn_in_the_targets_units(
    score: Callable[..., Array], expected: Callable[..., float]
) -> None:
    generator = np.random.default_rng(0)
    truth = generator.normal(size=N).astype(np.float32)
    outputs = (truth + 0.3 * generator.normal(size=N).astype(np.float32))[:, None]
    values, answers = 100.0 + 3.0 * truth.astype(np.float64), 100.0 + 3.0 * outputs[:, 0].astype(np.float64)
    found = [expected(values, answers, sample_weight=row) for row in weightings()]
    np.testing.assert_allclose(score(truth, outputs, weightings()), found, rtol=1e-9)


def test_r_squared_of_a_target_that_does_not_vary_is_zero_or_one() -> None:
    truth, outputs = np.zeros(3, np.float32), np.array([[0.0], [0.0], [1.0]], np.float32)
    weights = np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0]])
    np.testing.assert_array_equal(scores.r_squared(truth, outputs, weights), [1.0, 0.0])


@pytest.mark.parametrize("broken", [np.nan, np.inf])
@pytest.mark.parametrize(
    ("score", "worst"),
    [
        (partial(scores.roc_auc, positive=1), 0.0),
        (scores.accuracy, 0.0),
        (scores.balanced_accuracy, 0.0),
        (scores.f1, 0.0),
        (scores.log_loss, np.inf),
        (partial(scores.root_mean_squared_error, scale=1.0), np.inf),
        (partial(scores.mean_absolute_error, scale=1.0), np.inf),
        (scores.r_squared, -np.inf),
    ],
)
def test_outputs_that_are_not_finite_get_the_worst_value(
    score: Callable[..., Array], worst: float, broken: float
) -> None:
    truth, outputs = classes(2)
    outputs[3] = broken
    np.testing.assert_array_equal(score(truth, outputs, weightings()), np.full(R, worst))


def test_quadratic_kappa_agrees_with_sklearn() -> None:
    truth, outputs = classes(5)
    expected = [
        reference.cohen_kappa_score(truth, outputs.argmax(axis=1), weights="quadratic", sample_weight=row)
        for row in weightings()
    ]
    np.testing.assert_allclose(scores.quadratic_kappa(truth, outputs, weightings()), expected, atol=1e-12)


def test_quadratic_kappa_of_one_answer_for_all_is_nought() -> None:
    truth, _ = classes(4)
    np.testing.assert_array_equal(scores.quadratic_kappa(truth, np.tile([0.0, 1.0, 0.0, 0.0], (N, 1)), weightings()), 0)


def test_the_rank_error_is_the_mean_distance_of_ranks() -> None:
    truth, outputs = classes(5)
    expected = [reference.mean_absolute_error(truth, outputs.argmax(axis=1), sample_weight=row) for row in weightings()]
    np.testing.assert_allclose(scores.rank_error(truth, outputs, weightings()), expected, atol=1e-12)


def test_the_poisson_deviance_agrees_with_sklearn_in_the_units_of_the_counts() -> None:
    generator = np.random.default_rng(3)
    counts, expected = generator.poisson(3.0, N).astype(np.float64), generator.gamma(3.0, 1.0, N)
    mean, scale = 3.1, 1.7
    truth, outputs = (counts - mean) / scale, ((expected - mean) / scale)[:, None]
    found = scores.poisson_deviance(truth, outputs, weightings(), zero=-mean / scale, scale=scale)
    wanted = [reference.mean_poisson_deviance(counts, expected, sample_weight=row) for row in weightings()]
    np.testing.assert_allclose(found, wanted, rtol=1e-9)


def test_an_expected_count_below_nought_costs_much_but_not_everything() -> None:
    found = scores.poisson_deviance(np.array([1.0]), np.array([[-1.0]]), np.ones((1, 1)), zero=0.0, scale=1.0)
    assert 20 < found[0] < 30


def test_the_log_error_agrees_with_sklearn() -> None:
    generator = np.random.default_rng(4)
    amounts, answered = np.exp(generator.normal(size=N)), np.exp(generator.normal(size=N))
    found = scores.root_mean_squared_log_error(
        (amounts - 1.0) / 2.0, ((answered - 1.0) / 2.0)[:, None], weightings(), zero=-0.5, scale=2.0
    )
    wanted = [reference.root_mean_squared_log_error(amounts, answered, sample_weight=row) for row in weightings()]
    np.testing.assert_allclose(found, wanted, rtol=1e-9)
