"""Classify: which of the classes seen in training a row belongs to, and how surely."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from archwise.errors import TargetError, nearest
from archwise.records import Array, Json, Metric, Task
from archwise.tasks import scores

if TYPE_CHECKING:
    import torch

_SHARPEST, _FLATTEST = 10.0, 0.1  # factors on the logits that calibration may reach
_NAMED_LABELS = 20  # of the known labels, in a message


def encode_fit(values: pl.Series) -> dict[str, Json]:
    """Learn the classes of the training rows.

    Args:
        values: (N,) labels of any type, compared as text.

    Returns:
        classes: the labels, sorted; counts: rows of each; positive: the rarer of two, the later in a draw.

    Raises:
        TargetError: a label is missing, or there are fewer than two classes.
    """
    labels = values.cast(pl.String)
    _refuse_missing(labels)
    counted = labels.alias("label").value_counts(name="rows").sort("label")
    classes, counts = counted["label"].to_list(), counted["rows"].to_list()
    if len(classes) < 2:
        found = f"only the class '{classes[0]}'" if classes else "no row"
        raise TargetError(
            f"the target '{values.name}' has {found} among the training rows; at least two classes are needed to learn"
        )
    positive = 0 if len(classes) == 2 and counts[0] < counts[1] else 1
    return {"classes": classes, "counts": counts, "positive": positive}


def encode(state: Mapping[str, Json], values: pl.Series) -> Array:
    """Turn labels into the numbers of their classes.

    Args:
        state: from `encode_fit`.
        values: (N,) labels of any type, compared as text.

    Returns:
        (N,) int64 from 0 to K - 1.

    Raises:
        TargetError: a label is missing, or was not seen in training; the first row is named.
    """
    labels = values.cast(pl.String)
    _refuse_missing(labels)
    classes: list[str] = state["classes"]
    codes = labels.replace_strict(classes, range(len(classes)), default=None, return_dtype=pl.Int64)
    if codes.null_count():
        row = int(codes.is_null().arg_max() or 0)
        label, n_unknown = labels[row], codes.null_count()
        known = ", ".join(f"'{name}'" for name in classes[:_NAMED_LABELS])
        more = f" and {len(classes) - _NAMED_LABELS} more" if len(classes) > _NAMED_LABELS else ""
        guess = nearest(label, classes)
        raise TargetError(
            f"the target '{values.name}', row {row + 1}: the label '{label}' was not seen in training "
            f"(so {n_unknown} of {len(labels)} rows); known are {known}{more}."
            f"{guess if guess.startswith(' Did') else ''} Mend the labels or leave these rows out"
        )
    encoded: Array = codes.to_numpy(writable=True)
    return encoded


def _refuse_missing(labels: pl.Series) -> None:
    if labels.null_count():
        row = int(labels.is_null().arg_max() or 0)
        raise TargetError(
            f"the target '{labels.name}', row {row + 1}: the label is missing "
            f"(so {labels.null_count()} of {len(labels)} rows); fill it in or leave these rows out"
        )


def n_outputs(state: Mapping[str, Json]) -> int:
    """One logit for each class, for two classes too."""
    return len(state["classes"])


def head(width: int, state: Mapping[str, Json]) -> torch.nn.Module:
    """A linear head whose answer before training is the share of each class.

    Args:
        width: D of the features.
        state: from `encode_fit`.

    Source:
        Lin et al. 2017, section 3.3: the bias starts at the prior.
    """
    from archwise.blocks.head import LinearHead

    shares = np.asarray(state["counts"], dtype=np.float64)
    return LinearHead(width, tuple(np.log(shares / shares.sum()).tolist()))


def _cross_entropy(outputs: torch.Tensor, targets: torch.Tensor, options: Mapping[str, Json]) -> torch.Tensor:
    from archwise.blocks.loss import cross_entropy

    return cross_entropy(outputs, targets, options)


def _balanced_cross_entropy(outputs: torch.Tensor, targets: torch.Tensor, options: Mapping[str, Json]) -> torch.Tensor:
    from archwise.blocks.loss import balanced_cross_entropy

    return balanced_cross_entropy(outputs, targets, options)


def _focal(outputs: torch.Tensor, targets: torch.Tensor, options: Mapping[str, Json]) -> torch.Tensor:
    from archwise.blocks.loss import focal

    return focal(outputs, targets, options)


def metrics(state: Mapping[str, Json]) -> tuple[Metric, ...]:
    """Every metric of the task: for two classes the area under the curve first, for more the accuracy."""
    of_any = (
        Metric("accuracy", True, scores.accuracy),
        Metric("balanced_accuracy", True, scores.balanced_accuracy),
        Metric("f1", True, scores.f1),
        Metric("log_loss", False, scores.log_loss, "nats"),
    )
    if len(state["classes"]) > 2:
        return of_any
    return (Metric("roc_auc", True, partial(scores.roc_auc, positive=state["positive"])), *of_any)


def calibrate(state: Mapping[str, Json], outputs: Array, targets: Array) -> dict[str, Json]:
    """Find the temperature that makes the probabilities of the validation rows most likely.

    Args:
        state: from `encode_fit`.
        outputs: (N, K) logits.
        targets: (N,) int64 classes.

    Returns:
        temperature: logits are divided by it; 1.0 where no other lowers the log loss.

    Source:
        Guo et al. 2017, section 4.2.
    """
    del state  # one scalar serves any number of classes
    logits = outputs.astype(np.float64)
    if not len(targets) or not np.isfinite(logits).all():
        return {"temperature": 1.0}
    factor = _most_likely_factor(logits, targets)
    better = scores.row_log_loss(targets, factor * logits).mean() < scores.row_log_loss(targets, logits).mean()
    return {"temperature": 1.0 / factor if better else 1.0}


def _most_likely_factor(logits: Array, targets: Array) -> float:
    """The factor on the logits at which the log loss, convex in it, is least: Newton's method in a bracket."""
    low, high, factor = _FLATTEST, _SHARPEST, 1.0
    true = logits[np.arange(len(targets)), targets]
    for _ in range(50):
        shares = softmax(factor * logits)
        expected = (shares * logits).sum(axis=1)
        slope = float((expected - true).mean())
        curvature = float((shares * (logits - expected[:, None]) ** 2).sum(axis=1).mean())
        low, high = (low, factor) if slope > 0 else (factor, high)
        following = factor - slope / curvature if curvature > 0 else 0.5 * (low + high)
        if not low < following < high:
            following = 0.5 * (low + high)
        if abs(following - factor) < 1e-9 * factor:
            break
        factor = following
    return factor


