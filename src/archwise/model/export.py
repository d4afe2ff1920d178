"""Writes a trained network as ONNX, and holds its answers against those of the network."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import torch
from onnx_ir.passes.common import ClearMetadataAndDocStringPass

from archwise.errors import ParityError
from archwise.model.recurrent_operator import translations
from archwise.records import Array, Batch, InputSpec, Signature

OPSET = 20
PARITY_LIMIT = 1e-4


def export_network(network: torch.nn.Module, example: Batch, signature: Signature) -> bytes:
    """Write a network as one self-contained ONNX model that takes any number of rows, and sequences of any length.

    Args:
        network: takes the tensors of the signature's inputs in their order, gives (B, K) float32.
        example: a few rows, to trace with.
        signature: names and order of the inputs.

    Returns:
        the model, with the inputs of the signature and one output `outputs`.
    """
    # One row would be taken for a constant of the graph, and so would one step.
    rows = {spec.name: np.resize(example[spec.name], (2, *_row_traced(spec))) for spec in signature.inputs}
    tensors = tuple(torch.from_numpy(np.ascontiguousarray(rows[spec.name])) for spec in signature.inputs)
    axes = {0: torch.export.Dim("B")}, {0: torch.export.Dim("B"), 1: torch.export.Dim("T")}
    with _quiet():
        program = torch.onnx.export(
            network.eval().to("cpu"),
            tensors,
            dynamo=True,
            verbose=False,
            opset_version=OPSET,
            input_names=[spec.name for spec in signature.inputs],
            output_names=["outputs"],
            dynamic_shapes=(tuple(axes[spec.is_padded] for spec in signature.inputs),),
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
