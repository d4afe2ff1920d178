"""Answers for every word of a sentence, as lists beside its words, and as text."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from archwise.data.kinds.words import NAME as WORDS
from archwise.data.sentence import split_words
from archwise.data.tag_cells import OUTSIDE
from archwise.records import Array, Finding, Json

CONLL = (".conll", ".bio", ".iob", ".iob2", ".bioes", ".iobes")
_WORDS_OF_CSV = ("words", "prediction")  # columns of words that hold no blank


def words_column(columns: Sequence[tuple[str, str]]) -> str:
    """The column of sentences among (name, kind), or "" where there is none."""
    return next((name for name, kind in columns if kind == WORDS), "")


def by_word(answers: Mapping[str, Array], sentences: pl.Series, state: Mapping[str, Json]) -> pl.DataFrame:
    """Answers of every step as lists of as many as the sentences have words.

    A word behind the last that is read has the tag of no entity, or none where there is no such tag.

    Args:
        answers: prediction (N, T) and p (N, T), as the task gives them.
        sentences: (N,) as the kind `words` reads them.
        state: of the target.

    Returns:
        words: lists of text; prediction: of tags; p: of float64, null for a word that is not read.
    """
    words = [split_words(cell) for cell in sentences.fill_null("")]
    tags, shares = answers["prediction"], answers["p"]
    n_read = np.minimum((~np.isnan(shares)).sum(axis=1), [len(each) for each in words])
    rest = OUTSIDE if OUTSIDE in state["classes"] else None
    told = [[*row[:n].tolist(), *[rest] * (len(each) - n)] for row, n, each in zip(tags, n_read, words, strict=True)]
    sure = [[*row[:n].tolist(), *[None] * (len(each) - n)] for row, n, each in zip(shares, n_read, words, strict=True)]
    return pl.DataFrame(
        {"words": words, "prediction": told, "p": sure},
        schema={"words": pl.List(pl.String), "prediction": pl.List(pl.String), "p": pl.List(pl.Float64)},
    )


def find_unread(answers: pl.DataFrame, *, rows: Array | None = None) -> tuple[Finding, ...]:
    """A finding where sentences have more words than the model reads."""
    n_unread = answers["p"].list.eval(pl.element().is_null()).list.sum()
    is_cut = n_unread > 0
    if not is_cut.any():
        return ()
    first = int(is_cut.arg_max() or 0)
    row = first if rows is None else int(rows[first])
    n_read = len(answers["p"][first]) - int(n_unread[first])
    message = (
        f"{int(is_cut.sum()):,} sentences have more words than the {n_read:,} that the model reads, such as row "
        f"{row + 1}; the words behind are answered as '{OUTSIDE}': divide the sentences"
    )
    return (Finding("cut", "warning", message, n_rows=int(is_cut.sum())),)


def flat(answers: pl.DataFrame) -> pl.DataFrame:
    """Answers as CSV can hold them: words and tags with a blank between, other lists as JSON, moments without zeros."""
    told = []
    for column in answers.get_columns():
        if column.dtype == pl.List(pl.String) and column.name in _WORDS_OF_CSV:
            told.append(column.list.join(" "))
        elif isinstance(column.dtype, pl.List):
            held = [None if cell is None else cell.to_list() for cell in column]
            told.append(
                pl.Series(column.name, [cell and json.dumps(_short(cell), ensure_ascii=False) for cell in held])
            )
        elif isinstance(column.dtype, pl.Datetime):
            told.append(column.dt.to_string("%Y-%m-%d %H:%M:%S%.f" + ("%:z" if column.dtype.time_zone else "")))
        else:
            told.append(column)
    return pl.DataFrame(told)


def _short(cell: list[Json]) -> list[Json]:
    return [round(each, 4) if isinstance(each, float) else each for each in cell]


def as_conll(answers: pl.DataFrame) -> str:
    """The words and their tags, one a line with a tab between, and a blank line behind each sentence."""
    sentences = []
    for words, tags in zip(answers["words"], answers["prediction"], strict=True):
        pairs = [] if words is None or tags is None else zip(words, tags, strict=True)
        sentences.append("".join(f"{word}\t{tag}\n" for word, tag in pairs))
    return "".join(f"{sentence}\n" for sentence in sentences)
