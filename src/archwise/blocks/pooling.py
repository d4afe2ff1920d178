"""Pooling over time: the vectors of all steps become one vector of the row, in which padding has no part."""

from __future__ import annotations

import torch
from torch import nn

POOLINGS = ("last", "max", "mean", "attention")


class LastStep(nn.Module):
    """The states at the end of each way: of the first half the last step, of what was read backwards the first.

    Args:
        width: of the states. both_ways: whether the second half of them was read backwards.
    """

    def __init__(self, width: int, *, both_ways: bool) -> None:
        super().__init__()
        self.n_forwards = width // 2 if both_ways else width

    def forward(self, states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Map states (B, T, D) and a mask (B, T) to (B, D)."""
        last = mask.sum(dim=1) - 1
        places = last[:, None, None].expand(-1, 1, self.n_forwards)
        at_the_end = states[:, :, : self.n_forwards].gather(1, places).squeeze(1)
        return torch.cat([at_the_end, states[:, 0, self.n_forwards :]], dim=1)


class MaxOverTime(nn.Module):
    """The greatest value that each unit takes at any step.

    Source:
        Collobert et al. 2011, section 3.3.2.
    """

    def forward(self, states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Map states (B, T, D) and a mask (B, T) to (B, D)."""
        return states.masked_fill(~mask[:, :, None], -torch.inf).amax(dim=1)


class MeanOverTime(nn.Module):
    """The mean over the steps."""

    def forward(self, states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Map states (B, T, D) and a mask (B, T) to (B, D)."""
        shares = mask.to(states.dtype)
        return (states * shares[:, :, None]).sum(dim=1) / shares.sum(dim=1, keepdim=True)


class AttentionOverTime(nn.Module):
    """A mean over the steps, in which a step weighs by how much it agrees with what was learnt to matter.

    Args:
        width: of the states.

    Source:
        Yang et al. 2016 (hierarchical attention networks), eq. 5 to 7.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(width, width)
        self.score = nn.Linear(width, 1, bias=False)  # one added to all scores would change no share

    def forward(self, states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Map states (B, T, D) and a mask (B, T) to (B, D)."""
        scores = self.score(torch.tanh(self.hidden(states))).squeeze(2)  # (B, T)
        shares: torch.Tensor = scores.masked_fill(~mask, -torch.inf).softmax(dim=1)
        return (states * shares[:, :, None]).sum(dim=1)


def make_pooling(name: str, width: int, *, both_ways: bool = False) -> nn.Module:
    """The pooling of that name, one of POOLINGS, from states (B, T, width) and a mask (B, T) to (B, width)."""
    if name == "last":
        return LastStep(width, both_ways=both_ways)
    return {"max": MaxOverTime, "mean": MeanOverTime}[name]() if name != "attention" else AttentionOverTime(width)
