"""A timeline becomes the inputs and the targets of origins, by one function in training, at the seal and in serving.

An origin is a step from which on the future is not known. Its inputs are the L steps before it, and what is known ahead
of the H steps from it on; its targets are these H steps. What is fitted is fitted on the training steps alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from archwise.data.prepare import Preparation, PreparedColumn
from archwise.data.timeline.calendar import calendar_at, calendar_parts
from archwise.data.timeline.frequency import Frequency
from archwise.data.timeline.grid import Roles, Timeline, carry_on
from archwise.data.timeline.growth import FLOOR, is_amount
from archwise.data.timeline.season import find_seasons
from archwise.data.timeline.windows import TargetWindows, Windows
from archwise.errors import DataError, TargetError
from archwise.records import Array, Batch, Json, Need

NAME, KIND = "timeline", "timeline"  # of the one prepared column
WINDOW, FUTURE, CALENDAR = "window", "future", "calendar"  # the inputs


@dataclass(frozen=True)
class Steps:
    """All T steps of a timeline as a model sees them.

    series: (T, C) float32 scaled, unknown ones carried on. future: (T, F) float32, of these the columns that are known
    ahead. calendar: (T, K) float32. truth: (T, M) float32 scaled targets, NaN where unknown.
    """

    series: Array
    future: Array
    calendar: Array
    truth: Array


def fit_timeline(timeline: Timeline, roles: Roles, *, train_until: Array, horizon: int) -> dict[str, Json]:
    """Fit scale and seasons on the training steps.

    Args:
        train_until: (S,) how many steps of each series train.
        horizon: H.

    Returns:
        the state: roles, frequency, horizon, seasons, parts of the calendar; logs: of each channel, whether its
        logarithm is read; floors (S, C): the least that one is taken of; means and scales (S, C) of what is read; of
        the targets in their units naive (S, M), the mean distance from one season before, and spreads (S, M), their
        deviation. A series without training steps has those of the middle one of the others.

    Raises:
        TargetError: a target does not vary in any series.
    """
    train = timeline.part(np.zeros_like(train_until), train_until)
    filled = carry_on(train, train.values)
    n_targets = len(roles.targets)
    pieces = [filled[start:stop] for start, stop in zip(train.begins[:-1], train.begins[1:], strict=True)]
    known = [piece[~np.isnan(piece[:, target]), target] for target in range(n_targets) for piece in pieces]
    seasons = find_seasons([values for values in known if len(values) > 3], timeline.frequency)
    season = seasons[0] if seasons else 1
    logs = [_is_amount(pieces, channel, season) for channel in range(train.values.shape[1])]
    spreads = _moments(train)[1][:, :n_targets]
    floors = FLOOR * np.stack([_least(piece) for piece in pieces])
    train = replace(train, values=_read(train.values, logs, floors[train.owner]))
    means, scales = _moments(train)
    for place, name in enumerate(roles.targets):
        if (scales[:, place] == 0).all():
            raise TargetError(
                f"target '{name}' does not vary in the training steps; there is nothing to forecast: name another"
            )
    naive = np.stack([_naive(piece[:, :n_targets], season) for piece in pieces])
    scales[scales == 0] = 1.0
    spreads[spreads == 0] = 1.0
    naive = np.where(naive > 0, naive, spreads)
    for fitted in (floors, means, scales, naive, spreads):
        _stand_in(fitted, is_absent=train_until <= 0)
    return {
        "roles": {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(roles).items()},
        "frequency": timeline.frequency.to_json(),
        "horizon": horizon,
        "seasons": list(seasons),
        "calendar": list(calendar_parts(timeline.frequency)),
        "names": list(timeline.names),
        "logs": logs,
        "floors": floors,
        "means": means,
        "scales": scales,
        "naive": naive,
        "spreads": spreads,
    }


def _is_amount(pieces: Sequence[Array], channel: int, season: int) -> bool:
    known = [piece[~np.isnan(piece[:, channel]), channel] for piece in pieces]
    return is_amount([values for values in known if len(values)], season)


def _least(piece: Array) -> Array:
    """The least value above nought of each channel, (C,); 1 where there is none."""
    above = np.where(piece > 0, piece, np.inf)
    least = above.min(axis=0, initial=np.inf)
    return np.where(np.isfinite(least), least, 1.0)


def _read(values: Array, logs: Sequence[bool], floors: Array) -> Array:
    """Values (T, C), of some channels their logarithm, none of less than the floors (T, C)."""
    read = values.copy()
    for channel in np.flatnonzero(logs):
        read[:, channel] = np.log(np.maximum(values[:, channel], floors[:, channel]))
    return read


def in_units(state: Mapping[str, Json], places: Array, values: Array, channel: int) -> Array:
    """Scaled values of a channel in its units.

    Args:
        places: (N,) of the series in the state. values: (N, ...).
    """
    shape = (len(places), *[1] * (values.ndim - 1))
    mean, scale = (state[name][places, channel].reshape(shape) for name in ("means", "scales"))
    read: Array = values.astype(np.float64) * scale + mean
    return np.exp(read) if state["logs"][channel] else read


def _moments(train: Timeline) -> tuple[Array, Array]:
    """Mean and deviation of each series and channel, (S, C); 0 and 0 where nothing is known."""
    known = ~np.isnan(train.values)
    counts = np.maximum(_sums(train, known), 1)
    values = np.where(known, train.values, 0.0)
    means = _sums(train, values) / counts
    apart = np.where(known, train.values - means[train.owner], 0.0)
    scales = np.sqrt(_sums(train, apart**2) / counts)
    scales[scales <= 1e-9 * np.abs(means)] = 0.0
    return means, scales


def _sums(train: Timeline, values: Array) -> Array:
    """Values (T, C) summed over the steps of each series, (S, C); 0 for one without any."""
    has_steps = np.diff(train.begins) > 0
    sums = np.zeros((train.n_series, values.shape[1]))
    sums[has_steps] = np.add.reduceat(values, train.begins[:-1][has_steps], axis=0, dtype=np.float64)
    return sums


def _stand_in(fitted: Array, *, is_absent: Array) -> None:
    """Give what is fitted (S, C) to the series without training steps (S,): that of the middle one of the others."""
    if is_absent.any() and not is_absent.all():
        fitted[is_absent] = np.median(fitted[~is_absent], axis=0)


def _naive(values: Array, season: int) -> Array:
    """(M,) the mean distance from one season before; from one step before where the series has no whole season."""
    season = season if len(values) > season else 1
    distances = np.abs(values[season:] - values[:-season])
    known = ~np.isnan(distances)
    means: Array = np.where(known, distances, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return means


def prepare_steps(state: Mapping[str, Json], timeline: Timeline) -> Steps:
    """The steps of a timeline as a model sees them.

    Args:
        state: from `fit_timeline`, or with other series: `names` of the state must hold those of the timeline.
    """
    roles, places = roles_of(state), series_places(state, timeline.names)
    owner = places[timeline.owner]
    read = _read(timeline.values, state["logs"], state["floors"][owner])
    scaled = (read - state["means"][owner]) / state["scales"][owner]
    filled = carry_on(timeline, scaled)
    n_targets, n_known = len(roles.targets), len(roles.known)
    filled = np.nan_to_num(filled, nan=0.0)
    ahead = filled[:, len(roles.channels) - n_known :]
    parts = tuple(state["calendar"])
    return Steps(
        filled.astype(np.float32),
        ahead.astype(np.float32),
        calendar_at(timeline.frequency, timeline.numbers, parts),
        scaled[:, :n_targets].astype(np.float32),
    )


def batch_at(state: Mapping[str, Json], steps: Steps, origins: Array, *, past: int) -> Batch:
    """The inputs of origins, (N,) places among all steps, as windows."""
    horizon = int(state["horizon"])
    batch: dict[str, Windows] = {WINDOW: Windows(None, steps.series, origins - past, past)}
    for name, array in ((FUTURE, steps.future), (CALENDAR, steps.calendar)):
        if array.shape[1]:
            batch[name] = Windows(None, array, origins, horizon)
    return batch  # type: ignore[return-value]  # windows are read as arrays are


def targets_at(state: Mapping[str, Json], timeline: Timeline, steps: Steps, origins: Array) -> TargetWindows:
    """The encoded targets of origins, (N, M H + 4 M) float32.

    First the H steps of each target, scaled, NaN where unknown; then of each target mean and scale of what is read of
    its series, and its naive distance and its deviation in its units, so that any metric can be told from targets and
    outputs.
    """
    n_targets, owner = steps.truth.shape[1], timeline.owner[origins]
    of_series = [state[name][:, :n_targets] for name in ("means", "scales", "naive", "spreads")]
    places = series_places(state, timeline.names)[owner]
    joined = np.concatenate(of_series, axis=1).astype(np.float32)
    return TargetWindows(None, steps.truth, origins, int(state["horizon"]), joined, places)


def as_preparation(state: Mapping[str, Json], need: Need) -> Preparation:
    """The state as the one prepared column of a model that needs so much of the past."""
    return Preparation((PreparedColumn(NAME, KIND, {**state, "past": need.past}),), need)


def state_of(preparation: Preparation) -> dict[str, Json]:
    """The state in the preparation of a forecast."""
    return preparation.columns[0].state


def roles_of(state: Mapping[str, Json]) -> Roles:
    """The roles of the columns."""
    held: dict[str, Json] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in state["roles"].items()
    }
    return Roles(**held)


def frequency_of(state: Mapping[str, Json]) -> Frequency:
    """The frequency of the training data."""
    return Frequency.from_json(state["frequency"])


def series_places(state: Mapping[str, Json], names: Sequence[str]) -> Array:
    """(S,) the place in the state of each series.

    Raises:
        DataError: a series was not there in training.
    """
    known = {name: place for place, name in enumerate(state["names"])}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise DataError(
            f"series '{unknown[0]}' was not there in training ({len(unknown):,} of {len(names):,} were not), so its "
            "scale is not known; fit again with it, or leave it out"
        )
    return np.array([known[name] for name in names], np.int64)
