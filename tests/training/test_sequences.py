"""Training on sequences: batches of like length, cut behind the longest, change nothing but the time they take."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from archwise.architectures import architecture
from archwise.records import Array, Candidate, InputSpec, Plan, Signature, settings_of
from archwise.tasks import main_metric, task
from archwise.training.landing import Limit
from archwise.training.look import answers
from archwise.training.loop import Examples, Tools, Trained, TrainJob, train
from archwise.training.network import Network, make_network
from archwise.training.rows import cut_padding, input_tensors, row_lengths

T, WORDS = 20, 40
SIGNATURE = Signature((InputSpec("tokens", "int64", T, (WORDS,), shape=(T,)),), 2)
TASK = task("classify")
STATE = {"classes": ["a", "b"], "counts": [50, 50], "positive": 1}
SETTINGS = {"embedding": 16, "width": 16, "dropout": 0.1}
PLAN = Plan(epochs=6, batch=16, rate=1e-2, average=0.9)


def texts(n: int, seed: int, dtype: type[np.generic] = np.int64) -> tuple[Array, Array]:
    """Texts of 1 to 20 words; those of the second class hold the word 7."""
    generator = np.random.default_rng(seed)
    lengths, labels = generator.integers(1, T + 1, n), generator.integers(0, 2, n)
    words = generator.integers(8, WORDS, (n, T))
    words[np.arange(n), generator.integers(0, lengths)] = np.where(labels == 1, 7, 8)
    return np.where(np.arange(T) < lengths[:, None], words, 0).astype(dtype), labels


def network_of(seed: int = 0) -> Network:
    entry = architecture("lstm")
    pairs = settings_of({**entry.defaults(), **SETTINGS}.items())
    return make_network(entry, Candidate("lstm", pairs, Plan(seed=seed)), SIGNATURE, TASK, STATE)


def fit(place: Path, *epochs: float) -> Trained:
    """Train to each of the epochs in turn, from the checkpoint of the one before."""
    train_words, train_labels = texts(403, 0, np.int16)
    valid_words, valid_labels = texts(150, 1)
    network = network_of()
    for until in epochs:
        trained = train(
            network,
            TrainJob(TASK, STATE, main_metric(TASK, STATE, "accuracy"), PLAN, "cpu"),
            train=Examples({"tokens": train_words}, train_labels),
            valid=Examples({"tokens": valid_words}, valid_labels),
            limit=Limit(until),
            tools=Tools(place, lambda point: None, lambda: 0.0),
        )
    return trained


def test_it_learns_a_word_wherever_it_stands(tmp_path: Path) -> None:
    assert fit(tmp_path / "checkpoint", 6.0).score > 0.95


def test_a_run_that_paused_is_bit_for_bit_the_run_that_did_not(tmp_path: Path) -> None:
    whole, paused = fit(tmp_path / "whole", 3.0), fit(tmp_path / "paused", 1.3, 3.0)
    assert whole.curve == paused.curve
    assert np.array_equal(whole.outputs, paused.outputs)


def test_rows_are_answered_by_length_as_they_are_in_their_order() -> None:
    network, cpu = network_of(), torch.device("cpu")
    batch = {"tokens": texts(1_300, 2)[0]}
    inputs, lengths = input_tensors(SIGNATURE.inputs, batch, cpu), row_lengths(SIGNATURE.inputs, batch)
    by_length = answers(network, inputs, 1_300, lengths=lengths)
    torch.testing.assert_close(by_length, answers(network, inputs, 1_300), rtol=0.0, atol=1e-6)


def test_only_what_is_padding_in_every_row_is_cut() -> None:
    words = texts(30, 3)[0]
    lengths = row_lengths(SIGNATURE.inputs, {"tokens": words})
    assert lengths is not None
    longest = int(lengths.max())
    (cut,) = cut_padding(SIGNATURE.inputs, [torch.from_numpy(words)], longest)
    assert cut.shape == (30, longest)
    assert not words[:, longest:].any()
    assert words[:, longest - 1].any()


def test_what_is_no_sequence_has_no_lengths() -> None:
    assert row_lengths((InputSpec("numbers", "float32", 3),), {"numbers": np.zeros((4, 3), np.float32)}) is None
