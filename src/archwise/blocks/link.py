"""Links: what a linear head says becomes outputs that obey a law: positive, in order, or shares of ordered classes."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn


class LogLink(nn.Module):
    """A linear score is the logarithm of the answer, which so is never below nought.

    Where the score is learnt as the mean of a logarithm, the exponential of it lies below the mean: one number, learnt
    beside it, lifts it (Duan's smearing factor, of which it is the logarithm).

    Args:
        zero: what the target's nought is among encoded targets. most: greatest score, against answers beyond all sense.
        is_smeared: whether the score is the mean of a logarithm.

    Source:
        Nelder & Wedderburn 1972 (the log link); Duan 1983 (smearing).
    """

    def __init__(self, zero: float, *, most: float, is_smeared: bool) -> None:
        super().__init__()
        self.zero, self.most, self.is_smeared = zero, most, is_smeared
        if is_smeared:
            self.shift = nn.Parameter(torch.zeros(1))
            self.rate_factors = {"shift": 10.0}  # so that it keeps up with the weights

    def forward(self, scores: torch.Tensor) -> torch.Tensor:
        """Map scores (..., 1) to encoded answers (..., 1); in training to themselves, (..., 2) where smeared.

        The second column is the lifted score, through which only the lift learns.
        """
        if self.training:
            return torch.cat([scores, scores.detach() + self.shift], dim=-1) if self.is_smeared else scores
        lifted = scores + self.shift if self.is_smeared else scores
        return lifted.clamp(max=self.most).exp() + self.zero


class QuantileLink(nn.Module):
    """Three quantiles that cannot cross: the middle one, and distances below and above it that are never negative."""

    def forward(self, scores: torch.Tensor) -> torch.Tensor:
        """Map scores (..., 3) to (..., 3): the median, the low quantile, the high quantile."""
        middle = scores[..., :1]
        return torch.cat([middle, middle - F.softplus(scores[..., 1:2]), middle + F.softplus(scores[..., 2:])], dim=-1)


class OrderedLink(nn.Module):
    """Ordered classes, climbed one by one: each score is the log odds of going beyond a class that was reached.

    Source:
        McCullagh & Nelder 1989, section 5.2.5 (continuation ratios); Shi, Cao & Raschka 2023 (CORN, for networks).
    """

    def forward(self, scores: torch.Tensor) -> torch.Tensor:
        """Map scores (..., K - 1) to log probabilities (..., K)."""
        nought = torch.zeros_like(scores[..., :1])
        reached = torch.cat([nought, F.logsigmoid(scores).cumsum(dim=-1)], dim=-1)
        return reached + torch.cat([F.logsigmoid(-scores), nought], dim=-1)
