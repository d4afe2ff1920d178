"""Steps of (N, C, L) in a graph: their places, and the nearest step on either side whose value is known.

ONNX has no running maximum. The known cells of all rows, one after the other, and how many of them stand before each
cell, tell the same.
"""

from __future__ import annotations

import numpy as np

from archwise.model.bundle.graph import Graph


def add_places(graph: Graph, values: str) -> str:
    """The name of (L,) int64, 0 to L - 1, of the last axis of (N, C, L)."""
    return _count_to(graph, graph.add("Shape", [values], {"start": 2}))


def add_nearest(graph: Graph, values: str) -> tuple[str, str, str]:
    """Where the known values about each step lie.

    Args:
        values: name of (N, C, L) float64, NaN where no value is known.

    Returns:
        the names of (N, C, L): known, bool; and the places of the last known step at or before each, below 0 for none,
        and of the first at or after it, L or more for none, int64.
    """
    one = graph.hold(1, np.int64)
    known = graph.add("Not", [graph.add("IsNaN", [values])])
    flat = graph.add("Reshape", [graph.cast(known, "int64"), graph.hold([-1], np.int64)])
    n_cells = graph.add("Shape", [flat])
    found = graph.add("Squeeze", [graph.add("NonZero", [flat]), graph.hold([0], np.int64)])
    all_known = graph.add("Concat", [graph.hold([-1], np.int64), found, n_cells], {"axis": 0})  # an end on either side
    shape = graph.add("Shape", [values])
    up_to = graph.add("Reshape", [graph.add("CumSum", [flat, graph.hold(0, np.int64)]), shape])
    from_on = graph.add("Add", [graph.add("Sub", [up_to, graph.cast(known, "int64")]), one])
    cells = graph.add("Reshape", [_count_to(graph, n_cells), shape])
    first = graph.add("Sub", [cells, add_places(graph, values)])  # the cell at which a channel begins
    before, after = (
        graph.add("Sub", [graph.add("Gather", [all_known, rank], {"axis": 0}), first]) for rank in (up_to, from_on)
    )
    return known, before, after


def add_carried(graph: Graph, values: str) -> str:
    """The values (N, L, C) with every unknown one as the last known before it, else NaN, as `carry_on` does."""
    turned = graph.add("Transpose", [values], {"perm": [0, 2, 1]})
    _, before, _ = add_nearest(graph, turned)
    place = graph.add("Max", [before, graph.hold(0, np.int64)])  # at place 0 no value is known where there is none
    carried = graph.add("GatherElements", [turned, place], {"axis": 2})
    return graph.add("Transpose", [carried], {"perm": [0, 2, 1]})


def _count_to(graph: Graph, length: str) -> str:
    """0 to before a length, which is (1,)."""
    scalar = graph.add("Squeeze", [length, graph.hold([0], np.int64)])
    return graph.add("Range", [graph.hold(0, np.int64), scalar, graph.hold(1, np.int64)])
