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
