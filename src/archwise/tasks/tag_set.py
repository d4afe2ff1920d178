"""Tags as numbers: which of them begin, go on with and end entities, and the best sequence of tags that breaks no rule.

Numbers from K on are tags that training did not see, which no model can answer but a score must count; below nought
there is no word. Source: Viterbi 1967; Ratinov & Roth 2009 for the schemes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from archwise.records import Array, Json

OUTSIDE, BEGIN, INSIDE, END, SINGLE = range(5)
NO_WORD = -1
LETTERS = "OBIES"
IMPOSSIBLE = -1e30  # of a step that breaks a rule: no sum of real logits is as low


@dataclass(frozen=True)
class TagSet:
    """The K tags of a model.

    tags: their names. scheme: "bio", "bioes", or "" where they write no entities.
    letters: (K + 5,) OUTSIDE to SINGLE of each tag, then of a tag that training did not see, one for each letter.
    kinds: (K + 5,) number of the type of its entity, -1 for none; types that training did not see share one.
    """

    tags: tuple[str, ...]
    scheme: str
    letters: Array
    kinds: Array

    @property
    def outside(self) -> int:
        """The number of the tag of words that belong to no entity."""
        return self.tags.index("O")


def tag_set(state: Mapping[str, Json]) -> TagSet:
    """The tags of a target state."""
    tags, scheme = tuple(state["classes"]), str(state["scheme"])
    if not scheme:
        return TagSet(tags, scheme, np.zeros(len(tags) + 5, np.int64), np.full(len(tags) + 5, -1))
    kinds = sorted({tag.partition("-")[2] for tag in tags if tag != "O"})
    of_tag = [-1 if tag == "O" else kinds.index(tag.partition("-")[2]) for tag in tags]
    letters = [LETTERS.index(tag[0]) for tag in tags]
    unseen = [-1, *[len(kinds)] * 4]
    return TagSet(tags, scheme, np.array([*letters, *range(5)]), np.array([*of_tag, *unseen]))


def number_of(tags: TagSet, tag: str) -> int:
    """The number of a tag, also where training did not see it."""
    if tag in tags.tags:
        return tags.tags.index(tag)
    return len(tags.tags) + (LETTERS.index(tag[0]) if tags.scheme and tag[0] in LETTERS else 0)


def allowed_steps(tags: TagSet) -> tuple[Array, Array, Array]:
    """Which tags may follow which by the rules of the scheme.

    Returns:
        (K, K) bool, whether the tag of the column may follow that of the row; (K,) bool, whether it may stand first;
        (K,) bool, whether it may stand last.
    """
    n_tags = len(tags.tags)
    letters, kinds = tags.letters[:n_tags], tags.kinds[:n_tags]
    if not tags.scheme:
        return np.ones((n_tags, n_tags), bool), np.ones(n_tags, bool), np.ones(n_tags, bool)
    goes_on = np.isin(letters, (INSIDE, END))
    is_open = np.isin(letters, (BEGIN, INSIDE))  # an entity whose next word may belong to it, and in BIOES must
    same = kinds[:, None] == kinds[None, :]
    into = is_open[:, None] & goes_on[None, :] & same
    afresh = ~goes_on[None, :] & (~is_open[:, None] if tags.scheme == "bioes" else np.ones((n_tags, 1), bool))
    last = ~is_open if tags.scheme == "bioes" else np.ones(n_tags, bool)
    steps: Array = into | afresh
    return steps, ~goes_on, last


def best_tags(tags: TagSet, outputs: Array) -> Array:
    """The likeliest sequence of tags of each row that breaks no rule.

    Args:
        outputs: (N, T, K) logits, NaN behind the last word.

    Returns:
        (N, T) int64, NO_WORD behind the last word.
    """
    is_word = ~np.isnan(outputs[:, :, 0])
    logits = np.where(is_word[:, :, None], outputs, 0.0)
    found = np.where(is_word, logits.argmax(axis=2), NO_WORD)
    if not tags.scheme:
        return found
    step, first, last = allowed_steps(tags)
    n_words = is_word.sum(axis=1)
    rows = np.flatnonzero(~_keeps_rules(found, n_words, step, first=first, last=last))
    for some in np.array_split(rows, max(1, len(rows) // 1_000)):
        if len(some):
            found[some] = _viterbi(logits[some], is_word[some], step, first=first, last=last)
    return found


def _keeps_rules(found: Array, n_words: Array, step: Array, *, first: Array, last: Array) -> Array:
    """(N,) bool, whether the tags (N, T) break no rule."""
    rows = np.arange(len(found))
    pairs = step[found[:, :-1], found[:, 1:]] | (found[:, 1:] == NO_WORD)
    ends = found[rows, np.maximum(n_words - 1, 0)] if found.shape[1] else np.zeros(len(found), np.int64)
    begins = found[:, 0] if found.shape[1] else ends
    keeps: Array = pairs.all(axis=1) & ((n_words == 0) | (first[begins] & last[ends]))
    return keeps


def _viterbi(logits: Array, is_word: Array, step: Array, *, first: Array, last: Array) -> Array:
    """(N, T) int64 tags of the greatest sum of logits (N, T, K) that breaks no rule."""
    n_rows, n_steps, n_tags = logits.shape
    barred = np.where(step, 0.0, IMPOSSIBLE)
    best = logits[:, 0].astype(np.float64) + np.where(first, 0.0, IMPOSSIBLE)
    came_from = np.zeros((n_rows, n_steps, n_tags), np.int32)
    for place in range(1, n_steps):
        paths = best[:, :, None] + barred[None]  # (N, from, to)
        before = paths.argmax(axis=1)
        reached = np.take_along_axis(paths, before[:, None], axis=1)[:, 0] + logits[:, place]
        goes_on = is_word[:, place, None]
        came_from[:, place] = np.where(goes_on, before, np.arange(n_tags))
        best = np.where(goes_on, reached, best)
    found = np.empty((n_rows, n_steps), np.int64)
    found[:, -1] = (best + np.where(last, 0.0, IMPOSSIBLE)).argmax(axis=1)
    rows = np.arange(n_rows)
    for place in range(n_steps - 1, 0, -1):
        found[:, place - 1] = came_from[rows, place, found[:, place]]
    return np.where(is_word, found, NO_WORD)


def closed(tags: Sequence[str], scheme: str) -> list[str]:
    """Tags with those that training lacks of a type that it has, so that any entity of the type can be written."""
    if not scheme:
        return sorted(tags)
    letters = "BIES" if scheme == "bioes" else "BI"
    kinds = {tag.partition("-")[2] for tag in tags if tag != "O"}
    return sorted({"O", *(f"{letter}-{kind}" for kind in kinds for letter in letters)})
