"""What moved the answers inside of series: which channel and which stretch of time; of a forecast what of its past.

Of series a channel or a stretch is taken from another series that is drawn; where that one is shorter, its mean stands.
Of a forecast a stretch of the past is made flat, so that its level stays and its shape is gone; a column that is read
beside the target is taken from another origin.
Sources: Zeiler & Fergus 2014 (occlusion); Fisher, Rudin & Dominici 2019.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

import numpy as np

from archwise.data.padding import n_steps
from archwise.data.timeline.prepare import CALENDAR, FUTURE, WINDOW, roles_of, state_of
from archwise.records import FORECAST, Array, Batch, Json
from archwise.report.importance import Change, affordable, of_score
from archwise.report.rows import Rows, inputs
from archwise.report.time_left import Allowed

N_STRETCHES = 10
MOST_CHANNELS = 40
SERIES = "series"


def moved_parts(rows: Rows, allowed: Allowed) -> list[dict[str, Json]]:
    """What is told of channels and stretches.

    Args:
        allowed: when it must be done.

    Returns:
        for each way of looking: title, told, in_order (whether its parts have an order of their own), and what
        `permutation_importance` tells, `columns` being the parts. None of what reads no series.
    """
    if allowed.left() <= 0:
        return []
    if rows.task.name == FORECAST:
        return _of_forecast(rows, allowed)
    if rows.model.facts.signature.input(SERIES) is None:
        return []
    rows = affordable(rows, MOST_CHANNELS if len(_channels(rows)) > 1 else N_STRETCHES, allowed)
    held = {name: np.asarray(array) for name, array in inputs(rows).items()}
    every = slice(None)
    channels = [
        Change(name, partial(_replaced, held, every, slice(place, place + 1)))
        for place, name in enumerate(_channels(rows)[:MOST_CHANNELS])
    ]
    stretches = [
        Change(name, partial(_replaced, held, slice(start, stop), every))
        for name, start, stop in _stretches(rows, held)
    ]
    found = []
    if len(channels) > 1:
        told = "One channel of each series is taken from another series that is drawn."
        found.append(_way(rows, "Channel by channel", told, channels, allowed.share(0.5)))
    if len(stretches) > 1:
        told = "One stretch of time of each series is taken from another series that is drawn."
        if stretches[0].name.endswith("%"):
            told += " Stretches are told in shares of the length."
        found.append(_way(rows, "Stretch by stretch", told, stretches, allowed, in_order=True))
    return [each for each in found if each is not None]


def _way(
    rows: Rows, title: str, told: str, changes: Sequence[Change], allowed: Allowed, *, in_order: bool = False
) -> dict[str, Json] | None:
    """One way of looking; None where it had no time. in_order: keep the parts as they follow each other."""
    found = of_score(rows, changes, allowed)
    if found is None:
        return None
    if in_order:
        places = {change.name: place for place, change in enumerate(changes)}
        found["columns"] = sorted(found["columns"], key=lambda each: places[each["name"]])
    return {"title": title, "told": told, "in_order": in_order, **found}


def _channels(rows: Rows) -> list[str]:
    """The channels of all columns of series, in the order in which they are read."""
    names = []
    for column in rows.model.preparation.columns:
        if column.kind == SERIES and column.state:
            n_channels = int(column.state["channels"])
            own = [f"channel {place + 1}" for place in range(n_channels)]
            names += [column.name] if n_channels == 1 else [f"{column.name}, {each}" for each in own]
    return names


def _stretches(rows: Rows, held: Batch) -> list[tuple[str, int, int]]:
    """Name, first step and step behind the last of each stretch.

    The names are in steps of the cells or, where these are read as other steps, in shares of the length.
    """
    longest = int(n_steps(held[SERIES]).max())
    edges = np.unique(np.linspace(0, longest, N_STRETCHES + 1).round().astype(int))
    states = [column.state for column in rows.model.preparation.columns if column.kind == SERIES and column.state]
    is_plain = all(state["together"] == 1 and state["form"]["length"] != "same" for state in states)
    found = []
    for start, stop in pairwise(edges):
        if is_plain:
            name = f"step {stop}" if stop == start + 1 else f"steps {start + 1} to {stop}"
        else:
            name = f"{100 * start / longest:.0f} to {100 * stop / longest:.0f} %"
        found.append((name, int(start), int(stop)))
    return found


def _replaced(held: Batch, steps: slice, channels: slice, rng: np.random.Generator) -> Batch:
    """Some steps and channels of each series as another series has them."""
    series = held[SERIES]
    order = rng.permutation(len(series))
    with np.errstate(invalid="ignore"):
        means = np.nan_to_num(np.nansum(series, axis=1) / (~np.isnan(series)).sum(axis=1))
    drawn, own = series[order][:, steps, channels], series[:, steps, channels]
    drawn = np.where(np.isnan(drawn), means[order][:, None, channels], drawn)
    changed = series.copy()
    changed[:, steps, channels] = np.where(np.isnan(own), own, drawn)
    return {**held, SERIES: changed}


# ---------------------------------------------------------------- forecasts


def _of_forecast(rows: Rows, allowed: Allowed) -> list[dict[str, Json]]:
    roles = roles_of(state_of(rows.model.preparation))
    read = {name for name, *_ in rows.model.session.inputs}
    n_targets, n_beside = len(roles.targets), len(roles.channels) - len(roles.targets)
    rows = affordable(rows, N_STRETCHES + n_beside, allowed)
    held = {name: np.asarray(array) for name, array in inputs(rows).items() if name in read}
    found = []
    if WINDOW in held and held[WINDOW].shape[1] > 1:
        past = held[WINDOW].shape[1]
        edges = np.unique(np.linspace(0, past, N_STRETCHES + 1).round().astype(int))
        stretches = [
            Change(_before(past - stop + 1, past - start), partial(_flat, held, start, stop, n_targets), times=1)
            for start, stop in pairwise(edges)
        ]
        told = (
            f"Of the {past:,} steps that are read before a forecast one stretch of the target is made flat at its own "
            "mean, so that its level stays and its shape is gone."
        )
        found.append(_way(rows, "Stretch by stretch of the past", told, stretches, allowed.share(0.6), in_order=True))
    beside = [
        Change(name, partial(_of_another, held, place, _place_ahead(name, roles.known)))
        for place, name in enumerate(roles.channels)
        if place >= n_targets and (WINDOW in held or name in roles.known)
    ]
    if CALENDAR in held:
        beside.append(Change("the calendar", partial(_other_calendar, held)))
    if beside:
        told = "What is read beside the target is taken from another origin that is drawn."
        found.append(_way(rows, "What is read beside the target", told, beside, allowed))
    return [each for each in found if each is not None]


def _before(last: int, first: int) -> str:
    return f"step {last} before" if last == first else f"steps {last} to {first} before"


def _flat(held: Batch, start: int, stop: int, n_targets: int, rng: np.random.Generator) -> Batch:
    """A stretch of the targets' past at its own mean."""
    del rng
    changed = held[WINDOW].copy()
    changed[:, start:stop, :n_targets] = changed[:, start:stop, :n_targets].mean(axis=1, keepdims=True)
    return {**held, WINDOW: changed}


def _place_ahead(name: str, known: Sequence[str]) -> int:
    """The place of a column among those that are known ahead; -1 where it is not."""
    return list(known).index(name) if name in known else -1


def _of_another(held: Batch, channel: int, ahead: int, rng: np.random.Generator) -> Batch:
    """A column of another origin: its past, and what is known of it ahead."""
    order = rng.permutation(len(next(iter(held.values()))))
    changed = dict(held)
    for name, place in ((WINDOW, channel), (FUTURE, ahead)):
        if name in held and place >= 0:
            changed[name] = _swapped(held[name], place, order)
    return changed


def _swapped(values: Array, place: int, order: Array) -> Array:
    changed = values.copy()
    changed[:, :, place] = values[order][:, :, place]
    return changed


def _other_calendar(held: Batch, rng: np.random.Generator) -> Batch:
    return {**held, CALENDAR: held[CALENDAR][rng.permutation(len(held[CALENDAR]))]}
