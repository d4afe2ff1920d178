"""What the exporter of torch lacks: a plain recurrent layer as one ONNX operator, so that a row may have any length.

LSTM and GRU it has; a plain layer it would write out step by step, for the length it was traced with.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from archwise.blocks.recurrent import plain_layer


def translations() -> dict[Callable[..., Any], Callable[..., Any]]:
    """Operator of torch -> how it is written in ONNX, for `torch.onnx.export`."""
    return {plain_layer._opoverload: _plain_layer}


def _plain_layer(values: Any, on_inputs: Any, on_states: Any, one: Any, other: Any) -> Any:
    """Write `plain_layer` as the operator RNN, whose only direction is an axis of its own."""
    from onnxscript import opset20

    op: Any = opset20
    states, _ = op.RNN(
        op.Transpose(values, perm=[1, 0, 2]),  # (T, B, D)
        op.Unsqueeze(on_inputs, [0]),  # (1, H, D)
        op.Unsqueeze(on_states, [0]),
        op.Unsqueeze(op.Concat(one, other, axis=0), [0]),
        hidden_size=on_states.shape[0],
        activations=["Tanh"],
    )
    return op.Transpose(op.Squeeze(states, [1]), perm=[1, 0, 2])
