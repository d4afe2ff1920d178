"""Logistic regression over a word, what it looks like, and the words beside it: tagging as before networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from archwise.architectures.graph import write_graph
from archwise.architectures.linear_fit import fit_linear
from archwise.architectures.sequence_plan import sequence_facts
from archwise.architectures.tag_graph import behind_the_last, targets_of_words
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

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


@dataclass(frozen=True)
class _Window:
    """What is read of each neighbour: numbers of an input at a distance, each with columns of its own from `starts`.

    levels: (F,) how many numbers each of its F columns has. distance: in words, below nought to the left.
    """

    name: str
    distance: int
    levels: tuple[int, ...]

    @property
    def starts(self) -> Array:
        """(F,) where the levels of each column begin."""
        return np.concatenate([[0], np.cumsum(self.levels)[:-1]]).astype(np.int64)


def _windows(signature: Signature, settings: Mapping[str, Scalar]) -> list[_Window]:
    """Words within their reach, and forms within theirs, in the order of their columns."""
    found = []
    for name, reach in (("tokens", int(settings["words"])), ("forms", int(settings["forms"]))):
        spec = signature.input(name)
        if spec is not None:
            found += [_Window(name, distance, spec.levels) for distance in range(-reach, reach + 1)]
    return found


def _shifted(batch: Batch, window: _Window) -> Array:
    """(N, T, F) the numbers of the word at the distance from each, 0 beyond the ends."""
    values = np.asarray(batch[window.name], np.int64)
    values = values[:, :, None] if values.ndim == 2 else values
    n_steps, away = values.shape[1], window.distance
    framed = np.pad(values, ((0, 0), (abs(away), abs(away)), (0, 0)))
    return framed[:, abs(away) + away : abs(away) + away + n_steps]


def _design(batch: Batch, windows: list[_Window], is_word: Array) -> csr_matrix:
    """(M, D) a row for each word that is true, a column for each level of each neighbour."""
    from scipy import sparse

    columns, first = [], 0
    for window in windows:
        columns.append(_shifted(batch, window)[:, : is_word.shape[1]][is_word] + window.starts + first)
        first += sum(window.levels)
    placed = np.concatenate(columns, axis=1)  # (M, features of a word)
    ends = np.arange(len(placed) + 1) * placed.shape[1]
    return sparse.csr_matrix((np.ones(placed.size), placed.ravel(), ends), shape=(len(placed), first))


def _suits(profile: Profile) -> Suits:
    facts = sequence_facts(profile)
    if facts is None:
        return Suits(0.0, "it reads words, and the data have none")
    told = f"{facts.n_rows:,} {facts.rows} of {facts.mean:.0f} {facts.steps} on average"
    return Suits(0.5, f"{told}: what a word and its neighbours look like tells most of its tag")


def _solve(
    signature: Signature, settings: Mapping[str, Scalar], batch: Batch, targets: Array, _task: str, _seed: int
) -> Solved:
    windows = _windows(signature, settings)
    is_word, tags = targets_of_words(batch, targets)
    rows = _design(batch, windows, is_word)
    weights, intercepts = fit_linear(rows, tags, float(settings["penalty"]), "classify", n_outputs=signature.n_outputs)
    weights, intercepts = weights.astype(np.float32), intercepts.astype(np.float32)

    def outputs(batch: Batch) -> Array:
        is_step = np.asarray(batch["tokens"]) != 0
        answered = np.full((*is_step.shape, signature.n_outputs), np.nan, np.float32)
        answered[is_step] = _design(batch, windows, is_step) @ weights + intercepts
        return answered

    return Solved(_graph(signature, windows, weights, intercepts), outputs, weights.size + intercepts.size)


def _graph(signature: Signature, windows: list[_Window], weights: Array, intercepts: Array) -> bytes:
    """The sum of what each neighbour says, whose numbers are found by moving the row to one side."""
    from onnx import helper

    nodes: list[Any] = [helper.make_node("Unsqueeze", ["tokens", "second"], ["tokens_each"])]
    constants: dict[str, Array] = {"second": np.array([2], np.int64), "intercepts": intercepts}
    said, first = "intercepts", 0
    for place, window in enumerate(windows):
        more, held = _of_window(window, weights[first : first + sum(window.levels)], place)
        nodes += [*more, helper.make_node("Add", [said, f"says_{place}"], [f"sum_{place}"])]
        constants |= held
        said, first = f"sum_{place}", first + sum(window.levels)
    more, held = behind_the_last(said)
    return write_graph(signature, [*nodes, *more], constants=constants | held)


def _of_window(window: _Window, weights: Array, place: int) -> tuple[list[Any], dict[str, Array]]:
    """Nodes of what one neighbour says, `says_<place>` (B, T, K)."""
    from onnx import helper

    away, given = window.distance, "tokens_each" if window.name == "tokens" else window.name
    end = np.iinfo(np.int64).max if away >= 0 else away
    nodes, moved = [], given
    if away:
        pads = [0, max(0, -away), 0, 0, max(0, away), 0]
        nodes = [
            helper.make_node("Pad", [given, f"pads_{place}"], [f"framed_{place}"]),
            helper.make_node(
                "Slice", [f"framed_{place}", f"from_{place}", f"to_{place}", f"axis_{place}"], [f"moved_{place}"]
            ),
        ]
        moved = f"moved_{place}"
    nodes += [
        helper.make_node("Add", [moved, f"starts_{place}"], [f"columns_{place}"]),
        helper.make_node("Gather", [f"weights_{place}", f"columns_{place}"], [f"of_columns_{place}"], axis=0),
        helper.make_node("ReduceSum", [f"of_columns_{place}", "second"], [f"says_{place}"], keepdims=0),
    ]
    constants = {f"starts_{place}": window.starts, f"weights_{place}": weights}
    if away:
        constants |= {
            f"pads_{place}": np.array(pads, np.int64),
            f"from_{place}": np.array([max(0, away)], np.int64),
            f"to_{place}": np.array([end], np.int64),
            f"axis_{place}": np.array([1], np.int64),
        }
    return nodes, constants


ARCHITECTURE = Architecture(
    name="neighbours",
    family="reference",
    summary="logistic regression over each word, what it looks like, and the words beside it",
    source="Ratnaparkhi 1996 (maximum entropy tagging); scikit-learn",
    reads=("text",),
    gives=("sequence",),
    suits=_suits,
    tasks=("tag",),
    space=(
        Setting("penalty", 0.3, "strength of the squared penalty on the weights", low=1e-4, high=1e4, log=True),
        Setting("words", 2, "how far away words are read", low=0, high=5),
        Setting("forms", 2, "how far away the looks of words are read", low=0, high=3),
    ),
    need=Need("raw", text=TextNeed()),
    variants=lambda profile: ({}, {"penalty": 0.1}),
    solve=_solve,
    most_rows=50_000,
)
