"""Losses in torch: each gives the loss of every row, so that weighting and averaging stay with the caller.

options: the target state of the task, and `smoothing`.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F

from archwise.records import Json

FOCUS = 2.0  # the focal loss's gamma, as published
MEDIAN, LOW, HIGH = 0.5, 0.05, 0.95  # the levels of learnt quantiles
_SMALLEST = 1e-7  # of a positive amount, in units of its scale; float32 knows it no finer


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


def step_cross_entropy(outputs: torch.Tensor, targets: torch.Tensor, options: Mapping[str, Json]) -> torch.Tensor:
    """Cross-entropy of the steps that have a target, weighed so that the mean over rows is the mean over these steps.

    Args:
        outputs: (B, T, K) logits.
        targets: (B, T') int64, elsewhere than from 0 to K - 1 where a step has no target; beyond T or T' none has.
        options: smoothing as in cross_entropy.

    Returns:
        (B,) nats: the sum over the steps of a row, over the mean number of steps of a row.
    """
    n_steps = min(outputs.shape[1], targets.shape[1])
    logits, wanted = outputs[:, :n_steps], targets[:, :n_steps]
    counts = (wanted >= 0) & (wanted < logits.shape[2])
    losses = cross_entropy(logits.transpose(1, 2), torch.where(counts, wanted, 0), options)  # (B, T)
    return (losses * counts).sum(dim=1) * len(counts) / counts.sum().clamp(min=1)


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


def poisson(outputs: torch.Tensor, targets: torch.Tensor, options: Mapping[str, Json]) -> torch.Tensor:
    """Half the Poisson deviance of a count from the exponential of a score.

    Args:
        outputs: (B, 1), logarithms of the expected count, in units of the target's scale.
        targets: (B,) float32, standardised.
        options: zero, what a count of 0 is among standardised targets.

    Returns:
        (B,) nats in units of the target's scale, 0 where the answer is exact.

    Source:
        Nelder & Wedderburn 1972; the deviance grows with the unit, so that any unit has the same best answer.
    """
    scores, counts = outputs[:, 0], _above(targets, options)
    return scores.exp() - counts * scores + torch.xlogy(counts, counts) - counts


def mean_squared_log(outputs: torch.Tensor, targets: torch.Tensor, options: Mapping[str, Json]) -> torch.Tensor:
    """Squared distance of logarithms, and the gamma deviance by which the answer is lifted from there to the mean.

    Args:
        outputs: (B, 2), the mean of the logarithm, and the logarithm of the mean.
        targets: (B,) float32, standardised; above 0 before that.
        options: zero, what 0 is among standardised targets.

    Returns:
        (B,): the squared distance, and half the gamma deviance, whose best constant lift is Duan's smearing factor.

    Source:
        Duan 1983; Manning & Mullahy 2001 for the two ways to answer a mean.
    """
    amounts = _above(targets, options).clamp(min=_SMALLEST)
    logs = amounts.log()
    beyond = logs - outputs[:, 1]
    return (outputs[:, 0] - logs).square() + beyond.exp() - beyond - 1.0


def _above(targets: torch.Tensor, options: Mapping[str, Json]) -> torch.Tensor:
    """Standardised targets (B,) as they lie above nought, in units of their scale."""
    zero: float = options["zero"]
    return (targets - zero).clamp(min=0.0)


def quantile(outputs: torch.Tensor, targets: torch.Tensor, options: Mapping[str, Json]) -> torch.Tensor:
    """The pinball loss of the median: half the distance to the target.

    Args:
        outputs: (B, 1).
        targets: (B,) float32.
        options: not used.

    Returns:
        (B,) in standardised units.

    Source:
        Koenker & Bassett 1978.
    """
    del options  # it has none
    return _pinball(outputs[:, 0], targets, MEDIAN)


def quantiles(outputs: torch.Tensor, targets: torch.Tensor, options: Mapping[str, Json]) -> torch.Tensor:
    """The pinball losses of the median and of the two quantiles between which nine of ten rows lie.

    Args:
        outputs: (B, 3), the median, the low and the high quantile.
        targets: (B,) float32.
        options: not used.

    Returns:
        (B,) in standardised units, their sum.

    Source:
        Koenker & Bassett 1978.
    """
    del options  # it has none
    losses = [_pinball(outputs[:, place], targets, level) for place, level in enumerate((MEDIAN, LOW, HIGH))]
    return torch.stack(losses).sum(dim=0)


def _pinball(answers: torch.Tensor, targets: torch.Tensor, level: float) -> torch.Tensor:
    distances = targets - answers
    return torch.maximum(level * distances, (level - 1.0) * distances)


def binary_cross_entropy(outputs: torch.Tensor, targets: torch.Tensor, options: Mapping[str, Json]) -> torch.Tensor:
    """Negative log probability of every label's presence or absence, the mean over labels.

    Args:
        outputs: (B, K) logits.
        targets: (B, K) of 0 and 1.
        options: not used.

    Returns:
        (B,) nats.
    """
    del options  # it has none
    return F.binary_cross_entropy_with_logits(outputs, targets, reduction="none").mean(dim=1)
