"""Outputs become answers in a graph, as the task makes them: calibration, threshold, labels, sets and intervals."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from archwise.data.tag_cells import TAG
from archwise.model.bundle.graph import Dtype, Graph
from archwise.model.bundle.knot import add_line, add_place
from archwise.model.bundle.tag import add_tags
from archwise.model.facts import ModelFacts
from archwise.records import FORECAST, Json

Outputs = dict[str, tuple[Dtype, tuple[int | str, ...]]]  # name -> type and shape of a row; an axis of any length named


def answer_outputs(facts: ModelFacts) -> Outputs:
    """What the graph of a model gives for each row."""
    state, calibration = facts.target_state, facts.calibration
    if facts.task == TAG:
        return {"tags": ("string", ("T",)), "p": ("float32", ("T",))}
    if facts.task == FORECAST:
        shape = int(state["horizon"]), len(state["targets"])
        names = ("forecast", "low", "high") if "low" in calibration else ("forecast",)
        return dict.fromkeys(names, ("float64", shape))
    if facts.task == "multilabel":
        n_labels = len(state["labels"])
        return {"labels": ("bool", (n_labels,)), "probabilities": ("float32", (n_labels,))}
    if facts.task == "regress":
        has_interval = facts.signature.n_outputs == 3 or {"offset", "half_width"} & set(calibration)
        return dict.fromkeys(("value", "low", "high") if has_interval else ("value",), ("float64", ()))
    n_classes = len(state["classes"])
    given: Outputs = {"label": ("string", ()), "probabilities": ("float32", (n_classes,))}
    return {**given, "set": ("bool", (n_classes,))} if "set_floor" in calibration else given


def add_answers(graph: Graph, facts: ModelFacts, outputs: str) -> None:
    """Add the nodes from the outputs of a model to `answer_outputs`, each under its own name; not of a forecast.

    Args:
        outputs: name of (N, K) float32; of tags (N, T, K).
    """
    make = {"classify": _add_classes, "multilabel": _add_labels, "regress": _add_numbers, TAG: add_tags}
    make[facts.task](graph, facts, graph.cast(outputs, "float64"))


# ---------------------------------------------------------------- classes


def _add_classes(graph: Graph, facts: ModelFacts, outputs: str) -> None:
    calibration = facts.calibration
    logits = _calibrated(graph, calibration, outputs)
    shares = graph.add("Softmax", [logits], {"axis": 1})
    graph.add("Cast", [shares], {"to": 1}, output="probabilities")
    if "threshold" in calibration:
        positive = int(calibration["positive"])
        share = _flat(graph, graph.pick(shares, [positive]))
        is_positive = graph.add("GreaterOrEqual", [share, graph.hold(calibration["threshold"])])
        numbers = [graph.hold(number, np.int64) for number in (positive, 1 - positive)]
        place = graph.add("Where", [is_positive, *numbers])
    else:
        place = graph.add("ArgMax", [logits], {"axis": 1, "keepdims": 0})
    names = list(facts.target_state["classes"])
    graph.add("Gather", [graph.hold(names, object), place], {"axis": 0}, output="label")
    if "set_floor" in calibration:  # as `sets`: the answered label is always one of them
        is_likely = graph.add("GreaterOrEqual", [shares, graph.hold(calibration["set_floor"])])
        answered = graph.add("Unsqueeze", [place, graph.hold([1], np.int64)])
        is_answered = graph.add("Equal", [answered, graph.hold([range(len(names))], np.int64)])
        graph.add("Or", [is_likely, is_answered], output="set")


def _calibrated(graph: Graph, calibration: Mapping[str, Json], outputs: str) -> str:
    """As `archwise.tasks.calibration.calibrated`."""
    temperature = graph.hold(calibration.get("temperature", 1.0))
    if "isotonic" not in calibration:
        return graph.add("Div", [outputs, temperature])
    knots, logits = (np.array(calibration["isotonic"][name], np.float64) for name in ("margins", "logits"))
    margins = graph.add("Sub", [graph.pick(outputs, [1]), graph.pick(outputs, [0])])
    beyond = graph.add("Sub", [margins, graph.within(margins, float(knots[0]), float(knots[-1]))])
    mapped = add_line(graph, margins, knots, logits) if len(knots) > 1 else graph.hold(logits)
    bent = graph.add("Add", [mapped, graph.add("Div", [beyond, temperature])])
    return graph.add("Mul", [bent, graph.hold([[-0.5, 0.5]])])


# ---------------------------------------------------------------- labels


def _add_labels(graph: Graph, facts: ModelFacts, outputs: str) -> None:
    temperatures = facts.calibration.get("temperatures")
    logits = graph.add("Div", [outputs, graph.hold([temperatures])]) if temperatures else outputs
    graph.add("GreaterOrEqual", [logits, graph.hold(0.0)], output="labels")
    graph.add("Cast", [graph.add("Sigmoid", [logits])], {"to": 1}, output="probabilities")


# ---------------------------------------------------------------- numbers


def _add_numbers(graph: Graph, facts: ModelFacts, outputs: str) -> None:
    """As `answers` of the task regress: the target's units, none below nought where that is a floor."""
    calibration, state = facts.calibration, facts.target_state
    if "floor" in calibration:
        floored = graph.cast(graph.hold(np.float32(calibration["floor"]), np.float32), "float64")
        outputs = graph.add("Max", [outputs, floored])
    scaled = graph.add("Mul", [outputs, graph.hold(state["scale"])])
    numbers = _above(graph, facts, graph.add("Add", [scaled, graph.hold(state["mean"])]))
    prediction = _flat(graph, graph.pick(numbers, [0]))
    graph.add("Identity", [prediction], output="value")
    if facts.signature.n_outputs == 3:
        by = graph.hold(float(calibration.get("offset", 0.0)))
        low, high = (_flat(graph, graph.pick(numbers, [place])) for place in (1, 2))
        low = graph.add("Min", [graph.add("Sub", [low, by]), prediction])
        high = graph.add("Max", [graph.add("Add", [high, by]), prediction])
    elif "half_width" in calibration:
        width = _half_width(graph, calibration, graph.pick(outputs, [0]))
        low, high = (graph.add(operator, [prediction, width]) for operator in ("Sub", "Add"))
    else:
        return
    graph.add("Identity", [_above(graph, facts, low)], output="low")
    graph.add("Identity", [high], output="high")


def _above(graph: Graph, facts: ModelFacts, numbers: str) -> str:
    """The numbers, none below nought where the target has none."""
    return graph.add("Max", [numbers, graph.hold(0.0)]) if "floor" in facts.calibration else numbers


def _half_width(graph: Graph, calibration: Mapping[str, Json], outputs: str) -> str:
    """Of the interval of each row, (N,)."""
    if "edges" not in calibration:
        return graph.hold(float(calibration["half_width"]))
    place = _flat(graph, add_place(graph, outputs, np.array(calibration["edges"], np.float64)))
    return graph.add("Gather", [graph.hold(calibration["half_widths"]), place], {"axis": 0})


def _flat(graph: Graph, values: str) -> str:
    """(N, 1) as (N,)."""
    return graph.add("Squeeze", [values, graph.hold([1], np.int64)])
