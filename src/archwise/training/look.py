"""Looks at the validation rows: what a network answers on them, and how long that takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from archwise.training.network import Network, learn_mode
from archwise.training.rows import Given, rows_at_once

_ROWS_TIMED = 500


def answers(network: Network, inputs: Sequence[Given], n_rows: int) -> torch.Tensor:
    """Outputs (n_rows, K) of a network on the first rows of its inputs, on the CPU; it goes on training afterwards."""
    at_once = rows_at_once(network.signature.inputs)
    network.eval()
    with torch.no_grad():
        parts = [
            network(*[tensor[start : min(start + at_once, n_rows)] for tensor in inputs]).cpu()
            for start in range(0, n_rows, at_once)
        ]
    learn_mode(network)
    return torch.cat(parts)


def expected_look_s(network: Network, inputs: Sequence[Given], n_rows: int, clock: Callable[[], float]) -> float:
    """What a look at so many rows is likely to take, s, from a look at a few, so that the last one falls into the time.

    For rows that are no pictures it is too little to be told, and the clock is not read.
    """
    if n_rows <= _ROWS_TIMED or not _reads_pictures(network):
        return 0.0
    began = clock()
    answers(network, inputs, _ROWS_TIMED)
    return (clock() - began) * n_rows / _ROWS_TIMED


def _reads_pictures(network: Network) -> bool:
    return any(spec.dtype == "uint8" for spec in network.signature.inputs)
