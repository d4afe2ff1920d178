"""Histograms of oriented gradients (scikit-image) and a linear model (scikit-learn): what a network must beat."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from archwise.architectures.graph import write_graph
from archwise.architectures.hog_graph import FEATURES, HogForm, hog_features, hog_nodes
from archwise.architectures.linear_fit import fit_linear
from archwise.architectures.picture_plan import (
    judge_pictures,
    picture_facts,
    picture_need,
    picture_settings,
    picture_space,
)
from archwise.records import Architecture, Array, Batch, Profile, Scalar, Setting, Signature, Solved, Suits

LARGEST_SIZE = 64  # pixels a side; what is larger is read in fewer
SMALL_CELLS = 32  # pixels a side, up to which a cell has 4 of them rather than 8


def _suits(profile: Profile) -> Suits:
    return judge_pictures(
        profile,
        many=(0.3, "the directions of edges and a weight for each, which networks have to beat"),
        few=(0.45, "few enough for features that need no learning"),
    )


def _variants(profile: Profile) -> tuple[dict[str, Scalar], ...]:
    given = picture_settings(profile, largest=LARGEST_SIZE)
    return (given if picture_facts(profile).size <= SMALL_CELLS else {**given, "cell": 8},)


def _form(signature: Signature, settings: Mapping[str, Scalar]) -> HogForm:
    """The form of the histograms; cells are never so large that there is no block."""
    spec = signature.input("image")
    if spec is None:
        raise ValueError("the data hold no picture, which this reference reads")
    height, width, channels = spec.shape
    return HogForm(height, width, channels, max(1, min(int(settings["cell"]), min(height, width) // 2)))


def _solve(
    signature: Signature, settings: Mapping[str, Scalar], batch: Batch, targets: Array, task: str, _seed: int
) -> Solved:
    from onnx import TensorProto, helper

    form = _form(signature, settings)
    rows = hog_features(batch["image"], form)
    weights, intercepts = fit_linear(rows, targets, float(settings["penalty"]), task, n_outputs=signature.n_outputs)
    nodes, constants = hog_nodes(form)
    nodes += [
        helper.make_node("MatMul", [FEATURES, "weights"], ["product"]),
        helper.make_node("Add", ["product", "intercepts"], ["sums"]),
        helper.make_node("Cast", ["sums"], ["outputs"], to=TensorProto.FLOAT),
    ]
    onnx = write_graph(signature, nodes, constants={**constants, "weights": weights, "intercepts": intercepts})

    def outputs(batch: Batch) -> Array:
        return np.asarray(hog_features(batch["image"], form) @ weights + intercepts)

    return Solved(onnx, outputs, weights.size + intercepts.size)


ARCHITECTURE = Architecture(
    name="hog",
    family="reference",
    summary="histograms of oriented gradients, and a weight for each bin",
    source="Dalal & Triggs 2005; scikit-image and scikit-learn",
    reads=("image",),
    gives=("vector",),
    suits=_suits,
    space=(
        *picture_space(largest=128),
        Setting("cell", 4, "pixels a side of the cells whose gradients are counted", choices=(4, 8), searched=False),
        Setting("penalty", 1.0, "strength of the squared penalty on the weights", low=1e-3, high=1e3, log=True),
    ),
    need=picture_need,
    tasks=("classify", "regress", "multilabel"),
    variants=_variants,
    solve=_solve,
    most_rows=15_000,
)
