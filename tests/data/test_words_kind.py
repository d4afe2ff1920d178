"""Words as numbers: each keeps its place, and what training did not see still has its looks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archwise.data.kinds import kind
from archwise.data.padding import join_steps, n_steps
from archwise.data.sentence import count_words, parse_sentences, split_words
from archwise.data.word_form import FORMS, PADDING, UNKNOWN, outline_of, plain_form, shape_of
from archwise.records import Json, Need, TextNeed

WORDS, NEED = kind("words"), Need("raw", text=TextNeed())
TRAIN = pl.Series("said", [["The", "cat", "sat"], ["the", "cat", "London", "London"], ["in", "2024", "in", "1999"]])


@pytest.fixture(scope="module")
def state() -> dict[str, Json]:
    return WORDS.fit(WORDS.parse(TRAIN)[0], NEED)


def applied(state: dict[str, Json], cells: list[list[str] | None]) -> dict[str, np.ndarray]:
    return WORDS.apply(state, WORDS.parse(pl.Series("said", cells, dtype=pl.List(pl.String)))[0])


def test_shapes_tell_sorts_of_letters() -> None:
    assert [shape_of(word) for word in ("London", "McDonald's", "#2024", "")] == ["Xxxxx", "XxXxxxx'x", "#dddd", ""]
    assert outline_of("Rolls-Royce") == "Xx-Xx"
    assert plain_form("A4-2024") == "a0-0000"


def test_a_word_keeps_its_place_and_padding_is_nought(state: dict[str, Json]) -> None:
    batch = applied(state, [["The", "unheard", "cat"], []])
    tokens, forms = batch["tokens"], batch["forms"]
    assert tokens.shape == (2, 64)
    assert forms.shape == (2, 64, len(FORMS))
    assert tokens[0, 1] == UNKNOWN
    assert (tokens[0, :3] > 0).all()
    assert (forms[0, :3] > 0).all()
    assert (tokens[0, 3:] == PADDING).all()
    assert (forms[0, 3:] == PADDING).all()
    assert (tokens[1] == PADDING).all()


def test_case_and_digits_make_no_other_word(state: dict[str, Json]) -> None:
    tokens = applied(state, [["THE", "the", "2024", "1066"]])["tokens"][0]
    assert tokens[0] == tokens[1] != UNKNOWN
    assert tokens[2] == tokens[3] != UNKNOWN


def test_what_training_saw_once_is_unknown(state: dict[str, Json]) -> None:
    assert applied(state, [["sat"]])["tokens"][0, 0] == UNKNOWN


def test_the_inputs_are_as_specified(state: dict[str, Json]) -> None:
    spec = WORDS.spec(state)
    batch = applied(state, [["The", "cat"]])
    for name, (shape, levels) in spec.items():
        assert batch[name].shape[1:] == shape
        assert (batch[name].reshape(-1, len(levels)).max(axis=0) < levels).all()


@given(st.lists(st.lists(st.text(max_size=6), max_size=5), min_size=1, max_size=6))
def test_a_batch_equals_its_rows_and_words_are_as_many(cells: list[list[str]]) -> None:
    parsed = parse_sentences(pl.Series("said", cells, dtype=pl.List(pl.String)))
    assert count_words(parsed).to_list() == [len(words) for words in cells]
    assert [len(split_words(cell or "")) for cell in parsed] == [len(words) for words in cells]
    state = WORDS.fit(parsed, NEED)
    whole = WORDS.apply(state, parsed)
    for row in range(len(parsed)):
        alone = WORDS.apply(state, parsed[row : row + 1])
        assert all((alone[name][0] == whole[name][row]).all() for name in whole)


def test_a_sentence_of_too_many_words_is_bad() -> None:
    parsed, is_bad = WORDS.parse(pl.Series("said", ["a b", "a " * 100_000]))
    assert is_bad.tolist() == [False, True]
    assert parsed.to_list() == ["a b", None]


def test_a_longer_sentence_than_is_read_is_cut(state: dict[str, Json]) -> None:
    assert (applied(state, [["cat"] * 100])["tokens"] > 0).sum() == 64


def test_words_may_begin_from_vectors_that_the_user_has(tmp_path: Path) -> None:
    path = tmp_path / "small.vec"
    path.write_text("2 3\nThe 1 2 3\ndog 4 5 6\n")
    state = WORDS.fit(WORDS.parse(TRAIN)[0], Need("raw", text=TextNeed(vectors=str(path))))
    place = 2 + state["levels"]["word"].index("the")
    assert state["vectors"][place].tolist() == [1, 2, 3]
    assert np.isnan(np.delete(state["vectors"], place, axis=0)).all()


def test_forms_have_the_length_of_their_words() -> None:
    forms = np.zeros((2, 5, 3), np.int64)
    forms[0, :4] = 1
    assert n_steps(forms).tolist() == [4, 1]


def test_what_is_of_every_step_is_joined_at_the_longest() -> None:
    outputs = join_steps([np.zeros((1, 2, 3)), np.zeros((2, 4, 3))])
    assert outputs.shape == (3, 4, 3)
    assert np.isnan(outputs[0, 2:]).all()
    assert join_steps([np.zeros((1, 2), np.int64), np.zeros((1, 3), np.int64)]).tolist() == [[0, 0, -1], [0, 0, 0]]
    assert join_steps([np.zeros((1, 2)), np.ones((1, 2))]).tolist() == [[0, 0], [1, 1]]
