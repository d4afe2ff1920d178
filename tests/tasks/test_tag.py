"""Tag: entities counted as seqeval counts them, sequences that break no rule, and a loss of real words alone."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import polars as pl
import pytest
import seqeval.metrics as reference
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from archwise.data.padding import to_length
from archwise.errors import TargetError
from archwise.evidence import bootstrap_scores
from archwise.records import Array, Json
from archwise.tasks import main_metric, task
from archwise.tasks.tag_scores import entity_counts
from archwise.tasks.tag_set import LETTERS, NO_WORD, allowed_steps, best_tags, tag_set

TASK = task("tag")
BIO = TASK.encode_fit(pl.Series("tags", ["O B-x I-x O", "B-y", "O O O B-y I-y"]))
BIOES = TASK.encode_fit(pl.Series("tags", ["O B-x I-x E-x", "S-y", "O O B-y E-y"]))
SPEECH = TASK.encode_fit(pl.Series("tags", ["NOUN VERB", "DET NOUN VERB"]))
STATES = {"bio": BIO, "bioes": BIOES}
over_schemes = pytest.mark.parametrize("scheme", sorted(STATES))


def logits_of(n: int, longest: int, state: dict[str, Json], *, seed: int = 0) -> tuple[Array, Array]:
    """Outputs (n, longest, K) with NaN behind each row's end, and truth by the rules (n, longest)."""
    rng = np.random.default_rng(seed)
    tags, lengths = tag_set(state), rng.integers(1, longest + 1, n)
    outputs = rng.normal(size=(n, longest, len(tags.tags)))
    outputs[np.arange(longest) >= lengths[:, None]] = np.nan
    truth = best_tags(tags, np.where(np.isnan(outputs), np.nan, rng.normal(size=outputs.shape)))
    return (outputs + 1.5 * (truth[:, :, None] == np.arange(len(tags.tags)))).astype(np.float32), truth


def names(numbers: Array, state: dict[str, Json]) -> list[list[str]]:
    return [[state["classes"][number] for number in row if number >= 0] for row in numbers]


def value(name: str, state: dict[str, Json], truth: Array, outputs: Array, weights: Array | None = None) -> Array:
    weights = np.ones((1, len(truth))) if weights is None else weights
    return main_metric(TASK, state, name).score(truth, outputs, weights)


def test_tags_that_an_entity_of_a_known_type_may_need_are_there() -> None:
    assert BIO == {"classes": ["B-x", "B-y", "I-x", "I-y", "O"], "counts": [1, 2, 1, 1, 5], "scheme": "bio"}
    assert [tag for tag in BIOES["classes"] if tag.endswith("x")] == ["B-x", "E-x", "I-x", "S-x"]
    assert SPEECH["scheme"] == ""


def test_decoding_inverts_targets() -> None:
    cells = ["O B-x I-x O", "B-y", "B-x I-x"]
    targets = TASK.encode(BIO, pl.Series("tags", cells))
    outputs = np.where(targets[:, :, None] < 0, np.nan, 9.0 * (targets[:, :, None] == np.arange(5)))
    answers = TASK.answers(BIO, {}, outputs)
    assert [" ".join(tag for tag in row if tag) for row in answers["prediction"]] == cells
    assert np.isnan(answers["p"]).tolist() == (targets < 0).tolist()


def test_the_metric_of_entities_decides_and_of_words_where_there_are_none() -> None:
    assert main_metric(TASK, BIO).name == "entity_f1"
    assert main_metric(TASK, SPEECH).name == "word_accuracy"


@over_schemes
def test_entities_are_counted_as_seqeval_counts_them(scheme: str) -> None:
    state = STATES[scheme]
    outputs, truth = logits_of(60, 9, state)
    true, found = names(truth, state), names(best_tags(tag_set(state), outputs), state)
    for name, peer in (
        ("f1", reference.f1_score),
        ("precision", reference.precision_score),
        ("recall", reference.recall_score),
    ):
        assert value(f"entity_{name}", state, truth, outputs)[0] == pytest.approx(peer(true, found), abs=1e-12)
    assert value("word_accuracy", state, truth, outputs)[0] == pytest.approx(reference.accuracy_score(true, found))


