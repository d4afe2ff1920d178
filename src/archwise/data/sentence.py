"""Sentences as cells: the words of a row, or their tags, one after the other with a blank between.

A cell is a list of words, or text that is cut at its blanks. Either becomes text in which each word stands alone: a
blank inside a word becomes one that does not break, and a word of nothing is such a blank too, so that a cell never
has more or fewer words than its list.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import polars as pl

BETWEEN = " "
NO_BREAK = "\u00a0"
MOST_WORDS = 10_000  # of a sentence; more are a file whose blank lines are missing
_BLANKS = re.compile(r"[ \t\r\n\f\v]+")


def join_words(words: Iterable[object]) -> str:
    """A list of words as one cell; what is missing among them is a word of nothing."""
    return BETWEEN.join(_BLANKS.sub(NO_BREAK, "" if word is None else str(word)) or NO_BREAK for word in words)


def split_words(cell: str) -> list[str]:
    """The words of a cell that `parse_sentences` gave."""
    return cell.split(BETWEEN) if cell else []


def is_listed(values: pl.Series) -> bool:
    """Whether the cells are lists of plain values."""
    return isinstance(values.dtype, pl.List | pl.Array) and not values.dtype.inner.is_nested()


def parse_sentences(values: pl.Series) -> pl.Series:
    """Cells of lists or of text as text with one blank between words, (N,) String; null where there is no word."""
    cells: list[str | None]
    if is_listed(values):
        cells = [None if held is None else join_words(held) for held in values.to_list()]
    else:
        texts = values.cast(pl.String, strict=False).to_list()
        cells = [None if text is None else _BLANKS.sub(BETWEEN, text).strip(BETWEEN) for text in texts]
    return pl.Series(values.name, [cell or None for cell in cells], dtype=pl.String)


def count_words(sentences: pl.Series) -> pl.Series:
    """How many words each cell of `parse_sentences` has; a missing one has none."""
    return (sentences.str.count_matches(BETWEEN, literal=True) + 1).fill_null(0)
