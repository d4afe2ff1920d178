"""What moved the tag of a word: the word itself, its spelling, and the words beside it.

In each sentence one word is looked at, one of an entity where there is any. What stands at a distance from it is drawn
from elsewhere, and the probability of the true tag is told before and after. Source: Li, Monroe & Jurafsky 2016.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import polars as pl

from archwise.data.sentence import join_words, split_words
from archwise.model.session import outputs
from archwise.model.tagged import words_column
from archwise.records import Array, Batch, Json
from archwise.report.importance import Change, affordable, measure
from archwise.report.moved import MOST_TEXTS, some_places
from archwise.report.rows import Rows, inputs_of_typed
from archwise.report.time_left import Allowed
from archwise.tasks.calibration import LEAST_SHARE, log_odds, softmax
from archwise.tasks.tag import TASK as TAG
from archwise.tasks.tag_scores import answered_like
from archwise.tasks.tag_set import tag_set

REACH = 3  # words before and after
N_DRAWN = 4  # words that take the place of one, in a sentence that is shown
MOST_WORDS = 40  # of a sentence that is shown
_TOKENS, _FORMS = "tokens", "forms"


def moved_tags(rows: Rows, allowed: Allowed) -> dict[str, Json] | None:
    """What the probability of the true tag of a word loses when something near it is changed.

    Args:
        allowed: when it must be done.

    Returns:
        as `moved_parts` tells one way of looking; None where no words are tagged, or there was no time.
    """
    if rows.task.name != TAG.name or allowed.left() <= 0:
        return None
    rows = affordable(rows, 2 * REACH + 3, allowed)
    looked = looked_at(rows)
    rows, looked = rows.part(np.flatnonzero(looked >= 0)), looked[looked >= 0]
    if not rows.n_rows:
        return None
    before = _log_shares(rows, rows.judged.outputs, looked)

    def lost(batch: Batch) -> float:
        after = _log_shares(rows, outputs(rows.model.session, batch), looked)
        return float(np.nanmean(before - after))

    changes = [Change(_name(far), partial(_other_words, rows, looked, far)) for far in range(-REACH, REACH + 1)]
    column = words_column(rows.model.facts.columns)
    batch = inputs_of_typed(rows, rows.judged.typed)
    if {_TOKENS, _FORMS} <= {name for name, *_ in rows.model.session.inputs} & set(batch):
        changes.append(Change("its spelling alone", partial(_other_of, batch, looked, _FORMS)))
        changes.append(Change("which word it is alone", partial(_other_of, batch, looked, _TOKENS)))
    found = measure(changes, lost, allowed)
    if found is None:
        return None
    told = (
        f"In each of {rows.n_rows:,} sentences one word is looked at, of an entity where there is any; what stands so "
        f"far from it gives way to a word that is drawn from all of '{column}'. The log "
        "probability is that of the true tag, in nats."
    )
    metric, score = "log probability", float(np.nanmean(before))
    return {
        "title": "What moves the tag of a word", "told": told, "in_order": False,
        "metric": metric, "score": score, "n_rows": rows.n_rows, **found,
    }  # fmt: skip


def looked_at(rows: Rows, *, seed: int = 0) -> Array:
    """(N,) int64, the word that is looked at in each sentence: drawn from those of entities, else from all; -1 of none.

    Only words whose true tag training saw are drawn.
    """
    tags, truth = tag_set(rows.model.facts.target_state), rows.judged.targets
    truth = truth[:, : rows.judged.outputs.shape[1]]
    is_word = (truth >= 0) & (truth < len(tags.tags))
    is_inside = is_word & (truth != tags.outside) if tags.scheme else is_word
    rng, found = np.random.default_rng(seed), np.full(len(truth), -1, np.int64)
    for row in range(len(truth)):
        places = np.flatnonzero(is_inside[row] if is_inside[row].any() else is_word[row])
        if len(places):
            found[row] = rng.choice(places)
    return found


def _log_shares(rows: Rows, given: Array, looked: Array) -> Array:
    """(N,) the log probability of the true tag of the words that are looked at; NaN of one that is not read."""
    every, inside = np.arange(rows.n_rows), looked < given.shape[1]
    served = rows.task.served(rows.model.facts.calibration, given, rows.metric)
    logits = served[every, np.where(inside, looked, 0)].astype(np.float64)
    shares = softmax(logits)[every, rows.judged.targets[every, looked]]
    return np.where(inside, np.log(np.maximum(shares, LEAST_SHARE)), np.nan)


def _name(far: int) -> str:
    if far == 0:
        return "the word itself"
    words = "word" if abs(far) == 1 else "words"
    return f"{abs(far)} {words} {'before' if far < 0 else 'after'}"


def _sentences(rows: Rows) -> list[list[str]]:
    column = rows.judged.typed[words_column(rows.model.facts.columns)]
    return [split_words(cell or "") for cell in column]


def _with_sentences(rows: Rows, sentences: Sequence[Sequence[str]]) -> Batch:
    name = words_column(rows.model.facts.columns)
    cells = pl.Series(name, [join_words(words) for words in sentences], dtype=pl.String)
    return inputs_of_typed(rows, rows.judged.typed.with_columns(cells))


def _other_words(rows: Rows, looked: Array, far: int, rng: np.random.Generator) -> Batch:
    """The sentences with another word so far from the one that is looked at, where they have one there."""
    sentences = _sentences(rows)
    pool = [word for words in sentences for word in words]
    for words, place in zip(sentences, looked + far, strict=True):
        if 0 <= place < len(words):
            words[place] = pool[rng.integers(len(pool))]
    return _with_sentences(rows, sentences)


def _other_of(batch: Batch, looked: Array, name: str, rng: np.random.Generator) -> Batch:
    """One input of the words that are looked at as words drawn from all have it."""
    changed, every = np.array(batch[name]), np.arange(len(looked))
    is_read = looked < changed.shape[1]
    every, looked = every[is_read], looked[is_read]
    pool = np.argwhere(np.asarray(batch[_TOKENS]) != 0)
    drawn = pool[rng.integers(len(pool), size=len(every))]
    changed[every, looked] = batch[name][drawn[:, 0], drawn[:, 1]]
    return {**batch, name: changed}


# ---------------------------------------------------------------- single sentences


def moved_words_of_tags(rows: Rows, allowed: Allowed) -> list[dict[str, Json]]:
    """Some sentences with the words weighed that moved the tag of one of them, as `some_places` picks the sentences.

    Returns:
        as `moved_words`; the weights are of the log odds of the answered tag, a mean over the words that were drawn.
        focus: the place among the pieces of the word whose tag is told.
    """
    if rows.task.name != TAG.name:
        return []
    tags = tag_set(rows.model.facts.target_state)
    looked = looked_at(rows)
    is_inside = looked >= 0
    if tags.scheme:
        own = rows.judged.targets[np.arange(rows.n_rows), np.maximum(looked, 0)]
        is_inside &= own != tags.outside
    rows, looked = rows.part(np.flatnonzero(is_inside)), looked[is_inside]
    rng, pool = np.random.default_rng(0), [word for words in _sentences(rows) for word in words]
    found: list[dict[str, Json]] = []
    for place, picked in some_places(rows, MOST_TEXTS):
        if allowed.left() <= 0 or not 0 <= looked[place] < MOST_WORDS:
            continue
        one, focus = rows.part(np.array([place])), int(looked[place])
        words = _sentences(one)[0]
        said = int(answered_like(one.judged.targets, one.served, tags)[0, focus])
        others = [at for at in range(min(len(words), MOST_WORDS)) if at != focus]
        if not 0 <= said < len(tags.tags) or not others:
            continue
        variants = [
            words,
            *(_with_word(words, at, pool[rng.integers(len(pool))]) for at in others for _ in range(N_DRAWN)),
        ]
        odds = _log_odds(one.part(np.zeros(len(variants), np.int64)), variants, focus, said)
        falls = odds[0] - odds[1:].reshape(len(others), N_DRAWN).mean(axis=1)
        most = float(np.abs(falls).max()) or 1.0
        weights = dict(zip(others, falls / most, strict=True))
        pieces: list[list[Json]] = []
        for at, word in enumerate(words[:MOST_WORDS]):
            pieces += [[word, round(float(weights[at]), 3) if at in weights else None], [" ", None]]
        true = int(one.judged.targets[0, focus])
        told = {"picked": picked, "said": tags.tags[said], "true": tags.tags[true], "of": f"“{words[focus]}”"}
        found.append({**told, "pieces": pieces, "focus": 2 * focus})
    return found


def _with_word(words: Sequence[str], place: int, word: str) -> list[str]:
    return [*words[:place], word, *words[place + 1 :]]


def _log_odds(rows: Rows, variants: Sequence[Sequence[str]], focus: int, tag: int) -> Array:
    """(N,) the log odds of a tag of one word in variants of a sentence."""
    given = outputs(rows.model.session, _with_sentences(rows, variants))
    served = rows.task.served(rows.model.facts.calibration, given, rows.metric)
    return log_odds(softmax(served[:, focus].astype(np.float64))[:, tag])