@given(st.lists(st.lists(st.tuples(*2 * [st.integers(0, 8)]), min_size=1, max_size=7), min_size=1, max_size=4))
def test_any_tags_are_counted_as_the_scorer_of_conll_does(pairs: list[list[tuple[int, int]]]) -> None:
    """Tags that break every rule too: what a scorer reads does not hang on decoding."""
    known = ["O", *(f"{letter}-{kind}" for kind in "xy" for letter in "BIES")]
    state = {"classes": known, "counts": [1] * 9, "scheme": "bioes"}
    longest = max(len(row) for row in pairs)
    truth, answered = (
        np.array([[pair[side] for pair in row] + [NO_WORD] * (longest - len(row)) for row in pairs]) for side in (0, 1)
    )
    right, found, true = entity_counts(truth, answered, tag_set(state)).sum(axis=0)
    spans = [reference.sequence_labeling.get_entities(names(side, state)) for side in (truth, answered)]
    assert (true, found) == (len(spans[0]), len(spans[1]))
    assert right == len(set(spans[0]) & set(spans[1]))


@over_schemes
def test_a_weight_counts_a_sentence_as_often(scheme: str) -> None:
    state = STATES[scheme]
    outputs, truth = logits_of(30, 6, state)
    drawn = np.random.default_rng(1).integers(0, 30, 30)
    weights = np.bincount(drawn, minlength=30)[None].astype(np.float64)
    for metric in TASK.metrics(state):
        by_weight = metric.score(truth, outputs, weights)
        again = metric.score(truth[drawn], outputs[drawn], np.ones((1, 30)))
        np.testing.assert_allclose(by_weight, again, atol=1e-12)


def test_the_evidence_resamples_sentences() -> None:
    outputs, truth = logits_of(200, 6, BIO)
    worse = logits_of(200, 6, BIO, seed=5)[0]
    worse[np.isnan(outputs)] = np.nan
    scores = bootstrap_scores(truth, [outputs, np.nan_to_num(worse)], main_metric(TASK, BIO), seed=0, n_resamples=200)
    assert scores.n_units == 200
    assert 0.0 < scores.resampled[:, 0].std() < 0.1
    assert scores.point[0] > scores.point[1]


@over_schemes
def test_answers_break_no_rule_and_are_the_likeliest_that_break_none(scheme: str) -> None:
    state, tags = STATES[scheme], tag_set(STATES[scheme])
    outputs, _ = logits_of(25, 4, state, seed=3)
    step, first, last = allowed_steps(tags)
    for row, found in zip(outputs, best_tags(tags, outputs), strict=True):
        n_words = int((~np.isnan(row[:, 0])).sum())
        best, most = None, -np.inf
        for path in product(range(len(tags.tags)), repeat=n_words):
            if first[path[0]] and last[path[-1]] and all(step[a, b] for a, b in pairwise(path)):
                total = sum(row[place, tag] for place, tag in enumerate(path))
                best, most = (path, total) if total > most else (best, most)
        assert tuple(found[:n_words]) == best
        assert (found[n_words:] == NO_WORD).all()


def test_no_tag_goes_on_after_none_in_bio() -> None:
    tags = tag_set(BIO)
    step, first, _ = allowed_steps(tags)
    inside, outside, begin = (tags.tags.index(name) for name in ("I-x", "O", "B-x"))
    assert not step[outside, inside]
    assert not first[inside]
    assert step[begin, inside]
    assert not step[tags.tags.index("B-y"), inside]


def test_tags_that_training_did_not_see_count_against_the_answers() -> None:
    truth = TASK.encode(BIO, pl.Series("tags", ["B-new I-new O", "B-x O O"]))
    assert truth[0].tolist() == [5 + LETTERS.index("B"), 5 + LETTERS.index("I"), 4]
    outputs = 9.0 * (np.where(truth > 4, 4, truth)[:, :, None] == np.arange(5))
    assert value("entity_recall", BIO, truth, outputs)[0] == 0.5
    assert value("entity_precision", BIO, truth, outputs)[0] == 1.0
    assert np.isfinite(TASK.calibrate(BIO, outputs, truth)["temperature"])


