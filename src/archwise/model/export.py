"""Writes a trained network as ONNX, and holds its answers against those of the network."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from onnx_ir.passes.common import ClearMetadataAndDocStringPass

from archwise.errors import ParityError
from archwise.model.recurrent_operator import translations
from archwise.model.step_session import KEPT, NEXT
from archwise.records import Array, Batch, InputSpec, Signature
from archwise.training.carried import CarriedNetwork

OPSET = 20
PARITY_LIMIT = 1e-4
TRACED_ROWS = 2  # one row would be taken for a constant of the graph, and so would one step


def export_network(network: torch.nn.Module, example: Batch, signature: Signature) -> bytes:
    """Write a network as one self-contained ONNX model that takes any number of rows, and sequences of any length.

    Args:
        network: takes the tensors of the signature's inputs in their order, gives (B, K) float32.
        example: a few rows, to trace with.
        signature: names and order of the inputs.

    Returns:
        the model, with the inputs of the signature and one output `outputs`.
    """
    tensors, axes = _traced(example, signature)
    return _write(network, tensors, ([spec.name for spec in signature.inputs], ["outputs"]), axes)


def export_carried(network: CarriedNetwork, example: Batch, signature: Signature) -> bytes:
    """Write a network that goes on from what it kept as one ONNX model, for rows that have as many steps each.

    Args:
        example, signature: as for `export_network`.

    Returns:
        the model: inputs of the signature and `kept_0` and so on, (B, width) each; output `outputs` (B, K), then
        `next_0` and so on, which is given as `kept_0` with the steps that follow.
    """
    tensors, axes = _traced(example, signature)
    widths = network.keeps()
    kept = [f"{KEPT}{place}" for place in range(len(widths))], [f"{NEXT}{place}" for place in range(len(widths))]
    names = [*(spec.name for spec in signature.inputs), *kept[0]], ["outputs", *kept[1]]
    tensors = (*tensors, *(torch.zeros(TRACED_ROWS, width) for width in widths))
    return _write(network, tensors, names, (*axes, *({0: axes[0][0]} for _ in widths)))


def _traced(example: Batch, signature: Signature) -> tuple[tuple[torch.Tensor, ...], tuple[dict[int, Any], ...]]:
    """The inputs to trace with, and of each the axes of any size."""
    rows = {spec.name: np.resize(example[spec.name], (TRACED_ROWS, *_row_traced(spec))) for spec in signature.inputs}
    tensors = tuple(torch.from_numpy(np.ascontiguousarray(rows[spec.name])) for spec in signature.inputs)
    axes = {0: torch.export.Dim("B")}, {0: torch.export.Dim("B"), 1: torch.export.Dim("T")}
    return tensors, tuple(axes[spec.is_padded] for spec in signature.inputs)


def _write(
    network: torch.nn.Module,
    tensors: tuple[torch.Tensor, ...],
    names: tuple[list[str], list[str]],
    axes: tuple[dict[int, Any], ...],
) -> bytes:
    """Write a network as ONNX.

    Args:
        tensors: to trace with. names: of its inputs and outputs. axes: of each input those of any size.
    """
    with _quiet():
        program = torch.onnx.export(
            network.eval().to("cpu"),
            tensors,
            dynamo=True,
            verbose=False,
            opset_version=OPSET,
            input_names=names[0],
            output_names=names[1],
            dynamic_shapes=(axes,),
            custom_translation_table=translations(),
        )
    if program is None:
        raise ParityError("torch gave no ONNX program for this network; choose another architecture")
    ClearMetadataAndDocStringPass()(program.model)  # it holds the paths and lines of this machine
    written: bytes = program.model_proto.SerializeToString()
    return written


def _row_traced(spec: InputSpec) -> tuple[int, ...]:
    """The shape of a row to trace with: of a sequence as many steps as no other axis has by chance."""
    return (max(7, spec.row[0]), *spec.row[1:]) if spec.is_padded else spec.row


def check_parity(
    left: Array, right: Array, answers: Callable[[Array], Mapping[str, Array]], *, limit: float = PARITY_LIMIT
) -> None:
    """Refuse a written model whose answers, as a person reads them, are not those of the trained one.

    Args:
        left: (N, K) outputs of the trained model, or (N, T, K) of every step.
        right: the same of the written one.
        answers: makes columns of answers of outputs; columns of text are left to their probabilities.
        limit: largest difference of a number, relative where the number is greater than 1.

    Raises:
        ParityError: they differ, or the written one gives what is no number; the row, the column and both
            values are named.
    """
    if left.shape != right.shape:
        raise ParityError(f"the written model gives outputs of shape {right.shape}, the trained one {left.shape}")
    trained, written = answers(left), answers(right)
    for name, expected in trained.items():
        if np.issubdtype(expected.dtype, np.number):
            _check_column(name, expected, written[name], limit)


def _check_column(name: str, expected: Array, found: Array, limit: float) -> None:
    difference = np.abs(found - expected) / np.maximum(1.0, np.abs(expected))
    is_wrong = ~(difference <= limit)  # so that NaN is wrong too
    if expected.ndim == 2:  # of every step: behind the end of a row both have NaN
        is_wrong &= ~(np.isnan(found) & np.isnan(expected))
    if not is_wrong.any():
        return
    worst = np.argmax(np.where(is_wrong, np.where(np.isnan(difference), np.inf, difference), 0.0))
    place = np.unravel_index(worst, difference.shape)
    step = f", step {place[1] + 1}" if len(place) > 1 else ""
    raise ParityError(
        f"row {place[0] + 1}{step}, column '{name}': the written model answers {found[place]:.8g}, the trained one "
        f"{expected[place]:.8g} ({int(is_wrong.sum()):,} of {len(found):,} rows are more than {limit:g} apart); "
        "nothing was written: choose another architecture, and report this one"
    )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence what the exporter says of its own workings."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
