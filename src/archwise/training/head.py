"""A head that begins where its loss is least on the features as they stand, before anything else learns.

With features that were learnt elsewhere the head is all that is unknown, and finding it is a small convex problem
(logistic regression, for classes), which L-BFGS solves at once. Else the first steps of a random head would spoil
what was inherited. Source: Kumar et al. 2022 (linear probing, then fine-tuning); Liu & Nocedal 1989 (L-BFGS).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import torch

from archwise.blocks.head import LinearHead
from archwise.training.network import Network
from archwise.training.rows import cut_padding

RIDGE = 30.0  # half of it times the squared weights is added to the sum of the losses
MOST_ROWS = 20_000
_ROWS_AT_ONCE = 32
_ROUNDS = 60


class Rows(Protocol):
    """Rows of an input: a tensor, or what takes its rows from a file."""

    def index_select(self, axis: int, places: torch.Tensor, /) -> torch.Tensor:
        """The rows at some places."""


def solve_head(
    network: Network,
    inputs: Sequence[Rows],
    *,
    targets: Rows,
    n_rows: int,
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    lengths: torch.Tensor | None = None,
) -> None:
    """Fit the head of a network whose body asks for it; leave any other as it is.

    Args:
        inputs: of the training rows, in the order of the signature. targets: of the same n_rows rows.
        loss: of outputs (B, K) and targets, (B,). lengths: (n_rows,) of the rows, where they are sequences.
    """
    head = network.head
    if not getattr(network.body, "solves_head", False) or not isinstance(head, LinearHead):
        return
    network.eval()
    places = torch.linspace(0, n_rows - 1, min(n_rows, MOST_ROWS), dtype=torch.float64).round().long()
    if lengths is not None:  # so that little of the rows that are read together is padding
        places = places[torch.argsort(lengths[places], stable=True)]
    places = places.to(head.linear.weight.device)
    truth = targets.index_select(0, places)
    specs = network.signature.inputs
    with torch.no_grad():
        parts = []
        for some in places.split(_ROWS_AT_ONCE):  # type: ignore[no-untyped-call]
            given = [rows.index_select(0, some) for rows in inputs]
            if lengths is not None:
                given = cut_padding(specs, given, int(lengths[some[-1].cpu()]))
            parts.append(network.body(dict(zip((spec.name for spec in specs), given, strict=True))))
    features = torch.cat(parts)
    optimizer = torch.optim.LBFGS(
        head.parameters(), max_iter=_ROUNDS, history_size=10, line_search_fn="strong_wolfe", tolerance_grad=1e-5
    )

    def mean_loss() -> torch.Tensor:
        optimizer.zero_grad()
        value = loss(head(features), truth).mean() + 0.5 * RIDGE / len(truth) * head.linear.weight.square().sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(mean_loss)  # type: ignore[no-untyped-call]
    optimizer.zero_grad(set_to_none=True)
