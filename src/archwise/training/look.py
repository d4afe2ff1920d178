"""Looks at the validation rows: what a network answers on them, and how long that takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F

from archwise.training.network import Network, learn_mode
from archwise.training.rows import Given, cut_padding, rows_at_once

_ROWS_TIMED = 500
_LARGE, _STEPS_OF_LARGE = 5_000_000, 16_384  # parameters of a network that is wide inside; steps it takes at a time
_SEQUENCES_A_LOOK = 512  # rows of like length at a time, of which few are much shorter than the longest


def answers(
    network: Network,
    inputs: Sequence[Given],
    n_rows: int,
    *,
    lengths: torch.Tensor | None = None,
) -> torch.Tensor:
    """Outputs (n_rows, K) of a network on the first rows of its inputs, on the CPU; it goes on training afterwards.

    Of a network that answers every step (n_rows, T, K), NaN behind the end of a row.

    Args:
        lengths: (N,) of the rows, where they are sequences: those of like length are answered together.
    """
    at_once = rows_at_once(network.signature.inputs)
    network.eval()
    with torch.no_grad():
        if lengths is not None:
            outputs = _answers_by_length(network, inputs, lengths[:n_rows])
        else:
            parts = [
                network(*[tensor[start : min(start + at_once, n_rows)] for tensor in inputs]).cpu()
                for start in range(0, n_rows, at_once)
            ]
            outputs = torch.cat(parts)
    learn_mode(network)
    return outputs


def _answers_by_length(network: Network, inputs: Sequence[Given], lengths: torch.Tensor) -> torch.Tensor:
    """The outputs of all rows, those of like length together and without padding behind the longest."""
    specs = network.signature.inputs
    rows = torch.argsort(lengths, stable=True)
    parts = []
    at_once = min(_SEQUENCES_A_LOOK, rows_at_once(specs))
    if sum(parameter.numel() for parameter in network.parameters()) > _LARGE:
        at_once = max(1, min(at_once, _STEPS_OF_LARGE // int(lengths.max())))
    for some in rows.split(at_once):  # type: ignore[no-untyped-call]
        given = [tensor.index_select(0, some.to(_device_of(tensor))) for tensor in inputs]
        parts.append(network(*cut_padding(specs, given, int(lengths[some[-1]]))).cpu())
    if parts[0].ndim == 3:  # of every step: each part has as many as its longest row
        parts = [F.pad(part, (0, 0, 0, int(lengths.max()) - part.shape[1]), value=torch.nan) for part in parts]
    outputs = torch.cat(parts)
    return outputs.index_select(0, torch.argsort(rows))


def _device_of(tensor: Given) -> torch.device:
    return tensor.device if isinstance(tensor, torch.Tensor) else torch.device("cpu")


def expected_look_s(
    network: Network,
    inputs: Sequence[Given],
    n_rows: int,
    clock: Callable[[], float],
    *,
    lengths: torch.Tensor | None = None,
) -> float:
    """What a look at so many rows is likely to take, s, from a look at a few, so that the last one falls into the time.

    For rows that are neither pictures nor sequences it is too little to be told, and the clock is not read.
    """
    if n_rows <= _ROWS_TIMED or all(not spec.shape for spec in network.signature.inputs):
        return 0.0
    began = clock()
    answers(network, inputs, _ROWS_TIMED, lengths=lengths)
    return (clock() - began) * n_rows / _ROWS_TIMED