def softmax(logits: Array) -> Array:
    """Probabilities of logits, in float64.

    Args:
        logits: (N, K).

    Returns:
        (N, K) float64, rows sum to 1.
    """
    raised = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    shares: Array = raised / raised.sum(axis=1, keepdims=True)
    return shares


def answers(state: Mapping[str, Json], calibration: Mapping[str, Json], outputs: Array) -> dict[str, Array]:
    """Read outputs as labels and probabilities.

    Args:
        state: from `encode_fit`.
        calibration: from `calibrate`, or empty for none.
        outputs: (N, K) logits.

    Returns:
        prediction: (N,) the most likely label; p:<class>: (N,) float64, one for each class.
    """
    shares = softmax(outputs.astype(np.float64) / calibration.get("temperature", 1.0))
    classes: list[str] = state["classes"]
    labels: dict[str, Array] = {"prediction": np.array(classes)[outputs.argmax(axis=1)]}
    return labels | {f"p:{name}": shares[:, number] for number, name in enumerate(classes)}


TASK = Task(
    name="classify",
    summary="which class a row belongs to, with a probability for each",
    needs="vector",
    stratify=True,
    encode_fit=encode_fit,
    encode=encode,
    n_outputs=n_outputs,
    head=head,
    losses={
        "cross_entropy": _cross_entropy,
        "balanced_cross_entropy": _balanced_cross_entropy,
        "focal": _focal,
    },
    metrics=metrics,
    calibrate=calibrate,
    answers=answers,
)
