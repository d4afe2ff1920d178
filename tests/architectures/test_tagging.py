"""Claims that hold for every architecture that answers each word: a new one is covered with no new test."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from archwise.architectures import architecture, architectures
from archwise.model.export import export_network
from archwise.model.session import open_session, outputs
from archwise.records import Array, Batch, Candidate, InputSpec, Plan, Signature, Solved, settings_of
from archwise.tasks import task
from archwise.training.network import Network, make_network

T, LEVELS, FORMS = 12, 40, (30, 9)
SPECS = (InputSpec("tokens", "int64", T, (LEVELS,), (T,)), InputSpec("forms", "int64", 2 * T, FORMS, (T, 2)))
SIGNATURE = Signature(SPECS, 3, form="sequence")
STATE = {"classes": ["B-x", "I-x", "O"], "counts": [10, 5, 30], "scheme": "bio"}
TASK = task("tag")
SERVING = {name: entry for name, entry in architectures().items() if "sequence" in entry.gives}
NETWORKS = sorted(name for name, entry in SERVING.items() if entry.build is not None)
REFERENCES = sorted(name for name, entry in SERVING.items() if entry.is_reference)
over_networks = pytest.mark.parametrize("name", NETWORKS)
over_references = pytest.mark.parametrize("name", REFERENCES)


def words_of(n: int, seed: int = 0) -> tuple[Batch, Array]:
    """Sentences of 1 to T words, and tags that hang on the word and on the word before."""
    rng = np.random.default_rng(seed)
    is_word = np.arange(T) < rng.integers(1, T + 1, n)[:, None]
    tokens = np.where(is_word, rng.integers(1, LEVELS, (n, T)), 0)
    forms = np.where(is_word[:, :, None], np.stack([rng.integers(1, size, (n, T)) for size in FORMS], axis=2), 0)
    before = np.pad(tokens, ((0, 0), (1, 0)))[:, :-1]
    tags = (tokens > 20).astype(np.int64) + (before > 20)
    return {"tokens": tokens, "forms": forms}, np.where(is_word, tags, -1)


def network_of(name: str) -> Network:
    entry = architecture(name)
    small = {key: 16 for key in ("width", "embedding") if key in entry.defaults()}
    candidate = Candidate(name, settings_of({**entry.defaults(), **small}.items()), Plan())
    return make_network(entry, candidate, SIGNATURE, TASK, STATE)


def answer(network: Network, batch: Batch) -> Array:
    with torch.no_grad():
        return network.eval()(*[torch.from_numpy(batch[spec.name]) for spec in SPECS]).numpy()


def solve(name: str, batch: Batch, targets: Array, **settings: Any) -> Solved:
    entry = architecture(name)
    assert entry.solve is not None
    return entry.solve(SIGNATURE, {**entry.defaults(), **settings}, batch, targets, "tag", 0)


def test_networks_and_references_serve_the_task() -> None:
    assert {"gru", "lstm", "rnn", "transformer"} <= set(NETWORKS)
    assert {"lexicon", "neighbours"} <= set(REFERENCES)


@over_networks
def test_every_word_is_answered_and_nothing_behind_the_last(name: str) -> None:
    batch, targets = words_of(9)
    found = answer(network_of(name), batch)
    assert found.shape == (9, T, 3)
    assert (np.isnan(found).any(axis=2) == (targets < 0)).all()
    assert (np.isnan(found).all(axis=2) == (targets < 0)).all()


@over_networks
def test_a_sentence_is_answered_alone_as_among_others(name: str) -> None:
    batch, targets = words_of(9)
    network = network_of(name)
    together = answer(network, batch)
    for row in range(9):
        n_words = int((targets[row] >= 0).sum())
        alone = answer(network, {key: array[row : row + 1, :n_words] for key, array in batch.items()})
        np.testing.assert_allclose(alone[0], together[row, :n_words], atol=1e-5)


@over_networks
def test_every_parameter_gets_a_finite_gradient(name: str) -> None:
    batch, targets = words_of(64)
    network = network_of(name).train()
    given = network(*[torch.from_numpy(batch[spec.name]) for spec in SPECS])
    TASK.losses["cross_entropy"](given, torch.from_numpy(targets), STATE).mean().backward()
    for parameter_name, parameter in network.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert torch.isfinite(parameter.grad).all(), parameter_name


@over_networks
def test_what_is_written_answers_as_the_network_does(name: str) -> None:
    network = network_of(name)
    session = open_session(export_network(network, words_of(4)[0], SIGNATURE))
    assert session.answers_steps
    assert session.n_outputs == 3
    batch, _ = words_of(700, seed=2)
    longest = int((batch["tokens"] > 0).sum(axis=1).max())
    np.testing.assert_allclose(outputs(session, batch), answer(network, batch)[:, :longest], atol=1e-4)
    assert outputs(session, {key: array[:0] for key, array in batch.items()}).shape == (0, 1, 3)


@over_references
def test_a_graph_answers_as_the_library_does(name: str) -> None:
    solved = solve(name, *words_of(200))
    batch, targets = words_of(700, seed=2)
    found = outputs(open_session(solved.onnx), batch)
    np.testing.assert_allclose(found, solved.outputs(batch)[:, : found.shape[1]], atol=1e-4)
    assert (np.isnan(found).all(axis=2) == (targets < 0)[:, : found.shape[1]]).all()


@over_references
def test_targets_of_fewer_steps_than_inputs_are_learnt_from(name: str) -> None:
    batch, targets = words_of(50)
    assert solve(name, batch, targets[:, :5]).n_parameters > 0


def test_the_lexicon_answers_the_most_frequent_tag_of_each_word() -> None:
    batch, targets = words_of(300)
    solved = solve("lexicon", batch, targets)
    found = outputs(open_session(solved.onnx), batch).argmax(axis=2)
    keys = batch["tokens"]
    for key in np.unique(keys[targets >= 0]):
        counts = np.bincount(targets[(keys == key) & (targets >= 0)], minlength=3)
        rows = (keys == key) & (targets >= 0)
        assert (counts[found[:, : targets.shape[1]][rows]] == counts.max()).all()


def test_neighbours_see_the_word_before() -> None:
    batch, targets = words_of(2_000)
    fresh, truth = words_of(500, seed=9)
    shares = {}
    for settings in ({"words": 2, "forms": 1}, {"words": 0, "forms": 0}):
        found = outputs(open_session(solve("neighbours", batch, targets, **settings).onnx), fresh)
        kept = truth[:, : found.shape[1]] >= 0
        shares[settings["words"]] = float((found.argmax(axis=2)[kept] == truth[:, : found.shape[1]][kept]).mean())
    assert shares[2] > shares[0] + 0.05
