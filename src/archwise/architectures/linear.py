"""Logistic and ridge regression (scikit-learn): a weight for each number and each level, nothing between."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from archwise.architectures.graph import refuse_without_nought, through_exponential, write_graph
from archwise.architectures.linear_fit import MOST_STEPS, fit_linear
from archwise.architectures.linear_graph import design, linear_nodes
from archwise.records import (
    Architecture,
    Array,
    Batch,
    Need,
    Profile,
    Scalar,
    Setting,
    Signature,
    Solved,
    Suits,
)

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

LOGARITHMIC = ("poisson", "mean_squared_log")  # losses of networks beside which a log link is tried


def _suits(profile: Profile) -> Suits:
    n_inputs = len(profile.used)
    if profile.n_rows < 50 * max(1, n_inputs):
        return Suits(
            0.5,
            f"{profile.n_rows:,} rows for {n_inputs} columns: few enough for a plain model to be the safest",
        )
    return Suits(
        0.3,
        f"{profile.n_rows:,} rows for {n_inputs} columns: enough to see bends that a straight line misses",
    )


def _variants(profile: Profile) -> tuple[dict[str, Scalar], ...]:
    through_log: tuple[dict[str, Scalar], ...] = ({"link": "log"},) if profile.loss in LOGARITHMIC else ()
    return (*through_log, {}, {"penalty": 0.02}, {"penalty": 50.0})


def _fit_poisson(rows: csr_matrix, targets: Array, penalty: float, zero: float) -> tuple[Array, Array]:
    """Weights (D, 1) and intercept (1,) of the logarithm of what the target lies above its nought."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import PoissonRegressor

    model = PoissonRegressor(alpha=penalty / len(targets), max_iter=MOST_STEPS, tol=1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(rows, np.maximum(0.0, np.asarray(targets, np.float64) - zero))
    return model.coef_[:, None], np.array([model.intercept_])


def _graph(signature: Signature, weights: Array, intercepts: Array, *, is_log: bool) -> bytes:
    from onnx import TensorProto, helper

    said, nodes, constants = linear_nodes(signature, weights, intercepts)
    if is_log:
        said, after, more = through_exponential(signature, said)
        nodes, constants = nodes + after, constants | more
    nodes.append(helper.make_node("Cast", [said], ["outputs"], to=TensorProto.FLOAT))
    return write_graph(signature, nodes, constants=constants)


def _solve(
    signature: Signature, settings: Mapping[str, Scalar], batch: Batch, targets: Array, task: str, _seed: int
) -> Solved:
    rows, penalty = design(signature, batch), float(settings["penalty"])
    is_log = task == "regress" and settings.get("link") == "log"
    if is_log:
        refuse_without_nought(signature, "link=log")
        weights, intercepts = _fit_poisson(rows, targets, penalty, signature.zero)
    else:
        weights, intercepts = fit_linear(rows, targets, penalty, task, n_outputs=signature.n_outputs)

    def outputs(batch: Batch) -> Array:
        scores = np.asarray(design(signature, batch) @ weights + intercepts)
        return np.exp(scores) + signature.zero if is_log else scores

    return Solved(_graph(signature, weights, intercepts, is_log=is_log), outputs, weights.size + intercepts.size)


ARCHITECTURE = Architecture(
    name="linear",
    family="reference",
    summary="Logistic regression, or ridge regression for a number: a weight for each number and level.",
    source="Cox 1958 (logistic); Hoerl & Kennard 1970 (ridge); scikit-learn",
    reads=("number", "category", "boolean", "date"),
    gives=("vector",),
    suits=_suits,
    space=(
        Setting("penalty", 1.0, "strength of the squared penalty on the weights", low=1e-4, high=1e4, log=True),
        Setting(
            "link",
            "identity",
            "of a number, what the sum is: itself or its logarithm",
            choices=("identity", "log"),
            searched=False,
        ),
    ),
    need=Need("standard"),
    tasks=("classify", "regress", "multilabel"),
    variants=_variants,
    solve=_solve,
    most_rows=500_000,
)
