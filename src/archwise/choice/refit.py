"""The last fit: the chosen candidate on more rows than it raced on, where a worker process does it."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from archwise.architectures import need_of
from archwise.choice.folds import Fold
from archwise.choice.run import Ground, read_batch, read_ground, read_targets, trial_folder
from archwise.choice.trial import Send, learn, rows_for, solve_on, training_of
from archwise.data.padding import join_steps
from archwise.data.timeline.windows import concatenate
from archwise.records import Candidate


@dataclass(frozen=True)
class RefitJob:
    """Fit a chosen candidate anew. epochs, seconds: of a network, where to stop. place: of its rows, "" for the run."""

    run: str
    candidate: Candidate
    epochs: float = 0.0
    seconds: float | None = None
    place: str = ""


def refit_trial(job: RefitJob, send: Send) -> int:
    """Fit a reference on the training and the validation rows together, and write it as refit.onnx in its trial folder.

    Returns:
        the number of rows it was fitted on.

    Raises:
        ParityError: ONNX Runtime does not answer as the library did.
    """
    send({"event": "refit"})
    folder = Path(job.run)
    ground = read_ground(folder)
    need = need_of(job.candidate)
    (train, targets), valid = rows_for(folder, job.candidate), read_batch(folder, need, "valid")
    targets = join_steps([targets, read_targets(folder, "valid")])
    rows = {name: concatenate([train[name], valid[name]]) for name in train}
    solved = solve_on(ground, job.candidate, rows, targets, ground.signature(need))
    (trial_folder(folder, job.candidate) / "refit.onnx").write_bytes(solved.onnx)
    return len(targets)


def retrain_trial(job: RefitJob, send: Send) -> float:
    """Train a network that raced in folds on all open rows, for so many epochs and without a look that chooses.

    Its weights are then where those of one split are, for `export_trial` to write.

    Returns:
        the epochs it was trained for, fewer than wanted where seconds ran out.
    """
    from archwise.training.landing import Limit

    send({"event": "refit"})
    folder = Path(job.run)
    ground = read_ground(folder)
    if job.place:
        return _retrain_at(folder, ground, job)
    training = training_of(folder, ground, job.candidate, chooses=False)
    trained = learn(training, folder, job.candidate, Limit(job.epochs, None, job.seconds))
    batch = min(job.candidate.plan.batch, ground.n_train)
    return trained.steps / (ground.n_train // batch)


def _retrain_at(folder: Path, ground: Ground, job: RefitJob) -> float:
    """Train a network of one split on more rows, its schedule brought to its end; it takes the place of the raced one.

    Returns:
        the epochs, of these rows.
    """
    from archwise.training.landing import Limit

    fold = Fold(folder / job.place, job.place, np.empty(0, np.int64))
    network, learnt, tools = training_of(folder, ground, job.candidate, fold=fold, chooses=False)
    tools.checkpoint.parent.mkdir(exist_ok=True)
    tools.checkpoint.unlink(missing_ok=True)
    epochs = max(1, round(job.epochs))
    learnt = replace(learnt, plan=replace(learnt.plan, epochs=epochs))
    limit = Limit(float(epochs), None, job.seconds, lands=job.seconds is not None)
    trained = learn((network, learnt, tools), fold.place, job.candidate, limit)
    os.replace(tools.checkpoint, trial_folder(folder, job.candidate) / "checkpoint.safetensors")
    n_rows = ground.n_train + ground.n_valid
    return (trained.steps + trained.skipped) / (n_rows // min(job.candidate.plan.batch, n_rows))
