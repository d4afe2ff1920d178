"""Terms: the words of a text and pairs of them, or pieces of its words, each with a weight; their order is lost.

Source: Salton & Buckley 1988 (the weights), in the form of scikit-learn: 1 + ln(count), times
ln((1 + n) / (1 + n_t)) + 1 for a term of n_t of n texts, each text scaled to length 1.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np

from archwise.data.words import words_in
from archwise.records import Array, Batch, Json, TextNeed

FEWEST_TEXTS = 2  # training texts, for a term to get a number
LETTERS = (2, 5)  # of a piece of a word, its ends marked by blanks
MOST_LETTER_WORDS = 2_000  # of a text, whose pieces are read
_MOST_TERMS = 2_048  # of a text, that are kept
_MOST_CELLS = 300_000_000  # of the arrays of all training texts
_NEARLY_ALL = 0.995
_FIRST = 1  # number of the first term; 0 stands where a text has no more


def fit_terms(texts: Sequence[str], form: TextNeed) -> dict[str, Json]:
    """Learn which terms get a number and how much each weighs, from the training texts.

    Args:
        texts: of the training rows. form: unit "word" for words and pairs of words, "letter" for pieces of words.

    Returns:
        unit; terms, the most frequent first; idf: (V,) float32 weights; longest: terms of a text that are kept.
    """
    n_texts: Counter[str] = Counter()
    n_held = [1]
    for terms in _terms_of(texts, form.unit):
        held = set(terms)
        n_texts.update(held)
        n_held.append(len(held))
    often = [(-count, term) for term, count in n_texts.items() if count >= FEWEST_TEXTS]
    kept = sorted(often)[: form.size]
    counts = np.array([-count for count, _ in kept], np.float64)
    idf = np.log((1.0 + len(texts)) / (1.0 + counts)) + 1.0
    longest = form.longest or int(np.quantile(n_held, _NEARLY_ALL, method="higher"))
    most = min(_MOST_TERMS, max(128, _MOST_CELLS // max(1, len(texts))))
    return {
        "form": "terms",
        "unit": form.unit,
        "terms": [term for _, term in kept],
        "idf": idf.astype(np.float32),
        "longest": max(1, min(longest, most, len(kept) or 1)),
    }


def number_terms(state: Mapping[str, Json]) -> dict[str, int]:
    """Term -> its number."""
    return {term: number for number, term in enumerate(state["terms"], start=_FIRST)}


def apply_terms(state: Mapping[str, Json], texts: Sequence[str], known: Mapping[str, int]) -> Batch:
    """The terms of each text, the heaviest first, and their weights.

    Args:
        known: from `number_terms`.

    Returns:
        terms: (N, K) int64, 0 where a text has no more; term_weights: (N, K) float32, 0 there, of length 1 in all.
    """
    idf = np.asarray(state["idf"], np.float64)
    longest = int(state["longest"])
    numbers = np.zeros((len(texts), longest), np.int64)
    weights = np.zeros((len(texts), longest), np.float32)
    for row, terms in enumerate(_terms_of(texts, state["unit"])):
        counts = Counter(number for number in map(known.get, terms) if number is not None)
        if not counts:
            continue
        found = np.fromiter(counts.keys(), np.int64, len(counts))
        weighed = (1.0 + np.log(np.fromiter(counts.values(), np.float64, len(counts)))) * idf[found - _FIRST]
        weighed /= np.sqrt((weighed**2).sum())
        kept = np.lexsort((found, -weighed))[:longest]
        numbers[row, : len(kept)], weights[row, : len(kept)] = found[kept], weighed[kept]
    return {"terms": numbers, "term_weights": weights}


def n_numbers(state: Mapping[str, Json]) -> int:
    """How many numbers there are, that for no term with them."""
    return _FIRST + len(state["terms"])


def sparse_terms(batch: Batch) -> tuple[Array, Array, Array]:
    """The rows in compressed form, for a sparse matrix: weights, numbers of their terms, and where each row begins.

    Args:
        batch: with what `apply_terms` gives.
    """
    numbers = np.asarray(batch["terms"])
    is_term = numbers > 0
    starts: Array = np.concatenate([[0], np.cumsum(is_term.sum(axis=1))])
    return np.asarray(batch["term_weights"], np.float64)[is_term], numbers[is_term].astype(np.int64), starts


def _terms_of(texts: Sequence[str], unit: str) -> Iterator[list[str]]:
    """The terms of each text, as often as they occur."""
    for words in words_in(texts):
        yield _pieces(words[:MOST_LETTER_WORDS]) if unit == "letter" else _words_and_pairs(words)


def _words_and_pairs(words: Sequence[str]) -> list[str]:
    return [*words, *(f"{left} {right}" for left, right in pairwise(words))]


def _pieces(words: Sequence[str]) -> list[str]:
    pieces = []
    for word in words:
        marked = f" {word} "
        for length in range(LETTERS[0], LETTERS[1] + 1):
            pieces += [marked[start : start + length] for start in range(max(1, len(marked) - length + 1))]
    return pieces
