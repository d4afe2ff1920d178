"""Writes the ONNX graph of a reference, with the inputs of the signature and the one output `outputs`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from archwise.errors import UsageError
from archwise.records import Array, InputSpec, Signature

# TreeEnsemble with set membership came with ai.onnx.ml 5; ONNX Runtime reads all three from 1.21 on.
OPSET = 21
ML_OPSET = 5
IR_VERSION = 10


def write_graph(signature: Signature, nodes: Sequence[Any], *, constants: Mapping[str, Array]) -> bytes:
    """Make a checked ONNX model of nodes that lead from the inputs of a signature to `outputs`.

    Every input of the signature is an input of the graph, also where no node reads it.

    Args:
        signature: the inputs, and K.
        nodes: onnx nodes in the order of computation; the last gives `outputs`, (B, K) float32, or (B, T, K) where the
            signature's form is "sequence".
        constants: name -> array that the nodes read.
    """
    import onnx

    kinds = {"float32": onnx.TensorProto.FLOAT, "int64": onnx.TensorProto.INT64, "uint8": onnx.TensorProto.UINT8}
    inputs = [
        onnx.helper.make_tensor_value_info(spec.name, kinds[spec.dtype], ["B", *_row_written(spec)])
        for spec in signature.inputs
    ]
    steps = ["T"] if signature.form == "sequence" else []
    output = onnx.helper.make_tensor_value_info("outputs", onnx.TensorProto.FLOAT, ["B", *steps, signature.n_outputs])
    tensors = [onnx.numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = onnx.helper.make_graph(list(nodes), "reference", inputs, [output], tensors)
    opsets = [onnx.helper.make_opsetid("", OPSET), onnx.helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
    model = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="archwise")
    onnx.checker.check_model(model)
    written: bytes = model.SerializeToString()
    return written


def _row_written(spec: InputSpec) -> tuple[int | str, ...]:
    """The shape of a row: a sequence may have any number of steps."""
    return ("T", *spec.row[1:]) if spec.is_padded else spec.row


def as_double(signature: Signature) -> tuple[list[Any], str]:
    """Nodes that give all inputs of a signature side by side as float64.

    Returns:
        the nodes, and the name of their result, (B, sum of widths).
    """
    from onnx import TensorProto, helper

    names = [f"{spec.name}_double" for spec in signature.inputs]
    nodes = [
        helper.make_node("Cast", [spec.name], [name], to=TensorProto.DOUBLE)
        for spec, name in zip(signature.inputs, names, strict=True)
    ]
    if len(names) == 1:
        return nodes, names[0]
    return [*nodes, helper.make_node("Concat", names, ["row"], axis=1)], "row"


def through_exponential(signature: Signature, scores: str) -> tuple[str, list[Any], dict[str, Array]]:
    """Nodes that turn logarithms of what a target lies above its nought into encoded targets.

    Args:
        signature: with zero, the encoded nought.
        scores: name of the logarithms, float64.

    Returns:
        the name of the result, the nodes, and the constants that they read.
    """
    from onnx import helper

    nodes = [helper.make_node("Exp", [scores], ["amounts"]), helper.make_node("Add", ["amounts", "zero"], ["encoded"])]
    return "encoded", nodes, {"zero": np.array([signature.zero])}


def refuse_without_nought(signature: Signature, setting: str) -> None:
    """Refuse a logarithm where the target is not known to lie above its nought.

    Raises:
        UsageError: the target is not one of counts or amounts.
    """
    if signature.zero >= 0.0:
        raise UsageError(f"{setting} is for counts and amounts; say that the target is one with --loss poisson")
