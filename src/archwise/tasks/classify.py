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
from archwise.tasks.calibration import brier_score, calibrated, expected_calibration_error, fit_calibration, softmax
from archwise.tasks.conformal import COVERAGE, set_floor
from archwise.tasks.loss import loss_of
from archwise.tasks.threshold import best_threshold, merit, tally_at

if TYPE_CHECKING:
    import torch

ORDINAL = "ordinal"  # the loss of ordered classes
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


def aim(state: Mapping[str, Json], loss: str, classes: tuple[str, ...]) -> dict[str, Json]:
    """Put the classes into their order, where the loss asks for it.

    Args:
        state: from `encode_fit`.
        loss: of the networks.
        classes: every class of the target in its order.

    Returns:
        the state; for ordered classes with is_ordered, and classes and counts in that order.
    """
    if loss != ORDINAL:
        return dict(state)
    counts = dict(zip(state["classes"], state["counts"], strict=True))
    ordered = [name for name in classes if name in counts]
    positive = ordered.index(state["classes"][state["positive"]])
    return {
        **state,
        "classes": ordered,
        "counts": [counts[name] for name in ordered],
        "positive": positive if len(ordered) == 2 else state["positive"],
        "is_ordered": True,
    }


def n_outputs(state: Mapping[str, Json]) -> int:
    """One logit for each class, for two classes too."""
    return len(state["classes"])


def head(width: int, state: Mapping[str, Json]) -> torch.nn.Module:
    """A linear head whose answer before training is the share of each class; of ordered classes through their link.

    Args:
        width: D of the features.
        state: from `encode_fit` and `aim`; loss, the name of the loss.

    Source:
        Lin et al. 2017, section 3.3: the bias starts at the prior.
    """
    from archwise.blocks.head import LinearHead
    from archwise.blocks.link import OrderedLink

    counts = np.asarray(state["counts"], dtype=np.float64)
    if state.get("loss") != ORDINAL:
        return LinearHead(width, tuple(np.log(counts / counts.sum()).tolist()))
    beyond = counts[::-1].cumsum()[::-1][1:]  # rows of a later class than each but the last
    return LinearHead(width, tuple(np.log(beyond / counts[:-1]).tolist()), link=OrderedLink())


def join(outputs: torch.Tensor) -> torch.Tensor:
    """Average the probabilities of an ensemble's members.

    Args:
        outputs: (B, M, K) logits.

    Returns:
        (B, K) logits of the mean probabilities.
    """
    from archwise.blocks.head import mean_probability

    return mean_probability(outputs)


def metrics(state: Mapping[str, Json]) -> tuple[Metric, ...]:
    """Every metric of the task: for two classes the area under the curve first, for more the accuracy."""
    of_any: tuple[Metric, ...] = (
        Metric("accuracy", True, scores.accuracy, of_labels=True),
        Metric("balanced_accuracy", True, scores.balanced_accuracy, of_labels=True),
        Metric("f1", True, scores.f1, of_labels=True),
        Metric("log_loss", False, scores.log_loss, "nats"),
    )
    if state.get("is_ordered"):
        of_any += (
            Metric("quadratic_kappa", True, scores.quadratic_kappa, of_labels=True),
            Metric("rank_error", False, scores.rank_error, "ranks", of_labels=True),
        )
    if len(state["classes"]) > 2:
        return of_any
    return (Metric("roc_auc", True, partial(scores.roc_auc, positive=state["positive"])), *of_any)


def calibrate(state: Mapping[str, Json], outputs: Array, targets: Array) -> dict[str, Json]:
    """Make the probabilities honest and the label sets hold, from validation rows.

    Args:
        state: from `encode_fit`.
        outputs: (N, K) logits.
        targets: (N,) int64 classes.

    Returns:
        what `fit_calibration` finds; set_floor, the probability from which on a label belongs to a set; coverage, the
        share of rows whose truth a set shall hold.
    """
    del state  # the classes are known by their numbers
    found = fit_calibration(outputs, targets)
    return _with_sets(found, outputs, targets) if len(targets) else found


def _with_sets(calibration: Mapping[str, Json], outputs: Array, targets: Array) -> dict[str, Json]:
    """The calibration with the floor of label sets around the labels that it answers."""
    logits = calibrated(calibration, outputs)
    floor = set_floor(softmax(logits), _labels(calibration, logits), targets)
    return {**calibration, "set_floor": floor, "coverage": COVERAGE}


