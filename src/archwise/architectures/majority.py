"""The floor under every race: answers the shares of the classes, or the mean, whatever the row says."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from archwise.architectures.graph import write_graph
from archwise.data.kinds import read_as
from archwise.records import (
    Architecture,
    Array,
    Batch,
    ImageNeed,
    Need,
    Profile,
    Scalar,
    SeriesNeed,
    Setting,
    Signature,
    Solved,
    Suits,
    TextNeed,
)

_COUNTED = {"image": "pictures", "text": "texts", "series": "series"}  # kinds of which it reads that there is one
SMALLEST_SHARE = 1e-7  # of a class that no training row has, so that its logarithm is finite


def _suits(profile: Profile) -> Suits:
    if profile.task == "multilabel":
        return Suits(0.05, f"the floor: always the share of rows that have each of {profile.n_classes} labels")
    if profile.n_classes:
        share = max(profile.class_counts) / max(1, sum(profile.class_counts))
        return Suits(0.05, f"the floor: always '{_majority(profile)}', right for {share:.0%} of the rows")
    return Suits(0.05, f"the floor: always the mean of '{profile.target}'")


def _majority(profile: Profile) -> str:
    return profile.classes[int(np.argmax(profile.class_counts))]


def _constant(targets: Array, task: str, n_outputs: int) -> Array:
    """(K,) float32: log share of each class, log odds of each label, or the mean."""
    if task == "multilabel":
        rows = np.clip(targets.sum(axis=0, dtype=np.float64), 0.5, len(targets) - 0.5)
        odds: Array = np.log(rows / (len(targets) - rows)).astype(np.float32)
        return odds
    if task == "regress":
        return np.array([targets.mean(dtype=np.float64)], np.float32)
    shares = np.bincount(targets, minlength=n_outputs) / len(targets)
    return np.log(np.maximum(shares, SMALLEST_SHARE)).astype(np.float32)


def _solve(
    signature: Signature,
    _settings: Mapping[str, Scalar],
    _batch: Batch,
    targets: Array,
    task: str,
    _seed: int,
) -> Solved:
    from onnx import helper

    constant = _constant(np.asarray(targets), task, signature.n_outputs)
    nodes = [
        helper.make_node("Shape", [signature.inputs[0].name], ["n_rows"], start=0, end=1),
        helper.make_node("Concat", ["n_rows", "n_outputs"], ["shape"], axis=0),
        helper.make_node("Expand", ["constant", "shape"], ["outputs"]),
    ]
    constants = {"constant": constant[None], "n_outputs": np.array([len(constant)], np.int64)}

    def outputs(batch: Batch) -> Array:
        return np.tile(constant, (len(batch[signature.inputs[0].name]), 1))

    return Solved(write_graph(signature, nodes, constants=constants), outputs, len(constant))


def _need(settings: Mapping[str, Scalar]) -> Need:
    """Ask for no more of a picture, a text or a series than that there is one."""
    asked = {
        "pictures": Need("raw", ImageNeed(8, 1)),
        "texts": Need("raw", text=TextNeed(size=2, longest=1)),
        "series": Need("raw", series=SeriesNeed(longest=1)),
    }
    return asked.get(str(settings["counts"]), Need("raw"))


def _variants(profile: Profile) -> tuple[dict[str, Scalar], ...]:
    kinds = {read_as(column.kind) for column in profile.used}
    if kinds <= set(_COUNTED):
        return ({"counts": next(told for kind, told in _COUNTED.items() if kind in kinds)},)
    return ({},)


ARCHITECTURE = Architecture(
    name="majority",
    family="reference",
    summary="The most frequent class, or the mean: what any model must beat.",
    source="Holte 1993, the baseline below 1R",
    reads=("number", "category", "boolean", "date", *_COUNTED),
    gives=("vector",),
    suits=_suits,
    tasks=("classify", "regress", "multilabel"),
    space=(
        Setting("counts", "columns", "what there is in a row", choices=("columns", *_COUNTED.values()), searched=False),
    ),
    need=_need,
    variants=_variants,
    solve=_solve,
    learns=False,
    most_rows=2_000_000,
)
