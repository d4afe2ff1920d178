"""Numbers and booleans in a graph: every scale of `archwise.data.scale`, flags of missing cells, marks and the bend."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from archwise.data.scale import BEND, CLIP, FARTHEST, LARGEST, SHRINK
from archwise.model.bundle.graph import Graph
from archwise.model.bundle.knot import add_line
from archwise.records import Json


def add_number(graph: Graph, values: str, state: Mapping[str, Json]) -> dict[str, str]:
    """Scale numbers as `apply_numbers` does.

    Args:
        values: name of (N, 1) float64, NaN for missing.
        state: as `fit_number` gave it.

    Returns:
        numbers: the name of (N, width) float32.
    """
    if state["how"] == "raw":
        inside = graph.within(values, -LARGEST, LARGEST)
        kept = graph.add("Where", [graph.add("IsNaN", [values]), values, inside])
        return {"numbers": graph.cast(kept, "float32")}
    flag, marked = graph.add("IsNaN", [values]), ""
    marks = np.asarray(state.get("marks", ()), np.float64)
    if len(marks):
        marked = graph.cast(graph.add("Equal", [values, graph.hold(marks[None])]), "float32")  # (N, M)
        is_any = graph.add("ReduceMax", [marked, graph.hold([1], np.int64)], {"keepdims": 1})
        values = graph.add("Where", [graph.cast(is_any, "bool"), graph.hold(math.nan), values])
    columns = [_scaled(graph, values, state)]
    if state["flag"]:
        columns.append(graph.cast(flag, "float32"))
    if "bend" in state:
        columns.append(_bent(graph, values, state["bend"]))
    if marked:
        columns.append(marked)
    return {"numbers": columns[0] if len(columns) == 1 else graph.add("Concat", columns, {"axis": 1})}


def _scaled(graph: Graph, values: str, state: Mapping[str, Json]) -> str:
    if state["how"] == "standard":
        return _known(graph, values, _standard(graph, values, state))
    if state["how"] == "robust":
        return _known(graph, values, _robust(graph, values, state))
    knots, scores = (np.asarray(state[name], np.float64) for name in ("knots", "scores"))
    if len(knots) < 2:
        return _known(graph, values, "")
    shrunk = graph.add("Mul", [values, graph.hold(SHRINK)])
    return _known(graph, values, add_line(graph, shrunk, knots, scores))


def _known(graph: Graph, values: str, scaled: str) -> str:
    """The scaled values as float32, 0 where a value is missing; 0 everywhere where nothing was scaled."""
    zero = graph.hold(0.0)
    known = graph.add("Where", [graph.add("IsNaN", [values]), zero, scaled or zero])
    return graph.cast(known, "float32")


def _standard(graph: Graph, values: str, state: Mapping[str, Json]) -> str:
    if state["std"] == 0.0:
        return ""
    distance = graph.add("Sub", [values, graph.hold(state["mean"])])
    return graph.within(graph.add("Div", [distance, graph.hold(state["std"])]), -CLIP, CLIP)


def _distance(graph: Graph, values: str, state: Mapping[str, Json]) -> str:
    """Of a value from the centre, in spreads."""
    shrunk = graph.add("Mul", [values, graph.hold(SHRINK)])
    distance = graph.add("Sub", [shrunk, graph.hold(state["centre"])])
    return graph.within(graph.add("Div", [distance, graph.hold(state["spread"])]), -FARTHEST, FARTHEST)


def _robust(graph: Graph, values: str, state: Mapping[str, Json]) -> str:
    if state["spread"] == 0.0:
        return ""
    distance = _distance(graph, values, state)
    share = graph.add("Div", [distance, graph.hold(BEND)])
    under = graph.add("Add", [graph.hold(1.0), graph.add("Mul", [share, share])])
    return graph.add("Div", [distance, graph.add("Sqrt", [under])])


def _bent(graph: Graph, values: str, state: Mapping[str, Json]) -> str:
    """The second scale, as `apply_bend` gives it."""
    if state["spread"] == 0.0 or state["std"] == 0.0:
        return _known(graph, values, "")
    distance = _distance(graph, values, state)
    under = graph.add("Add", [graph.hold(1.0), graph.add("Abs", [distance])])
    root = graph.add("Sub", [graph.add("Sqrt", [graph.add("Sqrt", [under])]), graph.hold(1.0)])
    bent = graph.add("Mul", [graph.add("Sign", [distance]), root])
    return _known(graph, values, _standard(graph, bent, state))
