"""Tag: which tag each word of a sentence has, such as what entity it belongs to, or its part of speech."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from archwise.errors import TargetError
from archwise.records import Array, Json, Metric, Task
from archwise.tasks import tag_scores as scores
from archwise.tasks.calibration import softmax, temperature
from archwise.tasks.loss import loss_of
from archwise.tasks.tag_set import NO_WORD, best_tags, closed, number_of, tag_set

if TYPE_CHECKING:
    import torch

BETWEEN = " "  # between the tags of a cell, as data/tag_cells.py writes them
MOST_CALIBRATED = 100_000  # words; more would not change a temperature
_MOST_SHOWN = 20


def encode_fit(values: pl.Series) -> dict[str, Json]:
    """Learn the tags of the training sentences.

    Args:
        values: (N,) cells of tags with a blank between, entities by the rules of their scheme.

    Returns:
        classes: the tags, sorted, with those that an entity of a type that is there may need; counts: words of each;
        scheme: "bio", "bioes" or "" where tags write no entities.

    Raises:
        TargetError: a cell is missing, or there are fewer than two tags.
    """
    counts = Counter(tag for cell in _cells(values) for tag in cell)
    scheme = _scheme(counts)
    tags = closed(list(counts), scheme)
    if len(tags) < 2 or len(counts) < 2:
        raise TargetError(f"the target '{values.name}' has fewer than two tags in training; there is nothing to learn")
    return {"classes": tags, "counts": [counts[tag] for tag in tags], "scheme": scheme}


def _scheme(tags: Mapping[str, int]) -> str:
    """How tags write entities, as data/tag_cells.py tells it."""
    letters = {tag[0] for tag in tags}
    is_written = all(tag == "O" or (tag[0] in "BIES" and tag[1:2] == "-" and len(tag) > 2) for tag in tags)
    if not is_written or not letters & {"B", "I", "S"}:
        return ""
    return "bioes" if letters & {"E", "S"} else "bio"


def encode(state: Mapping[str, Json], values: pl.Series) -> Array:
    """Turn tags into their numbers; those that training did not see get numbers from K on.

    Args:
        state: from `encode_fit`.
        values: (N,) cells of tags.

    Returns:
        (N, T) int64, -1 behind the last word of a sentence; T is that of the longest.

    Raises:
        TargetError: a cell is missing, or no tag was seen in training.
    """
    tags, cells = tag_set(state), _cells(values)
    numbers = {tag: number_of(tags, tag) for cell in cells for tag in cell}
    if numbers and min(numbers.values()) >= len(tags.tags):
        known = ", ".join(f"'{tag}'" for tag in tags.tags[:_MOST_SHOWN])
        raise TargetError(f"the target '{values.name}': no tag was seen in training; known are {known}. Mend the tags")
    encoded = np.full((len(cells), max((len(cell) for cell in cells), default=1)), NO_WORD, np.int64)
    for row, cell in enumerate(cells):
        encoded[row, : len(cell)] = [numbers[tag] for tag in cell]
    return encoded


def _cells(values: pl.Series) -> list[list[str]]:
    """The tags of each sentence."""
    if values.null_count():
        row = int(values.is_null().arg_max() or 0)
        raise TargetError(
            f"the target '{values.name}', row {row + 1}: the tags are missing; give each word one, or leave the row out"
        )
    return [cell.split(BETWEEN) for cell in values.to_list()]


def n_outputs(state: Mapping[str, Json]) -> int:
    """One logit for each tag, of every word."""
    return len(state["classes"])


def head(width: int, state: Mapping[str, Json]) -> torch.nn.Module:
    """A linear head for every word alike, whose answer before training is the share of each tag.

    Args:
        width: D of the features (B, T, D).
        state: from `encode_fit`.
    """
    from archwise.blocks.head import LinearHead

    counts = np.asarray(state["counts"], np.float64) + 0.5  # of a tag that training lacks too
    return LinearHead(width, tuple(np.log(counts / counts.sum()).tolist()))


def join(outputs: torch.Tensor) -> torch.Tensor:
    """Average the probabilities of an ensemble's members, word by word.

    Args:
        outputs: (B, M, T, K) logits.

    Returns:
        (B, T, K) logits of the mean probabilities.
    """
    from archwise.blocks.head import mean_probability

    n_rows, n_members, n_steps, n_tags = outputs.shape
    flat = outputs.transpose(1, 2).reshape(n_rows * n_steps, n_members, n_tags)
    return mean_probability(flat).reshape(n_rows, n_steps, n_tags)


def metrics(state: Mapping[str, Json]) -> tuple[Metric, ...]:
    """Every metric of the task: of entities first where tags write them, else of words."""
    tags = tag_set(state)
    of_words = (
        Metric("word_accuracy", True, partial(scores.word_accuracy, tags=tags), of_labels=True),
        Metric("macro_f1", True, partial(scores.macro_f1, tags=tags), of_labels=True),
        Metric("log_loss", False, partial(scores.log_loss, tags=tags), "nats"),
    )
    if not tags.scheme:
        return of_words
    return (
        Metric("entity_f1", True, partial(scores.entity_f1, tags=tags), of_labels=True),
        Metric("entity_precision", True, partial(scores.entity_precision, tags=tags), of_labels=True),
        Metric("entity_recall", True, partial(scores.entity_recall, tags=tags), of_labels=True),
        of_words[0],
        of_words[2],
    )


def calibrate(state: Mapping[str, Json], outputs: Array, targets: Array) -> dict[str, Json]:
    """Find the temperature that makes the tags of the validation words most likely.

    Args:
        state: from `encode_fit`.
        outputs: (N, T, K) logits, NaN behind the last word.
        targets: (N, T') int64 tags.

    Returns:
        temperature, by which logits are divided; empty where it cannot be found.

    Source:
        Guo et al. 2017, section 4.2, for words.
    """
    n_steps = min(outputs.shape[1], targets.shape[1])
    kept = (targets[:, :n_steps] >= 0) & (targets[:, :n_steps] < len(state["classes"]))
    logits, words = outputs[:, :n_steps][kept].astype(np.float64), targets[:, :n_steps][kept]
    if not len(words) or not np.isfinite(logits).all():
        return {}
    drawn = np.random.default_rng(0).permutation(len(words))[:MOST_CALIBRATED]
    return {"temperature": temperature(logits[drawn], words[drawn])}


def served(calibration: Mapping[str, Json], outputs: Array, metric: Metric | None = None) -> Array:
    """Logits as they are answered, (N, T, K) float64."""
    del metric  # the same for all
    logits: Array = outputs.astype(np.float64) / calibration.get("temperature", 1.0)
    return logits


def answers(state: Mapping[str, Json], calibration: Mapping[str, Json], outputs: Array) -> dict[str, Array]:
    """Read outputs as the likeliest tags that break no rule of their scheme, each with its own probability.

    Args:
        state: from `encode_fit`.
        calibration: from `calibrate`, or empty for none.
        outputs: (N, T, K) logits, NaN behind the last word.

    Returns:
        prediction: (N, T) tags, "" behind the last word; p: (N, T) float64, NaN there.
    """
    tags, logits = tag_set(state), served(calibration, outputs)
    found = best_tags(tags, logits)
    is_word = found >= 0
    shares = np.full(found.shape, np.nan)
    own = softmax(logits[is_word])
    shares[is_word] = own[np.arange(len(own)), found[is_word]]
    return {"prediction": np.array([*tags.tags, ""])[np.where(is_word, found, len(tags.tags))], "p": shares}


TASK = Task(
    name="tag",
    summary="which tag each word of a sentence has, such as the entity it belongs to",
    needs="sequence",
    stratify=False,
    encode_fit=encode_fit,
    encode=encode,
    n_outputs=n_outputs,
    head=head,
    losses={"cross_entropy": loss_of("step_cross_entropy")},
    metrics=metrics,
    calibrate=calibrate,
    answers=answers,
    served=served,
    join=join,
)
