"""Holds the answers of a graph against those of `predict`, and runs a graph as anyone would."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from archwise.data.label_set import SEPARATOR
from archwise.data.tag_cells import TAG
from archwise.errors import ParityError
from archwise.model.bundle.rows import Rows
from archwise.model.facts import ModelFacts
from archwise.records import Array, Batch

LIMIT, LIMIT_OF_PICTURES = 1e-5, 1e-4  # between two answers, in units of the target; relative, where they are greater


def open_graph(onnx: bytes) -> Any:
    """A graph in ONNX Runtime, on one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4  # fatal only: what is wrong is raised
    return onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])


def answers_of(graph: Any, parts: Sequence[Batch]) -> dict[str, Array]:
    """What a graph answers to all parts, one after the other: output -> (N, ...); steps that a part lacks are none."""
    names = [each.name for each in graph.get_outputs()]
    read = {each.name for each in graph.get_inputs()}
    given = [graph.run(names, {name: array for name, array in part.items() if name in read}) for part in parts]
    return {name: join_parts([part[place] for part in given]) for place, name in enumerate(names)}


def join_parts(parts: Sequence[Array]) -> Array:
    """Answers of some rows and of others as one array; those of steps (B, T) get as many as the longest."""
    if parts[0].ndim != 2 or len({part.shape[1] for part in parts}) == 1:
        return np.concatenate(parts)
    longest = max(part.shape[1] for part in parts)
    return np.concatenate([to_steps(part, longest) for part in parts])


def to_steps(answers: Array, n_steps: int) -> Array:
    """Answers (B, T) of so many steps, "" or NaN behind the end."""
    kept = answers[:, :n_steps]
    behind = np.nan if answers.dtype.kind == "f" else ""
    return np.concatenate([kept, np.full((len(kept), n_steps - kept.shape[1]), behind, answers.dtype)], axis=1)


def as_columns(facts: ModelFacts, answers: Mapping[str, Array]) -> dict[str, Array]:
    """Answers of a graph under the names that `predict` gives them: numbers alone."""
    if facts.task in ("classify", "multilabel"):
        names = facts.target_state["classes" if facts.task == "classify" else "labels"]
        return {f"p:{name}": answers["probabilities"][:, place] for place, name in enumerate(names)}
    return {"prediction" if name == "value" else name: array for name, array in answers.items() if name != "tags"}


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
        found = to_steps(found, expected.shape[1]) if facts.task == TAG else found
        distance = np.abs(found - expected) / np.maximum(rows.unit, np.abs(expected))
        distance = np.where(np.isnan(found) & np.isnan(expected), 0.0, distance)  # behind the last word
        if not (distance <= limit).all():  # so that NaN is wrong too
            worst = np.unravel_index(np.argmax(np.where(np.isnan(distance), np.inf, distance)), distance.shape)
            n_wrong = int((~(distance <= limit)).reshape(len(distance), -1).any(axis=1).sum())
            raise ParityError(
                f"row {worst[0] + 1}, '{name}': the exported model answers {found[worst]:.8g}, predict "
                f"{expected[worst]:.8g} ({n_wrong:,} of {rows.n_rows:,} rows are more than {limit:g} apart); "
                "nothing was written: use the model folder, and report this model"
            )
        largest = max(largest, float(distance.max(initial=0.0)))
    wrong = _wrong_labels(facts, rows, answers, limit)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ParityError(
            f"row {row + 1}: the exported model and predict answer other labels ({int(wrong.sum()):,} of "
            f"{rows.n_rows:,} rows); nothing was written: use the model folder, and report this model"
        )
    return largest


def _wrong_labels(facts: ModelFacts, rows: Rows, answers: Mapping[str, Array], limit: float) -> Array:
    """(N,) rows with another label, or another set of them, though their probabilities do not leave that open."""
    if facts.task == TAG:  # another tag that is as likely has the same p, and those about it too
        expected = rows.expected["prediction"]
        other: Array = (to_steps(answers["tags"].astype(str), expected.shape[1]) != expected).any(axis=1)
        return other
    if facts.task == "multilabel":
        names = np.array(facts.target_state["labels"], object)
        joined = np.array([SEPARATOR.join(names[row]) for row in answers["labels"]], object).astype(str)
        is_open = (np.abs(answers["probabilities"] - 0.5) <= 2.0 * limit).any(axis=1)
        others: Array = (joined != rows.expected["prediction"].astype(str)) & ~is_open
        return others
    if facts.task != "classify":
        return np.zeros(rows.n_rows, bool)
    wrong: Array = answers["label"].astype(str) != rows.expected["prediction"].astype(str)
    shares = np.sort(answers["probabilities"], axis=1)
    margin = shares[:, -1] - shares[:, -2]
    if "threshold" in facts.calibration:
        of_positive = answers["probabilities"][:, int(facts.calibration["positive"])]
        margin = np.abs(of_positive - facts.calibration["threshold"])
    wrong &= margin > 2.0 * limit
    if "set" in answers:
        near = np.abs(answers["probabilities"] - facts.calibration["set_floor"]) <= 2.0 * limit
        wrong |= ((answers["set"] != rows.expected["set"]) & ~near).any(axis=1) & (margin > 2.0 * limit)
    return wrong
