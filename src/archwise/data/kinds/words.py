"""Words: a sentence that is cut into words already, each of which keeps its place."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from archwise.data.kinds.text import apply_text, fit_text, spec_text
from archwise.data.sentence import MOST_WORDS, count_words, parse_sentences, split_words
from archwise.data.word_form import FIRST, fit_levels, number_words
from archwise.data.word_vectors import find_vectors, read_vectors
from archwise.records import Array, Batch, Guess, Json, Kind, Need, Scalar, Widths

NAME = "words"
ROOM = 2  # times the longest training sentence are read of a new one
LEAST_READ, MOST_READ = 64, 1_024  # words


def sniff_words(values: pl.Series) -> Guess:
    """Nothing: a sentence in cells is told from a text by its tags alone, or by the user."""
    del values
    return Guess(NAME, 0.0, "words are told by their tags, or by --kind")


def parse_words(values: pl.Series) -> tuple[pl.Series, Array]:
    """Read lists of words, or text that is cut at its blanks; too many words are a bad cell."""
    if values.dtype.is_nested() and not isinstance(values.dtype, pl.List | pl.Array):
        return pl.Series(values.name, [None] * len(values), dtype=pl.String), values.is_not_null().to_numpy()
    cells = parse_sentences(values)
    is_long = count_words(cells) > MOST_WORDS
    return cells.set(is_long, None) if is_long.any() else cells, is_long.to_numpy()


def summarise_words(typed: pl.Series) -> dict[str, Scalar]:
    """Words of a sentence on average, and of the longest."""
    counts = count_words(typed.drop_nulls())
    if counts.is_empty():
        return {}
    mean, longest = float(counts.to_numpy().mean()), int(counts.to_numpy().max())
    return {"words": mean, "usual": longest, "longest": longest, "cut": 0.0}


def fit_words(typed: pl.Series, need: Need) -> dict[str, Json]:
    """Learn which words and forms have a number, and how many words of a sentence are read.

    Returns:
        levels, longest and, where they are asked for, the words' vectors; of terms, and for a published encoder,
        what `fit_text` gives; nothing where no texts are asked.
    """
    if need.text is None or need.text.form == "terms" or need.text.encoder:
        return fit_text(typed, need)
    sentences = [split_words(cell) for cell in typed.drop_nulls()]
    most = max((len(words) for words in sentences), default=1)
    longest = need.text.longest or min(MOST_READ, max(LEAST_READ, ROOM * most))
    levels = fit_levels((word for words in sentences for word in words), need.text.size)
    state: dict[str, Json] = {"levels": levels, "longest": longest}
    if need.text.vectors:
        state["vectors"] = read_vectors(find_vectors(need.text.vectors), [*[""] * FIRST, *levels["word"]])
    return state


def spec_words(state: Mapping[str, Json]) -> Widths:
    """Inputs `tokens`, a number a word, and `forms`, what each word looks like."""
    if "levels" not in state:
        return spec_text(state)
    longest, sizes = int(state["longest"]), {name: FIRST + len(held) for name, held in state["levels"].items()}
    of_words = sizes.pop("word")
    return {"tokens": ((longest,), (of_words,)), "forms": ((longest, len(sizes)), tuple(sizes.values()))}


def apply_words(state: Mapping[str, Json], typed: pl.Series) -> Batch:
    """The numbers of words (N, T) and of their forms (N, T, F), int64, 0 behind the last word."""
    if "levels" not in state:
        return apply_text(state, typed)
    sentences = [split_words(cell) for cell in typed.fill_null("")]
    tokens, forms = number_words(sentences, state["levels"], int(state["longest"]))
    return {"tokens": np.ascontiguousarray(tokens), "forms": np.ascontiguousarray(forms)}


KIND = Kind(
    name=NAME,
    summary="sentences that are cut into words: lists, or words between blanks; each word can be tagged",
    sniff=sniff_words,
    parse=parse_words,
    summarise=summarise_words,
    fit=fit_words,
    spec=spec_words,
    apply=apply_words,
    like="text",
)
