"""Losses of forecasts: outputs (B, M H) and targets (B, M H + 3 M), of which the first M H are scaled steps.

Steps whose truth is not known count nowhere; an origin with none has the loss nought.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch

from archwise.records import Json

TAIL = 0.05  # quantile of the low end; that of the high end is as far from the other side


def mean_squared(outputs: torch.Tensor, targets: torch.Tensor, options: Mapping[str, Json]) -> torch.Tensor:
    """Squared distance, (B,)."""
    del options
    return _mean_of_known((outputs - targets[:, : outputs.shape[1]]).square())


def mean_absolute(outputs: torch.Tensor, targets: torch.Tensor, options: Mapping[str, Json]) -> torch.Tensor:
    """Distance, (B,)."""
    del options
    return _mean_of_known((outputs - targets[:, : outputs.shape[1]]).abs())


def huber(outputs: torch.Tensor, targets: torch.Tensor, options: Mapping[str, Json]) -> torch.Tensor:
    """Half the squared distance up to 1, then the distance less one half, (B,). Source: Huber 1964."""
    del options
    distance = (outputs - targets[:, : outputs.shape[1]]).abs()
    return _mean_of_known(torch.where(distance < 1.0, 0.5 * distance.square(), distance - 0.5))


def quantiles(outputs: torch.Tensor, targets: torch.Tensor, options: Mapping[str, Json]) -> torch.Tensor:
    """Pinball losses of the median and of the two ends, (B,), of outputs (B, 3 M H). Source: Koenker & Bassett 1978."""
    del options
    n_steps = outputs.shape[1] // 3
    truth = targets[:, :n_steps]
    total = torch.zeros_like(truth)
    for part, level in enumerate((0.5, TAIL, 1.0 - TAIL)):
        apart = truth - outputs[:, part * n_steps : (part + 1) * n_steps]
        total = total + torch.maximum(level * apart, (level - 1.0) * apart)
    return _mean_of_known(total)


def _mean_of_known(losses: torch.Tensor) -> torch.Tensor:
    """The mean of the numbers of each row (B, K), (B,)."""
    known = ~losses.isnan()
    # nan_to_num before the sum, so that no gradient of an unknown step is a number times no number
    return torch.where(known, losses, 0.0).sum(dim=1) / known.sum(dim=1).clamp(min=1)
