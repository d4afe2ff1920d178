"""Histograms of oriented gradients as ONNX nodes, which answer as scikit-image's `hog` does.

A gradient of bytes is a whole number, so that the bin of its direction is told without an angle, exactly: by the sides
of the bins' edges on which it lies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from archwise.records import Array

ORIENTATIONS = 9  # bins of 20 degrees
CELLS = 2  # of a block, along each side
_EPSILON = 1e-5  # scikit-image's, in the norm of a block
_MOST = 0.2  # that a value may be of its block's norm, before the second normalisation
FEATURES = "features"


@dataclass(frozen=True)
class HogForm:
    """height, width, channels: of the pictures. cell: pixels a side of a cell."""

    height: int
    width: int
    channels: int
    cell: int

    @property
    def n_blocks(self) -> tuple[int, int]:
        """Blocks from above to below, and from left to right."""
        return self.height // self.cell - CELLS + 1, self.width // self.cell - CELLS + 1

    @property
    def n_features(self) -> int:
        """Values of a picture."""
        down, across = self.n_blocks
        return down * across * CELLS * CELLS * ORIENTATIONS


def hog_features(pictures: Array, form: HogForm) -> Array:
    """What scikit-image's `hog` gives for each picture, (N, n_features) float64.

    Args:
        pictures: (N, H, W, C) uint8.

    Source:
        Dalal & Triggs 2005; blocks of 2 x 2 cells, L2-Hys, as they publish it.
    """
    from skimage.feature import hog

    rows = np.empty((len(pictures), form.n_features))
    for place, picture in enumerate(np.asarray(pictures)):
        rows[place] = hog(
            picture,
            orientations=ORIENTATIONS,
            pixels_per_cell=(form.cell, form.cell),
            cells_per_block=(CELLS, CELLS),
            block_norm="L2-Hys",
            channel_axis=-1,
        )
    return rows


def hog_nodes(form: HogForm) -> tuple[list[Any], dict[str, Array]]:
    """Nodes from `image` (B, H, W, C) uint8 to `features` (B, n_features) float64, and the constants they read."""
    gradients, constants = _gradient_nodes()
    cells, more = _cell_nodes(form)
    blocks, most = _block_nodes(form)
    return [*gradients, *cells, *blocks], {**constants, **more, **most}


def _gradient_nodes() -> tuple[list[Any], dict[str, Array]]:
    """To `down` and `across` (B, H, W, 1), the gradient of the channel in which it is the longest."""
    from onnx import TensorProto, helper

    node = helper.make_node
    nodes = [node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT)]
    constants: dict[str, Array] = {"first": _ints(0), "second": _ints(2), "before_last": _ints(-2), "end": _ints(2**31)}
    for name, axis in (("down", 1), ("across", 2)):
        pads = np.zeros(8, np.int64)
        pads[[axis, axis + 4]] = 1
        constants |= {f"{name}_axis": _ints(axis), f"{name}_pads": pads}
        nodes += [
            node("Slice", ["pixels", "second", "end", f"{name}_axis"], [f"{name}_after"]),
            node("Slice", ["pixels", "first", "before_last", f"{name}_axis"], [f"{name}_before"]),
            node("Sub", [f"{name}_after", f"{name}_before"], [f"{name}_inner"]),
            node("Pad", [f"{name}_inner", f"{name}_pads"], [f"{name}_all"]),
        ]
    nodes += [
        node("Mul", ["down_all", "down_all"], ["down_square"]),
        node("Mul", ["across_all", "across_all"], ["across_square"]),
        node("Add", ["down_square", "across_square"], ["square_all"]),
        node("ArgMax", ["square_all"], ["longest"], axis=3, keepdims=1),
    ]
    nodes += [node("GatherElements", [f"{name}_all", "longest"], [name], axis=3) for name in ("down", "across")]
    return [*nodes, node("GatherElements", ["square_all", "longest"], ["square"], axis=3)], constants


def _cell_nodes(form: HogForm) -> tuple[list[Any], dict[str, Array]]:
    """To `cells` (B, n, m, ORIENTATIONS) float64, the mean vote of a cell's pixels for each direction."""
    from onnx import TensorProto, helper

    node = helper.make_node
    edges = np.arange(ORIENTATIONS) * (np.pi / ORIENTATIONS)
    n_down, n_across = form.height // form.cell, form.width // form.cell
    constants: dict[str, Array] = {
        "none": np.array(0, np.float32),
        "cosines": np.cos(edges).astype(np.float32),
        "sines": np.sin(edges).astype(np.float32),
        "whole": np.array([n_down * form.cell, n_across * form.cell], np.int64),
        "start": np.array([0, 0], np.int64),
        "sides": np.array([1, 2], np.int64),
        "last_pads": np.array([0] * 7 + [1], np.int64),
        "next_start": _ints(1),
        "next_axis": _ints(3),
        "shape_of_cells": np.array([-1, n_down, form.cell, n_across, form.cell, ORIENTATIONS], np.int64),
        "within": np.array([2, 4], np.int64),
    }
    nodes = [
        # a direction and its opposite are one: the half turn is taken off
        node("Greater", ["down", "none"], ["is_down"]),
        node("Less", ["down", "none"], ["is_up"]),
        node("Neg", ["across"], ["turned"]),
        node("Abs", ["across"], ["level"]),
        node("Where", ["is_up", "turned", "level"], ["not_down"]),
        node("Where", ["is_down", "across", "not_down"], ["x"]),
        node("Abs", ["down"], ["y"]),
        node("Mul", ["y", "cosines"], ["rise"]),
        node("Mul", ["x", "sines"], ["run"]),
        node("GreaterOrEqual", ["rise", "run"], ["is_beyond"]),  # each bin's lower edge
        node("Cast", ["is_beyond"], ["beyond"], to=TensorProto.FLOAT),
        node("Pad", ["beyond", "last_pads"], ["beyond_all"]),
        node("Slice", ["beyond_all", "next_start", "end", "next_axis"], ["beyond_next"]),
        node("Sub", ["beyond", "beyond_next"], ["is_in_bin"]),
        node("Sqrt", ["square"], ["length"]),
        node("Mul", ["is_in_bin", "length"], ["votes"]),  # (B, H, W, ORIENTATIONS)
        node("Slice", ["votes", "start", "whole", "sides"], ["whole_votes"]),
        node("Reshape", ["whole_votes", "shape_of_cells"], ["by_cell"]),
        node("ReduceMean", ["by_cell", "within"], ["cells_single"], keepdims=0),
        node("Cast", ["cells_single"], ["cells"], to=TensorProto.DOUBLE),
    ]
    return nodes, constants


