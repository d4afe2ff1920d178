"""Scores of tags: of words, and of whole entities as the scorer of CoNLL counts them.

Every function takes truth (N, T) int64, below nought behind the last word, outputs (N, T', K) with NaN behind their
last word, and weights (R, N), how often each sentence counts in each of R resamples; it gives (R,) float64. Words
behind the last output have no entity. An entity is found where its first word, its last and its type are all right.
Source: Tjong Kim Sang & De Meulder 2003, conlleval.
"""

from __future__ import annotations

import numpy as np

from archwise.records import Array
from archwise.tasks.tag_set import BEGIN, END, INSIDE, NO_WORD, OUTSIDE, SINGLE, TagSet, best_tags


def entity_f1(truth: Array, outputs: Array, weights: Array, *, tags: TagSet) -> Array:
    """Harmonic mean of precision and recall of entities; 0 where there are none."""
    right, found, true = _totals(truth, outputs, weights, tags)
    return _share(2.0 * right, found + true)


def entity_precision(truth: Array, outputs: Array, weights: Array, *, tags: TagSet) -> Array:
    """Share of the answered entities that are right; 0 where none is answered."""
    right, found, _ = _totals(truth, outputs, weights, tags)
    return _share(right, found)


def entity_recall(truth: Array, outputs: Array, weights: Array, *, tags: TagSet) -> Array:
    """Share of the true entities that are found; 0 where there are none."""
    right, _, true = _totals(truth, outputs, weights, tags)
    return _share(right, true)


def word_accuracy(truth: Array, outputs: Array, weights: Array, *, tags: TagSet) -> Array:
    """Share of the words whose tag is right."""
    answered = answered_like(truth, outputs, tags)
    is_word = truth >= 0
    per_row = np.stack([((answered == truth) & is_word).sum(axis=1), is_word.sum(axis=1)], axis=1)
    right, all_words = (weights @ per_row).T
    return _share(right, all_words)


def macro_f1(truth: Array, outputs: Array, weights: Array, *, tags: TagSet) -> Array:
    """Mean over the tags that words have of each tag's own F1, word by word."""
    answered, is_word = answered_like(truth, outputs, tags), truth >= 0
    shares, counts = [], []
    for tag in range(len(tags.tags)):
        true, found = (truth == tag) & is_word, (answered == tag) & is_word
        per_row = np.stack([(true & found).sum(axis=1), found.sum(axis=1), true.sum(axis=1)], axis=1)
        right, n_found, n_true = (weights @ per_row).T
        shares.append(_share(2.0 * right, n_found + n_true))
        counts.append(n_true > 0)
    return _share((np.stack(shares) * np.stack(counts)).sum(axis=0), np.stack(counts).sum(axis=0))


def log_loss(truth: Array, outputs: Array, weights: Array, *, tags: TagSet) -> Array:
    """Mean negative log probability of the true tags, of words whose tag training saw; infinite where no number."""
    n_steps = min(truth.shape[1], outputs.shape[1])
    targets, logits = truth[:, :n_steps], outputs[:, :n_steps].astype(np.float64)
    counts = (targets >= 0) & (targets < len(tags.tags))
    if not np.isfinite(logits[counts]).all():
        return np.full(len(weights), np.inf)
    logits = np.where(counts[:, :, None], logits, 0.0)
    highest = logits.max(axis=2)
    whole = highest + np.log(np.exp(logits - highest[:, :, None]).sum(axis=2))
    own = np.take_along_axis(logits, np.where(counts, targets, 0)[:, :, None], axis=2)[:, :, 0]
    per_row = np.stack([((whole - own) * counts).sum(axis=1), counts.sum(axis=1)], axis=1)
    total, n_words = (weights @ per_row).T
    return _share(total, n_words)


# ---------------------------------------------------------------- entities


def entity_counts(truth: Array, answered: Array, tags: TagSet) -> Array:
    """Entities of each sentence: answered right, answered, true.

    Args:
        truth, answered: (N, T) int64 tags, NO_WORD behind the last word.

    Returns:
        (N, 3) int64.
    """
    begins, ends, kinds = _entities(truth, tags)
    begins_here, ends_here, kinds_here = _entities(answered, tags)
    right = begins & begins_here & (kinds == kinds_here) & (ends == ends_here)
    return np.stack([right.sum(axis=1), begins_here.sum(axis=1), begins.sum(axis=1)], axis=1)


def _entities(numbers: Array, tags: TagSet) -> tuple[Array, Array, Array]:
    """For each word whether an entity begins, where the one of this word ends, and its type; (N, T) each."""
    outside = np.full((len(numbers), 1), NO_WORD)
    framed = np.concatenate([outside, numbers, outside], axis=1)
    letters = np.where(framed < 0, OUTSIDE, tags.letters[framed])
    kinds = np.where(framed < 0, -1, tags.kinds[framed])
    before, here, after = letters[:, :-2], letters[:, 1:-1], letters[:, 2:]
    kind = kinds[:, 1:-1]
    is_entity = here != OUTSIDE
    begins = np.isin(here, (BEGIN, SINGLE)) | (np.isin(here, (INSIDE, END)) & np.isin(before, (END, SINGLE, OUTSIDE)))
    begins |= is_entity & (kinds[:, :-2] != kind)
    ends = np.isin(here, (END, SINGLE)) | (np.isin(here, (BEGIN, INSIDE)) & np.isin(after, (BEGIN, SINGLE, OUTSIDE)))
    ends |= is_entity & (kinds[:, 2:] != kind)
    n_words = numbers.shape[1]
    places = np.where(ends, np.arange(n_words), n_words)
    return begins, np.minimum.accumulate(places[:, ::-1], axis=1)[:, ::-1], kind


def answered_like(truth: Array, outputs: Array, tags: TagSet) -> Array:
    """The answered tags in the shape of the truth, (N, T); a word without an output has no entity, or no right tag."""
    n_rows, n_steps = truth.shape
    found = best_tags(tags, outputs)[:, :n_steps]
    found = np.concatenate([found, np.full((n_rows, n_steps - found.shape[1]), NO_WORD)], axis=1)
    without = tags.outside if tags.scheme else NO_WORD - 1
    return np.where(truth < 0, NO_WORD, np.where(found < 0, without, found))


def _totals(truth: Array, outputs: Array, weights: Array, tags: TagSet) -> Array:
    """(3, R): entities answered right, answered and true, in each resample."""
    totals: Array = (weights @ entity_counts(truth, answered_like(truth, outputs, tags), tags)).T
    return totals


def _share(part: Array, whole: Array) -> Array:
    """(R,) part of the whole, 0 where there is nothing."""
    share: Array = np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)
    return share
