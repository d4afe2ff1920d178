"""The last page of every start of a run: what was laid out is written as ground, and told."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from archwise.choice.given import GIVEN
from archwise.choice.near import NEAR
from archwise.choice.run import Ground, Laid, leave, write_ground, write_json
from archwise.choice.shortlist import asked_loss, left_out
from archwise.config import Config
from archwise.records import Candidate, Json, Profile
from archwise.tasks import main_metric, task

OnEvent = Callable[[dict[str, Json]], None]
_TOLD = (GIVEN, NEAR, "store", "unreadable", "gaps", "repeats")  # codes of findings of a start that are told


@dataclass(frozen=True)
class Opening:
    """What a start made of the data. layout: every column of the table."""

    profile: Profile
    laid: Laid
    candidates: tuple[Candidate, ...]
    layout: tuple[str, ...]


def deciding(profile: Profile, config: Config) -> str:
    """The name of the metric that decides: as asked, or that of a loss that was asked for; "" for the task's own."""
    return config.metric or task(profile.task).metric_of_loss.get(asked_loss(config), "")


def count_workers(config: Config) -> int:
    """Worker processes of a race: as asked, or one for each core that this process may use."""
    if config.workers:
        return config.workers
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def open_race(folder: Path, opening: Opening, config: Config, *, on_event: OnEvent) -> None:
    """Write who races and on what ground, and tell it."""
    profile, laid, candidates = opening.profile, opening.laid, opening.candidates
    kind_of_task = task(profile.task)
    metric = main_metric(kind_of_task, laid.target_state, deciding(profile, config)).name
    write_json(folder / "candidates.json", [candidate.to_json() for candidate in candidates])
    write_ground(
        folder,
        Ground(
            profile=profile,
            metric=metric,
            layout=opening.layout,
            n_outputs=kind_of_task.n_outputs(laid.target_state),
            device=config.device,
            steps_mode=config.limit.steps is not None,
            **{field.name: getattr(laid, field.name) for field in fields(laid)},
        ),
    )
    on_event({"event": "run", "folder": str(folder)})  # no earlier: a folder whose start failed is gone
    on_event(_started(profile, laid, candidates, metric))
    for candidate, why in left_out(profile, config):
        leave(folder, candidate, why)
        on_event({"event": "note", "message": f"{candidate.label} leaves the race: {why}"})
    told = [finding for finding in profile.findings if finding.code in ("sampled", "labels")]
    told += [finding for finding in laid.findings if finding.code in _TOLD]
    for finding in told:
        on_event({"event": "note", "message": finding.message})


def _started(profile: Profile, laid: Laid, candidates: Sequence[Candidate], metric: str) -> dict[str, Json]:
    return {
        "event": "start",
        "source": profile.source,
        "task": profile.task,
        "target": profile.target,
        "metric": metric,
        "n_rows": profile.n_rows,
        "n_train": laid.n_train,
        "n_valid": laid.n_valid,
        "n_test": laid.n_test,
        "n_fits": laid.n_folds * laid.n_repeats,
        "split": laid.split_how,
        "findings": [finding.message for finding in profile.findings if finding.severity != "note"],
        "candidates": [{"id": candidate.id, "label": candidate.label} for candidate in candidates],
    }
