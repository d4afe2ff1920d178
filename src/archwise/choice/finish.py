"""The end of a run: the evidence, the verdict, the seal opened once, and the model folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from archwise.choice.evidence import bootstrap_scores
from archwise.choice.race import OnEvent
from archwise.choice.run import (
    read_ground,
    read_targets,
)
from archwise.choice.verdict import decide
from archwise.config import Config
from archwise.engines.processes import Workers
from archwise.errors import RaceError
from archwise.model.folder import write_model
from archwise.records import Array, Trial
from archwise.tasks import main_metric, task

EXPORT_S = 120.0  # wall time after which the writing of a network as ONNX is given up


@dataclass(frozen=True)
class Opened:
    """The sealed rows, opened: encoded targets (N,), and the typed columns."""

    targets: Array
    typed: pl.DataFrame
    groups: Array | None


def finish_run(folder: Path, config: Config, trials: Sequence[Trial], *, workers: Workers, tell: OnEvent) -> None:
    """Decide, open the seal, and write the model folder at `config.out`.

    Raises:
        RaceError: no candidate became usable; each is named with its reason.
        ParityError: the chosen network cannot be written as it was trained.
    """
    ground = read_ground(folder)
    usable = [trial for trial in trials if trial.outputs is not None and trial.state != "failed"]
    if not usable:
        reasons = "; ".join(f"{trial.candidate.label}: {trial.why or trial.state}" for trial in trials)
        raise RaceError(
            f"no candidate became usable inside the budget ({reasons or 'none began'}); give a longer budget"
        )
    metric = main_metric(task(ground.profile.task), ground.target_state, ground.metric)
    truth = read_targets(folder, "valid")
    scores = bootstrap_scores(
        truth,
        [_outputs(trial) for trial in usable],
        metric,
        seed=config.seed,
        groups=_groups(folder, "valid"),
    )
    verdict = decide(usable, scores, ground)
    tell({"event": "verdict", "chosen": verdict.chosen, "reasons": list(verdict.reasons)})
    onnx = _onnx_of(folder, verdict.candidate, workers)
    sealed = _open_seal(folder, ground, verdict, usable, metric)
    write_model(Path(config.out), _content(...))
    tell({"event": "done", "model": config.out})
