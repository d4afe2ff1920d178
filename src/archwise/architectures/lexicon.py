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
    Setting,
    Signature,
    Solved,
    Suits,
    TextNeed,
)

WORD, CASE = "word", "case"
_PLACE_OF_CASE = 0  # among the forms of a word


def _suits(profile: Profile) -> Suits:
    facts = sequence_facts(profile)
    told = "" if facts is None else f" in {facts.n_rows:,} {facts.rows} of {facts.mean:.0f} {facts.steps} on average"
    return Suits(0.05, f"the floor: each word's most frequent tag{told}")


def _numbers(batch: Batch, by: str) -> Array:
    """(N, T) the numbers by which the table is read."""
    return np.asarray(batch["tokens"] if by == WORD else batch["forms"][:, :, _PLACE_OF_CASE])


def _solve(
    signature: Signature, settings: Mapping[str, Scalar], batch: Batch, targets: Array, _task: str, _seed: int
) -> Solved:
    from onnx import helper

    by, spec = str(settings["by"]), signature.input("tokens" if settings["by"] == WORD else "forms")
    assert spec is not None  # the need asks for words
    is_word, tags = targets_of_words(batch, targets)
    counts = np.zeros((spec.levels[_PLACE_OF_CASE], signature.n_outputs))
    numbers = _numbers(batch, by)[:, : is_word.shape[1]][is_word].astype(np.int64)
    np.add.at(counts, (numbers, tags), 1.0)
    shares = (counts.sum(axis=0) + 0.5) / (counts.sum() + 0.5 * counts.shape[1])
    table = np.log(counts + shares).astype(np.float32)  # one word more, of which nothing is known
    if by == WORD:
        nodes = [helper.make_node("Gather", ["table", "tokens"], ["logits"], axis=0)]
    else:
        nodes = [
            helper.make_node("Gather", ["forms", "place"], ["numbers"], axis=2),
            helper.make_node("Gather", ["table", "numbers"], ["logits"], axis=0),
        ]
    more, constants = behind_the_last("logits")
    constants |= {"table": table} | ({} if by == WORD else {"place": np.array(_PLACE_OF_CASE, np.int64)})

    def outputs(batch: Batch) -> Array:
        return np.where(np.asarray(batch["tokens"])[:, :, None] == 0, np.float32(np.nan), table[_numbers(batch, by)])

    return Solved(write_graph(signature, [*nodes, *more], constants=constants), outputs, table.size)


ARCHITECTURE = Architecture(
    name="lexicon",
    family="reference",
    summary="the tag that each word had most often; of words seen once, the tag that such words have",
    source="Charniak et al. 1993, the baseline of tagging",
    reads=("text",),
    gives=("sequence",),
    suits=_suits,
    tasks=("tag",),
    space=(Setting("by", WORD, "whether words of one spelling in other case are one", choices=(WORD, CASE)),),
    need=Need("raw", text=TextNeed()),
    variants=lambda profile: ({}, {"by": CASE}),
    solve=_solve,
)
