"""Looks at the validation rows: what a network answers on them, and how long that takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

import torch

from archwise.training.network import Network
from archwise.training.rows import PickedTensor

ROWS_A_LOOK = 4096  # at a time, so that memory stays modest
_CELLS_A_LOOK = 800_000  # of the widest input at a time, since each becomes many in the maps of a picture
_ROWS_TIMED = 500


def answers(network: Network, inputs: Sequence[torch.Tensor | PickedTensor], n_rows: int) -> torch.Tensor:
    """Outputs (n_rows, K) of a network on the first rows of its inputs, on the CPU; it goes on training afterwards."""
    n_cells = max(prod(spec.row) for spec in network.signature.inputs)
    at_once = max(1, min(ROWS_A_LOOK, _CELLS_A_LOOK // n_cells)) if _reads_pictures(network) else ROWS_A_LOOK
    network.eval()
    with torch.no_grad():
        parts = [
            network(*[tensor[start : min(start + at_once, n_rows)] for tensor in inputs]).cpu()
            for start in range(0, n_rows, at_once)
        ]
    network.train()
    return torch.cat(parts)


def expected_look_s(
    network: Network, inputs: Sequence[torch.Tensor | PickedTensor], n_rows: int, clock: Callable[[], float]
) -> float:
    """What a look at so many rows is likely to take, s, from a look at a few, so that the last one falls into the time.

    For rows that are no pictures it is too little to be told, and the clock is not read.
    """
    if n_rows <= _ROWS_TIMED or not _reads_pictures(network):
        return 0.0
    began = clock()
    answers(network, inputs, _ROWS_TIMED)
    return (clock() - began) * n_rows / _ROWS_TIMED


def _reads_pictures(network: Network) -> bool:
    return any(spec.shape for spec in network.signature.inputs)
