"""Pooling over time: the vectors of all steps become one vector of the row, in which padding has no part.

Each can also go on from what it kept of the steps before: `keeps` says how wide that is, and it is nought at first.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

POOLINGS = ("last", "max", "mean", "attention")
Kept = tuple[torch.Tensor, ...]  # (B, width) each


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

    def keeps(self, width: int) -> tuple[int, ...]:
        """Nothing: the last state is of the steps that are read."""
        del width
        return ()

    def go_on(self, states: torch.Tensor, kept: Kept) -> tuple[torch.Tensor, Kept]:
        """Pool more states (B, T, D) of what is read forwards, to (B, D)."""
        return states[:, -1], kept


class MaxOverTime(nn.Module):
    """The greatest value that each unit takes at any step.

    Source:
        Collobert et al. 2011, section 3.3.2.
    """

    def forward(self, states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Map states (B, T, D) and a mask (B, T) to (B, D)."""
        return states.masked_fill(~mask[:, :, None], -torch.inf).amax(dim=1)

    def keeps(self, width: int) -> tuple[int, ...]:
        """How many steps were read, and the greatest values of them."""
        return (1, width)

    def go_on(self, states: torch.Tensor, kept: Kept) -> tuple[torch.Tensor, Kept]:
        """Pool more states (B, T, D) with those before, to (B, D)."""
        n_read, before = kept
        greatest = states.amax(dim=1)
        greatest = torch.where(n_read > 0, torch.maximum(before, greatest), greatest)
        return greatest, (n_read + states.shape[1], greatest)


class MeanOverTime(nn.Module):
    """The mean over the steps."""

    def forward(self, states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Map states (B, T, D) and a mask (B, T) to (B, D)."""
        shares = mask.to(states.dtype)
        return (states * shares[:, :, None]).sum(dim=1) / shares.sum(dim=1, keepdim=True)

    def keeps(self, width: int) -> tuple[int, ...]:
        """How many steps were read, and their sum."""
        return (1, width)

    def go_on(self, states: torch.Tensor, kept: Kept) -> tuple[torch.Tensor, Kept]:
        """Pool more states (B, T, D) with those before, to (B, D)."""
        n_read, total = kept[0] + states.shape[1], kept[1] + states.sum(dim=1)
        return total / n_read, (n_read, total)


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
        shares: torch.Tensor = self._scores(states).masked_fill(~mask, -torch.inf).softmax(dim=1)
        return (states * shares[:, :, None]).sum(dim=1)

    def keeps(self, width: int) -> tuple[int, ...]:
        """The weights' total and the greatest score, and the weighted sum; weights are told by that score."""
        return (1, 1, width)

    def go_on(self, states: torch.Tensor, kept: Kept) -> tuple[torch.Tensor, Kept]:
        """Pool more states (B, T, D) with those before, to (B, D).

        Source:
            Milakov & Gimelshein 2018 (a softmax whose greatest score is not known before its end), algorithm 3.
        """
        total, top, summed = kept
        scores = self._scores(states)
        top = torch.where(total > 0, top, -torch.inf)  # before the first step there is none
        greatest = torch.maximum(top, scores.amax(dim=1, keepdim=True))
        fading, weights = (top - greatest).exp(), (scores - greatest).exp()
        total = total * fading + weights.sum(dim=1, keepdim=True)
        summed = summed * fading + (states * weights[:, :, None]).sum(dim=1)
        return summed / total, (total, greatest, summed)

    def _scores(self, states: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.score(torch.tanh(self.hidden(states))).squeeze(2)  # (B, T)
        return scores


Pooling = LastStep | MaxOverTime | MeanOverTime | AttentionOverTime


def make_pooling(name: str, width: int, *, both_ways: bool = False) -> Pooling:
    """The pooling of that name, one of POOLINGS, from states (B, T, width) and a mask (B, T) to (B, width)."""
    made: dict[str, Callable[[], Pooling]] = {
        "last": lambda: LastStep(width, both_ways=both_ways),
        "max": MaxOverTime,
        "mean": MeanOverTime,
        "attention": lambda: AttentionOverTime(width),
    }
    return made[name]()