def cut(
    state: Mapping[str, Json], calibration: Mapping[str, Json], outputs: Array, targets: Array, rule: str
) -> dict[str, Json]:
    """Add the threshold that is best by a rule on the validation rows.

    Args:
        state: from `encode_fit`, of two classes.
        calibration: from `calibrate`.
        outputs: (N, 2) logits.
        targets: (N,) int64 classes.
        rule: "f1", "balanced_accuracy" or "cost:MISS:ALARM".

    Returns:
        the calibration with threshold, on the probability of the positive class; positive, its number; rule; and
        set_floor anew, for the labels that are answered now.
    """
    positive = int(state["positive"])
    shares = softmax(calibrated(calibration, outputs))[:, positive]
    found = best_threshold(shares, targets == positive, rule)
    return _with_sets({**calibration, "threshold": found, "positive": positive, "rule": rule}, outputs, targets)


def served(calibration: Mapping[str, Json], outputs: Array, metric: Metric) -> Array:
    """Outputs as a metric must see them to judge the answers: calibrated, and with the threshold where labels count."""
    logits = calibrated(calibration, outputs)
    if "threshold" not in calibration or not metric.of_labels:
        return logits
    return np.eye(2)[_labels(calibration, logits)]


def _labels(calibration: Mapping[str, Json], logits: Array) -> Array:
    """The class that is answered, (N,) int64: the likeliest, or by the threshold where there is one."""
    if "threshold" not in calibration:
        likeliest: Array = logits.argmax(axis=1)
        return likeliest
    positive: int = calibration["positive"]
    return np.where(softmax(logits)[:, positive] >= calibration["threshold"], positive, 1 - positive)


def answers(state: Mapping[str, Json], calibration: Mapping[str, Json], outputs: Array) -> dict[str, Array]:
    """Read outputs as labels and probabilities.

    Args:
        state: from `encode_fit`.
        calibration: from `calibrate` or `cut`, or empty for none.
        outputs: (N, K) logits.

    Returns:
        prediction: (N,) the most likely label, or the positive one from the threshold on; p:<class>: (N,) float64, one
        for each class.
    """
    logits = calibrated(calibration, outputs)
    shares = softmax(logits)
    classes: list[str] = state["classes"]
    labels: dict[str, Array] = {"prediction": np.array(classes)[_labels(calibration, logits)]}
    return labels | {f"p:{name}": shares[:, number] for number, name in enumerate(classes)}


def sets(state: Mapping[str, Json], calibration: Mapping[str, Json], outputs: Array) -> Array:
    """The labels that together hold the truth of nine rows of ten; the answered label is always one of them.

    Args:
        state: from `encode_fit`.
        calibration: from `calibrate` or `cut`.
        outputs: (N, K) logits.

    Returns:
        (N, K) bool.
    """
    del state  # the classes are known by their numbers
    logits = calibrated(calibration, outputs)
    held: Array = softmax(logits) >= calibration["set_floor"]
    held[np.arange(len(held)), _labels(calibration, logits)] = True
    return held


def check(
    state: Mapping[str, Json], calibration: Mapping[str, Json], outputs: Array, targets: Array
) -> dict[str, Json]:
    """Hold the answers against rows that the calibration has not seen.

    Args:
        state: from `encode_fit`.
        calibration: from `calibrate` or `cut`.
        outputs: (N, K) logits.
        targets: (N,) int64 classes.

    Returns:
        calibration: its kind; ece, brier: [before, after] it; of the sets, coverage: what they are made for,
        n_held: rows whose truth they hold, size: labels a row. With a threshold also threshold, positive (the label),
        rule, and merit: [at one half, at the threshold], of which greater is better.
    """
    raw, shares = softmax(outputs), softmax(calibrated(calibration, outputs))
    held = sets(state, calibration, outputs)
    facts: dict[str, Json] = {
        "calibration": "isotonic" if "isotonic" in calibration else "temperature",
        "ece": [expected_calibration_error(each, targets) for each in (raw, shares)],
        "brier": [brier_score(each, targets) for each in (raw, shares)],
        "coverage": calibration["coverage"],
        "n_held": int(held[np.arange(len(targets)), targets].sum()),
        "size": float(held.sum(axis=1).mean()),
    }
    if "threshold" in calibration:
        positive, rule = calibration["positive"], calibration["rule"]
        tallies = [
            tally_at(shares[:, positive], targets == positive, at) for at in (0.5, float(calibration["threshold"]))
        ]
        facts |= {
            "threshold": calibration["threshold"],
            "positive": state["classes"][positive],
            "rule": rule,
            "merit": [float(merit(tally, rule)[0]) for tally in tallies],
        }
    return facts


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
        "cross_entropy": loss_of("cross_entropy"),
        "balanced_cross_entropy": loss_of("balanced_cross_entropy"),
        "focal": loss_of("focal"),
        ORDINAL: loss_of("cross_entropy"),  # of the link's log probabilities: what CORN's conditional losses add up to
    },
    metrics=metrics,
    calibrate=calibrate,
    answers=answers,
    served=served,
    sets=sets,
    cut=cut,
    check=check,
    join=join,
    aim=aim,
    metric_of_loss={ORDINAL: "quadratic_kappa"},
)
