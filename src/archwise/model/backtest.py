"""The rolling backtest: forecasts from many origins of data whose truth is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from archwise.data.open import open_table
from archwise.data.timeline.grid import Timeline, ranges
from archwise.data.timeline.look import known_range
from archwise.data.timeline.prepare import (
    batch_at,
    prepare_steps,
    roles_of,
    series_places,
    state_of,
    targets_at,
)
from archwise.data.timeline.split import overlap_widening
from archwise.errors import DataError
from archwise.evidence import bootstrap_scores, interval, of_folds
from archwise.model.forecast import Ahead, read_as_trained
from archwise.model.predict import Model
from archwise.model.session import outputs
from archwise.records import FORECAST, Array, Json, Metric
from archwise.tasks import main_metric, task


@dataclass(frozen=True)
class JudgedOrigins:
    """Origins whose truth is known.

    origins: (N,) places among the steps. targets: (N, M H + 4 M). outputs: (N, M H), or with their ends (N, 3 M H).
    """

    timeline: Timeline
    origins: Array
    targets: Array
    outputs: Array


def backtest(model: Model, source: object, *, n_origins: int = 0) -> dict[str, Json]:
    """Score forecasts from many origins of data whose truth is known.

    Args:
        n_origins: of each series, the last ones that do not overlap where there are so many, else evenly drawn; all
            when 0.

    Returns:
        n_rows, the origins in all; metric, the one that decided; score, low and high, its value and 95 % interval;
        scores, metric -> value; notes, in sentences.

    Raises:
        DataError: there is no origin with enough steps before and after it.
    """
    judged = judge_origins(model, source, n_origins=n_origins)
    state, horizon = state_of(model.preparation), int(model.facts.target_state["horizon"])
    truth, given, timeline, origins = judged.targets, judged.outputs, judged.timeline, judged.origins
    kind_of_task = task(FORECAST)
    served = kind_of_task.served(model.facts.calibration, given, main_metric(kind_of_task, model.facts.target_state))
    one = np.ones((1, len(truth)))
    scores = {
        metric.name: float(metric.score(truth, served, one)[0])
        for metric in kind_of_task.metrics(model.facts.target_state)
    }
    decided: Metric = main_metric(kind_of_task, model.facts.target_state, model.facts.metric)
    blocks = timeline.numbers[origins] // horizon + (timeline.owner[origins] << 40)
    spanned = int(np.ptp(timeline.numbers[origins])) + 1
    drawn = bootstrap_scores(truth, [served], decided, seed=0, groups=blocks)
    low, high = interval(of_folds(drawn, 1, widening=overlap_widening(horizon, horizon, spanned)), 0)
    last = state["tail_last"][series_places(state, timeline.names)][timeline.owner[origins]]
    n_seen = int((timeline.numbers[origins] <= last).sum())
    notes = []
    if n_seen:
        notes.append(
            f"{n_seen:,} of {len(origins):,} origins lie in the data that the model was fitted, chosen and tested on"
        )
    return {
        "n_rows": len(origins),
        "n_left_out": 0,
        "metric": decided.name,
        "score": scores[decided.name],
        "low": low,
        "high": high,
        "scores": scores,
        "notes": notes,
    }


def judge_origins(model: Model, source: object, *, n_origins: int = 0) -> JudgedOrigins:
    """Forecast from many origins of data whose truth is known.

    Args:
        n_origins: as for `backtest`.

    Raises:
        DataError: as for `backtest`.
    """
    state = state_of(model.preparation)
    timeline, origins = _judged(state, source, n_origins)
    steps = prepare_steps(state, timeline)
    truth = np.asarray(targets_at(state, timeline, steps, origins))
    batch = batch_at(state, steps, origins, past=int(state["past"]))
    return JudgedOrigins(timeline, origins, truth, outputs(model.session, batch))


def ahead_in(state: Mapping[str, Json], source: object, *, most: int) -> Ahead:
    """As many windows of data as there are, or so many of them evenly drawn, each a series of its own.

    Raises:
        DataError: as for `backtest`.
    """
    whole, origins = _judged(state, source, 0)
    origins = origins[:: -(-len(origins) // most)]
    past, horizon, roles = int(state["past"]), int(state["horizon"]), roles_of(state)
    values = whole.values[origins[:, None] + np.arange(-past, horizon)]
    values[:, past:, : len(roles.channels) - len(roles.known)] = np.nan
    begins = np.arange(len(origins) + 1) * (past + horizon)
    names = tuple(whole.names[place] for place in whole.owner[origins])
    first = whole.numbers[origins] - past
    timeline = replace(whole, names=names, begins=begins, first=first, values=values.reshape(-1, values.shape[2]))
    return Ahead(timeline, begins[:-1] + past)


def _judged(state: Mapping[str, Json], source: object, n_origins: int) -> tuple[Timeline, Array]:
    """Data on their grid, and the places of the origins in them."""
    table = open_table(source)
    timeline = read_as_trained(state, table)
    horizon, past = int(state["horizon"]), int(state["past"])
    origins = _origins(timeline, horizon, past, n_origins, len(roles_of(state).targets))
    if not len(origins):
        raise DataError(
            f"{table.source}: no step has {past:,} steps before it and {horizon:,} after it in the same series, with a "
            "value to hold a forecast against; give longer series"
        )
    return timeline, origins


def _origins(timeline: Timeline, horizon: int, past: int, n_origins: int, n_targets: int) -> Array:
    """Places of origins with all of the past before them, and a known target among the steps after."""
    known = ~np.isnan(timeline.values[:, :n_targets]).all(axis=1)
    seen = np.concatenate([[0], np.cumsum(known)])
    _, stop = known_range(timeline, n_targets)
    found = []
    for begin, end in zip(timeline.begins[:-1], timeline.begins[:-1] + stop, strict=True):
        start, last = np.array([begin + past]), np.array([max(end - horizon + 1, begin + past)])
        places = ranges(start, last)
        places = places[seen[places + horizon] > seen[places]]
        if n_origins and len(places) > n_origins:
            apart = min(horizon, max(1, (len(places) - 1) // max(1, n_origins - 1)))
            places = places[::-1][::apart][:n_origins][::-1]
        found.append(places)
    return np.concatenate(found)
