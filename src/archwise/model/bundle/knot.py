"""Where a value lies among rising ones, and the line through knots, as NumPy finds them, to the last bit.

ONNX has no operator that searches. A balanced tree of comparisons is one: its leaves hold the places.
"""

from __future__ import annotations

import numpy as np

from archwise.model.bundle.graph import Graph
from archwise.records import Array

_LESS, _SUM = 1, 1  # nodes_modes and aggregate_function of TreeEnsemble


def add_place(graph: Graph, values: str, edges: Array) -> str:
    """How many of the rising edges lie at or below each value, as `numpy.searchsorted(..., side="right")` does.

    Args:
        values: name of (N, 1) float64; NaN has some place.
        edges: (E,) float64, strictly rising.

    Returns:
        the name of (N, 1) int64, from 0 to E.
    """
    from onnx import numpy_helper

    if not len(edges):
        zero = graph.hold(0, np.int64)
        return graph.add("Where", [graph.add("IsNaN", [values]), zero, zero])
    tree = _grow(len(edges))
    tensors = {
        "nodes_modes": np.full(len(edges), _LESS, np.uint8),
        "nodes_splits": edges[tree["edge"]].astype(np.float64),
        "leaf_weights": np.arange(len(edges) + 1, dtype=np.float64),
    }
    attributes = {
        "aggregate_function": _SUM,
        "post_transform": 0,
        "n_targets": 1,
        "tree_roots": [0],
        "nodes_featureids": [0] * len(edges),
        "nodes_missing_value_tracks_true": [0] * len(edges),
        "nodes_truenodeids": tree["below"],
        "nodes_trueleafs": tree["below_is_leaf"],
        "nodes_falsenodeids": tree["above"],
        "nodes_falseleafs": tree["above_is_leaf"],
        "leaf_targetids": [0] * (len(edges) + 1),
        **{name: numpy_helper.from_array(array, name) for name, array in tensors.items()},
    }
    return graph.cast(graph.add("TreeEnsemble", [values], attributes, domain="ai.onnx.ml"), "int64")


def _grow(n_edges: int) -> dict[str, list[int]]:
    """A balanced tree over the edges from 0 on: of each split its edge and both children; leaf i is place i."""
    tree: dict[str, list[int]] = {name: [] for name in ("edge", "below", "below_is_leaf", "above", "above_is_leaf")}
    waiting = [(0, n_edges, -1, "")]  # edges of a split, the split above it, and on which side of that
    while waiting:
        first, end, parent, side = waiting.pop()
        is_leaf = first == end
        number = first if is_leaf else len(tree["edge"])
        if side:
            tree[side][parent], tree[f"{side}_is_leaf"][parent] = number, int(is_leaf)
        if is_leaf:
            continue
        middle = (first + end) // 2
        tree["edge"].append(middle)
        for name in ("below", "below_is_leaf", "above", "above_is_leaf"):
            tree[name].append(0)  # filled when the child is met
        waiting += [(middle + 1, end, number, "above"), (first, middle, number, "below")]
    return tree


def add_line(graph: Graph, values: str, knots: Array, heights: Array) -> str:
    """The line through knots, level beyond its ends, as `numpy.interp` draws it.

    Args:
        values: name of (N, 1) float64; NaN gives what is no number.
        knots, heights: (Q,) float64, two or more; knots strictly rising.

    Returns:
        the name of (N, 1) float64.
    """
    with np.errstate(over="ignore"):
        slopes = np.append(np.diff(heights) / np.diff(knots), 0.0)  # level behind the last
    inside = graph.within(values, float(knots[0]), float(knots[-1]))
    place = add_place(graph, inside, knots[1:])  # of the knot at or before each value
    at, height, slope = (
        graph.add("Gather", [graph.hold(each), place], {"axis": 0}) for each in (knots, heights, slopes)
    )
    return graph.add("Add", [graph.add("Mul", [slope, graph.add("Sub", [inside, at])]), height])
