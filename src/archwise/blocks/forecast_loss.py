"""Losses of forecasts: outputs (B, M H) and targets (B, M H + 4 M), of which the first M H are scaled steps.

Steps whose truth is not known count nowhere and pass no gradient; an origin with none has the loss nought.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch

from archwise.records import Json

TAIL = 0.05  # quantile of the low end; that of the high end is as far from the other side


def mean_squared(outputs: torch.Tensor, targets: torch.Tensor, options: Mapping[str, Json]) -> torch.Tensor:
    """Squared distance, (B,)."""
    del options
    truth, known = _truth(targets, outputs.shape[1])
    return _mean((outputs - truth).square(), known)


def mean_absolute(outputs: torch.Tensor, targets: torch.Tensor, options: Mapping[str, Json]) -> torch.Tensor:
    """Distance, (B,)."""
    del options
    truth, known = _truth(targets, outputs.shape[1])
    return _mean((outputs - truth).abs(), known)


def huber(outputs: torch.Tensor, targets: torch.Tensor, options: Mapping[str, Json]) -> torch.Tensor:
    """Half the squared distance up to 1, then the distance less one half, (B,). Source: Huber 1964."""
    del options
    truth, known = _truth(targets, outputs.shape[1])
    distance = (outputs - truth).abs()
    return _mean(torch.where(distance < 1.0, 0.5 * distance.square(), distance - 0.5), known)


def quantiles(outputs: torch.Tensor, targets: torch.Tensor, options: Mapping[str, Json]) -> torch.Tensor:
    """Pinball losses of the median and of the two ends, (B,), of outputs (B, 3 M H). Source: Koenker & Bassett 1978."""
    del options
    n_steps = outputs.shape[1] // 3
    truth, known = _truth(targets, n_steps)
    total = torch.zeros_like(truth)
    for part, level in enumerate((0.5, TAIL, 1.0 - TAIL)):
        apart = truth - outputs[:, part * n_steps : (part + 1) * n_steps]
        total = total + torch.maximum(level * apart, (level - 1.0) * apart)
    return _mean(total, known)


def _truth(targets: torch.Tensor, n_steps: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The steps, nought where unknown, and which are known: a difference from no number would spoil its gradient."""
    steps = targets[:, :n_steps]
    return steps.nan_to_num(nan=0.0), ~steps.isnan()


def _mean(losses: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """The mean of the known of each row (B, K), (B,)."""
    return (losses * known).sum(dim=1) / known.sum(dim=1).clamp(min=1)
