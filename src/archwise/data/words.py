"""Texts become words, and words become numbers: normalised, cut apart and looked up by the tokenizers library.

A tokenizer is the JSON text that the library writes: nothing is pickled, and the same text gives the same numbers in
training and in serving. Number 0 is kept for padding and 1 for what training did not see; no text can write either.
Which numbers a training gives does not depend on the threads or on the order of a hash map.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from archwise.records import Array

if TYPE_CHECKING:
    from tokenizers import Tokenizer

PADDING, UNKNOWN = 0, 1
MOST_LETTERS = 50_000  # of a text that are read
FEWEST_TIMES = 2  # that a word or a pair of pieces occurs, to get a number: from the others the unknown is learnt
_SPECIAL = ("[padding]", "[unknown]")  # their names in the vocabulary; the library cuts such a text apart
_AT_ONCE = 10_000  # texts
_LARGEST_ALPHABET = 1_000
_CONTROL = r"[\p{C}&&[^\n\t\r]]"  # control characters, and marks that are not seen
_LONE = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"  # scripts without blanks between words
_WORDS = rf"\d+(?:[.,]\d+)*|[{_LONE}]|[\w&&[^{_LONE}]]+(?:['’][\w&&[^{_LONE}]]+)*|[^\s\w]"
_PIECES = (
    r" ?\d+(?:[.,]\d+)*| ?\w+(?:['’]\w+)*| ?[^\s\w]"  # with the blank before them, so that a word's start is known
)


def fit_words(texts: Sequence[str], *, size: int) -> str:
    """Learn which words get a number: the most frequent, of those that occur twice or more.

    Args:
        texts: of the training rows. size: of the vocabulary at most, with padding and the unknown.

    Returns:
        the tokenizer, as JSON.
    """
    from tokenizers import Regex, Tokenizer, pre_tokenizers
    from tokenizers.models import WordLevel
    from tokenizers.trainers import WordLevelTrainer

    words = Tokenizer(WordLevel(unk_token=_SPECIAL[UNKNOWN]))
    words.normalizer = _normaliser()
    words.pre_tokenizer = pre_tokenizers.Split(Regex(_WORDS), behavior="removed", invert=True)
    trainer = WordLevelTrainer(
        vocab_size=max(size, len(_SPECIAL)),
        min_frequency=FEWEST_TIMES,
        special_tokens=list(_SPECIAL),
        show_progress=False,
    )
    words.train_from_iterator(_shortened(texts), trainer)
    return _without_special(words)


def fit_pieces(texts: Sequence[str], *, size: int) -> str:
    """Learn the pieces of words that occur most, so that a word that training did not see is read by its pieces.

    Args:
        texts, size: as for `fit_words`.

    Source:
        Sennrich, Haddow & Birch 2016 (byte pair encoding).
    """
    from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers
    from tokenizers.models import BPE
    from tokenizers.trainers import BpeTrainer

    pieces = Tokenizer(BPE(unk_token=_SPECIAL[UNKNOWN], fuse_unk=True))
    blanks = [normalizers.Replace(Regex(r"\s+"), " "), normalizers.Prepend(" ")]
    pieces.normalizer = normalizers.Sequence([_normaliser(), *blanks])
    pieces.pre_tokenizer = pre_tokenizers.Split(Regex(_PIECES), behavior="removed", invert=True)
    trainer = BpeTrainer(
        vocab_size=max(size, len(_SPECIAL)),
        min_frequency=FEWEST_TIMES,
        limit_alphabet=min(_LARGEST_ALPHABET, max(1, size // 2)),
        special_tokens=list(_SPECIAL),
        show_progress=False,
    )
    pieces.train_from_iterator(_shortened(texts), trainer)
    return _without_special(pieces)


def encode(tokenizer: str, texts: Sequence[str]) -> Iterator[list[int]]:
    """The numbers of the words of each text, with the special tokens that the tokenizer itself puts around them.

    Args:
        tokenizer: from `fit_words` or `fit_pieces`, which have none, or that of a published encoder.
    """
    opened = open_tokenizer(tokenizer)
    for start in range(0, len(texts), _AT_ONCE):
        part = [text[:MOST_LETTERS] for text in texts[start : start + _AT_ONCE]]
        for found in opened.encode_batch_fast(part, add_special_tokens=True):  # of those learnt here there are none
            yield found.ids


def vocabulary_size(tokenizer: str) -> int:
    """How many numbers there are, padding and the unknown with them."""
    return int(open_tokenizer(tokenizer).get_vocab_size())


def vocabulary(tokenizer: str) -> list[str]:
    """The words, or the pieces without the blank before them, by their numbers; padding and the unknown are empty."""
    opened = open_tokenizer(tokenizer)
    named = {number: name for name, number in opened.get_vocab().items()}
    return ["" if number <= UNKNOWN else named[number].strip() for number in range(len(named))]


@lru_cache(maxsize=16)
def open_tokenizer(tokenizer: str) -> Tokenizer:
    """The tokenizer of the library, opened once; what a text says is never read as a special token."""
    from tokenizers import Tokenizer

    opened = Tokenizer.from_str(tokenizer)
    opened.encode_special_tokens = True
    return opened


def words_in(texts: Sequence[str]) -> Iterator[list[str]]:
    """The words of each text, normalised, in their order."""
    normaliser, cutter = _splitter()
    for text in texts:
        yield [word for word, _ in cutter.pre_tokenize_str(normaliser.normalize_str(text[:MOST_LETTERS]))]


def word_cutter() -> str:
    """What cuts texts as `words_in` does, as JSON of the library; its numbers mean nothing."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel

    cutter = Tokenizer(WordLevel({_SPECIAL[UNKNOWN]: 0}, unk_token=_SPECIAL[UNKNOWN]))
    cutter.normalizer, cutter.pre_tokenizer = _splitter()
    return str(cutter.to_str())


def pad(rows: Sequence[Sequence[int]], longest: int, *, padding: int = PADDING) -> Array:
    """Numbers of words as one array, (N, longest) int64: what is longer is cut, what is shorter ends in 0.

    Args:
        padding: the tokenizer's own number for it, which changes places with 0.
    """
    padded = np.full((len(rows), longest), padding, np.int64)
    for place, row in enumerate(rows):
        kept = row[:longest]
        padded[place, : len(kept)] = kept
    return padded if padding == PADDING else np.where(padded == padding, 0, np.where(padded == 0, padding, padded))


@lru_cache(maxsize=1)
def _splitter() -> tuple[Any, Any]:
    from tokenizers import Regex, pre_tokenizers

    return _normaliser(), pre_tokenizers.Split(Regex(_WORDS), behavior="removed", invert=True)


def _normaliser() -> Any:
    """Letters in one form and case, nothing that is not seen; what stands for the same word becomes the same."""
    from tokenizers import Regex, normalizers

    return normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(_CONTROL), ""), normalizers.Lowercase()])


def _shortened(texts: Sequence[str]) -> Iterator[str]:
    return (text[:MOST_LETTERS] for text in texts)


def _without_special(tokenizer: Tokenizer) -> str:
    """Its JSON, in which padding and the unknown have a number but are found in no text."""
    written = json.loads(tokenizer.to_str())
    written["added_tokens"] = []
    kind: Literal["vocab"] = "vocab"
    assert [written["model"][kind][name] for name in _SPECIAL] == [PADDING, UNKNOWN]  # as the trainers number them
    return json.dumps(written, ensure_ascii=False, sort_keys=True)
