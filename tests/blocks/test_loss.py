"""The losses against their formulas in float64."""

from __future__ import annotations

import numpy as np
import torch

from archwise.blocks import loss

GENERATOR = np.random.default_rng(0)
LOGITS = GENERATOR.normal(size=(50, 4)) * 3
CLASSES = GENERATOR.integers(0, 4, 50)
SHARES = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)
TRUE_SHARE = SHARES[np.arange(50), CLASSES]
ANSWERS, VALUES = GENERATOR.normal(size=(50, 1)), GENERATOR.normal(size=50) * 2


def agree(found: torch.Tensor, expected: np.ndarray) -> None:
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12, atol=1e-14)


def of_classes() -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(LOGITS), torch.from_numpy(CLASSES)


def of_numbers() -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(ANSWERS), torch.from_numpy(VALUES)


def test_cross_entropy_is_the_negative_log_of_the_true_share() -> None:
    agree(loss.cross_entropy(*of_classes(), {"smoothing": 0.0}), -np.log(TRUE_SHARE))


def test_smoothing_spreads_the_true_class_evenly() -> None:
    expected = -0.9 * np.log(TRUE_SHARE) - 0.1 * np.log(SHARES).mean(axis=1)
    agree(loss.cross_entropy(*of_classes(), {"smoothing": 0.1}), expected)


def test_balanced_cross_entropy_weighs_every_class_the_same() -> None:
    counts = np.array([10.0, 20.0, 5.0, 65.0])
    weights = 100.0 / (4 * counts)
    agree(
        loss.balanced_cross_entropy(*of_classes(), {"counts": counts.tolist()}), -weights[CLASSES] * np.log(TRUE_SHARE)
    )
    assert (weights * counts).sum() / counts.sum() == 1.0


def test_focal_turns_away_from_sure_rows() -> None:
    agree(loss.focal(*of_classes(), {}), -((1 - TRUE_SHARE) ** 2) * np.log(TRUE_SHARE))


def test_mean_squared_is_the_square_of_the_distance() -> None:
    agree(loss.mean_squared(*of_numbers(), {}), (ANSWERS[:, 0] - VALUES) ** 2)


def test_mean_absolute_is_the_distance() -> None:
    agree(loss.mean_absolute(*of_numbers(), {}), np.abs(ANSWERS[:, 0] - VALUES))


def test_huber_is_square_within_one_and_linear_beyond() -> None:
    distance = np.abs(ANSWERS[:, 0] - VALUES)
    expected = np.where(distance < 1, distance**2 / 2, distance - 0.5)
    agree(loss.huber(*of_numbers(), {}), expected)


ZERO = -4.0  # the encoded nought of a count or an amount
AMOUNTS = np.maximum(VALUES - ZERO, 0.0)


def test_poisson_is_half_the_deviance_of_the_count() -> None:
    expected = np.exp(ANSWERS[:, 0])
    logs = np.log(np.where(AMOUNTS > 0, AMOUNTS, 1.0) / expected)
    agree(loss.poisson(*of_numbers(), {"zero": ZERO}), AMOUNTS * np.where(AMOUNTS > 0, logs, 0) - AMOUNTS + expected)


def test_poisson_is_least_at_the_mean_of_the_counts() -> None:
    counts = torch.from_numpy(AMOUNTS + ZERO)
    around = np.log(AMOUNTS.mean()) + np.linspace(-0.1, 0.1, 21)
    means = [loss.poisson(torch.full((50, 1), score), counts, {"zero": ZERO}).mean().item() for score in around]
    assert int(np.argmin(means)) == 10


def test_mean_squared_log_is_the_distance_of_logarithms_and_a_gamma_deviance() -> None:
    outputs = np.stack([ANSWERS[:, 0], ANSWERS[:, 0] + 0.3], axis=1)
    logs = np.log(np.maximum(AMOUNTS, 1e-7))
    beyond = logs - outputs[:, 1]
    expected = (outputs[:, 0] - logs) ** 2 + np.exp(beyond) - beyond - 1.0
    agree(loss.mean_squared_log(torch.from_numpy(outputs), torch.from_numpy(VALUES), {"zero": ZERO}), expected)


def test_the_lift_that_is_learnt_is_the_smearing_factor() -> None:
    """The best constant lift is Duan's factor: the mean exponential of the residuals on the scale of logarithms."""
    amounts = np.exp(GENERATOR.normal(size=500))
    residuals = np.log(amounts) - 0.1
    lifts = np.log(np.exp(residuals).mean()) + np.linspace(-0.1, 0.1, 21)
    targets = torch.from_numpy(amounts)
    scores = [torch.from_numpy(np.tile([0.1, 0.1 + lift], (500, 1))) for lift in lifts]
    means = [loss.mean_squared_log(each, targets, {"zero": 0.0}).mean().item() for each in scores]
    assert int(np.argmin(means)) == 10


def test_quantile_is_half_the_distance() -> None:
    agree(loss.quantile(*of_numbers(), {}), 0.5 * np.abs(ANSWERS[:, 0] - VALUES))


def test_quantiles_weigh_misses_above_and_below_by_their_levels() -> None:
    outputs = GENERATOR.normal(size=(50, 3))
    expected = np.zeros(50)
    for place, level in enumerate((0.5, 0.05, 0.95)):
        distance = VALUES - outputs[:, place]
        expected += np.where(distance > 0, level * distance, (level - 1.0) * distance)
    agree(loss.quantiles(torch.from_numpy(outputs), torch.from_numpy(VALUES), {}), expected)


def test_binary_cross_entropy_is_the_mean_over_labels() -> None:
    held = (GENERATOR.random((50, 4)) < 0.3).astype(np.float64)
    shares = 1 / (1 + np.exp(-LOGITS))
    expected = -(held * np.log(shares) + (1 - held) * np.log(1 - shares)).mean(axis=1)
    agree(loss.binary_cross_entropy(torch.from_numpy(LOGITS), torch.from_numpy(held), {}), expected)
