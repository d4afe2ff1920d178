"""Two written models held against each other on the same labelled rows, with paired evidence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from archwise.data.open import open_table
from archwise.errors import ColumnError, UsageError
from archwise.evidence import BootstrapScores, bootstrap_scores, interval
from archwise.evidence import compare as compare_scores
from archwise.model.labelled import Labelled, read_labelled
from archwise.model.predict import Model
from archwise.records import Array, Json, Metric
from archwise.tasks import main_metric, task


def compare(left: Model, right: Model, source: object, *, group: str = "", seed: int = 0) -> dict[str, Json]:
    """Hold two models against each other on labelled rows that neither has seen.

    Only rows that both can read count. Every resample draws the same rows for both, so that what the rows have in
    common cancels in the difference.

    Args:
        left, right: of the same task and target; the metric that chose the left one decides.
        source: labelled rows, as for `evaluate`.
        group: the column whose values tell rows apart that are not independent, such as a patient.

    Returns:
        metric, greater_is_better, n_rows, n_left_out; left and right, each model with its score, low and high;
        difference (above 0 where the left one is better) with its 95 % interval low and high; tied.

    Raises:
        UsageError: the models are for other targets or tasks, or forecast.
        DataError: as for `evaluate`.
    """
    _refuse_unlike(left, right)
    both = [read_labelled(model, source) for model in (left, right)]
    places = np.intersect1d(both[0].places, both[1].places)
    rows = [rows_at(labelled, places) for labelled in both]
    groups = _groups(source, group, places)
    found = compare_rows((left, right), (rows[0], rows[1]), groups=groups, seed=seed)
    n_left_out = len(np.union1d(both[0].places, both[1].places)) - len(places) + min(e.n_left_out for e in both)
    return {**found, "n_left_out": n_left_out}


def compare_rows(
    models: tuple[Model, Model], rows: tuple[Labelled, Labelled], *, groups: Array | None = None, seed: int = 0
) -> dict[str, Json]:
    """Hold the outputs of two models for the same rows against each other; the metric of the first decides.

    Args:
        groups: (N,) of rows that are not independent.

    Returns:
        what `compare` gives, but for n_left_out.
    """
    left = models[0]
    metrics = [main_metric(task(model.facts.task), model.facts.target_state, left.facts.metric) for model in models]
    pairs = zip(models, rows, metrics, strict=True)
    scores = _side_by_side([_scores(model, each, metric, groups, seed) for model, each, metric in pairs])
    names = [str(model.folder) for model in models]
    found = compare_scores(scores, names, [(0, 1)])[0]
    sides = [
        {"model": name, "score": float(scores.point[place]), "low": low, "high": high}
        for place, name in enumerate(names)
        for low, high in [interval(scores, place)]
    ]
    return {
        "metric": metrics[0].name,
        "greater_is_better": metrics[0].greater_is_better,
        "n_rows": len(rows[0].targets),
        "left": sides[0],
        "right": sides[1],
        "difference": found.difference,
        "low": found.low,
        "high": found.high,
        "tied": found.tied,
    }


def _refuse_unlike(left: Model, right: Model) -> None:
    for model in (left, right):
        if task(model.facts.task).needs == "window":
            raise UsageError(f"{model.folder} forecasts; hold forecasts against each other by evaluate, one by one")
    facts = [(model.facts.task, model.facts.target) for model in (left, right)]
    if facts[0] != facts[1]:
        told = [
            f"{model.folder} has the task {name} of '{target}'"
            for model, (name, target) in zip((left, right), facts, strict=True)
        ]
        raise UsageError(f"{told[0]}, {told[1]}; only models of one target and task can be held against each other")


def rows_at(labelled: Labelled, places: Array) -> Labelled:
    """Those of the labelled rows that stand at some rising places of their source."""
    kept = np.searchsorted(labelled.places, places)
    return replace(labelled, targets=labelled.targets[kept], outputs=labelled.outputs[kept], places=places)


def _groups(source: object, group: str, places: Array) -> Array | None:
    if not group:
        return None
    frame = open_table(source).frame
    if group not in frame.columns:
        raise ColumnError(f"there is no column '{group}' to group rows by; the columns are {', '.join(frame.columns)}")
    return frame.get_column(group).cast(str).fill_null("").to_numpy()[places]


def _scores(model: Model, rows: Labelled, metric: Metric, groups: Array | None, seed: int) -> BootstrapScores:
    """The scores of one model as it is served; the same seed and groups draw the same rows for every model."""
    given = task(model.facts.task).served(model.facts.calibration, rows.outputs, metric)
    return bootstrap_scores(rows.targets, [given], metric, seed=seed, groups=groups)


def _side_by_side(each: list[BootstrapScores]) -> BootstrapScores:
    left_out = [scores.left_out for scores in each if scores.left_out is not None]
    return replace(
        each[0],
        point=np.concatenate([scores.point for scores in each]),
        resampled=np.concatenate([scores.resampled for scores in each], axis=1),
        left_out=np.concatenate(left_out, axis=1) if len(left_out) == len(each) else None,
    )