def _block_nodes(form: HogForm) -> tuple[list[Any], dict[str, Array]]:
    """To `features`: the cells of each block side by side, normalised, cut off, normalised again."""
    from onnx import helper

    node = helper.make_node
    down, across = form.n_blocks
    constants: dict[str, Array] = {
        "epsilon": np.array(_EPSILON**2),
        "most": np.array(_MOST),
        "values": _ints(3),
        "flat": np.array([-1, form.n_features], np.int64),
    }
    nodes, corners = [], []
    for row in range(CELLS):
        for column in range(CELLS):
            name = f"corner_{row}_{column}"
            constants |= {
                f"{name}_start": np.array([row, column], np.int64),
                f"{name}_stop": np.array([row + down, column + across], np.int64),
            }
            nodes.append(node("Slice", ["cells", f"{name}_start", f"{name}_stop", "sides"], [name]))
            corners.append(name)
    nodes.append(node("Concat", corners, ["blocks"], axis=3))
    nodes += [*_normalise("blocks", "once"), node("Min", ["once", "most"], ["cut"]), *_normalise("cut", "twice")]
    return [*nodes, node("Reshape", ["twice", "flat"], [FEATURES])], constants


def _normalise(name: str, into: str) -> list[Any]:
    """Divide each block by its norm."""
    from onnx import helper

    return [
        helper.make_node("ReduceSumSquare", [name, "values"], [f"{name}_squares"], keepdims=1),
        helper.make_node("Add", [f"{name}_squares", "epsilon"], [f"{name}_above"]),
        helper.make_node("Sqrt", [f"{name}_above"], [f"{name}_norm"]),
        helper.make_node("Div", [name, f"{name}_norm"], [into]),
    ]


def _ints(value: int) -> Array:
    return np.array([value], np.int64)