def test_words_behind_the_last_answer_have_no_entity() -> None:
    truth = TASK.encode(BIO, pl.Series("tags", ["B-x O B-y"]))
    outputs = 9.0 * (truth[:, :2, None] == np.arange(5))
    assert value("entity_recall", BIO, truth, outputs)[0] == 0.5
    assert value("word_accuracy", BIO, truth, outputs)[0] == pytest.approx(2 / 3)


def test_outputs_that_are_no_numbers_find_nothing() -> None:
    truth = TASK.encode(BIO, pl.Series("tags", ["B-x O", "O"]))
    outputs = np.full((2, 2, 5), np.nan)
    assert value("entity_f1", BIO, truth, outputs)[0] == 0.0
    assert value("log_loss", BIO, truth, outputs)[0] == np.inf


def test_log_loss_and_macro_f1_are_those_of_the_words() -> None:
    outputs, truth = logits_of(40, 5, SPEECH)
    kept = truth >= 0
    logs = torch.from_numpy(outputs[kept].astype(np.float64)).log_softmax(dim=1).numpy()
    assert value("log_loss", SPEECH, truth, outputs)[0] == pytest.approx(
        -logs[np.arange(kept.sum()), truth[kept]].mean()
    )
    expected = f1_score(truth[kept], outputs[kept].argmax(axis=1), average="macro")
    assert value("macro_f1", SPEECH, truth, outputs)[0] == pytest.approx(expected)


@settings(deadline=None)
@given(st.integers(0, 1_000), st.floats(0.0, 0.5))
def test_the_loss_is_the_mean_over_real_words(seed: int, smoothing: float) -> None:
    outputs, truth = logits_of(7, 6, BIO, seed=seed)
    outputs = np.nan_to_num(outputs).astype(np.float64)
    found = TASK.losses["cross_entropy"](
        torch.from_numpy(outputs), torch.from_numpy(truth), {**BIO, "smoothing": smoothing}
    )
    logs = torch.from_numpy(outputs).log_softmax(dim=2).numpy()
    wanted = (1 - smoothing) * (np.arange(5) == truth[:, :, None]) + smoothing / 5
    kept = truth >= 0
    assert found.shape == (7,)
    assert found.mean().item() == pytest.approx(-(logs * wanted).sum(axis=2)[kept].mean())


def test_the_loss_takes_targets_of_more_steps_and_of_fewer() -> None:
    outputs, truth = logits_of(5, 6, BIO)
    outputs = np.nan_to_num(outputs)
    loss = lambda given, wanted: TASK.losses["cross_entropy"](torch.from_numpy(given), torch.from_numpy(wanted), BIO)  # noqa: E731
    assert torch.equal(loss(outputs, to_length(truth, 9)), loss(outputs, truth))
    assert torch.equal(loss(outputs, truth[:, :4]), loss(outputs[:, :4], truth[:, :4]))


def test_calibration_lowers_the_log_loss_of_the_words() -> None:
    outputs, truth = logits_of(300, 6, BIO)
    calibration = TASK.calibrate(BIO, 5 * outputs, truth)
    before, after = (
        value("log_loss", BIO, truth, given)[0] for given in (5 * outputs, TASK.served(calibration, 5 * outputs, None))
    )
    assert after < before


def test_members_join_by_the_mean_of_their_probabilities() -> None:
    outputs = torch.randn(2, 3, 4, 5)
    torch.testing.assert_close(TASK.join(outputs).softmax(dim=2), outputs.softmax(dim=3).mean(dim=1))


def test_missing_tags_and_a_single_tag_are_refused() -> None:
    with pytest.raises(TargetError, match="row 2: the tags are missing"):
        TASK.encode_fit(pl.Series("tags", ["O B-x", None]))
    with pytest.raises(TargetError, match="fewer than two tags"):
        TASK.encode_fit(pl.Series("tags", ["O O"]))
    with pytest.raises(TargetError, match="no tag was seen in training"):
        TASK.encode(SPEECH, pl.Series("tags", ["ADJ ADP"]))
