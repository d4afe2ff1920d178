"""The nearest training series: what lies closest, step by step, answers. What any network on series must beat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from archwise.architectures.graph import write_graph
from archwise.architectures.linear_fit import ABSENT
from archwise.architectures.series_graph import (
    KNOWN,
    READS,
    judge_series,
    known_nodes,
    known_series,
    series_shape,
    stretched_need,
    stretched_settings,
)
from archwise.records import Architecture, Array, Batch, Profile, Scalar, Setting, Signature, Solved, Suits

MOST_KEPT = 2_000  # training series that a model holds
_MOST_VALUES = 4_000_000  # that these have together


@dataclass(frozen=True)
class _Kept:
    """The series that are held, rows (M, D) float32 with values (M,) or (M, K), and the unit of squared distance."""

    rows: Array
    targets: Array
    unit: float


def _suits(profile: Profile) -> Suits:
    return judge_series(
        profile,
        many=(0.25, "the nearest of them answers, which networks have to beat"),
        few=(0.45, "few enough that the nearest of them is hard to beat"),
    )


def _variants(profile: Profile) -> tuple[dict[str, Scalar], ...]:
    del profile
    return ({}, {"scale": "row"})


def _solve(
    signature: Signature, settings: Mapping[str, Scalar], batch: Batch, targets: Array, task: str, _seed: int
) -> Solved:
    steps, channels = series_shape(signature)
    kept = _keep(known_series(batch).reshape(-1, steps * channels), np.asarray(targets))
    n_nearest = min(int(settings["neighbours"]), len(kept.rows))
    answer = _by_number(kept, n_nearest) if task == "regress" else _by_group(kept, task, signature.n_outputs)

    def outputs(batch: Batch) -> Array:
        return np.asarray(answer.outputs(_distances(known_series(batch).reshape(-1, steps * channels), kept.rows)))

    nodes, constants = _distance_nodes(kept.rows)
    onnx = write_graph(signature, [*nodes, *answer.nodes], constants={**constants, **answer.constants})
    return Solved(onnx, outputs, kept.rows.size)


def _keep(rows: Array, targets: Array) -> _Kept:
    """Training series, drawn evenly where they are too many to hold."""
    n_kept = min(len(rows), MOST_KEPT, max(1, _MOST_VALUES // rows.shape[1]))
    places = np.arange(n_kept) * len(rows) // n_kept
    rows, targets = rows[places], targets[places]
    apart = _distances(rows, rows)
    np.fill_diagonal(apart, np.inf)
    nearest = apart.min(axis=1)
    known = nearest[np.isfinite(nearest) & (nearest > 1e-6)]
    return _Kept(rows, targets, float(np.median(known)) if len(known) else 1.0)


def _distances(rows: Array, kept: Array) -> Array:
    """Squared distances (N, M) float64."""
    left, right = rows.astype(np.float64), kept.astype(np.float64)
    squares = (left**2).sum(axis=1, keepdims=True) + (right**2).sum(axis=1)
    found: Array = np.maximum(squares - 2.0 * left @ right.T, 0.0)
    return found


def _distance_nodes(kept: Array) -> tuple[list[Any], dict[str, Array]]:
    """Nodes from `series` to `apart` (B, M) float64, the squared distances, and the constants they read."""
    from onnx import TensorProto, helper

    node = helper.make_node
    nodes, constants = known_nodes()
    nodes += [
        node("Flatten", [KNOWN], ["flat"], axis=1),
        node("Cast", ["flat"], ["row"], to=TensorProto.DOUBLE),
        node("Cast", ["kept"], ["kept_double"], to=TensorProto.DOUBLE),
        node("MatMul", ["row", "kept_double"], ["product"]),
        node("Mul", ["product", "minus_two"], ["minus_product"]),
        node("ReduceSumSquare", ["row", "last_axis"], ["square"], keepdims=1),
        node("Add", ["square", "kept_squares"], ["squares"]),
        node("Add", ["squares", "minus_product"], ["apart_rounded"]),
        node("Max", ["apart_rounded", "least"], ["apart"]),
    ]
    constants |= {
        "kept": np.ascontiguousarray(kept.T),
        "kept_squares": (kept.astype(np.float64) ** 2).sum(axis=1)[None],
        "minus_two": np.array(-2.0),
        "least": np.array(0.0),
        "last_axis": np.array([1], np.int64),
    }
    return nodes, constants


@dataclass(frozen=True)
class _Answer:
    """How distances (N, M) become outputs (N, K): in NumPy, and as nodes from `apart` to `outputs`."""

    outputs: Any
    nodes: Sequence[Any]
    constants: Mapping[str, Array]


def _by_number(kept: _Kept, n_nearest: int) -> _Answer:
    """The mean number of the nearest."""
    from onnx import TensorProto, helper

    values = kept.targets.astype(np.float64)
    node = helper.make_node

    def outputs(apart: Array) -> Array:
        nearest = np.argsort(apart, axis=1, kind="stable")[:, :n_nearest]
        return np.asarray(values[nearest].mean(axis=1, keepdims=True))

    nodes = [
        node("TopK", ["apart", "n_nearest"], ["nearest_apart", "nearest"], axis=1, largest=0, sorted=1),
        node("Gather", ["values", "nearest"], ["near_values"]),
        node("ReduceMean", ["near_values", "last_axis"], ["number"], keepdims=1),
        node("Cast", ["number"], ["outputs"], to=TensorProto.FLOAT),
    ]
    return _Answer(outputs, nodes, {"n_nearest": np.array([n_nearest], np.int64), "values": values})


def _by_group(kept: _Kept, task: str, n_outputs: int) -> _Answer:
    """Of each class how much farther its nearest series is than that of the nearest class; of labels with and without.

    The units are that of the squared distance between neighbours, and the sign makes the nearest the largest.
    """
    is_labels = task == "multilabel"
    if is_labels:
        held = kept.targets.astype(bool)
        groups = [np.flatnonzero(side) for label in held.T for side in (label, ~label)]
    else:
        groups = [np.flatnonzero(kept.targets == number) for number in range(n_outputs)]
    present = np.array([len(group) > 0 for group in groups])

    def outputs(apart: Array) -> Array:
        nearest = np.stack(
            [apart[:, group].min(axis=1) if len(group) else np.full(len(apart), np.inf) for group in groups], axis=1
        )
        if is_labels:
            with_label, without = nearest[:, 0::2], nearest[:, 1::2]
            odds = np.where(np.isinf(with_label), ABSENT, np.where(np.isinf(without), -ABSENT, 0.0))
            both = np.isfinite(with_label) & np.isfinite(without)
            differences = np.where(both, without, 0.0) - np.where(both, with_label, 0.0)
            return np.asarray(np.where(both, np.clip(differences / kept.unit, ABSENT, -ABSENT), odds))
        farther = (nearest.min(axis=1, keepdims=True) - nearest) / kept.unit
        return np.asarray(np.maximum(farther, ABSENT))

    nodes, constants = _group_nodes(groups, present, kept.unit, is_labels=is_labels)
    return _Answer(outputs, nodes, constants)


def _group_nodes(
    groups: Sequence[Array], present: Array, unit: float, *, is_labels: bool
) -> tuple[list[Any], dict[str, Array]]:
    """Nodes from `apart` to `outputs`, as `_by_group` answers; groups without a series are infinitely far."""
    from onnx import TensorProto, helper

    node = helper.make_node
    nodes: list[Any] = []
    constants: dict[str, Array] = {"unit": np.array(unit), "absent": np.array(ABSENT)}
    names = []
    for number, group in enumerate(groups):
        name = f"nearest_{number}"
        names.append(name)
        constants[f"group_{number}"] = group if len(group) else np.array([0], np.int64)
        nodes += [
            node("Gather", ["apart", f"group_{number}"], [f"apart_{number}"], axis=1),
            node("ReduceMin", [f"apart_{number}", "last_axis"], [name], keepdims=1),
        ]
    nodes.append(node("Concat", names, ["found"], axis=1))
    if is_labels:
        with_label, without = present[0::2], present[1::2]
        odds = np.where(~with_label, ABSENT, np.where(~without, -ABSENT, 0.0))
        constants |= {
            "with_places": np.arange(0, len(groups), 2),
            "without_places": np.arange(1, len(groups), 2),
            "both": with_label & without,
            "odds": odds,
            "certain": np.array(-ABSENT),
        }
        nodes += [
            node("Gather", ["found", "with_places"], ["with_label"], axis=1),
            node("Gather", ["found", "without_places"], ["without"], axis=1),
            node("Sub", ["without", "with_label"], ["difference"]),
            node("Div", ["difference", "unit"], ["in_units"]),
            node("Clip", ["in_units", "absent", "certain"], ["clipped"]),
            node("Where", ["both", "clipped", "odds"], ["answer"]),
        ]
    else:
        constants |= {"present": present, "far": np.array(np.inf)}
        nodes += [
            node("Where", ["present", "found", "far"], ["nearest_of_class"]),
            node("ReduceMin", ["nearest_of_class", "last_axis"], ["nearest_of_all"], keepdims=1),
            node("Sub", ["nearest_of_all", "nearest_of_class"], ["nearer"]),
            node("Div", ["nearer", "unit"], ["in_units"]),
            node("Max", ["in_units", "absent"], ["answer"]),
        ]
    return [*nodes, node("Cast", ["answer"], ["outputs"], to=TensorProto.FLOAT)], constants


ARCHITECTURE = Architecture(
    name="nearest",
    family="reference",
    summary="the nearest training series answers, by the distance step by step",
    source="Cover & Hart 1967; Bagnall et al. 2017 as the reference of series classification",
    reads=READS,
    gives=("vector",),
    suits=_suits,
    space=(
        *stretched_settings(),
        Setting("neighbours", 5, "of a number, nearest series of which the mean is answered", low=1, high=50),
    ),
    need=stretched_need,
    tasks=("classify", "regress", "multilabel"),
    variants=_variants,
    solve=_solve,
    most_rows=MOST_KEPT,
)
