"""Pictures of any size in a graph: scaled as Pillow scales them, in the same whole numbers, and cut in the middle.

The operator Resize rounds its weights to float32, so that some pixels differ by one grey level; here none does.
Source: Pillow, src/libImaging/Resample.c.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from archwise.model.bundle.graph import Graph
from archwise.records import ImageNeed, Json

_BITS = 22  # behind the point of a weight
_SUPPORT = {"bilinear": 1.0, "bicubic": 2.0}  # pixels on either side that a pixel is made of
_CUBIC = -0.5
_INT32 = 6  # the number by which ONNX knows int32, which only these nodes read


@dataclass(frozen=True)
class _Side:
    """One axis of a picture: its place among (N, H, W, C), the name of how long it is, and what it becomes."""

    axis: int
    length: str
    scaled: str


def add_picture(graph: Graph, pixels: str, state: Mapping[str, Json]) -> dict[str, str]:
    """Bring pictures into the form that a network reads, as `to_pixels` does.

    Args:
        pixels: name of (N, H, W, channels) uint8, upright, of any height and width.
        state: as `fit_image` gave it.

    Returns:
        image: the name of (N, size, size, channels) uint8.
    """
    form = ImageNeed(**state)
    whole = graph.add("Shape", [pixels])
    height, width = (graph.add("Gather", [whole, graph.hold(axis, np.int64)]) for axis in (1, 2))
    rows, columns = _scaled(graph, form, height, width)
    values = graph.add("Cast", [pixels], {"to": _INT32})
    across, down = _Side(2, width, columns), _Side(1, height, rows)

    def across_first() -> str:
        return _resample(graph, _resample(graph, values, across, form), down, form)

    def down_first() -> str:
        return _resample(graph, _resample(graph, values, down, form), across, form)

    if not begins_where_more_is_left_out():
        return {"image": graph.cast(across_first(), "uint8")}
    lost_rows, lost_columns = (graph.add("Sub", [each.length, each.scaled]) for each in (down, across))
    is_tall = graph.add("Greater", [lost_rows, graph.add("Mul", [lost_columns, graph.hold(2, np.int64)])])
    is_less = graph.add("Greater", [lost_rows, graph.hold(0, np.int64)])
    chosen = graph.either(graph.add("And", [is_tall, is_less]), down_first, across_first)
    return {"image": graph.cast(chosen, "uint8")}


def begins_where_more_is_left_out() -> bool:
    """Whether the installed Pillow scales a tall picture down its columns first, as later versions do.

    What lies between the two steps is rounded and kept within 0 to 255, so the order shows in the pixels.
    """
    from PIL import Image
    from PIL.Image import Resampling

    tall = Image.fromarray((np.arange(64 * 12, dtype=np.int64) * 97 % 251).astype(np.uint8).reshape(64, 12))
    at_once = tall.resize((8, 16), Resampling.BICUBIC)
    across_first = tall.resize((8, 64), Resampling.BICUBIC).resize((8, 16), Resampling.BICUBIC)
    return at_once.tobytes() != across_first.tobytes()


def _scaled(graph: Graph, form: ImageNeed, height: str, width: str) -> tuple[str, str]:
    """The names of the height and the width to which a picture is scaled before it is cut."""
    size = graph.hold(form.size if form.fit == "stretch" else math.floor(form.size / form.share), np.int64)
    if form.fit == "stretch":
        return size, size
    is_upright = graph.add("LessOrEqual", [width, height])
    longer = [
        graph.add("Div", [graph.add("Mul", [size, this]), other]) for this, other in ((height, width), (width, height))
    ]
    return (
        graph.add("Where", [is_upright, longer[0], size]),
        graph.add("Where", [is_upright, size, longer[1]]),
    )


def _resample(graph: Graph, values: str, side: _Side, form: ImageNeed) -> str:
    """Scale one axis of (N, H, W, C) int32 and keep the middle of it; its pixels lie in whole rows, which is faster."""
    places, weights = _taps(graph, side, form)
    turned = {"perm": [0, 2, 1, 3]}
    rows = values if side.axis == 1 else graph.add("Transpose", [values], turned)
    taken = graph.add("Gather", [rows, places], {"axis": 1})  # (N, size, taps, the other axis, C)
    shaped = graph.add("Reshape", [weights, graph.hold([form.size, -1, 1, 1], np.int64)])
    summed = graph.add("ReduceSum", [graph.add("Mul", [taken, shaped]), graph.hold([2], np.int64)], {"keepdims": 0})
    whole = graph.add("Add", [summed, graph.hold(1 << (_BITS - 1), np.int32)])
    whole = graph.add("Max", [whole, graph.hold(0, np.int32)])
    cut = graph.add("Div", [whole, graph.hold(1 << _BITS, np.int32)])
    scaled = graph.add("Min", [cut, graph.hold(255, np.int32)])
    return scaled if side.axis == 1 else graph.add("Transpose", [scaled], turned)


def _taps(graph: Graph, side: _Side, form: ImageNeed) -> tuple[str, str]:
    """Of which pixels each kept pixel is made, (size, taps) int64, and how much of each, (size, taps) int32."""
    length, scaled = (graph.cast(each, "float64") for each in (side.length, side.scaled))
    scale = graph.add("Div", [length, scaled])
    stretch = graph.add("Max", [scale, graph.hold(1.0)])
    support = graph.add("Mul", [stretch, graph.hold(_SUPPORT[form.resample])])
    margin = graph.add(
        "Mul",
        [graph.cast(graph.add("Sub", [side.scaled, graph.hold(form.size, np.int64)]), "float64"), graph.hold(0.5)],
    )
    kept = graph.add(
        "Add", [graph.add("Round", [margin]), graph.hold(np.arange(form.size)[:, None] + 0.5)]
    )  # (size, 1)
    centre = graph.add("Mul", [kept, scale])
    first = _bound(graph, graph.add("Sub", [centre, support]), side.length)
    end = _bound(graph, graph.add("Add", [centre, support]), side.length)
    one = graph.hold(1, np.int64)
    n_taps = graph.add(
        "Add", [graph.add("Mul", [graph.cast(graph.add("Ceil", [support]), "int64"), graph.hold(2, np.int64)]), one]
    )
    places = graph.add("Add", [first, graph.add("Range", [graph.hold(0, np.int64), n_taps, one])])  # (size, taps)
    middle = graph.add("Add", [graph.cast(places, "float64"), graph.hold(0.5)])
    distance = graph.add("Div", [graph.add("Abs", [graph.add("Sub", [middle, centre])]), stretch])
    weights = (_triangle if form.resample == "bilinear" else _cubic)(graph, distance)
    weights = graph.add("Where", [graph.add("Less", [places, end]), weights, graph.hold(0.0)])
    total = graph.add("ReduceSum", [weights, graph.hold([1], np.int64)], {"keepdims": 1})
    share = graph.add("Mul", [graph.add("Div", [weights, total]), graph.hold(float(1 << _BITS))])
    half = graph.add("Mul", [graph.add("Sign", [share]), graph.hold(0.5)])
    rounded = graph.add(
        "Cast", [graph.add("Add", [share, half])], {"to": _INT32}
    )  # the cast cuts what is behind the point
    return graph.add("Min", [places, graph.add("Sub", [side.length, one])]), rounded


def _bound(graph: Graph, place: str, length: str) -> str:
    """The whole pixel at which taps begin or end, int64, within the picture."""
    whole = graph.cast(graph.add("Add", [place, graph.hold(0.5)]), "int64")
    return graph.add("Min", [graph.add("Max", [whole, graph.hold(0, np.int64)]), length])


def _triangle(graph: Graph, distance: str) -> str:
    return graph.add("Max", [graph.add("Sub", [graph.hold(1.0), distance]), graph.hold(0.0)])


def _cubic(graph: Graph, distance: str) -> str:
    """Keys 1981 with a = -0.5, as Pillow writes it."""
    near = _polynomial(graph, distance, (_CUBIC + 2.0, -(_CUBIC + 3.0), 0.0, 1.0))
    far = _polynomial(graph, distance, (_CUBIC, -5.0 * _CUBIC, 8.0 * _CUBIC, -4.0 * _CUBIC))
    beyond = graph.add("Where", [graph.add("Less", [distance, graph.hold(2.0)]), far, graph.hold(0.0)])
    return graph.add("Where", [graph.add("Less", [distance, graph.hold(1.0)]), near, beyond])


def _polynomial(graph: Graph, values: str, coefficients: tuple[float, ...]) -> str:
    found = graph.hold(coefficients[0])
    for each in coefficients[1:]:
        found = graph.add("Add", [graph.add("Mul", [found, values]), graph.hold(each)])
    return found
