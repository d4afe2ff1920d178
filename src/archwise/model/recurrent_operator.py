"""How a recurrent layer is written in ONNX: as one operator, so that a row may have any length.

The exporter of torch would write a plain layer out step by step, for the length it was traced with, and fix the length
of others where they read series forwards, or go on from given states.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from archwise.blocks.recurrent import layer_from

_GATES: Mapping[str, tuple[int, ...]] = {
    "rnn": (0,),
    "lstm": (0, 3, 1, 2),
    "gru": (1, 0, 2),
}  # ONNX's, in torch's order


def translations() -> dict[Callable[..., Any], Callable[..., Any]]:
    """Operator of torch -> how it is written in ONNX, for `torch.onnx.export`."""
    return {layer_from._opoverload: _layer_from}


def _layer_from(cell: str, values: Any, kept: Sequence[Any], weights: Sequence[Any]) -> Any:
    """Write `layer_from` as the operator of its cell, with the gates in the order of ONNX."""
    from onnxscript import opset20

    op: Any = opset20
    on_inputs, on_states, one, other = (_in_onnx_order(op, cell, each) for each in weights)
    given = (
        op.Transpose(values, perm=[1, 0, 2]),  # (T, B, D)
        op.Unsqueeze(on_inputs, [0]),  # (1, G H, D)
        op.Unsqueeze(on_states, [0]),
        op.Unsqueeze(op.Concat(one, other, axis=0), [0]),
        None,  # every row has all of the steps
        *(op.Unsqueeze(each, [0]) for each in kept),  # (1, B, H)
    )
    width = weights[1].shape[1]
    if cell == "lstm":
        states, _, last = op.LSTM(*given, hidden_size=width)
    elif cell == "gru":
        states, last = op.GRU(*given, hidden_size=width, linear_before_reset=1)
    else:
        states, last = op.RNN(*given, hidden_size=width, activations=["Tanh"])
    return op.Transpose(op.Squeeze(states, [1]), perm=[1, 0, 2]), op.Squeeze(last, [0])


def _in_onnx_order(op: Any, cell: str, weights: Any) -> Any:
    """Weights or biases (G H, ...) with the gates of torch in the order of ONNX."""
    order = _GATES[cell]
    if len(order) == 1:
        return weights
    gates = op.Split(weights, axis=0, num_outputs=len(order))
    return op.Concat(*(gates[place] for place in order), axis=0)
