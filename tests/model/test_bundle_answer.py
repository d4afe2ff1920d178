"""Answers that are made inside an ONNX graph, against those of each task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import onnxruntime
import polars as pl
import pytest

from archwise.model.bundle.answer import add_answers, answer_outputs
from archwise.model.bundle.graph import ML_OPSET, Graph, element_type
from archwise.model.facts import ModelFacts
from archwise.model.folder import ModelContent
from archwise.tasks import task


def facts_of(
    content: ModelContent, task_name: str, state: Mapping[str, Any], calibration: Mapping[str, Any], n: int
) -> ModelFacts:
    signature = replace(content.facts.signature, n_outputs=n)
    return replace(content.facts, task=task_name, target_state=state, calibration=calibration, signature=signature)


def answered(facts: ModelFacts, outputs: np.ndarray) -> dict[str, np.ndarray]:
    graph = Graph()
    add_answers(graph, facts, "outputs")
    helper = onnx.helper
    ends = [
        helper.make_tensor_value_info(name, element_type(dtype), ["N", *row])
        for name, (dtype, row) in answer_outputs(facts).items()
    ]
    start = helper.make_tensor_value_info(
        "outputs", element_type("float32"), ["N", *map(str, outputs.shape[1:-1]), outputs.shape[-1]]
    )
    tensors = [onnx.numpy_helper.from_array(array, name) for name, array in graph.constants.items()]
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
    made = helper.make_graph(graph.nodes, "answers", [start], ends, tensors)
    model = helper.make_model(made, opset_imports=opsets, ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [end.name for end in ends]
    return dict(zip(names, session.run(names, {"outputs": outputs}), strict=True))


def logits(n_classes: int, n: int = 300) -> np.ndarray:
    given = 3.0 * np.random.default_rng(0).normal(size=(n, n_classes)).astype(np.float32)
    given[:3] *= 100.0
    return given


CLASSIFY = {
    "nothing": {},
    "temperature": {"temperature": 1.7},
    "isotonic": {"temperature": 0.8, "isotonic": {"margins": [-2.0, 0.0, 1.5], "logits": [-1.0, 0.2, 3.0]}},
    "one knot": {"temperature": 2.0, "isotonic": {"margins": [0.5], "logits": [0.1]}},
    "threshold": {"temperature": 1.2, "threshold": 0.3, "positive": 0, "rule": "f1"},
}


@pytest.mark.parametrize("name", CLASSIFY)
def test_two_classes_are_answered_as_the_task_answers(content: ModelContent, name: str) -> None:
    state = {"classes": ["no", "ja ü"], "counts": [3, 2], "positive": 1}
    given = logits(2)
    found = answered(facts_of(content, "classify", state, CLASSIFY[name], 2), given)
    expected = task("classify").answers(state, CLASSIFY[name], given)
    np.testing.assert_array_equal(found["label"].astype(str), expected["prediction"])
    for place, label in enumerate(state["classes"]):
        np.testing.assert_allclose(found["probabilities"][:, place], expected[f"p:{label}"], atol=1e-7)


def test_many_classes_are_answered_as_the_task_answers(content: ModelContent) -> None:
    state = {"classes": list("abcde"), "counts": [1] * 5, "positive": 1}
    given = logits(5)
    found = answered(facts_of(content, "classify", state, {"temperature": 0.5}, 5), given)
    expected = task("classify").answers(state, {"temperature": 0.5}, given)
    np.testing.assert_array_equal(found["label"].astype(str), expected["prediction"])
    np.testing.assert_allclose(found["probabilities"][:, 3], expected["p:d"], atol=1e-7)


@pytest.mark.parametrize("calibration", [{}, {"temperatures": [0.5, 2.0, 1.0]}])
def test_labels_are_answered_as_the_task_answers(content: ModelContent, calibration: Mapping[str, Any]) -> None:
    state = {"labels": ["red", "round", "big"], "counts": [1, 2, 3], "n_rows": 9}
    given = logits(3)
    found = answered(facts_of(content, "multilabel", state, calibration, 3), given)
    expected = task("multilabel").answers(state, calibration, given)
    joined = [";".join(np.array(state["labels"])[row]) for row in found["labels"]]
    assert joined == expected["prediction"].tolist()
    np.testing.assert_allclose(found["probabilities"][:, 1], expected["p:round"], atol=1e-7)


REGRESS = {
    "nothing": ({}, 1),
    "one width": ({"half_width": 3.5, "coverage": 0.9}, 1),
    "ranges": ({"half_width": 3.5, "edges": [-1.0, 0.5], "half_widths": [1.0, 2.0, 4.0]}, 1),
    "floor": ({"half_width": 30.0, "floor": -1.2}, 1),
    "quantiles": ({"offset": -0.7, "coverage": 0.9}, 3),
    "quantiles without a calibration": ({}, 3),
}


@pytest.mark.parametrize("name", REGRESS)
def test_numbers_are_answered_as_the_task_answers(content: ModelContent, name: str) -> None:
    calibration, n_outputs = REGRESS[name]
    state = {"mean": 12.0, "scale": 10.0, "low": 0.0, "high": 90.0}
    given = logits(n_outputs)
    found = answered(facts_of(content, "regress", state, calibration, n_outputs), given)
    expected = task("regress").answers(state, calibration, given)
    assert set(found) == {"value" if each == "prediction" else each for each in expected}
    for column, values in expected.items():
        np.testing.assert_array_equal(found["value" if column == "prediction" else column], values)


TAGS = {
    "bio": ["B-a", "B-b", "I-a", "I-b", "O"],
    "bioes": ["B-a", "E-a", "I-a", "O", "S-a"],
    "": ["noun", "verb", "other"],
}


@pytest.mark.parametrize("n_steps", [1, 2, 17])
@pytest.mark.parametrize("scheme", TAGS)
def test_tags_are_the_likeliest_that_break_no_rule(content: ModelContent, scheme: str, n_steps: int) -> None:
    state = {"classes": TAGS[scheme], "counts": [1] * len(TAGS[scheme]), "scheme": scheme}
    rng = np.random.default_rng(0)
    given = 3.0 * rng.normal(size=(200, n_steps, len(TAGS[scheme]))).astype(np.float32)
    given[np.arange(n_steps) >= rng.integers(0, n_steps + 1, 200)[:, None]] = np.nan
    found = answered(facts_of(content, "tag", state, {"temperature": 1.7}, given.shape[2]), given)
    expected = task("tag").answers(state, {"temperature": 1.7}, given)
    np.testing.assert_array_equal(found["tags"].astype(str), expected["prediction"])
    np.testing.assert_allclose(found["p"], expected["p"], atol=1e-7)


@pytest.mark.parametrize("cut", [{}, {"threshold": 0.8, "positive": 1, "rule": "f1"}])
@pytest.mark.parametrize("floor", [0.0, 0.3, 1.0])
def test_a_set_holds_what_is_likely_and_always_the_answered_label(
    content: ModelContent, floor: float, cut: Mapping[str, Any]
) -> None:
    state = {"classes": ["no", "yes"], "counts": [3, 2], "positive": 1}
    calibration = {"temperature": 1.3, "set_floor": floor, **cut}
    given = logits(2)
    found = answered(facts_of(content, "classify", state, calibration, 2), given)
    np.testing.assert_array_equal(found["set"], task("classify").sets(state, calibration, given))


def test_a_calibration_of_real_outputs_is_held_too(content: ModelContent) -> None:
    rng = np.random.default_rng(1)
    targets = rng.integers(0, 2, 4_000)
    margins = (targets - 0.5) * 2 + rng.normal(size=4_000)
    given = np.stack([-(margins**3), margins**3], axis=1).astype(np.float32)
    state = task("classify").encode_fit(pl.Series("y", ["no", "yes"])[targets])
    calibration = task("classify").calibrate(state, given, targets)
    assert "isotonic" in calibration
    found = answered(facts_of(content, "classify", state, calibration, 2), given)
    expected = task("classify").answers(state, calibration, given)
    np.testing.assert_allclose(found["probabilities"][:, 1], expected["p:yes"], atol=1e-7)
