"""Forecasts of a written model: from the steps that it keeps, or from newer ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import polars as pl

from archwise.data.open import open_table
from archwise.data.timeline.frequency import stamps_at
from archwise.data.timeline.grid import Roles, Timeline, carry_on, lay_on_grid
from archwise.data.timeline.look import known_range
from archwise.data.timeline.prepare import (
    batch_at,
    frequency_of,
    in_units,
    prepare_steps,
    roles_of,
    series_places,
    state_of,
)
from archwise.errors import ColumnError, DataError, UsageError, nearest
from archwise.model.predict import Model, Predicted
from archwise.model.session import outputs
from archwise.records import FORECAST, Array, Finding, Json, Table
from archwise.tasks import main_metric, task

_DAY_US = 86_400_000_000
STEP = "step"  # the column of times where the data have none
MOST_BLOCKS = 100  # of as many steps as the model was trained for, that are forecast one from the other


@dataclass(frozen=True)
class Ahead:
    """Past and coming steps, as many of every series. origins: (S,) places of the first coming ones."""

    timeline: Timeline
    origins: Array
    findings: tuple[Finding, ...] = ()


def forecast(model: Model, source: object | None = None, *, horizon: int = 0) -> Predicted:
    """Forecast the steps that follow the last one known.

    Args:
        model: opened.
        source: newer data with the columns of training, whose last known step is followed; rows after it tell what is
            known ahead. None for the steps that the model keeps, the last of its own data.
        horizon: steps; as many as the model was trained for when 0. What lies beyond these is forecast from its own
            answers, which a finding says.

    Returns:
        a row for each series and step: series, time, then prediction, low and high; of several targets TARGET,
        TARGET:low and TARGET:high each.

    Raises:
        UsageError: the horizon is negative, or so long that the model would need what it cannot forecast.
        ColumnError, DataError: columns, steps of the past or what must be known ahead are missing.
    """
    state = state_of(model.preparation)
    most = int(state["horizon"])
    if horizon < 0:
        raise UsageError(f"a horizon of {horizon}: forecast 1 step or more; the model was trained for {most:,}")
    horizon = horizon or most
    n_blocks = -(-horizon // most)
    if n_blocks > 1:
        _refuse_to_roll(model, horizon)
    n_ahead = n_blocks * most
    ahead = kept_ahead(state, n_ahead) if source is None else _newer(state, open_table(source), n_ahead)
    _check_known(ahead, roles_of(state), horizon)
    parts = _widened(_blocks(model, state, ahead, n_blocks))[..., :horizon]
    rolled = () if n_blocks == 1 else (_tell_rolled(most, horizon),)
    return Predicted(_answers(state, ahead, parts), (*ahead.findings, *rolled))


def forecast_ahead(model: Model, ahead: Ahead) -> Array:
    """What a model forecasts of the steps ahead, (S, answer and ends, H, M) in the units of each series."""
    state = state_of(model.preparation)
    (scaled,) = _blocks(model, state, ahead, 1)
    places = series_places(state, ahead.timeline.names)
    return np.stack([in_units(state, places, scaled[:, :, target], target) for target in range(scaled.shape[2])], -1)


def _refuse_to_roll(model: Model, horizon: int) -> None:
    """Refuse a horizon beyond that of training where no forecast can go on from its own answers.

    Raises:
        UsageError: the model reads covariates that it does not forecast, or the horizon is far too long.
    """
    state = state_of(model.preparation)
    roles, most = roles_of(state), int(state["horizon"])
    told = f"a horizon of {horizon}: the model was trained to forecast 1 to {most:,} steps"
    if roles.past and dict(model.facts.candidate.settings).get("covariates") == "read":
        raise UsageError(
            f"{told}, and it cannot go on from its own answers, for it also reads {', '.join(roles.past)}, which it "
            f"does not forecast; fit again for {horizon} steps"
        )
    if horizon > MOST_BLOCKS * most:
        raise UsageError(
            f"{told}, and goes on from its own answers up to {MOST_BLOCKS} times as far, {MOST_BLOCKS * most:,} steps; "
            "fit again for more"
        )


def _tell_rolled(most: int, horizon: int) -> Finding:
    message = (
        f"beyond step {most:,} the forecast goes on from its own answers; its intervals there are widened as if the "
        f"errors of each {most:,} steps were added to those before and did not depend on them, and are not calibrated; "
        f"fit again for {horizon} steps to have such as are"
    )
    return Finding("rolled", "warning", message)


def _blocks(model: Model, state: Mapping[str, Json], ahead: Ahead, n_blocks: int) -> list[Array]:
    """The scaled answers of each H steps and their ends, (S, answer and ends, M, H) each.

    Each block is forecast from what is known and from the answers of those before it.
    """
    past, most, whole = int(state["past"]), int(state["horizon"]), ahead.timeline
    n_series, n_targets = whole.n_series, len(roles_of(state).targets)
    places, metric = series_places(state, whole.names), main_metric(task(FORECAST), model.facts.target_state)
    values = carry_on(whole, whole.values).reshape(n_series, -1, whole.values.shape[1])
    begins = np.arange(n_series + 1) * (past + most)
    found = []
    for start in range(0, n_blocks * most, most):
        read = values[:, start : start + past + most].reshape(-1, values.shape[2])
        timeline = replace(whole, begins=begins, first=whole.first + start, values=read)
        batch = batch_at(state, prepare_steps(state, timeline), begins[:-1] + past, past=past)
        served = task(FORECAST).served(model.facts.calibration, outputs(model.session, batch), metric)
        found.append(served.reshape(n_series, -1, n_targets, most))
        for target in range(n_targets):
            coming = slice(start + past, start + past + most)
            values[:, coming, target] = in_units(state, places, found[-1][:, 0, target], target)
    return found


def _widened(blocks: list[Array]) -> Array:
    """Blocks of answers and ends side by side, (S, answer and ends, M, steps), the ends of later ones farther away.

    The error at the end of a block shifts all that is forecast from it. So to the square of the distance of each end
    are added those of the blocks before, of each the widest: what holds for a sum of errors that do not depend on each
    other, and is exact for a random walk.
    """
    found, carried = [blocks[0]], np.zeros(())
    signs = np.array([-1.0, 1.0])[: blocks[0].shape[1] - 1, None, None]  # low and high; no ends where not calibrated
    for before, block in pairwise(blocks):
        carried = carried + ((before[:, 1:] - before[:, :1]) ** 2).max(axis=-1, keepdims=True)
        distances = np.sqrt(carried + (block[:, 1:] - block[:, :1]) ** 2)
        found.append(np.concatenate([block[:, :1], block[:, :1] + signs * distances], axis=1))
    return np.concatenate(found, axis=-1)


def _answers(state: Mapping[str, Json], ahead: Ahead, parts: Array) -> pl.DataFrame:
    """Scaled answers (S, answer and ends, M, steps) in the units of each series, series after series."""
    roles, timeline, horizon = roles_of(state), ahead.timeline, parts.shape[-1]
    n_targets = len(roles.targets)
    places = series_places(state, timeline.names)
    numbers = (timeline.numbers[ahead.origins][:, None] + np.arange(horizon)).ravel()
    columns = [_as_written(stamps_at(timeline.frequency, numbers, name=roles.time or STEP))]
    if roles.series:
        columns.insert(0, pl.Series(roles.series, np.repeat(np.array(timeline.names, dtype=object), horizon).tolist()))
    for place, target in enumerate(roles.targets):
        names = ("prediction", "low", "high") if n_targets == 1 else (target, f"{target}:low", f"{target}:high")
        values = in_units(state, places, parts[:, :, place], place)  # (S, answer and ends, H)
        columns += [pl.Series(name, values[:, part].ravel()) for part, name in zip(range(parts.shape[1]), names)]  # noqa: B905  without calibration there are no ends
    return pl.DataFrame(columns)


def _as_written(stamps: pl.Series) -> pl.Series:
    """Moments that are all the beginning of a day as dates."""
    if stamps.dtype != pl.Datetime or stamps.dtype.time_zone or (stamps.cast(pl.Int64) % _DAY_US != 0).any():  # type: ignore[attr-defined]
        return stamps
    return stamps.cast(pl.Date)


# ---------------------------------------------------------------- the steps


def kept_ahead(state: Mapping[str, Json], n_ahead: int) -> Ahead:
    """The steps that a model keeps, the last of its own data, and those ahead, which are not known."""
    tail, last = state["tail"], state["tail_last"]
    n_series, past, n_channels = tail.shape
    values = np.concatenate([tail, np.full((n_series, n_ahead, n_channels), np.nan)], axis=1)
    begins = np.arange(n_series + 1) * (past + n_ahead)
    timeline = Timeline(
        frequency_of(state), tuple(state["names"]), begins, last - past + 1, values.reshape(-1, n_channels)
    )
    return Ahead(timeline, begins[:-1] + past)


def _newer(state: Mapping[str, Json], table: Table, n_ahead: int) -> Ahead:
    """The steps of newer data, with those that the model keeps before them where they are needed, and those ahead."""
    roles = roles_of(state)
    whole = read_as_trained(state, table)
    n_targets = len(roles.targets)
    _, stop = known_range(whole, n_targets)
    if not (stop > 0).any():
        raise ColumnError(f"{table.source}: no row has a value of {', '.join(roles.targets)}; every cell is missing")
    places = series_places(state, whole.names)
    pieces, firsts, past = [], [], int(state["past"])
    for place, (name, begin, end) in enumerate(zip(whole.names, whole.begins[:-1], whole.begins[1:], strict=True)):
        seen = whole.values[begin : begin + stop[place]]
        coming = np.full((n_ahead, whole.values.shape[1]), np.nan)
        after = whole.values[begin + stop[place] : end][:n_ahead]
        coming[: len(after)] = after
        first = int(whole.first[place])
        seen, first = _with_tail(state, int(places[place]), seen, first)
        if len(seen) < past:
            raise DataError(
                f"{table.source}: {f'series {name!r} has' if name else 'there are'} {len(seen):,} steps that end where "
                f"the forecast begins, and the model reads {past:,}; give the steps from the end of its own data on, "
                "or more of the past"
            )
        pieces.append(np.concatenate([seen[-past:], coming]))
        firsts.append(first + len(seen) - past)
    begins = np.arange(len(pieces) + 1) * (past + n_ahead)
    timeline = replace(whole, begins=begins, first=np.array(firsts, np.int64), values=np.concatenate(pieces))
    findings = (finding.of_written_model() for finding in (*table.findings, *whole.findings))
    return Ahead(timeline, begins[:-1] + past, tuple(findings))


def _with_tail(state: Mapping[str, Json], place: int, seen: Array, first: int) -> tuple[Array, int]:
    """Steps with the kept ones before them, where they follow on these; else as they are."""
    tail, last = state["tail"][place], int(state["tail_last"][place])
    start = last - len(tail) + 1
    if not start < first <= last + 1 or (frequency_of(state).unit == "row" and first == 1):
        return seen, first
    return np.concatenate([tail[: first - start], seen]), start


def read_as_trained(state: Mapping[str, Json], table: Table) -> Timeline:
    """Newer data on the grid of the training data.

    Raises:
        ColumnError: a column is missing. DataError: as for `lay_on_grid`, or a series is unknown.
    """
    roles = roles_of(state)
    wanted = [roles.series] if roles.by_row else [*roles.channels, *filter(None, [roles.time, roles.series])]
    missing = [name for name in wanted if name not in table.frame.columns]
    if missing:
        told = ", ".join(f"'{name}'" for name in missing)
        raise ColumnError(
            f"{table.source}: columns are missing: {told}; a forecast needs every column of training."
            f"{nearest(missing[0], table.frame.columns)}"
        )
    try:
        return lay_on_grid(table.frame, roles, frequency=frequency_of(state), source=table.source)
    except DataError as error:
        raise type(error)(error.found) from None


def _check_known(ahead: Ahead, roles: Roles, horizon: int) -> None:
    """Refuse a forecast without what must be known ahead.

    Raises:
        DataError: cells of the known columns are missing in the steps ahead.
    """
    if not roles.known:
        return
    channels = [roles.channels.index(name) for name in roles.known]
    places = ahead.origins[:, None] + np.arange(horizon)
    lost = np.isnan(ahead.timeline.values[places][:, :, channels])
    if not lost.any():
        return
    series, step, column = (int(found[0]) for found in np.nonzero(lost))
    number = ahead.timeline.numbers[places[series, step]]
    stamp = stamps_at(ahead.timeline.frequency, np.array([number]), name="stamp")[0]
    raise DataError(
        f"'{roles.known[column]}' is not known at {stamp}: {int(lost.sum()):,} such cells are missing in the "
        f"{horizon:,} steps ahead; give newer data whose last rows hold {', '.join(roles.known)} there, and no targets"
    )
