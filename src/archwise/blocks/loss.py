"""Losses in torch: each gives the loss of every row, so that weighting and averaging stay with the caller.

options: the target state of the task, and `smoothing`.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F

from archwise.records import Json

FOCUS = 2.0  # the focal loss's gamma, as published


def cross_entropy(outputs: torch.Tensor, targets: torch.Tensor, options: Mapping[str, Json]) -> torch.Tensor:
    """Negative log probability of the true class, which is smoothed by an even share over all classes.

    Args:
        outputs: (B, K) logits.
        targets: (B,) int64.
        options: smoothing, the share of the true class that is spread, 0 for none.

    Returns:
        (B,) nats.

    Source:
        Szegedy et al. 2016, section 7, for the smoothing.
    """
    return F.cross_entropy(outputs, targets, reduction="none", label_smoothing=options.get("smoothing", 0.0))


def balanced_cross_entropy(outputs: torch.Tensor, targets: torch.Tensor, options: Mapping[str, Json]) -> torch.Tensor:
    """Cross-entropy in which every class weighs the same in all, however many rows it has.

    Args:
        outputs: (B, K) logits.
        targets: (B,) int64.
        options: counts, training rows of each class; smoothing as in cross_entropy.

    Returns:
        (B,) nats, each row times N / (K * rows of its class); the mean weight of a training row is 1.
    """
    counts = torch.tensor(options["counts"], dtype=outputs.dtype, device=outputs.device)
    weights = counts.sum() / (len(counts) * counts)
    return weights[targets] * cross_entropy(outputs, targets, options)


def focal(outputs: torch.Tensor, targets: torch.Tensor, options: Mapping[str, Json]) -> torch.Tensor:
    """Cross-entropy that turns away from rows which are already answered surely.

    Args:
        outputs: (B, K) logits.
        targets: (B,) int64.
        options: smoothing as in cross_entropy.

    Returns:
        (B,) nats, each row times (1 - p of its class) squared.

    Source:
        Lin et al. 2017, eq. 4 with gamma 2, over a softmax.
    """
    shares = outputs.softmax(dim=1).gather(1, targets[:, None])[:, 0]
    return (1.0 - shares) ** FOCUS * cross_entropy(outputs, targets, options)


def mean_squared(outputs: torch.Tensor, targets: torch.Tensor, options: Mapping[str, Json]) -> torch.Tensor:
    """Squared distance to the target.

    Args:
        outputs: (B, 1).
        targets: (B,) float32.
        options: not used.

    Returns:
        (B,) in squared standardised units.
    """
    del options  # it has none
    return (outputs[:, 0] - targets).square()


def mean_absolute(outputs: torch.Tensor, targets: torch.Tensor, options: Mapping[str, Json]) -> torch.Tensor:
    """Distance to the target.

    Args:
        outputs: (B, 1).
        targets: (B,) float32.
        options: not used.

    Returns:
        (B,) in standardised units.
    """
    del options  # it has none
    return (outputs[:, 0] - targets).abs()


def huber(outputs: torch.Tensor, targets: torch.Tensor, options: Mapping[str, Json]) -> torch.Tensor:
    """Half the squared distance up to one standard deviation of the target, linear beyond.

    Args:
        outputs: (B, 1).
        targets: (B,) float32.
        options: not used.

    Returns:
        (B,) in squared standardised units.

    Source:
        Huber 1964.
    """
    del options  # it has none
    return F.huber_loss(outputs[:, 0], targets, reduction="none", delta=1.0)
