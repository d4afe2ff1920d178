"""Windows to hold a graph of forecasts against `predict` by: of the user, or made of the steps that a model keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import polars as pl

from archwise.data.timeline.frequency import clock_at
from archwise.data.timeline.grid import Timeline, carry_on
from archwise.data.timeline.prepare import batch_at, frequency_of, prepare_steps, roles_of, series_places, state_of
from archwise.model.backtest import ahead_in
from archwise.model.bundle.rows import AT_ONCE, Rows
from archwise.model.bundle.window import AHEAD, PAST, SERIES, TIME, window_inputs
from archwise.model.forecast import Ahead, forecast_ahead, kept_ahead
from archwise.model.predict import Model
from archwise.records import Array, Batch, Json

MOST_WINDOWS = 1_000  # of the user
N_MADE = 200
_SHAKEN, _LOST = 0.1, 0.05  # of the size of a value; and of the cells


def gather_windows(model: Model, source: object) -> Rows:
    """Windows of data whose truth is known, at most MOST_WINDOWS; or, where it is None, windows that are made up.

    Raises:
        DataError: as for `backtest`.
    """
    state = state_of(model.preparation)
    ahead = _made(state) if source is None else ahead_in(state, source, most=MOST_WINDOWS)
    timeline, past, horizon = ahead.timeline, int(state["past"]), int(state["horizon"])
    values = timeline.values.reshape(-1, past + horizon, timeline.values.shape[1])
    taken = _taken(state, timeline, values)
    starts = range(0, len(values), AT_ONCE)
    parts = tuple({name: array[start : start + AT_ONCE] for name, array in taken.items()} for start in starts)
    batch = batch_at(state, prepare_steps(state, timeline), ahead.origins, past=past)
    answered = forecast_ahead(model, ahead)
    names = ("forecast", "low", "high")[: answered.shape[1]]
    expected = {name: answered[:, place] for place, name in enumerate(names)}
    n_targets = len(roles_of(state).targets)
    unit = state["spreads"][series_places(state, timeline.names)][:, None, :n_targets]
    whole = {name: np.asarray(array) for name, array in batch.items()}
    return Rows(parts, whole, expected, source is not None, np.arange(len(values)), unit)


def _taken(state: Mapping[str, Json], timeline: Timeline, values: Array) -> Batch:
    """The inputs of the graph, of windows (N, L + H, C)."""
    past, roles = int(state["past"]), roles_of(state)
    made = {
        SERIES: lambda: np.array(timeline.names, object)[:, None],
        PAST: lambda: values[:, :past],
        AHEAD: lambda: values[:, past:, len(roles.channels) - len(roles.known) :],
        TIME: lambda: _seconds(state, timeline.numbers).reshape(len(values), -1)[:, past:],
    }
    return {each.name: np.ascontiguousarray(made[each.name]()) for each in window_inputs(state)}


def _seconds(state: Mapping[str, Json], numbers: Array) -> Array:
    """Since 1970 on the clock of the data, of places of its grid."""
    clock = clock_at(frequency_of(state), numbers)
    assert clock is not None  # the calendar is of moments
    seconds: Array = clock.cast(pl.Int64).to_numpy() / 1e6
    return seconds


def _made(state: Mapping[str, Json]) -> Ahead:
    """The steps that the model keeps, first as they are, then shaken and with cells that are lost."""
    kept = kept_ahead(state, int(state["horizon"]))
    rng, whole = np.random.default_rng(0), kept.timeline
    n_times = -(-N_MADE // whole.n_series)
    values = np.tile(carry_on(whole, whole.values), (n_times, 1))  # what must be known ahead goes on as it was
    n_kept = len(whole.values)
    values[n_kept:] *= 1.0 + _SHAKEN * rng.normal(size=values[n_kept:].shape)
    values[n_kept:][rng.random(values[n_kept:].shape) < _LOST] = np.nan
    windows = values.reshape(-1, n_kept // whole.n_series, values.shape[1])
    roles = roles_of(state)
    windows[:, int(state["past"]) :, : len(roles.channels) - len(roles.known)] = np.nan
    begins = np.arange(len(windows) + 1) * windows.shape[1]
    timeline = replace(
        whole, names=whole.names * n_times, begins=begins, first=np.tile(whole.first, n_times), values=values
    )
    return Ahead(timeline, begins[:-1] + int(state["past"]))
