"""Gradient-boosted trees (LightGBM): what a network must beat on a table."""

from __future__ import annotations

import os
from collections.abc import Mapping

import numpy as np

from archwise.architectures.graph import refuse_without_nought
from archwise.architectures.tree_graph import write_trees
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

FEW_ROWS = 3_000
ABSOLUTE = ("mean_absolute", "quantile", "quantiles")  # losses of networks beside which the median is the fair answer
LOGARITHMIC = ("poisson", "mean_squared_log")  # and those beside which it is a mean through a logarithm
OBJECTIVES = {"squared": "regression", "absolute": "regression_l1", "poisson": "poisson"}

SPACE = (
    Setting("trees", 300, "number of boosting rounds", low=20, high=2_000, log=True),
    Setting("rate", 0.05, "how much of each tree is added", low=0.005, high=0.5, log=True),
    Setting("leaves", 31, "most leaves of a tree", low=3, high=255, log=True),
    Setting("min_rows", 20, "fewest training rows of a leaf", low=1, high=500, log=True),
    Setting("row_share", 1.0, "share of the rows that each tree sees", low=0.3, high=1.0),
    Setting("column_share", 0.5, "share of the columns that each tree sees", low=0.3, high=1.0),
    Setting("penalty", 0.0, "squared penalty on the leaves", low=0.0, high=100.0),
    Setting(
        "errors",
        "squared",
        "of a number, what the trees bring down",
        choices=("squared", "absolute", "poisson"),
        searched=False,
    ),
)


def _suits(profile: Profile) -> Suits:
    n_missing = sum(1 for column in profile.used if column.n_missing)
    missing = f", {n_missing} with missing cells that trees read as they are" if n_missing else ""
    kinds = f"{len(profile.used)} columns{missing}"
    if profile.n_rows < FEW_ROWS:
        return Suits(0.6, f"{profile.n_rows:,} rows, {kinds}: strong on tables, though these are few rows to cut up")
    return Suits(0.85, f"{profile.n_rows:,} rows, {kinds}: on such tables boosted trees are rarely beaten")


def _variants(profile: Profile) -> tuple[dict[str, Scalar], ...]:
    chosen = _of_errors(profile)
    return (*chosen, *({**variant, **chosen[0]} for variant in _sizes(profile)))


def _of_errors(profile: Profile) -> tuple[dict[str, Scalar], ...]:
    """The defaults for each kind of errors that the target calls for, the likeliest first."""
    if profile.loss in ABSOLUTE:
        return ({"errors": "absolute"}, {})
    if profile.loss in LOGARITHMIC:
        return ({"errors": "poisson"}, {})
    return ({},)


def _sizes(profile: Profile) -> tuple[dict[str, Scalar], ...]:
    """What else to try beside the defaults."""
    if profile.n_rows < FEW_ROWS:
        return ({"trees": 150, "rate": 0.05, "leaves": 7, "row_share": 0.8, "column_share": 0.6, "penalty": 5.0},)
    return ({"trees": 600, "row_share": 0.8, "leaves": 63},)


def _rows(signature: Signature, batch: Batch) -> Array:
    """(N, D) float32: the inputs side by side; codes stay below 2²⁴ and so are exact."""
    return np.hstack([np.asarray(batch[spec.name], np.float32) for spec in signature.inputs])


def _codes(signature: Signature) -> list[int]:
    """Positions of the code columns in `_rows`."""
    places: list[int] = []
    start = 0
    for spec in signature.inputs:
        if spec.levels:
            places += range(start, start + spec.width)
        start += spec.width
    return places


def _parameters(settings: Mapping[str, Scalar], task: str, n_outputs: int, seed: int) -> dict[str, Scalar]:
    """LightGBM's own parameters; what is not named here stays at the library's default."""
    if task == "regress":
        objective: dict[str, Scalar] = {"objective": OBJECTIVES[str(settings.get("errors", "squared"))]}
    elif task == "multilabel" or n_outputs == 2:
        objective = {"objective": "binary"}
    else:
        objective = {"objective": "multiclass", "num_class": n_outputs}
    return {
        **objective,
        "learning_rate": settings["rate"],
        "num_leaves": settings["leaves"],
        "min_data_in_leaf": settings["min_rows"],
        "bagging_fraction": settings["row_share"],
        "bagging_freq": 1 if float(settings["row_share"]) < 1.0 else 0,
        "feature_fraction": settings["column_share"],
        "lambda_l2": settings["penalty"],
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": int(os.environ.get("OMP_NUM_THREADS", "1").split(",")[0]),
        "verbosity": -1,
    }


def _solve(
    signature: Signature, settings: Mapping[str, Scalar], batch: Batch, targets: Array, task: str, seed: int
) -> Solved:
    import lightgbm

    rows = _rows(signature, batch)
    is_log = task == "regress" and settings.get("errors") == "poisson"
    if is_log:
        refuse_without_nought(signature, "errors=poisson")
        # Any unit of a count has the same best answer, so the scale of the encoded target will do.
        targets = np.maximum(0.0, targets - signature.zero)
    if task == "multilabel":
        return _solve_labels(signature, settings, rows, targets, seed)
    data = lightgbm.Dataset(rows, label=np.asarray(targets), categorical_feature=_codes(signature))
    parameters = _parameters(settings, task, signature.n_outputs, seed)
    booster = lightgbm.train(parameters, data, num_boost_round=int(settings["trees"]))

    def outputs(batch: Batch) -> Array:
        rows = _rows(signature, batch)
        scores = np.asarray(booster.predict(rows, raw_score=True)).reshape(len(rows), -1)
        if is_log:
            scores = np.exp(scores) + signature.zero
        return np.hstack([np.zeros((len(rows), signature.n_outputs - scores.shape[1])), scores])

    onnx, n_parameters = write_trees(signature, booster.dump_model(), is_log=is_log)
    return Solved(onnx, outputs, n_parameters)


def _solve_labels(
    signature: Signature, settings: Mapping[str, Scalar], rows: Array, targets: Array, seed: int
) -> Solved:
    """One booster a label, written side by side as one ensemble."""
    import lightgbm

    parameters = _parameters(settings, "multilabel", signature.n_outputs, seed)
    boosters = [
        lightgbm.train(
            parameters,
            lightgbm.Dataset(rows, label=np.ascontiguousarray(held), categorical_feature=_codes(signature)),
            num_boost_round=int(settings["trees"]),
        )
        for held in np.asarray(targets).T
    ]

    def outputs(batch: Batch) -> Array:
        rows = _rows(signature, batch)
        return np.stack([np.asarray(booster.predict(rows, raw_score=True)) for booster in boosters], axis=1)

    trees = [
        {**tree, "output": place}
        for place, booster in enumerate(boosters)
        for tree in booster.dump_model()["tree_info"]
    ]
    onnx, n_parameters = write_trees(signature, {"num_tree_per_iteration": len(boosters), "tree_info": trees})
    return Solved(onnx, outputs, n_parameters)


ARCHITECTURE = Architecture(
    name="trees",
    family="reference",
    summary="Gradient-boosted decision trees: many small trees, each mending what those before it got wrong.",
    source="Friedman 2001; Ke et al. 2017 (LightGBM)",
    reads=("number", "category", "boolean", "date"),
    gives=("vector",),
    suits=_suits,
    space=SPACE,
    need=Need("raw"),
    tasks=("classify", "regress", "multilabel"),
    variants=_variants,
    solve=_solve,
    most_rows=400_000,
)
