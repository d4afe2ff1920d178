"""Word vectors from the files that users have, and networks that begin from them."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from archwise.blocks.sequence import SequenceInputs
from archwise.blocks.vectors import fit_width
from archwise.data.kinds import kind
from archwise.data.prepare import fit_preparation, for_serving, word_vectors
from archwise.data.word_vectors import find_vectors, read_vectors
from archwise.data.words import vocabulary
from archwise.errors import SourceError
from archwise.records import InputSpec, Need, Signature, TextNeed

WORDS = ["", "", "good", "film", "été", "new york", "rare"]
LINES = ["Film 9 9 9", "good 1 2 3", "film 4 5 6", "Été 7 8 9", "new york 0 1 0", "unasked x y z"]


def write(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("header", [[], ["6 3"]])
def test_words_get_the_vectors_of_their_own_spelling_or_of_small_letters(tmp_path: Path, header: list[str]) -> None:
    vectors = read_vectors(write(tmp_path / "some.vec", header + LINES), WORDS)
    assert vectors.shape == (7, 3)
    assert vectors[2:6].tolist() == [[1, 2, 3], [4, 5, 6], [7, 8, 9], [0, 1, 0]]
    assert np.isnan(vectors[[0, 1, 6]]).all()


def test_a_packed_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "some.txt.gz"
    path.write_bytes(gzip.compress(b"good 1 2\nfilm 3 4\n"))
    assert read_vectors(path, WORDS)[2].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["good 1 2 3", "film 4 x 6"], r"line 2: expected a word and 3 numbers"),
        (["good 1 2 3", "film 4 5"], r"line 2: expected a word and 3 numbers"),
        (["good 1 nan 3"], r"line 1: expected a word and 3 numbers"),
        (["bon 1 2 3"], r"a vector for none of 5 words"),
        ([""], r"a vector for none of 5 words"),
    ],
)
def test_what_is_no_file_of_vectors_is_refused(tmp_path: Path, lines: list[str], told: str) -> None:
    with pytest.raises(SourceError, match=told):
        read_vectors(write(tmp_path / "some.vec", lines), WORDS)


def test_a_file_is_found_by_its_path_or_in_the_folder_of_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "some.vec", LINES)
    monkeypatch.delenv("ARCHWISE_WEIGHTS", raising=False)
    assert find_vectors(str(path)) == path
    with pytest.raises(SourceError, match=r"no file of word vectors at some\.vec"):
        find_vectors("some.vec")
    monkeypatch.setenv("ARCHWISE_WEIGHTS", str(tmp_path))
    assert find_vectors("some.vec") == path


def test_wider_vectors_keep_their_principal_directions_and_narrower_ones_get_noughts() -> None:
    rng = np.random.default_rng(0)
    plane = rng.normal(size=(50, 2)) @ rng.normal(size=(2, 9)) + 1.0
    held = np.concatenate([np.full((2, 9), np.nan), plane]).astype(np.float32)
    narrow = fit_width(held, 2)
    assert np.isnan(narrow[:2]).all()
    apart = plane - plane.mean(axis=0)
    np.testing.assert_allclose(narrow[2:] @ narrow[2:].T, apart @ apart.T, atol=1e-3)
    wide = fit_width(held, 11)
    np.testing.assert_array_equal(wide[2:], np.pad(held[2:], ((0, 0), (0, 2))))


def test_the_vectors_are_those_of_the_numbers_and_are_not_served(tmp_path: Path) -> None:
    path = write(tmp_path / "some.vec", LINES)
    train = pl.DataFrame({"t": ["good film", "good film", "new film"]})
    need = Need(text=TextNeed(size=50, vectors=str(path)))
    assert need.key != Need(text=TextNeed(size=50)).key
    preparation = fit_preparation(train, [("t", "text")], need=need)
    state = preparation.columns[0].state
    vectors = word_vectors(preparation)
    assert vectors is not None
    names = vocabulary(state["tokenizer"])
    assert vectors[names.index("good")].tolist() == [1, 2, 3]
    served = for_serving(preparation)
    assert word_vectors(served) is None
    cells = pl.Series(["good new film"])
    assert np.array_equal(
        kind("text").apply(served.columns[0].state, cells)["tokens"], kind("text").apply(state, cells)["tokens"]
    )


def test_an_embedding_begins_from_the_vectors_that_there_are() -> None:
    torch.manual_seed(0)
    inputs = SequenceInputs(Signature((InputSpec("tokens", "int64", 4, (4,), shape=(4,)),), 2), width=3)
    assert inputs.embedding is not None
    before = inputs.embedding.weight.detach().clone()
    inputs.begin_from(np.array([[np.nan] * 3, [np.nan] * 3, [1, 2, 3], [np.nan] * 3], np.float32))
    after = inputs.embedding.weight.detach()
    assert after[2].tolist() == [1, 2, 3]
    assert torch.equal(after[[0, 1, 3]], before[[0, 1, 3]])
