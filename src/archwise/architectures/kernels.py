"""Fixed convolution kernels, counted, and a linear model (scikit-learn): hard to beat on series, and fast."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from archwise.architectures.graph import write_graph
from archwise.architectures.kernel_form import COUNTS, fit_kernels, kernel_counts, kernel_nodes
from archwise.architectures.linear_fit import fit_linear
from archwise.architectures.series_graph import (
    READS,
    judge_series,
    known_series,
    series_shape,
    stretched_need,
    stretched_settings,
)
from archwise.records import Architecture, Array, Batch, Profile, Scalar, Setting, Signature, Solved, Suits


def _suits(profile: Profile) -> Suits:
    return judge_series(
        profile,
        many=(0.5, "shapes at many scales counted and weighed, which networks have to beat"),
        few=(0.6, "few enough for shapes that need no learning"),
    )


def _variants(profile: Profile) -> tuple[dict[str, Scalar], ...]:
    del profile
    return ({}, {"penalty": 30.0}, {"scale": "row"})


def _solve(
    signature: Signature, settings: Mapping[str, Scalar], batch: Batch, targets: Array, task: str, seed: int
) -> Solved:
    from onnx import TensorProto, helper

    series_shape(signature)
    form = fit_kernels(known_series(batch), seed=seed)
    counts = kernel_counts(known_series(batch), form)
    means, spreads = counts.mean(axis=0), counts.std(axis=0)
    factors = np.where(spreads > 0.0, 1.0 / np.where(spreads > 0.0, spreads, 1.0), 0.0)
    rows = (counts - means) * factors
    weights, intercepts = fit_linear(rows, targets, float(settings["penalty"]), task, n_outputs=signature.n_outputs)
    weights = weights * factors[:, None]
    intercepts = intercepts - means @ weights
    nodes, constants = kernel_nodes(form)
    nodes += [
        helper.make_node("MatMul", [COUNTS, "weights"], ["product"]),
        helper.make_node("Add", ["product", "intercepts"], ["sums"]),
        helper.make_node("Cast", ["sums"], ["outputs"], to=TensorProto.FLOAT),
    ]
    onnx = write_graph(signature, nodes, constants={**constants, "weights": weights, "intercepts": intercepts})

    def outputs(batch: Batch) -> Array:
        return np.asarray(kernel_counts(known_series(batch), form) @ weights + intercepts)

    return Solved(onnx, outputs, weights.size + intercepts.size + form.n_features)


ARCHITECTURE = Architecture(
    name="kernels",
    family="reference",
    summary="84 fixed convolution kernels at several dilations, counted above biases, and a weight for each count",
    source="Dempster, Schmidt & Webb 2021 (MiniRocket); scikit-learn",
    reads=READS,
    gives=("vector",),
    suits=_suits,
    space=(
        *stretched_settings(),
        Setting("penalty", 1.0, "strength of the squared penalty on the weights", low=1e-3, high=1e4, log=True),
    ),
    need=stretched_need,
    tasks=("classify", "regress", "multilabel"),
    variants=_variants,
    solve=_solve,
    most_rows=5_000,
)
