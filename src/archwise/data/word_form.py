"""What a word looks like: its case, its ends and its shape, as numbers beside the number of the word itself.

So a word that training did not see still says something: that it begins with a capital, ends in "-ville" or is a
number. Number 0 is for no word and 1 for what training saw too seldom. Source: Zhang & Johnson 2003 for such features
of names; spaCy (Honnibal & Montani 2017) for vectors of prefix, suffix and shape.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import groupby

import numpy as np

from archwise.records import Array

PADDING, UNKNOWN, FIRST = 0, 1, 2
FEWEST = 2  # words of training, for a form to have a number: so what is seen once teaches what unknown means
MOST_LEVELS = 10_000  # of one form
_MOST_REMEMBERED = 200_000  # words whose numbers are kept
_LONGEST_RUN = 4  # letters of one sort that a shape tells apart


def plain_form(word: str) -> str:
    """A word in lower case with every digit as 0: its number is looked up by this."""
    return "".join("0" if letter.isdigit() else letter for letter in word.lower())


def shape_of(word: str) -> str:
    """Each letter as X, x, d, or itself where it is none; of a long run of one sort only the begin: Xxxxx, dddd."""
    sorts = ("d" if c.isdigit() else "X" if c.isupper() else "x" if c.isalpha() else c for c in word)
    return "".join(sort * min(_LONGEST_RUN, sum(1 for _ in run)) for sort, run in groupby(sorts))


def outline_of(word: str) -> str:
    """The shape with each run as one: Xx of "London", Xx-Xx of "Rolls-Royce"."""
    return "".join(sort for sort, _ in groupby(shape_of(word)))


FORMS: Mapping[str, Callable[[str], str]] = {
    "begin": lambda word: plain_form(word[:1]),
    "prefix": lambda word: plain_form(word[:3]),
    "ending": lambda word: plain_form(word[-2:]),
    "suffix": lambda word: plain_form(word[-3:]),
    "shape": shape_of,
    "outline": outline_of,
}


def fit_levels(words: Iterable[str], size: int) -> dict[str, list[str]]:
    """Learn which words and forms get a number, the most frequent first.

    Args:
        words: of the training rows, each as often as it stands there. size: words at most, with the two numbers kept.

    Returns:
        "word" and each of FORMS -> its levels, in the order of their numbers.
    """
    counts = Counter(words)
    made = {"word": plain_form, **FORMS}
    return {name: _most_frequent(counts, make, size if name == "word" else MOST_LEVELS) for name, make in made.items()}


def _most_frequent(words: Mapping[str, int], make: Callable[[str], str], size: int) -> list[str]:
    counts: Counter[str] = Counter()
    for word, count in words.items():
        counts[make(word)] += count
    ranked = sorted(
        (level for level, count in counts.items() if count >= FEWEST), key=lambda each: (-counts[each], each)
    )
    return ranked[: max(0, size - FIRST)]


def number_words(
    sentences: Sequence[Sequence[str]], levels: Mapping[str, Sequence[str]], longest: int
) -> tuple[Array, Array]:
    """The numbers of words and of their forms.

    Args:
        sentences: words of each row; those behind the longest are left out. levels: from `fit_levels`.

    Returns:
        (N, T) int64 and (N, T, F) int64, 0 behind the last word.
    """
    number = word_numberer(levels)
    numbers = np.zeros((len(sentences), longest, len(_made(levels))), np.int64)
    for row, words in enumerate(sentences):
        if words:
            numbers[row, : min(longest, len(words))] = [number(word) for word in words[:longest]]
    return numbers[:, :, 0], numbers[:, :, 1:]


def word_numberer(levels: Mapping[str, Sequence[str]]) -> Callable[[str], tuple[int, ...]]:
    """A function from a word to its number and those of its forms, which remembers the words it has seen."""
    tables = [
        ({level: FIRST + place for place, level in enumerate(levels[name])}, make) for name, make in _made(levels)
    ]

    @lru_cache(maxsize=_MOST_REMEMBERED)
    def number(word: str) -> tuple[int, ...]:
        return tuple(table.get(make(word), UNKNOWN) for table, make in tables)

    return number


def _made(levels: Mapping[str, Sequence[str]]) -> list[tuple[str, Callable[[str], str]]]:
    """The forms that levels were learnt of, the word itself first, and how each is made."""
    return [("word", plain_form), *((name, make) for name, make in FORMS.items() if name in levels)]
