"""The start of a run of forecasts: series are read, split in time, sealed and prepared; a row is an origin.

timeline/*.npy   all open steps as models see them, once for every need; prepared arrays are windows of these
sealed.arrow     the sealed steps with the past before them, as they were read
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl

from archwise.architectures import need_of
from archwise.choice.opening import OnEvent, Opening, count_workers, open_race
from archwise.choice.run import OPEN, Laid, begin_folder, write_prepared, write_targets
from archwise.choice.shortlist import asked_loss, enter
from archwise.config import Config
from archwise.data.open import forecast_told
from archwise.data.prepare import Preparation, inputs_of
from archwise.data.timeline.grid import ERROR, FILL, Timeline
from archwise.data.timeline.look import OpenedTimeline, TimelineRequest, open_timeline
from archwise.data.timeline.prepare import (
    CALENDAR,
    FUTURE,
    KIND,
    WINDOW,
    Steps,
    as_preparation,
    batch_at,
    frequency_of,
    prepare_steps,
    roles_of,
    state_of,
    targets_at,
)
from archwise.data.timeline.split import Origins, SplitTimes, place_origins
from archwise.data.timeline.windows import Windows, window
from archwise.errors import ArchwiseError, UsageError
from archwise.records import FORECAST, Array, Batch, Candidate, Json, Need, Parts
from archwise.tasks import main_metric, task

TRUTH = "truth"
PLACE = "timeline"  # of the open steps in a run folder
OWNER, NUMBER = "series:", "step:"  # columns of the sealed steps; no reader gives a column such a name


def as_told(source: object, config: Config) -> Config:
    """The configuration with what a source tells of its own forecast, where the user says nothing else.

    Raises:
        SourceError: the source cannot be read.
        UsageError: it is there to be forecast, and nobody says how far.
    """
    named = source.train if isinstance(source, Parts) else source
    told = forecast_told(named)
    if told is None:
        return config
    horizon = config.horizon or told.horizon
    if not horizon:
        raise UsageError(
            f"{named}: the file names no @horizon; say how many steps to forecast, as in --horizon {told.usual}"
        )
    found = {"horizon": horizon, "target": told.target, "series": told.series, "time": told.time}
    found["gaps"] = FILL if told.has_gaps else ""
    return config.model_copy(update={name: getattr(config, name) or value for name, value in found.items()})


def timeline_request(config: Config, test: object | None = None) -> TimelineRequest:
    """What the user fixed about how series are to be read.

    Raises:
        UsageError: an option does not go with a forecast.
    """
    unfit = {"--group": config.group, "--valid": isinstance(config.valid, str), "--order": config.order}
    unfit |= {"--threshold": config.threshold, "--kind": config.kinds}
    unfit |= {f"--task {config.task}": config.task not in ("", FORECAST)}
    named = [name for name, value in unfit.items() if value]
    if named:
        raise UsageError(f"{named[0]} does not go with --horizon, which asks for a forecast; leave one of them out")
    valid, share = config.shares
    times = SplitTimes(valid, share or 0.2, config.valid_from, config.test_from, config.until)
    targets = tuple(name.strip() for name in config.target.split(",") if name.strip())
    if isinstance(config.test, str) and test is None:
        test = config.test
    return TimelineRequest(
        targets, config.horizon, times, config.time, config.series, config.known, config.drop, config.zone,
        config.gaps or ERROR, config.names, test, asked_loss(config),
    )  # fmt: skip


def open_as_series(source: object, config: Config) -> OpenedTimeline:
    """Read a source, and the sealed steps where they are a source of their own.

    Raises:
        DataError, UsageError: as for `open_timeline`.
    """
    parts = source if isinstance(source, Parts) else Parts(source)
    if parts.valid is not None:
        raise UsageError("series decide on the steps before the sealed ones; say from when with valid_from")
    return open_timeline(parts.train, timeline_request(config, parts.test))


def start_forecast(source: object, config: Config, folder: Path, *, on_event: OnEvent) -> tuple[Candidate, ...]:
    """Read, look, split, seal, prepare, and write the run folder of a forecast.

    Returns, raises:
        as `start_run`.
    """
    opened = open_as_series(source, config)
    candidates = enter(opened.profile, config, n_workers=count_workers(config))
    needs = list(dict.fromkeys(need_of(candidate) for candidate in candidates))
    try:
        laid = _lay_out(folder, opened, needs, config)
    except ArchwiseError:
        shutil.rmtree(folder, ignore_errors=True)  # there is nothing in it that could be gone on with
        raise
    opening = Opening(opened.profile, laid, candidates, tuple(opened.table.frame.columns))
    open_race(folder, opening, config, on_event=on_event)
    return candidates


def _lay_out(folder: Path, opened: OpenedTimeline, needs: Sequence[Need], config: Config) -> Laid:
    """Split, seal and prepare; what is open stands in one timeline, what is sealed in another."""
    begin_folder(folder, config)
    timeline, cuts, state = opened.timeline, opened.cuts, opened.state
    horizon, past = int(state["horizon"]), max(need.past for need in needs)
    origins = place_origins(timeline, cuts, horizon=horizon, past=past, n_targets=len(opened.roles.targets))
    target_state = _target_state(state)
    main_metric(task(FORECAST), target_state, config.metric)  # a misspelt name is found before anything is trained
    seal = _seal(folder, opened, origins, past=past)
    open_part = timeline.part(np.zeros_like(cuts.until), cuts.test_from)
    steps = prepare_steps(state, open_part)
    places = _store(folder, steps)
    sides = {name: _places_in(open_part, timeline, getattr(origins, name)) for name in ("train", "valid")}
    _lay_out_open(folder, state, open_part, steps, sides=sides, needs=needs)
    for name, at in sides.items():
        targets = targets_at(state, open_part, steps, at)
        lying = replace(targets, file=places[TRUTH]) if name == "train" else np.asarray(targets)
        write_targets(folder, name, lying)  # type: ignore[arg-type]  # read as an array is
    tail = _tail(timeline, cuts.until, past)
    inputs = {}
    for need in needs:
        preparation = as_preparation({**state, **tail}, need)
        parts = {name: _lying_in(places, batch_at(state, steps, at, past=need.past)) for name, at in sides.items()}
        write_prepared(folder, preparation, parts)
        inputs[need.key] = inputs_of(preparation)
    return Laid(
        columns=tuple((name, KIND) for name in opened.roles.channels),
        target_state=target_state,
        inputs=inputs,
        n_train=len(origins.train),
        n_valid=len(origins.valid),
        n_test=len(origins.test),
        split_how=origins.how,
        test_sha256=seal,
        grouped=True,
        findings=tuple(opened.profile.findings),
        test_source=str(config.test) if isinstance(config.test, str) else "",
        widening=origins.widening,
    )


def _lay_out_open(
    folder: Path,
    state: Mapping[str, Json],
    timeline: Timeline,
    steps: Steps,
    *,
    sides: Mapping[str, Array],
    needs: Sequence[Need],
) -> None:
    """Lay out all open origins as training rows in a place of their own, for the last fit of a chosen network."""
    place = folder / OPEN
    place.mkdir()
    store = folder / PLACE
    everything = np.concatenate([sides["train"], sides["valid"]])
    for name, at in (("train", everything), ("valid", sides["valid"][:1])):
        targets = targets_at(state, timeline, steps, at)
        lying = replace(targets, file=store / f"{TRUTH}.npy") if name == "train" else np.asarray(targets)
        write_targets(place, name, lying)  # type: ignore[arg-type]  # read as an array is
    for need in needs:
        parts = {}
        for name, at in (("train", everything), ("valid", sides["valid"][:1])):
            batch = batch_at(state, steps, at, past=need.past)
            parts[name] = _lying_in({each: store / f"{each}.npy" for each in batch}, batch)
        write_prepared(place, as_preparation(state, need), parts)


def _target_state(state: Mapping[str, Json]) -> dict[str, Json]:
    """What the task must know of the targets."""
    return {
        "targets": list(roles_of(state).targets),
        "horizon": int(state["horizon"]),
        "n_series": len(state["names"]),
        "season": int(state["seasons"][0]) if state["seasons"] else 1,
        "logs": [bool(log) for log in state["logs"][: len(roles_of(state).targets)]],
    }


def _store(folder: Path, steps: Steps) -> dict[str, Path]:
    """Write the open steps; where each input lies."""
    place = folder / PLACE
    place.mkdir()
    held = {WINDOW: steps.series, FUTURE: steps.future, CALENDAR: steps.calendar, TRUTH: steps.truth}
    for name, array in held.items():
        np.save(place / f"{name}.npy", array, allow_pickle=False)
    return {name: place / f"{name}.npy" for name in held}


def _lying_in(places: Mapping[str, Path], batch: Batch) -> Batch:
    """The same windows of the arrays on disk."""
    found: dict[str, Windows] = {
        name: window(places[name], windows.starts, windows.n_steps)  # type: ignore[attr-defined]
        for name, windows in batch.items()
    }
    return found  # type: ignore[return-value]  # windows are read as arrays are


def _places_in(part: Timeline, whole: Timeline, origins: Array) -> Array:
    """Places among the steps of a part that begins where its series do, of places among all steps."""
    owner = whole.owner[origins]
    return origins - whole.begins[owner] + part.begins[owner]


def _tail(timeline: Timeline, until: Array, past: int) -> dict[str, Array]:
    """The last steps of each series, from which a model forecasts when it is given nothing newer.

    Returns:
        tail: (S, L, C) float32, NaN where unknown or before the first step. tail_last: (S,) int64 place of the last.
    """
    lengths = np.minimum(until, np.diff(timeline.begins))
    tail = np.full((timeline.n_series, past, timeline.values.shape[1]), np.nan)
    for place, (begin, length) in enumerate(zip(timeline.begins[:-1], lengths, strict=True)):
        n_held = min(past, int(length))
        if n_held:
            tail[place, past - n_held :] = timeline.values[begin + length - n_held : begin + length]
    return {"tail": tail, "tail_last": (timeline.first + lengths - 1).astype(np.int64)}


# ---------------------------------------------------------------- the seal


def _seal(folder: Path, opened: OpenedTimeline, origins: Origins, *, past: int) -> str:
    """Put the sealed steps away, with the past before them; the SHA-256 of the sealed ones."""
    timeline, cuts = opened.timeline, opened.cuts
    begin = np.maximum(cuts.test_from - past, 0)
    sealed = timeline.part(begin, cuts.until)
    frame = _frame_of(sealed, opened.roles.channels)
    frame.write_ipc(folder / "sealed.arrow")
    owner = timeline.owner[origins.test]
    at = origins.test - timeline.begins[owner] - begin[owner] + sealed.begins[owner]
    counts = np.cumsum([0, len(origins.train), len(origins.valid), len(origins.test)])
    train, valid, test = (np.arange(start, stop) for start, stop in pairwise(counts))
    np.savez(folder / "split.npz", train=train, valid=valid, test=test, groups=origins.groups, sealed_origins=at)
    only = _frame_of(timeline.part(cuts.test_from, cuts.until), opened.roles.channels)
    return hashlib.sha256(only.write_csv().encode()).hexdigest()


def _frame_of(timeline: Timeline, channels: Sequence[str]) -> pl.DataFrame:
    columns = [pl.Series(name, values) for name, values in zip(channels, timeline.values.T, strict=True)]
    return pl.DataFrame([pl.Series(OWNER, timeline.owner), pl.Series(NUMBER, timeline.numbers), *columns])


def sealed_timeline(sealed: pl.DataFrame, state: Mapping[str, Json]) -> Timeline:
    """The series of the sealed steps, all those of training in their order, also where one has none."""
    owner, numbers = sealed[OWNER].to_numpy(), sealed[NUMBER].to_numpy()
    counts = np.bincount(owner, minlength=len(state["names"]))
    begins = np.concatenate([[0], np.cumsum(counts)])
    first = np.zeros(len(counts), np.int64)
    first[counts > 0] = numbers[begins[:-1][counts > 0]]
    values = sealed.drop(OWNER, NUMBER).to_numpy().astype(np.float64)
    return Timeline(frequency_of(state), tuple(state["names"]), begins, first, values)


def sealed_targets(sealed: pl.DataFrame, preparation: Preparation, origins: Array) -> Array:
    """The encoded targets of the sealed origins."""
    state = state_of(preparation)
    timeline = sealed_timeline(sealed, state)
    return np.asarray(targets_at(state, timeline, prepare_steps(state, timeline), origins))


def sealed_batch(sealed: pl.DataFrame, preparation: Preparation, origins: Array) -> Batch:
    """The inputs of the sealed origins under the need of a preparation."""
    state = state_of(preparation)
    steps = prepare_steps(state, sealed_timeline(sealed, state))
    return batch_at(state, steps, origins, past=preparation.need.past)
