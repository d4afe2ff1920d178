"""The head of a forecast: features of each target become its steps, at the level of its window."""

from __future__ import annotations

import torch
from torch import nn

_START = 0.1  # of what torch draws for the weights


class ForecastHead(nn.Module):
    """One affine map from the features of a target to its H steps, the same for all targets.

    What the body took out of a window is put back: features are (B, M, D + 2) or (B, M, D + 2 + H), where after the D
    come the level and the spread of the target's window, and then what is added to each scaled step.

    Args:
        width: D. n_targets: M. horizon: H. n_answers: 3 for the median and two ends, else 1.

    Source:
        Kim et al. 2022 (reversible normalisation of a window), without its learnt scale.
    """

    def __init__(self, width: int, n_targets: int, horizon: int, *, n_answers: int = 1) -> None:
        super().__init__()
        self.width, self.n_targets, self.horizon, self.n_answers = width, n_targets, horizon, n_answers
        self.linear = nn.Linear(width, n_answers * horizon)
        with torch.no_grad():
            self.linear.weight *= _START  # so that the first answers are near the level of the window
            self.linear.bias.zero_()
            if n_answers == 3:  # the ends begin apart
                self.linear.bias[horizon : 2 * horizon] -= 1.0
                self.linear.bias[2 * horizon :] += 1.0

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map features (B, M, D + 2 [+ H]) to outputs (B, n_answers * M * H)."""
        steps = self.linear(features[..., : self.width])  # (B, M, n_answers * H)
        if features.shape[-1] > self.width + 2:
            steps = steps + features[..., self.width + 2 :].repeat(1, 1, self.n_answers)
        level, spread = features[..., self.width : self.width + 1], features[..., self.width + 1 : self.width + 2]
        steps = steps * spread + level
        parts = steps.reshape(-1, self.n_targets, self.n_answers, self.horizon).transpose(1, 2)  # no len: B stays free
        outputs: torch.Tensor = parts.flatten(1)
        return outputs
