"""The floor of tagging: for each word the tag that it had most often, whatever stands beside it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from archwise.architectures.graph import write_graph
from archwise.architectures.sequence_plan import sequence_facts
from archwise.architectures.tag_graph import behind_the_last, targets_of_words
from archwise.records import (
    Architecture,
    Array,
    Batch,
    Need,
    Profile,
    Scalar,
    Signature,
    Solved,
    Suits,
    TextNeed,
)


def _suits(profile: Profile) -> Suits:
    facts = sequence_facts(profile)
    told = "" if facts is None else f" in {facts.n_rows:,} {facts.rows} of {facts.mean:.0f} {facts.steps} on average"
    return Suits(0.05, f"the floor: each word's most frequent tag{told}")


def _solve(
    signature: Signature, _settings: Mapping[str, Scalar], batch: Batch, targets: Array, _task: str, _seed: int
) -> Solved:
    from onnx import helper

    words = signature.input("tokens")
    assert words is not None  # the need asks for them
    is_word, tags = targets_of_words(batch, targets)
    counts = np.zeros((sum(words.levels), signature.n_outputs))
    np.add.at(counts, (batch["tokens"][:, : is_word.shape[1]][is_word].astype(np.int64), tags), 1.0)
    shares = (counts.sum(axis=0) + 0.5) / (counts.sum() + 0.5 * counts.shape[1])
    table = np.log(counts + shares).astype(np.float32)  # one word more, of which nothing is known
    nodes, constants = behind_the_last("logits")
    graph = [helper.make_node("Gather", ["table", "tokens"], ["logits"], axis=0), *nodes]

    def outputs(batch: Batch) -> Array:
        tokens = np.asarray(batch["tokens"])
        return np.where(tokens[:, :, None] == 0, np.float32(np.nan), table[tokens])

    return Solved(write_graph(signature, graph, constants=constants | {"table": table}), outputs, table.size)


ARCHITECTURE = Architecture(
    name="lexicon",
    family="reference",
    summary="the tag that each word had most often; of words seen once, the tag that such words have",
    source="Charniak et al. 1993, the baseline of tagging",
    reads=("text",),
    gives=("sequence",),
    suits=_suits,
    tasks=("tag",),
    need=Need("raw", text=TextNeed()),
    solve=_solve,
)
