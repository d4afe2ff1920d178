"""Multilabel: which labels a row has, any number of them, each with its own probability."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from archwise.errors import TargetError
from archwise.records import Array, Json, Metric, Task
from archwise.tasks import label_scores as scores
from archwise.tasks.calibration import temperature
from archwise.tasks.loss import loss_of

if TYPE_CHECKING:
    import torch

SEPARATOR = ";"  # between the labels of a cell, as data/label_set.py writes them


def encode_fit(values: pl.Series) -> dict[str, Json]:
    """Learn the labels of the training rows.

    Args:
        values: (N,) cells of labels, such as `red;round`; `;` alone is a row without any.

    Returns:
        labels, sorted; counts: rows that have each; n_rows: N.

    Raises:
        TargetError: a cell is missing, or no row has a label.
    """
    cells = _cells(values)
    counts = Counter(label for held in cells for label in held)
    if not counts:
        raise TargetError(f"the target '{values.name}' has no label in any training row; there is nothing to learn")
    labels = sorted(counts)
    return {"labels": labels, "counts": [counts[label] for label in labels], "n_rows": len(cells)}


def encode(state: Mapping[str, Json], values: pl.Series) -> Array:
    """Mark which labels each row has; a label that training lacked is left out.

    Args:
        state: from `encode_fit`.
        values: (N,) cells of labels.

    Returns:
        (N, K) float32, 1 where the row has the label, else 0.

    Raises:
        TargetError: a cell is missing, or labels are there and training saw none of them.
    """
    places = {label: place for place, label in enumerate(state["labels"])}
    cells = _cells(values)
    found = [(row, places[label]) for row, held in enumerate(cells) for label in held if label in places]
    if not found and any(cells):
        known = ", ".join(f"'{label}'" for label in state["labels"][:20])
        raise TargetError(
            f"the target '{values.name}': none of its labels was seen in training; known are {known}. Mend the labels"
        )
    encoded = np.zeros((len(cells), len(places)), np.float32)
    if found:
        rows, columns = zip(*found, strict=True)
        encoded[np.array(rows), np.array(columns)] = 1.0
    return encoded


def _cells(values: pl.Series) -> list[set[str]]:
    """The labels of each row."""
    if values.null_count():
        row = int(values.is_null().arg_max() or 0)
        raise TargetError(
            f"the target '{values.name}', row {row + 1}: the labels are missing; write ';' for a row without any, or "
            "leave the row out"
        )
    return [{label for part in cell.split(SEPARATOR) if (label := part.strip())} for cell in values.to_list()]


def n_outputs(state: Mapping[str, Json]) -> int:
    """One logit for each label."""
    return len(state["labels"])


def head(width: int, state: Mapping[str, Json]) -> torch.nn.Module:
    """A linear head whose answer before training is the share of rows that have each label.

    Args:
        width: D of the features.
        state: from `encode_fit`.
    """
    from archwise.blocks.head import LinearHead

    counts = np.asarray(state["counts"], np.float64)
    return LinearHead(width, tuple(np.log((counts + 0.5) / (state["n_rows"] - counts + 0.5)).tolist()))


def join(outputs: torch.Tensor) -> torch.Tensor:
    """Average the probabilities of an ensemble's members, label by label.

    Args:
        outputs: (B, M, K) logits.

    Returns:
        (B, K) logits of the mean probabilities.
    """
    import torch.nn.functional as F

    return F.logsigmoid(outputs).logsumexp(dim=1) - F.logsigmoid(-outputs).logsumexp(dim=1)


def metrics(state: Mapping[str, Json]) -> tuple[Metric, ...]:
    """Every metric of the task, the mean area under the curve of the labels first."""
    del state  # the same for any labels
    return (
        Metric("macro_auc", True, scores.macro_auc),
        Metric("micro_f1", True, scores.micro_f1),
        Metric("subset_accuracy", True, scores.subset_accuracy),
        Metric("hamming_loss", False, scores.hamming_loss),
        Metric("log_loss", False, scores.label_log_loss, "nats"),
    )


def calibrate(state: Mapping[str, Json], outputs: Array, targets: Array) -> dict[str, Json]:
    """Find the temperature of each label that makes the validation rows most likely.

    Args:
        state: from `encode_fit`.
        outputs: (N, K) logits.
        targets: (N, K) of 0 and 1.

    Returns:
        temperatures: K, by which logits are divided.

    Source:
        Guo et al. 2017, section 4.2, for each label as two classes.
    """
    del state  # labels are known by their places
    if not len(targets) or not np.isfinite(outputs).all():
        return {}
    pairs = (np.stack([0.0 * logits, logits], axis=1) for logits in outputs.astype(np.float64).T)
    return {
        "temperatures": [temperature(pair, held.astype(np.int64)) for pair, held in zip(pairs, targets.T, strict=True)]
    }


def served(calibration: Mapping[str, Json], outputs: Array, metric: Metric | None = None) -> Array:
    """Logits as they are answered, (N, K) float64."""
    del metric  # the same for all
    logits = outputs.astype(np.float64)
    return logits / np.array(calibration["temperatures"]) if "temperatures" in calibration else logits


def answers(state: Mapping[str, Json], calibration: Mapping[str, Json], outputs: Array) -> dict[str, Array]:
    """Read outputs as labels and probabilities.

    Args:
        state: from `encode_fit`.
        calibration: from `calibrate`, or empty for none.
        outputs: (N, K) logits.

    Returns:
        prediction: (N,) the labels with a probability of one half or more, joined by `;`; p:<label>: (N,) float64.
    """
    logits = served(calibration, outputs)
    labels = np.array(state["labels"], dtype=object)
    joined = np.array([SEPARATOR.join(labels[row]) for row in logits >= 0], dtype=object).astype(str)
    shares = scores.sigmoid(logits)
    return {"prediction": joined} | {f"p:{label}": shares[:, place] for place, label in enumerate(labels)}


TASK = Task(
    name="multilabel",
    summary="which labels a row has, any number of them, each with its probability",
    needs="vector",
    stratify=False,
    encode_fit=encode_fit,
    encode=encode,
    n_outputs=n_outputs,
    head=head,
    losses={"binary_cross_entropy": loss_of("binary_cross_entropy")},
    metrics=metrics,
    calibrate=calibrate,
    answers=answers,
    served=served,
    join=join,
)
