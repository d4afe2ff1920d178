"""Heads: features become outputs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import nn


class LinearHead(nn.Module):
    """One affine map from the features to the outputs, which begins near given outputs.

    Args:
        width: D of the features. start: what the map gives for features of zero.
        link: what makes outputs of it, elsewhere for training than for answers if it must; None for nothing.
    """

    def __init__(self, width: int, start: tuple[float, ...], *, link: nn.Module | None = None) -> None:
        super().__init__()
        self.linear = nn.Linear(width, len(start))
        self.link = link
        nn.init.xavier_uniform_(self.linear.weight)
        with torch.no_grad():
            self.linear.bias.copy_(torch.tensor(start))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map features (B, D) to outputs (B, K)."""
        outputs: torch.Tensor = self.linear(features)
        if self.link is not None:
            outputs = self.link(outputs)
        return outputs


class MemberHeads(nn.Module):
    """The linear heads of an ensemble's members, side by side; their answers are joined where nothing is learnt.

    Args:
        heads: one LinearHead for each member, of one width; the link of the first serves all.
        join: outputs (B, M, K) to (B, K); None for the mean.

    Raises:
        TypeError: a head is not linear.
    """

    def __init__(self, heads: Sequence[nn.Module], *, join: Callable[[torch.Tensor], torch.Tensor] | None) -> None:
        super().__init__()
        plain = [head for head in heads if isinstance(head, LinearHead)]
        if len(plain) < len(heads):
            raise TypeError("an ensemble's members need linear heads; this task has another")
        linear = [head.linear for head in plain]
        self.weight = nn.Parameter(torch.stack([each.weight.detach().T for each in linear]))  # (M, D, K)
        self.bias = nn.Parameter(torch.stack([each.bias.detach() for each in linear]))  # (M, K)
        self.link = plain[0].link
        self.join = join
        self.undecayed = ("bias",)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map features (B, M, D) to outputs (B, M, K) in training, else to (B, K)."""
        outputs: torch.Tensor = torch.matmul(features.transpose(0, 1), self.weight).transpose(0, 1) + self.bias
        if self.link is not None:
            outputs = self.link(outputs)
        if self.training:
            return outputs
        return outputs.mean(dim=1) if self.join is None else self.join(outputs)


def mean_probability(logits: torch.Tensor) -> torch.Tensor:
    """Logits whose softmax is the mean of the members' probabilities.

    Args:
        logits: (B, M, K).

    Returns:
        (B, K), log probabilities.
    """
    return logits.log_softmax(dim=2).logsumexp(dim=1) - math.log(logits.shape[1])
