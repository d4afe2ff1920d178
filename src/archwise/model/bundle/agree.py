"""Holds the answers of a graph against those of `predict`, and runs a graph as anyone would."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from archwise.data.label_set import SEPARATOR
from archwise.errors import ParityError
from archwise.model.bundle.rows import Rows
from archwise.model.facts import ModelFacts
from archwise.records import Array, Batch

LIMIT, LIMIT_OF_PICTURES = 1e-5, 1e-4  # between two answers; relative, where they are greater than 1


def open_graph(onnx: bytes) -> Any:
    """A graph in ONNX Runtime, on one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4  # fatal only: what is wrong is raised
    return onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])


def answers_of(graph: Any, parts: Sequence[Batch]) -> dict[str, Array]:
    """What a graph answers to all parts, one after the other: output -> (N, ...)."""
    names = [each.name for each in graph.get_outputs()]
    read = {each.name for each in graph.get_inputs()}
    given = [graph.run(names, {name: array for name, array in part.items() if name in read}) for part in parts]
    return {name: np.concatenate([part[place] for part in given]) for place, name in enumerate(names)}


def as_columns(facts: ModelFacts, answers: Mapping[str, Array]) -> dict[str, Array]:
    """Answers of a graph under the names that `predict` gives them: numbers alone."""
    if facts.task == "regress":
        return {"prediction" if name == "value" else name: array for name, array in answers.items()}
    names = facts.target_state["classes" if facts.task == "classify" else "labels"]
    return {f"p:{name}": answers["probabilities"][:, place] for place, name in enumerate(names)}


def check_agreement(facts: ModelFacts, rows: Rows, answers: Mapping[str, Array], *, limit: float) -> float:
    """Refuse a graph that does not answer as `predict` does.

    Args:
        answers: of the graph, to the same rows.

    Returns:
        the largest difference.

    Raises:
        ParityError: a number differs by more than the limit, or a label where no other is as likely.
    """
    largest = 0.0
    for name, found in as_columns(facts, answers).items():
        expected = rows.expected[name].astype(np.float64)
        distance = np.abs(found - expected) / np.maximum(1.0, np.abs(expected))
        if not (distance <= limit).all():  # so that NaN is wrong too
            row = int(np.argmax(np.where(np.isnan(distance), np.inf, distance)))
            raise ParityError(
                f"row {row + 1}, '{name}': the exported model answers {found[row]:.8g}, predict {expected[row]:.8g} "
                f"({int((~(distance <= limit)).sum()):,} of {rows.n_rows:,} rows are more than {limit:g} apart); "
                "nothing was written: use the model folder, and report this model"
            )
        largest = max(largest, float(distance.max(initial=0.0)))
    _check_labels(facts, rows, answers, limit)
    return largest


def _check_labels(facts: ModelFacts, rows: Rows, answers: Mapping[str, Array], limit: float) -> None:
    """Of rows whose probabilities agree, a label may differ only where the probabilities leave it open."""
    if facts.task == "classify":
        wrong = answers["label"].astype(str) != rows.expected["prediction"].astype(str)
        shares = np.sort(answers["probabilities"], axis=1)
        margin = shares[:, -1] - shares[:, -2]
        if "threshold" in facts.calibration:
            of_positive = answers["probabilities"][:, int(facts.calibration["positive"])]
            margin = np.abs(of_positive - facts.calibration["threshold"])
        wrong &= margin > 2.0 * limit
    elif facts.task == "multilabel":
        names = np.array(facts.target_state["labels"], object)
        joined = np.array([SEPARATOR.join(names[row]) for row in answers["labels"]], object).astype(str)
        is_open = (np.abs(answers["probabilities"] - 0.5) <= 2.0 * limit).any(axis=1)
        wrong = (joined != rows.expected["prediction"].astype(str)) & ~is_open
    else:
        return
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ParityError(
            f"row {row + 1}: the exported model and predict answer other labels ({int(wrong.sum()):,} of "
            f"{rows.n_rows:,} rows); nothing was written: use the model folder, and report this model"
        )
