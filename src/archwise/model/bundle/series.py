"""Whole series in a graph: gaps closed, steps read together or stretched, and scaled, as `apply_series` does."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from archwise.data.series_shape import CLIP, STILL
from archwise.model.bundle.graph import Graph
from archwise.model.bundle.step import add_nearest, add_places
from archwise.records import Json


@dataclass(frozen=True)
class _Block:
    """Names of series (N, C, L) float64, of how long each is, (N, 1, 1) int64, and of places 0 to L - 1, (L,) int64."""

    values: str
    lengths: str
    places: str


def add_series(graph: Graph, values: str, state: Mapping[str, Json]) -> dict[str, str]:
    """Bring series into the form that was fitted, as `apply_series` does.

    Args:
        values: name of (N, L, C) float64, NaN where no value is known and behind the end of a shorter series.
        state: as `fit_series` gave it.

    Returns:
        series: the name of (N, up to T, C) float32, NaN behind the end.
    """
    form, steps = state["form"], int(state["steps"])
    block = _close_gaps(graph, _block(graph, graph.add("Transpose", [values], {"perm": [0, 2, 1]})))
    if int(state["together"]) > 1:
        block = _coarsen(graph, block, int(state["together"]))
    block = _stretch(graph, block, steps) if form["length"] == "same" else _cut(graph, block, steps)
    inside = _is_inside(graph, block)
    scaled = _by_row(graph, block, inside) if form["scale"] == "row" else _by_channel(graph, block.values, state)
    clipped = graph.cast(graph.within(scaled, -CLIP, CLIP), "float32")
    known = graph.add("Where", [graph.add("IsNaN", [scaled]), graph.hold(0.0, np.float32), clipped])
    shaped = graph.add("Where", [inside, known, graph.hold(math.nan, np.float32)])
    return {"series": graph.add("Transpose", [shaped], {"perm": [0, 2, 1]})}


def _whole(graph: Graph, number: int) -> str:
    return graph.hold(number, np.int64)


def _block(graph: Graph, values: str) -> _Block:
    """Series with their lengths: up to the last step that is known in any channel."""
    places = add_places(graph, values)
    ends = graph.add(
        "Where", [graph.add("IsNaN", [values]), _whole(graph, 0), graph.add("Add", [places, _whole(graph, 1)])]
    )
    return _Block(values, graph.add("ReduceMax", [ends, graph.hold([1, 2], np.int64)], {"keepdims": 1}), places)


def _is_inside(graph: Graph, block: _Block) -> str:
    return graph.add("Less", [block.places, block.lengths])  # (N, 1, L)


def _close_gaps(graph: Graph, block: _Block) -> _Block:
    """As `close_gaps`: on the line between the known values on either side, at the ends the nearest."""
    known, before, after = add_nearest(graph, block.values)
    length = graph.add("Shape", [block.values], {"start": 2})
    has_before = graph.add("GreaterOrEqual", [before, _whole(graph, 0)])
    has_after = graph.add("Less", [after, length])
    before = graph.add("Where", [has_before, before, after])
    after = graph.add("Where", [has_after, after, before])
    last = graph.add("Sub", [length, _whole(graph, 1)])
    low, high = (
        graph.add("Max", [graph.add("Min", [side, last]), _whole(graph, 0)]) for side in (before, after)
    )  # where nothing is known any value is none
    left, right = (graph.add("GatherElements", [block.values, side], {"axis": 2}) for side in (low, high))
    span = graph.cast(graph.add("Max", [graph.add("Sub", [high, low]), _whole(graph, 1)]), "float64")
    share = graph.add("Div", [graph.cast(graph.add("Sub", [block.places, low]), "float64"), span])
    share = graph.add("Where", [graph.add("Greater", [high, low]), share, graph.hold(0.0)])
    filled = graph.add("Where", [known, block.values, _between(graph, left, right, share)])
    kept = graph.add("Where", [_is_inside(graph, block), filled, graph.hold(math.nan)])
    return _Block(kept, block.lengths, block.places)


def _between(graph: Graph, left: str, right: str, share: str) -> str:
    rest = graph.add("Sub", [graph.hold(1.0), share])
    return graph.add("Add", [graph.add("Mul", [left, rest]), graph.add("Mul", [right, share])])


def _cut(graph: Graph, block: _Block, steps: int) -> _Block:
    """At most so many steps."""
    ends = [graph.hold([each], np.int64) for each in (0, steps, 2)]
    kept = graph.add("Slice", [block.values, *ends])
    return _Block(kept, graph.add("Min", [block.lengths, _whole(graph, steps)]), add_places(graph, kept))


def _coarsen(graph: Graph, block: _Block, n_together: int) -> _Block:
    """As `coarsen`: the mean of so many steps, of as many as there are at the end."""
    length = graph.add("Shape", [block.values], {"start": 2})
    rest = graph.add("Mod", [graph.add("Neg", [length]), _whole(graph, n_together)])
    padding = graph.add("Concat", [graph.hold([0] * 5, np.int64), rest], {"axis": 0})
    small = graph.add("Div", [block.values, graph.hold(float(n_together))])
    padded = graph.add("Pad", [small, padding, graph.hold(math.nan)])
    groups = graph.add("Reshape", [padded, graph.hold([0, 0, -1, n_together], np.int64)])
    places = graph.add("Reshape", [add_places(graph, padded), graph.hold([-1, n_together], np.int64)])
    lengths = graph.add("Unsqueeze", [block.lengths, graph.hold([3], np.int64)])
    is_step = graph.add("Less", [places, lengths])  # (N, 1, steps, n_together)
    counts = graph.add("ReduceSum", [graph.cast(is_step, "int64"), graph.hold([3], np.int64)], {"keepdims": 0})
    counts = graph.cast(graph.add("Max", [counts, _whole(graph, 1)]), "float64")
    sums = _last_sum(graph, graph.add("Where", [is_step, groups, graph.hold(0.0)]), axis=3)
    means = graph.add("Mul", [sums, graph.add("Div", [graph.hold(float(n_together)), counts])])
    more = graph.add("Add", [block.lengths, _whole(graph, n_together - 1)])
    return _Block(means, graph.add("Div", [more, _whole(graph, n_together)]), add_places(graph, means))


def _last_sum(graph: Graph, values: str, *, axis: int, keep: bool = False) -> str:
    """The sum along an axis from its first value on, one after the other."""
    sums = graph.add("CumSum", [values, _whole(graph, axis)])
    return graph.add("Gather", [sums, graph.hold([-1] if keep else -1, np.int64)], {"axis": axis})


def _stretch(graph: Graph, block: _Block, steps: int) -> _Block:
    """As `stretch`: read at so many places, evenly from the first step to the last."""
    last = graph.add("Max", [graph.add("Sub", [block.lengths, _whole(graph, 1)]), _whole(graph, 0)])
    at = graph.add("Mul", [graph.cast(last, "float64"), graph.hold(np.arange(steps) / max(1, steps - 1))])
    low = graph.add("Min", [graph.cast(graph.add("Floor", [at]), "int64"), last])  # (N, 1, steps)
    high = graph.add("Min", [graph.add("Add", [low, _whole(graph, 1)]), last])
    rows = graph.add("Shape", [block.values], {"end": 2})
    wide = graph.add("Concat", [rows, graph.hold([steps], np.int64)], {"axis": 0})
    left, right = (
        graph.add("GatherElements", [block.values, graph.add("Expand", [side, wide])], {"axis": 2})
        for side in (low, high)
    )
    share = graph.add("Sub", [at, graph.cast(low, "float64")])
    is_on_step = graph.add("Equal", [share, graph.hold(0.0)])
    read = graph.add("Where", [is_on_step, left, _between(graph, left, right, share)])
    has_any = graph.add("Greater", [block.lengths, _whole(graph, 0)])
    lengths = graph.add("Where", [has_any, _whole(graph, steps), _whole(graph, 0)])
    return _Block(read, lengths, graph.hold(np.arange(steps), np.int64))


def _by_channel(graph: Graph, values: str, state: Mapping[str, Json]) -> str:
    """As `scale_channels`."""
    mean, spread = (np.asarray(state[name], np.float64)[:, None] for name in ("mean", "spread"))
    apart = graph.add("Sub", [values, graph.hold(mean)])
    scaled = graph.add("Div", [apart, graph.hold(np.where(spread == 0.0, 1.0, spread))])
    return graph.add("Where", [graph.hold(spread == 0.0, np.bool_), graph.hold(0.0), scaled])


def _by_row(graph: Graph, block: _Block, inside: str) -> str:
    """As `scale_rows`."""
    is_missing = graph.add("IsNaN", [block.values])
    is_read = graph.add("And", [inside, graph.add("Not", [is_missing])])
    known = graph.add("Where", [is_read, block.values, graph.hold(0.0)])
    peaks = graph.add("ReduceMax", [graph.add("Abs", [known]), graph.hold([2], np.int64)], {"keepdims": 1})
    parts = graph.add("Div", [known, graph.add("Max", [peaks, graph.hold(float(np.finfo(float).tiny))])])
    counts = graph.cast(graph.add("Max", [block.lengths, _whole(graph, 1)]), "float64")
    means = graph.add("Div", [_last_sum(graph, parts, axis=2, keep=True), counts])
    apart = graph.add("Where", [inside, graph.add("Sub", [parts, means]), graph.hold(0.0)])
    squares = _last_sum(graph, graph.add("Mul", [apart, apart]), axis=2, keep=True)
    spreads = graph.add("Sqrt", [graph.add("Div", [squares, counts])])
    is_still = graph.add("LessOrEqual", [spreads, graph.hold(STILL)])
    divided = graph.add("Div", [apart, graph.add("Where", [is_still, graph.hold(1.0), spreads])])
    scaled = graph.add("Where", [is_still, graph.hold(0.0), divided])
    return graph.add("Where", [is_missing, graph.hold(math.nan), scaled])


def join_series(graph: Graph, parts: Sequence[str]) -> str:
    """The channels of several columns (N, T, C) side by side, padded to the longest, as `join_channels` does."""
    lengths = [graph.add("Shape", [each], {"start": 1, "end": 2}) for each in parts]
    longest = graph.add("Max", lengths)
    padded = []
    for part, length in zip(parts, lengths, strict=True):
        more = graph.add("Sub", [longest, length])
        widths = [graph.hold([0] * 4, np.int64), more, graph.hold([0], np.int64)]
        behind = graph.add("Concat", widths, {"axis": 0})
        padded.append(graph.add("Pad", [part, behind, graph.hold(math.nan, np.float32)]))
    return graph.add("Concat", padded, {"axis": 2})
