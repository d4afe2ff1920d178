"""A network of recurrent layers that is read in parts, and the mean of several."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import nn

from archwise.blocks.carried import CarriedBody
from archwise.training.mean import join_outputs
from archwise.training.network import Network


class CarriedNetwork(nn.Module):
    """Networks that go on from what they kept of the steps before, side by side as in `MeanNetwork`.

    Args:
        members: one, or several whose answers are joined; of one signature.
        join: outputs (B, M, K) to (B, K); None for the mean.

    Raises:
        ValueError: as for `CarriedBody`.
    """

    def __init__(
        self, members: Sequence[Network], *, join: Callable[[torch.Tensor], torch.Tensor] | None = None
    ) -> None:
        super().__init__()
        self.bodies = nn.ModuleList([CarriedBody(member.body) for member in members])
        self.heads = nn.ModuleList([member.head for member in members])
        self.names = tuple(spec.name for spec in members[0].signature.inputs)
        self.join = join

    def keeps(self) -> tuple[int, ...]:
        """The widths of all that its members keep."""
        return tuple(width for body in self.bodies for width in body.keeps())  # type: ignore[operator]

    def forward(self, *given: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Map the inputs of the signature and what was kept, (B, width) each, to outputs (B, K) and what to keep."""
        batch, left = dict(zip(self.names, given, strict=False)), list(given[len(self.names) :])
        answers, found = [], list[torch.Tensor]()
        for body, head in zip(self.bodies, self.heads, strict=True):
            n_kept = len(body.keeps())  # type: ignore[operator]
            features, kept = body(batch, left[:n_kept])
            left, found = left[n_kept:], [*found, *kept]
            answers.append(head(features))
        outputs = answers[0] if len(answers) == 1 else join_outputs(torch.stack(answers, dim=1), self.join)
        return (outputs, *found)
