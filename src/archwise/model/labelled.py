"""Labelled rows: what a model answers them beside what is true, and its scores on them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from archwise.data.bad import refuse_too_many_bad
from archwise.data.finding import join_findings
from archwise.data.label_set import join_in_table
from archwise.data.look import target_values
from archwise.data.open import open_table
from archwise.data.padding import join_steps
from archwise.data.target import CLASSIFY
from archwise.errors import TargetError
from archwise.evidence import bootstrap_scores, interval
from archwise.model.piece import pieces_of, rows_at_once
from archwise.model.predict import Model, read_table
from archwise.model.session import outputs
from archwise.records import Array, ColumnProfile, Finding, Json, Metric, Profile
from archwise.tasks import main_metric, task


@dataclass(frozen=True)
class Labelled:
    """The rows of a table whose cells and target can be read.

    targets: (N,) encoded. outputs: (N, K) of the model. n_left_out: rows that cannot be read or have no target.
    places: (N,) of each among the rows of the source that are not set aside.
    typed: the columns that the model reads, as their kinds type them.
    """

    targets: Array
    outputs: Array
    n_left_out: int
    findings: tuple[Finding, ...]
    places: Array
    typed: pl.DataFrame


def read_labelled(model: Model, source: object) -> Labelled:
    """The targets and the outputs of labelled rows, for any metric to judge.

    Raises:
        SourceError, ColumnError, DataError: as for `predict`.
        TargetError: a label that training did not see, or no row with a label.
    """
    facts = model.facts
    opened = join_in_table(open_table(source), facts.target, task=facts.task)
    classes = tuple(facts.target_state.get("classes", ()))
    read = tuple(ColumnProfile(name, kind, "as at training", True, 0, 0) for name, kind in facts.columns)
    asked = Profile(opened.source, opened.frame.height, read, facts.target, facts.task, "as at training", classes)
    parts, places, n_left_out, n_before = [], [], 0, 0
    labels: list[pl.Series] = []
    is_bad: list[Array] = []
    typed: list[pl.DataFrame] = []
    for piece in pieces_of(opened, rows_at_once(model.preparation)):
        rows = read_table(model, piece, source)
        values, is_lost = target_values(rows.table.frame, asked)
        kept = ~(rows.parsed.bad | is_lost)
        batch = {name: array[kept] for name, array in rows.batch.items()}
        n_left_out += int((~kept).sum()) + len(piece.set_aside)
        places.append(n_before + np.flatnonzero(kept))
        n_before += len(kept)
        labels += [values, pl.Series([None] * len(piece.set_aside), dtype=values.dtype)]
        is_bad.append(rows.is_bad)
        typed.append(rows.parsed.frame.filter(pl.Series(kept)))
        parts.append((values.filter(pl.Series(kept)), outputs(model.session, batch), rows.findings))
    findings = join_findings([finding for _, _, found in parts for finding in found])
    told = pl.concat(labels) if facts.task == CLASSIFY else None
    refuse_too_many_bad(np.concatenate(is_bad), findings, classes=told)
    truth = pl.concat([values for values, _, _ in parts])
    if not len(truth):
        raise TargetError(f"{opened.source}: no row has a '{facts.target}' that can be read; add labelled rows")
    targets = task(model.facts.task).encode(facts.target_state, truth)
    given = join_steps([outputs_of for _, outputs_of, _ in parts])
    return Labelled(targets, given, n_left_out, findings, np.concatenate(places), pl.concat(typed))


def read_typed(model: Model, source: object, *, most_rows: int) -> tuple[pl.DataFrame, Array]:
    """The rows of a source that can be read, or as many of them evenly drawn, as values of the kinds of their columns.

    Returns:
        the rows, and the place of each among the rows of the source that are not set aside.

    Raises:
        SourceError, ColumnError: as for `predict`.
    """
    table = open_table(source)
    step = max(1, -(-table.frame.height // most_rows))
    drawn = replace(table, frame=table.frame.gather_every(step), rows=None, set_aside=())
    parsed = read_table(model, drawn, source).parsed
    return parsed.frame.filter(pl.Series(~parsed.bad)), np.flatnonzero(~parsed.bad) * step


def evaluate(model: Model, source: object) -> dict[str, Json]:
    """Score the answers of a model on labelled rows, as it is calibrated, by every metric of its task.

    Returns:
        n_rows; n_left_out, rows that cannot be read; metric, the one that decided; score, low and high, its value
        and 95 % interval; scores, metric -> value.

    Raises:
        SourceError, ColumnError, DataError, TargetError: as for `read_labelled`.
    """
    labelled = read_labelled(model, source)
    state = model.facts.target_state

    def served(metric: Metric) -> Labelled:
        return replace(
            labelled, outputs=task(model.facts.task).served(model.facts.calibration, labelled.outputs, metric)
        )

    scores = {metric.name: score(metric, served(metric)) for metric in task(model.facts.task).metrics(state)}
    decided = main_metric(task(model.facts.task), state, model.facts.metric)
    low, high = interval(bootstrap_scores(labelled.targets, [served(decided).outputs], decided, seed=0), 0)
    return {
        "n_rows": len(labelled.targets),
        "n_left_out": labelled.n_left_out,
        "metric": decided.name,
        "score": scores[decided.name],
        "low": low,
        "high": high,
        "scores": scores,
    }


def score(metric: Metric, labelled: Labelled) -> float:
    """The value of a metric, every row counting once."""
    weights = np.ones((1, len(labelled.targets)))
    return float(metric.score(labelled.targets, labelled.outputs, weights)[0])
