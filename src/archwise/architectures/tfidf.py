"""TF-IDF and a linear model (scikit-learn): a weight for each word and pair of words, or for pieces of words."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from archwise.architectures.graph import write_graph
from archwise.architectures.linear_fit import fit_linear
from archwise.architectures.linear_graph import design, linear_nodes
from archwise.architectures.sequence_plan import sequence_facts
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
    TextNeed,
)

_MOST_WORDS = 20_000_000  # of all texts, of which the pieces of words are still counted in reasonable time


def _suits(profile: Profile) -> Suits:
    facts = sequence_facts(profile)
    if facts is None or facts.steps != "words":
        return Suits(0.0, f"it counts words; none of the columns of {profile.n_rows:,} rows is a text")
    told = f"{facts.n_rows:,} texts of {facts.mean:.0f} words on average"
    return Suits(0.5, f"{told}: which words occur often tells most, and a weight for each is quick to find")


def _variants(profile: Profile) -> tuple[dict[str, Scalar], ...]:
    facts = sequence_facts(profile)
    n_words = 0.0 if facts is None else facts.n_rows * facts.mean
    letters: tuple[dict[str, Scalar], ...] = ({"unit": "letter"},) if n_words <= _MOST_WORDS else ()
    return ({}, *letters, {"penalty": 1.0})


def _need(settings: Mapping[str, Scalar]) -> Need:
    size = int(settings["vocabulary"])
    return Need("standard", text=TextNeed("terms", "letter" if settings["unit"] == "letter" else "word", size))


def _solve(
    signature: Signature, settings: Mapping[str, Scalar], batch: Batch, targets: Array, task: str, _seed: int
) -> Solved:
    from onnx import TensorProto, helper

    rows, penalty = design(signature, batch), float(settings["penalty"])
    weights, intercepts = fit_linear(rows, targets, penalty, task, n_outputs=signature.n_outputs)
    said, nodes, constants = linear_nodes(signature, weights, intercepts)
    nodes.append(helper.make_node("Cast", [said], ["outputs"], to=TensorProto.FLOAT))

    def outputs(batch: Batch) -> Array:
        return np.asarray(design(signature, batch) @ weights + intercepts)

    onnx = write_graph(signature, nodes, constants=constants)
    return Solved(onnx, outputs, weights.size + intercepts.size)


ARCHITECTURE = Architecture(
    name="tfidf",
    family="reference",
    summary="how often words occur, weighed by how rare they are, and a weight for each",
    source="Sparck Jones 1972; Salton & Buckley 1988; Wang & Manning 2012 for the pairs of words; scikit-learn",
    reads=("text", "number", "category", "boolean", "date"),
    gives=("vector",),
    suits=_suits,
    space=(
        Setting(
            "unit",
            "word",
            "what is counted: words and pairs of them, or pieces of words",
            ("word", "letter"),
            searched=False,
        ),
        Setting("vocabulary", 100_000, "terms that are known, at most", low=100, high=1_000_000, searched=False),
        Setting("penalty", 0.2, "strength of the squared penalty on the weights", low=1e-4, high=1e3, log=True),
    ),
    need=_need,
    tasks=("classify", "regress", "multilabel"),
    variants=_variants,
    solve=_solve,
    most_rows=200_000,
)
