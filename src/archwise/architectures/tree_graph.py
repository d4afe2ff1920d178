"""Writes a LightGBM booster as one ONNX TreeEnsemble that answers exactly as it does.

Thresholds stay the float64 that LightGBM compares with, and a split on categories stays one node with a set
(BRANCH_MEMBER): the chains of equalities that older opsets ask for copy whole branches for each category.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from archwise.architectures.graph import as_double, through_exponential, write_graph
from archwise.records import Json, Signature

LESS_OR_EQUAL, MEMBER = 0, 6  # nodes_modes of TreeEnsemble
SUM = 1  # its aggregate_function
INFINITE = 1e300  # how LightGBM writes the threshold of a split between known and missing values


@dataclass
class _Ensemble:
    """The columns of a TreeEnsemble while they grow; a `true` child is a left child of LightGBM."""

    roots: list[int] = field(default_factory=list)
    features: list[int] = field(default_factory=list)
    modes: list[int] = field(default_factory=list)
    thresholds: list[float] = field(default_factory=list)
    members: list[float] = field(default_factory=list)
    missing_is_true: list[int] = field(default_factory=list)
    true_ids: list[int] = field(default_factory=list)
    true_is_leaf: list[int] = field(default_factory=list)
    false_ids: list[int] = field(default_factory=list)
    false_is_leaf: list[int] = field(default_factory=list)
    leaf_values: list[float] = field(default_factory=list)
    leaf_outputs: list[int] = field(default_factory=list)

    @property
    def size(self) -> int:
        """Number of splits and leaves."""
        return len(self.features) + len(self.leaf_values)


def write_trees(signature: Signature, dump: Mapping[str, Json], *, is_log: bool = False) -> tuple[bytes, int]:
    """Write the raw scores of a booster as a graph.

    Of two classes the first has the score 0, so that softmax of the outputs is the booster's own probability.

    Args:
        signature: the inputs, and K.
        dump: what `Booster.dump_model` gives; its features are the inputs of the signature side by side. A tree may
            name its output, where boosters stand side by side.
        is_log: whether a score is the logarithm of what the target lies above its nought.

    Returns:
        the ONNX model, and the number of splits and leaves.
    """
    from onnx import TensorProto, helper

    ensemble = _Ensemble()
    n_scores = dump["num_tree_per_iteration"]
    first = signature.n_outputs - n_scores  # 1 for two classes, which LightGBM gives one score
    for number, tree in enumerate(dump["tree_info"]):
        _add_tree(ensemble, tree["tree_structure"], output=tree.get("output", first + number % n_scores))
    nodes, row = as_double(signature)
    nodes.append(_ensemble_node(ensemble, row, signature.n_outputs))
    scores, after, constants = through_exponential(signature, "scores") if is_log else ("scores", [], {})
    nodes += [*after, helper.make_node("Cast", [scores], ["outputs"], to=TensorProto.FLOAT)]
    return write_graph(signature, nodes, constants=constants), ensemble.size


def _add_tree(ensemble: _Ensemble, root: Mapping[str, Json], *, output: int) -> None:
    if "left_child" not in root:  # one leaf; an ensemble has no tree without a split
        root = {
            "left_child": root,
            "right_child": root,
            "split_feature": 0,
            "decision_type": "<=",
            "threshold": 0.0,
        }
    ensemble.roots.append(len(ensemble.features))
    waiting = [(root, -1, True)]  # a node, the split above it, and whether it is its left child
    while waiting:
        node, above, is_left = waiting.pop()
        is_leaf = "left_child" not in node
        number = _add_leaf(ensemble, node, output) if is_leaf else _add_split(ensemble, node)
        if above >= 0:
            ids, leaves = (
                (ensemble.true_ids, ensemble.true_is_leaf) if is_left else (ensemble.false_ids, ensemble.false_is_leaf)
            )
            ids[above], leaves[above] = number, int(is_leaf)
        if not is_leaf:
            waiting += [(node["right_child"], number, False), (node["left_child"], number, True)]


def _add_leaf(ensemble: _Ensemble, node: Mapping[str, Json], output: int) -> int:
    ensemble.leaf_values.append(node["leaf_value"])
    ensemble.leaf_outputs.append(output)
    return len(ensemble.leaf_values) - 1


def _add_split(ensemble: _Ensemble, node: Mapping[str, Json]) -> int:
    is_set = node["decision_type"] == "=="
    threshold = 0.0 if is_set else float(node["threshold"])
    if threshold >= INFINITE:
        threshold = math.inf
    if is_set:
        ensemble.members += [*(float(level) for level in node["threshold"].split("||")), np.nan]
    # Where no training row lacked the value, LightGBM reads a missing one as 0.
    by_default = bool(node["default_left"]) if node.get("missing_type") == "NaN" else threshold >= 0.0
    ensemble.features.append(node["split_feature"])
    ensemble.modes.append(MEMBER if is_set else LESS_OR_EQUAL)
    ensemble.thresholds.append(threshold)
    ensemble.missing_is_true.append(int(by_default and not is_set))
    for column in (ensemble.true_ids, ensemble.true_is_leaf, ensemble.false_ids, ensemble.false_is_leaf):
        column.append(0)  # filled when the child is met
    return len(ensemble.features) - 1


def _ensemble_node(ensemble: _Ensemble, row: str, n_outputs: int) -> Any:
    from onnx import helper, numpy_helper

    members = {"membership_values": np.array(ensemble.members, np.float64)} if ensemble.members else {}
    tensors = {
        "nodes_modes": np.array(ensemble.modes, np.uint8),
        "nodes_splits": np.array(ensemble.thresholds, np.float64),
        "leaf_weights": np.array(ensemble.leaf_values, np.float64),
        **members,
    }
    return helper.make_node(
        "TreeEnsemble",
        [row],
        ["scores"],
        domain="ai.onnx.ml",
        aggregate_function=SUM,
        post_transform=0,
        n_targets=n_outputs,
        tree_roots=ensemble.roots,
        nodes_featureids=ensemble.features,
        nodes_missing_value_tracks_true=ensemble.missing_is_true,
        nodes_truenodeids=ensemble.true_ids,
        nodes_trueleafs=ensemble.true_is_leaf,
        nodes_falsenodeids=ensemble.false_ids,
        nodes_falseleafs=ensemble.false_is_leaf,
        leaf_targetids=ensemble.leaf_outputs,
        **{name: numpy_helper.from_array(array, name) for name, array in tensors.items()},
    )
