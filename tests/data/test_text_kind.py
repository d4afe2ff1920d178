"""The kind of texts: words and their pieces, terms and their weights, and what strange texts become."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from archwise.data.kinds import kind
from archwise.data.kinds.text import MOST_WORDS
from archwise.data.prepare import (
    apply_preparation,
    dump_preparation,
    fit_preparation,
    inputs_of,
    load_preparation,
    narrowed,
    parse_columns,
)
from archwise.data.row import make_row_reader, read_row
from archwise.data.terms import n_numbers
from archwise.data.words import MOST_LETTERS, UNKNOWN, encode, fit_pieces, fit_words, words_in
from archwise.records import InputSpec, Need, TextNeed

TEXT = kind("text")
NEEDS = [
    Need(text=TextNeed("tokens", "word", 50)),
    Need(text=TextNeed("tokens", "subword", 60)),
    Need(text=TextNeed("terms", "word", 50)),
    Need(text=TextNeed("terms", "letter", 80)),
]
over_needs = pytest.mark.parametrize("need", NEEDS, ids=lambda need: need.text.key)
TRAIN = pl.Series(
    "review",
    ["A good film, a good story!", "not a good film", "bad; don't go", "don't go: bad story", None, "a bad story 3.5"],
)
any_text = st.one_of(
    st.none(),
    st.text(max_size=40),
    st.text(alphabet="goodfilm ba\x00\x07\u200d\ufeff\U0001f44d\U0001f3fd你好й’'.,3", max_size=60),
    st.sampled_from(["", " ", "\n", "NA", "[padding]", "[unknown] [padding]", "ﬁne", "GOOD Film", "a" * 3_000]),
    st.integers(0, 3_000).map(lambda n: "good " * n),
)


@over_needs
@given(cells=st.lists(any_text, min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_any_text_has_one_defined_row_the_same_alone_and_among_others(need: Need, cells: list[str | None]) -> None:
    state = TEXT.fit(TRAIN, need)
    typed, is_bad = TEXT.parse(pl.Series("review", cells, dtype=pl.String))
    assert not is_bad.any()
    batch = TEXT.apply(state, typed)
    alone = [TEXT.apply(state, typed[row : row + 1]) for row in range(len(typed))]
    for name, (width, levels) in TEXT.spec(state).items():
        longest = width if isinstance(width, int) else width[0]
        assert batch[name].shape == (len(cells), longest)
        assert np.isfinite(batch[name]).all()
        assert batch[name].tobytes() == np.concatenate([each[name] for each in alone]).tobytes()
        if levels:
            assert 0 <= batch[name].min() <= batch[name].max() < levels[0]


@over_needs
@given(cells=st.lists(any_text, min_size=1, max_size=6))
@settings(max_examples=60, deadline=None)
def test_a_single_row_is_read_as_a_table_is(need: Need, cells: list[str | None]) -> None:
    preparation = fit_preparation(TRAIN.to_frame(), [("review", "text")], need=need)
    reader = make_row_reader(preparation, [("review", "text")])
    assert reader is not None
    table = TEXT.apply(preparation.columns[0].state, TEXT.parse(pl.Series("review", cells, dtype=pl.String))[0])
    for row, cell in enumerate(cells):
        found = read_row(reader, {"review": cell})
        if found is not None:  # what a single cell cannot be sure of is read as a table
            assert all(found[name][0].tobytes() == table[name][row].tobytes() for name in table)


@over_needs
@given(cells=st.lists(st.tuples(any_text, any_text, any_text), min_size=1, max_size=6))
@settings(max_examples=60, deadline=None)
def test_several_texts_of_a_row_are_read_as_one_alone_and_among_others(
    need: Need, cells: list[tuple[str | None, str | None, str | None]]
) -> None:
    names = ("title", "review", "reply")
    columns = [(names[0], "text"), ("x", "number"), (names[1], "text"), (names[2], "text")]
    numbers = pl.Series("x", [float(row) for row in range(len(TRAIN))])
    train = pl.DataFrame(
        [TRAIN.reverse().alias("title"), numbers, TRAIN, TRAIN.head(1).extend(TRAIN.head(5)).alias("reply")]
    )
    preparation = fit_preparation(parse_columns(train, columns).frame, columns, need=need)
    state, arrays = dump_preparation(preparation)
    preparation = load_preparation(json.loads(json.dumps(state)), arrays)
    given_cells = {name: [row[place] for row in cells] for place, name in enumerate(names)}
    frame = pl.DataFrame({**given_cells, "x": [1.0] * len(cells)}, schema_overrides=dict.fromkeys(names, pl.String))
    typed = parse_columns(frame, columns).frame
    batch = apply_preparation(preparation, typed)
    assert batch.keys() == {spec.name for spec in inputs_of(preparation)}
    reader = make_row_reader(preparation, columns)
    assert reader is not None
    texts = [" ".join(text for text in row if text) for row in typed.select(names).rows()]
    one = preparation.columns[-1].state
    for row, text in enumerate(texts):
        alone = apply_preparation(preparation, typed[row : row + 1])
        single = read_row(reader, frame.row(row, named=True)) or alone
        whole = TEXT.apply(one, pl.Series([text]))
        for name, array in batch.items():
            assert array[row].tobytes() == alone[name][0].tobytes() == single[name][0].tobytes()
            assert name not in whole or array[row].tobytes() == whole[name][0].tobytes()


def test_one_vocabulary_is_learnt_from_all_texts_of_a_row() -> None:
    train = pl.DataFrame({"title": ["left left"] * 3, "review": ["right right"] * 3})
    columns = [("title", "text"), ("review", "text")]
    preparation = fit_preparation(train, columns, need=Need(text=TextNeed(size=50)))
    assert preparation.columns[0].state == {}
    (tokens,) = apply_preparation(preparation, train[:1])["tokens"].tolist()
    assert len(set(tokens)) == 2
    assert UNKNOWN not in tokens
    reader = make_row_reader(preparation, columns)
    assert reader is not None
    for row in ({"title": "left left", "review": "right right"}, {"title": "left left right", "review": " right "}):
        single = read_row(reader, row)
        assert single is not None
        assert single["tokens"].tolist() == [tokens]
    assert read_row(reader, {"title": "left"}) is None


@over_needs
@given(cells=st.lists(any_text, min_size=0, max_size=8))
@settings(max_examples=60, deadline=None)
def test_any_training_texts_can_be_learnt_from(need: Need, cells: list[str | None]) -> None:
    typed = TEXT.parse(pl.Series("review", cells, dtype=pl.String))[0]
    state = TEXT.fit(typed, need)
    batch = TEXT.apply(state, TRAIN)
    assert all(array.shape[1] >= 1 for array in batch.values())
    assert all(np.isfinite(array).all() for array in batch.values())


@over_needs
def test_what_is_fitted_is_kept_as_json_and_arrays(need: Need) -> None:
    preparation = fit_preparation(TRAIN.to_frame(), [("review", "text")], need=need)
    state, arrays = dump_preparation(preparation)
    loaded = load_preparation(json.loads(json.dumps(state)), arrays)
    assert loaded.need == need
    for name, array in apply_preparation(loaded, TRAIN.to_frame()).items():
        assert array.tobytes() == apply_preparation(preparation, TRAIN.to_frame())[name].tobytes()


def test_nothing_is_read_where_no_texts_are_asked_for() -> None:
    state = TEXT.fit(TRAIN, Need())
    assert (state, TEXT.spec(state), TEXT.apply(state, TRAIN)) == ({}, {}, {})


def test_words_are_in_one_form_and_case_and_their_signs_are_words() -> None:
    (words,) = words_in(["I DON'T like\u00a0it\x00\u200d!! ﬁne 3.5% 你好\U0001f44d"])
    assert words == ["i", "don't", "like", "it", "!", "!", "fine", "3.5", "%", "你", "好", "\U0001f44d"]


def test_a_word_that_occurs_once_is_unknown_and_no_text_can_write_padding() -> None:
    tokenizer = fit_words(["good film", "good story", "[padding] once"], size=50)
    good, strange = encode(tokenizer, ["good film", "[padding] [unknown]"])
    assert good == [2, UNKNOWN]
    assert set(strange) == {UNKNOWN}


def test_a_word_that_training_did_not_see_is_read_by_its_pieces() -> None:
    tokenizer = fit_pieces(["unhappy people", "happy people", "unlike", "likely unlikely"], size=80)
    (ids,) = encode(tokenizer, ["unpeople"])
    assert UNKNOWN not in ids
    assert len(ids) < len("unpeople")


def test_numbers_of_words_do_not_depend_on_the_threads() -> None:
    code = (
        "import random, hashlib\n"
        "from archwise.data.words import fit_pieces, fit_words\n"
        "chance = random.Random(0)\n"
        "texts = [' '.join(''.join(chance.choices('abcdefgh', k=chance.randint(1, 6))) for _ in range(12))"
        " for _ in range(400)]\n"
        "both = fit_pieces(texts, size=300) + fit_words(texts, size=300)\n"
        "print(hashlib.sha256(both.encode()).hexdigest())"
    )
    found = set()
    for n_threads in ("1", "2", "3"):
        environment = {**os.environ, "RAYON_NUM_THREADS": n_threads, "TOKENIZERS_PARALLELISM": "true"}
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, env=environment)
        found.add(done.stdout)
    assert len(found) == 1


def test_texts_are_cut_where_nearly_all_training_texts_have_ended() -> None:
    train = pl.Series("t", ["a b c d"] * 300 + ["a " * 4_000])
    state = TEXT.fit(train, NEEDS[0])
    assert state["longest"] == 4
    assert TEXT.apply(state, pl.Series(["a b c d d d"]))["tokens"].shape == (1, 4)
    every = TEXT.fit(pl.Series("t", ["a " * 4_000] * 5), NEEDS[0])
    assert every["longest"] == MOST_WORDS
    asked = TEXT.fit(train, Need(text=TextNeed(longest=7)))
    assert asked["longest"] == 7


def test_a_text_without_end_is_read_to_its_most_letters() -> None:
    state = TEXT.fit(TRAIN, Need(text=TextNeed(longest=9, size=50)))
    endless = pl.Series(["good " * MOST_LETTERS])
    (good,) = encode(state["tokenizer"], ["good"])
    assert TEXT.apply(state, endless)["tokens"].tolist() == [good * 9]


def test_padding_stands_behind_the_last_word_and_a_missing_text_is_empty() -> None:
    tokens = TEXT.apply(TEXT.fit(TRAIN, NEEDS[0]), TRAIN)["tokens"]
    assert not tokens[4].any()
    lengths = (tokens != 0).sum(axis=1)
    assert all((row[:n] > 0).all() for row, n in zip(tokens, lengths, strict=True))


def test_terms_weigh_as_scikit_learn_weighs_them() -> None:
    texts = [text for text in TRAIN if text]
    state = TEXT.fit(TRAIN, Need(text=TextNeed("terms", "word", 500)))
    batch = TEXT.apply(state, pl.Series(texts))
    vectorizer = TfidfVectorizer(
        analyzer=lambda text: _words_and_pairs(next(words_in([text]))), min_df=2, sublinear_tf=True
    )
    expected = vectorizer.fit_transform(texts).toarray()
    found = np.zeros((len(texts), n_numbers(state)))
    np.put_along_axis(found, batch["terms"], batch["term_weights"], axis=1)
    places = [1 + state["terms"].index(term) for term in vectorizer.get_feature_names_out()]
    np.testing.assert_allclose(found[:, places], expected, atol=1e-6)


def _words_and_pairs(words: list[str]) -> list[str]:
    return [*words, *(f"{left} {right}" for left, right in pairwise(words))]


def test_letters_are_pieces_of_words_with_their_ends() -> None:
    state = TEXT.fit(pl.Series(["cats sat", "cats"]), Need(text=TextNeed("terms", "letter", 500)))
    assert {" c", "ats", "ats ", " cats"} <= set(state["terms"])
    assert "s s" not in state["terms"]


def test_of_too_many_terms_the_heaviest_are_kept() -> None:
    state = TEXT.fit(TRAIN, Need(text=TextNeed("terms", "word", 50, longest=2)))
    batch = TEXT.apply(state, pl.Series(["not a good film, a good story, a film"]))
    assert batch["terms"].shape == (1, 2)
    assert (np.diff(batch["term_weights"]) <= 0).all()


@over_needs
def test_inputs_are_as_the_state_tells_and_can_be_kept_in_few_bytes(need: Need) -> None:
    preparation = fit_preparation(TRAIN.to_frame(), [("review", "text")], need=need)
    batch = apply_preparation(preparation, TRAIN.to_frame())
    specs = {spec.name: spec for spec in inputs_of(preparation)}
    assert set(specs) == set(batch)
    for name, array in batch.items():
        assert specs[name].dtype == array.dtype
        assert specs[name].row == array.shape[1:]
    assert specs.get("tokens", InputSpec("tokens", "int64", 1)).is_padded
    small = narrowed(batch, preparation)
    assert all(small[name].dtype == np.int16 for name in ("tokens", "terms") if name in small)


def test_sentences_are_texts_and_lists_are_nested() -> None:
    assert TEXT.sniff(
        pl.Series(["it was a good film", "a bad one", "not so bad", "all in all good", "so so"])
    ).confidence
    assert kind("nested").sniff(pl.Series([[1, 2], [3]])).confidence == 0.9
    assert TEXT.sniff(pl.Series([[1, 2], [3]])).confidence == 0.0
