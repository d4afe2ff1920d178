"""The run folder: what a race needs and what it reached, on disk before the next step, so that any kill can be resumed.

run.toml       the resolved configuration        run.json      facts of the data, the task and the inputs
split.npz      row numbers of the three parts    sealed.arrow  the test rows, opened once at the end
candidates.json  who races, in order             targets-*.npy encoded targets of the two open parts
prepared/NEED  arrays of the training and validation rows, and the preparation that made them
fold-0, …      of a small table: targets and prepared arrays of each fold, laid out as here (choice/folds.py)
left.json      who left before the race, why   judged/        the sealed rows as the chosen answered them
trials/ID      one folder a candidate: rung-0.json, rung-0.npy, its checkpoint or its ONNX
events.jsonl   everything that happened, a line each: the one source of every view
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import cast

import numpy as np

from archwise.config import Config, write_config
from archwise.data.mapped import Picked, pick
from archwise.data.prepare import Preparation, dump_preparation, load_preparation
from archwise.data.timeline.windows import TargetWindows, Windows, window
from archwise.errors import ModelError
from archwise.records import (
    Array,
    Batch,
    Candidate,
    ColumnProfile,
    CurvePoint,
    Finding,
    ForecastFacts,
    InputSpec,
    Json,
    Need,
    Profile,
    Signature,
    Trial,
)
from archwise.tasks import task

RUN_FORMAT = 1
PARTS = ("train", "valid")
OPEN = "open"  # the place of all open rows of one split, where a task asks for it
STORE = "store"  # the folder of what was read once for all, such as pictures
JUDGED = "judged"  # the folder of the sealed rows with what the chosen answered, for the report


@dataclass(frozen=True)
class Ground:
    """The facts on which every trial of a run stands, as kept in run.json.

    target_state: the task's encoding of the target. inputs: need key -> the inputs it gives.
    columns: (name, kind) that models read. layout: every column of the table. steps_mode: no clock may decide anything.
    n_folds, n_repeats: 1 and 1 for one split; else n_train counts all rows that are not sealed.
    test_source: the name of the sealed rows where they were given, else empty.
    widening: by how much the errors of differences are to be widened, where groups are shorter than dependence reaches.
    sketch: of the open rows, as data.sketch makes it; empty where new rows cannot be held against it.
    """

    profile: Profile
    target_state: Mapping[str, Json]
    metric: str
    columns: tuple[tuple[str, str], ...]
    layout: tuple[str, ...]
    inputs: Mapping[str, tuple[InputSpec, ...]]
    n_outputs: int
    n_train: int
    n_valid: int
    n_test: int
    split_how: str
    test_sha256: str
    device: str
    steps_mode: bool
    grouped: bool
    findings: tuple[Finding, ...] = ()
    test_source: str = ""
    n_folds: int = 1
    n_repeats: int = 1
    widening: float = 1.0
    sketch: Mapping[str, Json] = field(default_factory=dict)

    @property
    def n_fits(self) -> int:
        """How many times a candidate is trained before it is chosen: once for each fold of each repeat."""
        return self.n_folds * self.n_repeats

    @property
    def rows_a_fit(self) -> int:
        """The rows that each of these trainings learns from."""
        return self.n_train if self.n_folds == 1 else self.n_train * (self.n_folds - 1) // self.n_folds

    def signature(self, need: Need) -> Signature:
        """What a body that needs its input so may know of the data."""
        return self.signed(self.inputs[need.key])

    def signed(self, inputs: tuple[InputSpec, ...]) -> Signature:
        """What a body may know of the data that come as these inputs."""
        zero, horizon = float(self.target_state.get("zero", 0.0)), int(self.target_state.get("horizon", 0))
        return Signature(inputs, self.n_outputs, zero, task(self.profile.task).needs, horizon)


@dataclass(frozen=True)
class Laid:
    """What the start of a run put into its folder; the fields are those of Ground."""

    columns: tuple[tuple[str, str], ...]
    target_state: Mapping[str, Json]
    inputs: Mapping[str, tuple[InputSpec, ...]]
    n_train: int
    n_valid: int
    n_test: int
    split_how: str
    test_sha256: str
    grouped: bool
    findings: tuple[Finding, ...]
    n_folds: int = 1
    n_repeats: int = 1
    test_source: str = ""
    widening: float = 1.0
    sketch: Mapping[str, Json] = field(default_factory=dict)


def begin_folder(folder: Path, config: Config) -> None:
    """Make the run folder, with the configuration in it."""
    folder.mkdir(parents=True)
    write_config(config, folder / "run.toml")


def write_ground(folder: Path, ground: Ground) -> None:
    """Write run.json."""
    write_json(folder / "run.json", {"format": RUN_FORMAT, **asdict(ground)})


def read_ground(folder: Path) -> Ground:
    """Read run.json.

    Raises:
        ModelError: the folder is not a run, is incomplete or of another format.
    """
    try:
        data = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(
            f"{folder}: not a run folder, or one that was stopped before the race began; fit again"
        ) from None
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder}/run.json cannot be read: {error}; fit again") from None
    if data.pop("format", None) != RUN_FORMAT:
        raise ModelError(f"{folder}: a run of another version of archwise; fit again with this one")
    data["profile"] = profile_from_json(data["profile"])
    data["columns"] = tuple((name, kind) for name, kind in data["columns"])
    data["layout"] = tuple(data["layout"])
    data["findings"] = tuple(Finding(**finding) for finding in data["findings"])
    data["inputs"] = {key: tuple(InputSpec.from_json(spec) for spec in specs) for key, specs in data["inputs"].items()}
    return Ground(**data)


def read_candidates(folder: Path) -> tuple[Candidate, ...]:
    """Who races from the start, in order.

    Raises:
        ModelError: as for `read_ground`.
    """
    read_ground(folder)
    return tuple(Candidate.from_json(entry) for entry in _entries(folder) if entry.get("wave") is None)


def read_wave(folder: Path, number: int) -> tuple[Candidate, ...]:
    """The candidates that were proposed at once inside the race, the first wave being 0; empty where none were yet."""
    return tuple(Candidate.from_json(entry) for entry in _entries(folder) if entry.get("wave") == number)


def write_wave(folder: Path, number: int, wave: Sequence[Candidate]) -> None:
    """Write who is proposed after all that race already."""
    added = [{**candidate.to_json(), "wave": number} for candidate in wave]
    write_json(folder / "candidates.json", [*_entries(folder), *added])


def _entries(folder: Path) -> list[dict[str, Json]]:
    found: list[dict[str, Json]] = json.loads((folder / "candidates.json").read_text(encoding="utf-8"))
    return found


def profile_from_json(data: Mapping[str, Json]) -> Profile:
    """The profile that `dataclasses.asdict` wrote."""
    facts = data.get("forecast")
    return Profile(
        **{
            **data,
            "forecast": ForecastFacts(**{**facts, "seasons": tuple(facts["seasons"])}) if facts else None,
            "columns": tuple(ColumnProfile(**column) for column in data["columns"]),
            "findings": tuple(Finding(**finding) for finding in data["findings"]),
            "classes": tuple(data["classes"]),
            "class_counts": tuple(data["class_counts"]),
        }
    )


# ---------------------------------------------------------------- prepared arrays


def write_prepared(folder: Path, preparation: Preparation, parts: Mapping[str, Batch]) -> None:
    """Write the arrays of the training and validation rows under one need, and the preparation itself.

    Of rows that lie in a store, which they are.
    """
    write_preparation(folder, preparation)
    for part, batch in parts.items():
        for name, array in batch.items():
            path = prepared_path(folder, preparation.need, part, name)
            if isinstance(array, Picked | Windows):
                assert array.file is not None  # what is written lies in a store
                where = os.path.relpath(array.file, path.parent)
                held = {"rows": array.rows} if isinstance(array, Picked) else _held_of(array)
                np.savez(path.with_suffix(".npz"), lies_in=np.array(where), **held)
            else:
                np.save(path, array, allow_pickle=False)


def _held_of(windows: Windows | TargetWindows) -> dict[str, Array]:
    return {"starts": windows.starts, "n_steps": np.array(windows.n_steps)}


def prepared_folder(folder: Path, need: Need) -> Path:
    """Where the arrays under a need lie."""
    return folder / "prepared" / need.key


def prepared_path(folder: Path, need: Need, part: str, name: str) -> Path:
    """The file of one input of "train" or "valid" under a need."""
    return prepared_folder(folder, need) / f"{part}-{name}.npy"


def write_preparation(folder: Path, preparation: Preparation) -> None:
    """Write a preparation, which also makes the folder of its arrays."""
    place = folder / "prepared" / preparation.need.key
    place.mkdir(parents=True, exist_ok=True)
    state, arrays = dump_preparation(preparation)
    np.savez(place / "preparation.npz", **arrays)  # type: ignore[arg-type]  # every value is an array
    write_json(place / "preparation.json", state)


def read_batch(folder: Path, need: Need, part: str) -> Batch:
    """The prepared arrays of "train" or "valid", mapped from disk; of a large table codes are of a narrower dtype."""
    place = folder / "prepared" / need.key
    return {path.stem.removeprefix(f"{part}-"): _mapped(path) for path in sorted(place.glob(f"{part}-*.np[yz]"))}


def _mapped(path: Path) -> Array:
    """An array of a file, or the rows or windows of a store that a file names, which are read as an array is."""
    if path.suffix == ".npy":
        mapped: Array = np.load(path, mmap_mode="r", allow_pickle=False)
        return mapped
    with np.load(path, allow_pickle=False) as held:
        file = path.parent / str(held["lies_in"])
        if "n_steps" in held:
            return cast("Array", window(file, held["starts"], int(held["n_steps"])))
        return cast("Array", pick(file, held["rows"]))


def read_preparation(folder: Path, need: Need) -> Preparation:
    """The preparation that made the arrays of this need."""
    return _preparation_at(folder / "prepared" / need.key)


def read_any_preparation(folder: Path) -> Preparation:
    """One of the preparations of a run, where it does not matter which."""
    return _preparation_at(sorted((folder / "prepared").iterdir())[0])


def _preparation_at(place: Path) -> Preparation:
    with np.load(place / "preparation.npz", allow_pickle=False) as arrays:
        return load_preparation(json.loads((place / "preparation.json").read_text()), dict(arrays))


def targets_path(folder: Path, part: str) -> Path:
    """The file of the encoded targets of "train" or "valid"."""
    return folder / f"targets-{part}.npy"


def write_targets(folder: Path, part: str, targets: Array) -> None:
    """Write the encoded targets of "train" or "valid"; of those that lie in a store, which they are."""
    if isinstance(targets, TargetWindows) and targets.file is not None:
        where = np.array(os.path.relpath(targets.file, folder))
        own = {"owner": targets.owner, "of_series": targets.of_series}
        np.savez(targets_path(folder, part).with_suffix(".npz"), lies_in=where, **_held_of(targets), **own)
    else:
        np.save(targets_path(folder, part), targets, allow_pickle=False)


def read_targets(folder: Path, part: str) -> Array:
    """The encoded targets of "train" or "valid", (N,) or (N, K), mapped from disk; windows are read as an array is."""
    lying = targets_path(folder, part).with_suffix(".npz")
    if lying.exists():
        with np.load(lying, allow_pickle=False) as held:
            source = np.load(folder / str(held["lies_in"]), mmap_mode="r", allow_pickle=False)
            n_steps, of_series = int(held["n_steps"]), held["of_series"]
            found = TargetWindows(
                folder / str(held["lies_in"]), source, held["starts"], n_steps, of_series, held["owner"]
            )
        return cast("Array", found)
    targets: Array = np.load(targets_path(folder, part), mmap_mode="r", allow_pickle=False)
    return targets


def trial_folder(folder: Path, candidate: Candidate) -> Path:
    """Where a candidate keeps what it reached; made when absent."""
    place = folder / "trials" / candidate.id
    place.mkdir(parents=True, exist_ok=True)
    return place


def write_trial(folder: Path, trial: Trial) -> None:
    """Write what a candidate reached at a rung: outputs first, the record last, so that a record means a whole rung."""
    place = trial_folder(folder, trial.candidate)
    if trial.outputs is not None:
        partial = place / f"rung-{trial.rung}.partial.npy"
        np.save(partial, trial.outputs, allow_pickle=False)
        os.replace(partial, place / f"rung-{trial.rung}.npy")
    write_json(place / f"rung-{trial.rung}.json", trial_to_json(trial))


def read_trial(folder: Path, candidate: Candidate, rung: int) -> Trial | None:
    """What a candidate reached at a rung, or None where that rung was not finished."""
    place = folder / "trials" / candidate.id
    record = place / f"rung-{rung}.json"
    if not record.exists():
        return None
    data = json.loads(record.read_text(encoding="utf-8"))
    outputs = place / f"rung-{rung}.npy"
    data["candidate"] = Candidate.from_json(data["candidate"])
    data["curve"] = tuple(CurvePoint(**point) for point in data["curve"])
    for name in ("score", "latency_ms", "low", "high"):
        data[name] = float("nan") if data[name] is None else data[name]
    return Trial(**data, outputs=np.load(outputs, allow_pickle=False) if outputs.exists() else None)


def leave(folder: Path, candidate: Candidate, why: str) -> None:
    """Note that a candidate leaves before the race, and why."""
    held = [trial_to_json(trial) for trial in read_left(folder)]
    write_json(folder / "left.json", [*held, trial_to_json(Trial(candidate, 0, "failed", why=why))])


def read_left(folder: Path) -> tuple[Trial, ...]:
    """Who left before the race, as trials that failed."""
    path = folder / "left.json"
    if not path.exists():
        return ()
    held = json.loads(path.read_text(encoding="utf-8"))
    return tuple(Trial(Candidate.from_json(each["candidate"]), 0, "failed", why=each["why"]) for each in held)


def read_latest(folder: Path, candidate: Candidate) -> Trial | None:
    """What a candidate reached at its latest rung that was finished: one that stopped early has no later one."""
    found = (folder / "trials" / candidate.id).glob("rung-*.json")
    rung = max((int(path.stem.removeprefix("rung-")) for path in found), default=None)
    return None if rung is None else read_trial(folder, candidate, rung)


def read_before(folder: Path, candidate: Candidate, rung: int) -> Trial | None:
    """What a candidate reached last before a rung, which need not be the rung just below; None where it had none."""
    found = (read_trial(folder, candidate, below) for below in range(rung - 1, -1, -1))
    return next((trial for trial in found if trial is not None), None)


def trial_to_json(trial: Trial) -> dict[str, Json]:
    """The record of a trial as JSON, without its outputs; a score that is no number becomes null."""
    return {
        "candidate": trial.candidate.to_json(),
        "rung": trial.rung,
        "state": trial.state,
        "why": trial.why,
        "score": _finite(trial.score),
        "steps": trial.steps,
        "seconds": round(trial.seconds, 3),
        "n_parameters": trial.n_parameters,
        "latency_ms": _finite(trial.latency_ms),
        "low": _finite(trial.low),
        "high": _finite(trial.high),
        "curve": [asdict(point) for point in trial.curve],
    }


def write_json(path: Path, data: Json) -> None:
    """Write JSON whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(data, indent=1, ensure_ascii=False), encoding="utf-8")
    os.replace(partial, path)


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
