"""How forecasts stand against what came: error and held share by step, and some of them whole, with their bands."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from archwise.data.timeline.frequency import stamps_at
from archwise.data.timeline.prepare import frequency_of, in_units, roles_of, series_places, state_of
from archwise.records import Array, Json
from archwise.report.rows import Rows, shape_of

MOST_WHOLE = 4  # forecasts that are shown with what went before
PAST_STEPS = 2.0  # of the horizon, that are shown before a forecast
MOST_SERIES = 10  # that are told by name
MOST_STEPS = 400  # of one picture


def of_forecasts(rows: Rows) -> dict[str, Json]:
    """Error and held share of each step and series, and some whole forecasts with their bands."""
    shape = shape_of(rows)
    roles = roles_of(state_of(rows.model.preparation))
    return {
        "targets": list(roles.targets),
        "horizon": shape.horizon,
        "n_series": 0 if rows.judged.timeline is None else rows.judged.timeline.n_series,
        "steps": [_at_step(rows, target, step) for target in range(shape.n_targets) for step in _steps(shape.horizon)],
        "series": _by_series(rows),
        "whole": whole_forecasts(rows, spread_places(rows)),
        "coverage": rows.model.facts.calibration.get("coverage"),
    }


def _by_series(rows: Rows) -> list[dict[str, Json]]:
    """The series that are forecast worst, by their mean distance in units of the naive one; none of a single one."""
    timeline, origins = rows.judged.timeline, rows.judged.origins
    if timeline is None or origins is None or timeline.n_series < 2:
        return []
    owner = timeline.owner[origins]
    counts = np.bincount(owner, minlength=timeline.n_series)
    sums = np.bincount(owner, weights=rows.losses, minlength=timeline.n_series)
    means = np.divide(sums, counts, out=np.full(len(counts), -1.0), where=counts > 0)
    order = [place for place in np.argsort(-means, kind="stable")[:MOST_SERIES] if counts[place]]
    return [
        {"series": str(timeline.names[place]), "n": int(counts[place]), "mase": float(means[place])} for place in order
    ]


def _steps(horizon: int) -> list[int]:
    """All steps, or 48 of more."""
    return sorted({round(float(step)) for step in np.linspace(0, horizon - 1, min(horizon, 48))})


def _at_step(rows: Rows, target: int, step: int) -> dict[str, Json]:
    """The mean distance in units of the naive one, and the share that the interval holds, of one step ahead."""
    shape, truth, served = shape_of(rows), rows.judged.targets, rows.served
    place = target * shape.horizon + step
    columns = [place] if served.shape[1] == shape.n_steps else [place, shape.n_steps + place, 2 * shape.n_steps + place]
    one = type(shape)(1, 1, (shape.logs[target],) if shape.logs else ())
    of_series = [shape.n_steps + what * shape.n_targets + target for what in range(4)]
    narrow, given = truth[:, [place, *of_series]], served[:, columns]
    weights = np.ones((1, len(truth)))
    found = {
        "target": target,
        "step": step + 1,
        "mase": float(one.mean_absolute_scaled_error(narrow, given, weights)[0]),
        "mae": float(one.mean_absolute_error(narrow, given, weights)[0]),
    }
    return {**found, "held": float(one.coverage(narrow, given, weights)[0])}


def spread_places(rows: Rows) -> Array:
    """Origins to show: of as many series as can be, the latest first, else evenly over time."""
    assert rows.judged.timeline is not None  # of a forecast
    assert rows.judged.origins is not None
    owner = rows.judged.timeline.owner[rows.judged.origins]
    if len(np.unique(owner)) >= MOST_WHOLE:
        series = np.unique(owner)[np.linspace(0, len(np.unique(owner)) - 1, MOST_WHOLE).round().astype(int)]
        return np.array([np.flatnonzero(owner == each)[-1] for each in series])
    return np.unique(np.linspace(0, rows.n_rows - 1, min(MOST_WHOLE, rows.n_rows)).round().astype(np.int64))


def apart_places(rows: Rows, order: Array, most: int) -> Array:
    """The first of some origins, leaving out those that forecast steps of a series which one before them forecasts."""
    timeline, origins = rows.judged.timeline, rows.judged.origins
    assert timeline is not None  # of a forecast
    assert origins is not None
    horizon, kept = shape_of(rows).horizon, np.empty(0, np.int64)
    for place in order:
        if len(kept) == most:
            break
        is_near = np.abs(origins[kept] - origins[place]) < horizon
        if not (is_near & (timeline.owner[origins[kept]] == timeline.owner[origins[place]])).any():
            kept = np.append(kept, place)
    return kept


def whole_forecasts(rows: Rows, places: Array) -> list[dict[str, Json]]:
    """Forecasts in the units of their series, with what went before and what came: the first target of each origin."""
    shape, state = shape_of(rows), state_of(rows.model.preparation)
    timeline, origins = rows.judged.timeline, rows.judged.origins
    assert timeline is not None  # of a forecast
    assert origins is not None
    of_series = series_places(state, timeline.names)
    found = []
    for row in places:
        origin, owner = int(origins[row]), int(timeline.owner[origins[row]])
        begin, end = int(timeline.begins[owner]), int(timeline.begins[owner + 1])
        start = max(begin, origin - int(PAST_STEPS * shape.horizon) - 1, origin - MOST_STEPS)
        stop = min(end, origin + shape.horizon)
        served = rows.served[[row]].reshape(1, -1, shape.n_targets, shape.horizon)[:, :, 0]
        values = in_units(state, of_series[[owner]], served, 0)[0]
        found.append(
            {
                "series": str(timeline.names[owner]),
                "target": roles_of(state).targets[0],
                "stamps": _stamps(state, timeline.numbers[start : origin + 1]),
                "first": str(_stamps(state, timeline.numbers[[origin]])[0]),
                "past": timeline.values[start:origin, 0].tolist(),
                "came": timeline.values[origin:stop, 0].tolist(),
                "said": values[0].tolist(),
                "low": values[1].tolist() if len(values) == 3 else [],
                "high": values[2].tolist() if len(values) == 3 else [],
                "distance": float(rows.losses[row]),
            }
        )
    return found


def _stamps(state: Mapping[str, Json], numbers: Array) -> list[str]:
    stamps = stamps_at(frequency_of(state), numbers, name="stamp")
    return [str(stamp) for stamp in (stamps.cast(pl.String).to_list() if stamps.dtype != pl.Object else stamps)]
