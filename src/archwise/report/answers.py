"""How the answers of each task stand against the truth: the facts behind the charts of single answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from archwise.records import FORECAST, Array, Json
from archwise.report.confusion import confusion, of_each_class, of_one, rank_curves, reliability
from archwise.report.forecasts import of_forecasts
from archwise.report.rows import Rows
from archwise.tasks.calibration import brier_score, expected_calibration_error, softmax
from archwise.tasks.classify import TASK as CLASSIFY
from archwise.tasks.label_scores import sigmoid
from archwise.tasks.multilabel import TASK as MULTILABEL
from archwise.tasks.regress import TASK as REGRESS
from archwise.tasks.tag import TASK as TAG
from archwise.tasks.tag_scores import answered_like, entity_counts
from archwise.tasks.tag_set import LETTERS, OUTSIDE, tag_set

MOST_CURVES = 6  # classes with a curve of their own
MOST_DRAWN = 500  # rows that are drawn as dots
N_RANGES = 8  # of the answered number
_N_BARS = 24


def answers(rows: Rows) -> dict[str, Json]:
    """What can be told of single answers, under the name of the task."""
    return {"task": rows.task.name, "n_rows": rows.n_rows, **_BY_TASK[rows.task.name](rows)}


def answered_classes(rows: Rows) -> Array:
    """(N,) int64, the class that each row is answered, by the threshold where there is one."""
    places = {name: place for place, name in enumerate(rows.classes)}
    return np.array([places[str(name)] for name in rows.answers["prediction"]], np.int64)


def _of_classes(rows: Rows) -> dict[str, Json]:
    truth, answered, labels = rows.judged.targets, answered_classes(rows), rows.classes
    raw, shares = softmax(rows.judged.outputs), np.stack([rows.answers[f"p:{name}"] for name in labels], axis=1)
    positive = int(rows.model.facts.target_state["positive"]) if len(labels) == 2 else None
    most = np.argsort(-np.bincount(truth, minlength=len(labels)), kind="stable")[:MOST_CURVES]
    drawn = [positive] if positive is not None else sorted(most.tolist())
    curves = [rank_curves(truth == place, shares[:, place], labels[place]) for place in drawn]
    if positive is None:
        right, sure = answered == truth, (raw.max(axis=1), shares.max(axis=1))
    else:
        right, sure = truth == positive, (raw[:, positive], shares[:, positive])
    return {
        "confusion": confusion(truth, answered, labels),
        "classes": of_each_class(truth, answered, labels),
        "curves": [curve for curve in curves if curve is not None],
        "reliability": {
            "of": labels[positive] if positive is not None else "the likeliest class",
            "before": reliability(sure[0], right),
            "after": reliability(sure[1], right),
            "ece": [expected_calibration_error(each, truth) for each in (raw, shares)],
            "brier": [brier_score(each, truth) for each in (raw, shares)],
        },
    }


def _of_numbers(rows: Rows) -> dict[str, Json]:
    state = rows.model.facts.target_state
    truth = state["mean"] + state["scale"] * rows.judged.targets.astype(np.float64)
    said = rows.answers["prediction"].astype(np.float64)
    off = said - truth
    low, high = rows.answers.get("low"), rows.answers.get("high")
    drawn = np.random.default_rng(0).permutation(len(truth))[:MOST_DRAWN]
    counts, edges = np.histogram(np.clip(off, *np.quantile(off, [0.005, 0.995])), bins=_N_BARS)
    ranges = []
    for places in np.array_split(np.argsort(said, kind="stable"), min(N_RANGES, max(1, len(said) // 20))):
        told: dict[str, Json] = {
            "from": float(said[places].min()),
            "to": float(said[places].max()),
            "n": len(places),
            "mean_error": float(off[places].mean()),
            "mean_distance": float(np.abs(off[places]).mean()),
        }
        if low is not None and high is not None:
            told["held"] = float(((low[places] <= truth[places]) & (truth[places] <= high[places])).mean())
            told["width"] = float((high[places] - low[places]).mean())
        ranges.append(told)
    return {
        "points": [[float(said[row]), float(truth[row])] for row in drawn],
        "errors": {"counts": counts.tolist(), "edges": edges.tolist()},
        "quantiles": {str(level): float(np.quantile(off, level)) for level in (0.05, 0.25, 0.5, 0.75, 0.95)},
        "ranges": ranges,
        "coverage": rows.model.facts.calibration.get("coverage"),
    }


def _of_labels(rows: Rows) -> dict[str, Json]:
    truth, labels = rows.judged.targets > 0.5, rows.classes
    raw, shares = sigmoid(rows.judged.outputs.astype(np.float64)), sigmoid(rows.served.astype(np.float64))
    classes, curves = [], []
    for place, label in enumerate(labels):
        curve = rank_curves(truth[:, place], shares[:, place], label)
        found = of_one(truth[:, place], shares[:, place] >= 0.5, label)
        classes.append({**found, "auc": None if curve is None else curve["auc"]})
        curves += [curve] if curve is not None else []
    curves = sorted(curves, key=lambda curve: curve["auc"])
    return {
        "classes": classes,
        "curves": curves[:MOST_CURVES],
        "reliability": {
            "of": "all labels together",
            "before": reliability(raw.ravel(), truth.ravel()),
            "after": reliability(shares.ravel(), truth.ravel()),
        },
        "n_right": int((truth == (shares >= 0.5)).all(axis=1).sum()),
    }


def _of_tags(rows: Rows) -> dict[str, Json]:
    tags = tag_set(rows.model.facts.target_state)
    truth = rows.judged.targets
    answered = answered_like(truth, rows.served, tags)
    is_word = truth >= 0
    said, true = answered[is_word], truth[is_word]
    names = [*tags.tags, *(["another"] if (true >= len(tags.tags)).any() or (said >= len(tags.tags)).any() else [])]
    said, true = np.clip(said, 0, len(names) - 1), np.minimum(true, len(names) - 1)
    told: dict[str, Json] = {"words": int(is_word.sum()), "classes": of_each_class(true, said, names)}
    told["confusion"] = confusion(true, said, names)
    if tags.scheme:
        told["entities"] = _entities(truth, answered, rows)
    return told


def _entities(truth: Array, answered: Array, rows: Rows) -> list[dict[str, Json]]:
    """Precision, recall and F1 of the entities of each type, as whole entities are counted."""
    tags = tag_set(rows.model.facts.target_state)
    names = sorted({tag.partition("-")[2] for tag in tags.tags if tag != LETTERS[OUTSIDE]})
    found = []
    for kind, name in enumerate(names):
        only = [np.where((each >= 0) & (tags.kinds[each] != kind), tags.outside, each) for each in (truth, answered)]
        right, n_said, n_true = (int(count) for count in entity_counts(only[0], only[1], tags).sum(axis=0))
        found.append(
            {
                "label": name,
                "n": n_true,
                "precision": right / n_said if n_said else None,
                "recall": right / n_true if n_true else None,
                "f1": 2 * right / (n_said + n_true) if n_said + n_true else None,
            }
        )
    return found


_BY_TASK: Mapping[str, Callable[[Rows], dict[str, Json]]] = {
    CLASSIFY.name: _of_classes,
    REGRESS.name: _of_numbers,
    MULTILABEL.name: _of_labels,
    TAG.name: _of_tags,
    FORECAST: of_forecasts,
}
