"""A candidate fitted again on parts of the training rows, in worker processes, to tell what more rows would bring.

A reference costs no steps and is quick, so it is always measured where time is left. A network is trained again only
where the budget is in seconds and the time left is enough; otherwise the best reference is measured in its place, and
the sentence says so. What a part answered is on disk before the next, so that a resumed run repeats none.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from archwise.architectures import architecture, need_of
from archwise.choice.growth import Part, cut_parts, grow, growth_json
from archwise.choice.run import Ground, read_ground, read_targets, trial_folder
from archwise.choice.seal import read_groups
from archwise.choice.start import count_workers
from archwise.choice.trial import Send
from archwise.choice.trunk import given_batch, network_of
from archwise.config import Config
from archwise.data.mapped import gather
from archwise.data.open import draw_evenly
from archwise.engines.processes import Job, Workers
from archwise.evidence import bootstrap_scores
from archwise.model.session import open_session, outputs
from archwise.records import Array, Batch, Candidate, Json, Metric, Trial
from archwise.tasks import main_metric, task

N_RESAMPLES = 500
EVIDENCE_S = 2.0  # kept for the scores of the parts
SMALLEST_BATCH = 16
FEWEST_SIZES = 4  # of the rows, all rows among them, that a power law is fitted to


@dataclass(frozen=True)
class SubsetJob:
    """One candidate on one part of the training rows of a run, by the part's name."""

    run: str
    candidate: Candidate
    seed: int
    part: str


@dataclass(frozen=True)
class _Subject:
    """Who is fitted on parts of the rows. words: why it is not the chosen, if it is not."""

    trial: Trial
    words: str = ""


def measure_growth(
    folder: Path,
    config: Config,
    usable: Sequence[Trial],
    chosen: Trial,
    *,
    workers: Workers,
    deadline: float | None,
) -> dict[str, Json]:
    """Measure what more rows would bring.

    Args:
        usable: trials with outputs.
        deadline: when all must be done on the monotonic clock, or None where no clock decides.

    Returns:
        the facts for verdict.json, with the sentence that tells them; the sentence alone where nothing was measured.
    """
    if read_ground(folder).n_fits > 1:  # the rows that decide are those that train
        return {"sentence": "What more rows would bring is not measured where folds decide."}
    n_workers = count_workers(config)
    subject = _subject(usable, chosen, sign=_metric(read_ground(folder)).sign, left_s=_left_s(deadline, n_workers))
    if isinstance(subject, str):
        return {"sentence": f"What more rows would bring was not measured: {subject}."}
    candidate = subject.trial.candidate
    parts = subset_parts(folder, candidate, seed=config.seed)
    if not parts:
        return {"sentence": "What more rows would bring was not measured: the training rows are too few to cut up."}
    jobs = [SubsetJob(str(folder), candidate, config.seed, part.name) for part in parts]
    waiting = [job for job in jobs if not _place(job).exists()]
    until = None if deadline is None else deadline - EVIDENCE_S
    for _ in workers.run(fit_subset, [Job(job, until=until) for job in waiting]):
        pass  # what each answered is on disk
    done = [part for part, job in zip(parts, jobs, strict=True) if _place(job).exists()]
    if len({part.size for part in done}) + 1 < FEWEST_SIZES:
        return {"sentence": "What more rows would bring was not measured: the fits on parts of the rows failed."}
    facts = _facts(folder, config, subject.trial, done)
    facts["sentence"] += subject.words
    return facts


def _left_s(deadline: float | None, n_workers: int) -> float | None:
    """Worker seconds that are left for fits, or None where no clock decides."""
    return None if deadline is None else (deadline - EVIDENCE_S - time.monotonic()) * n_workers


def _subject(usable: Sequence[Trial], chosen: Trial, *, sign: float, left_s: float | None) -> _Subject | str:
    """Who is measured: the chosen, or else the best reference; or why nobody is."""
    is_network = not architecture(chosen.candidate.architecture).is_reference
    if is_network and left_s is not None and _cost_s(chosen) <= left_s:
        return _Subject(chosen)
    if not architecture(chosen.candidate.architecture).learns:
        return f"{chosen.candidate.label} only counts, so more rows would not change it"
    fitted = [trial for trial in usable if _is_fitted(trial)]
    best = chosen if not is_network else max(fitted, key=lambda trial: sign * trial.score, default=None)
    if best is None:
        return "no reference was fitted, and a network is trained again only where enough time is left"
    if left_s is not None and _cost_s(best) > left_s:
        return f"no time was left to fit {best.candidate.label} on parts of the rows"
    if not is_network:
        return _Subject(best)
    why = "networks are not trained again in a budget of steps" if left_s is None else "too little time was left"
    return _Subject(best, f" (Measured on the best reference: {why}.)")


def _is_fitted(trial: Trial) -> bool:
    """Whether a trial is of a reference that learns from rows, rather than only counts."""
    entry = architecture(trial.candidate.architecture)
    return entry.is_reference and entry.learns


def _cost_s(trial: Trial) -> float:
    """Worker seconds for every part: a reference takes them in proportion to its rows, a network all its steps."""
    return (1.5 if architecture(trial.candidate.architecture).is_reference else 7.0) * trial.seconds


def subset_parts(folder: Path, candidate: Candidate, *, seed: int) -> tuple[Part, ...]:
    """The parts of the training rows that a candidate is fitted on; their rows are numbers of the run's rows."""
    targets, groups = read_targets(folder, "train"), read_groups(folder, "train")
    most = architecture(candidate.architecture).most_rows or len(targets)
    rows = draw_evenly(len(targets), most, seed=0)
    is_class = task(read_ground(folder).profile.task).stratify
    cut = cut_parts(
        gather(targets, rows), seed=seed, is_class=is_class, groups=None if groups is None else groups[rows]
    )
    return tuple(replace(part, rows=rows[part.rows]) for part in cut)


def fit_subset(job: SubsetJob, send: Send) -> str:
    """Fit a candidate on a part of the training rows, and write what it answers on the validation rows.

    Returns:
        the path of the outputs, (N_valid, K) float32.
    """
    send({"event": "growth", "part": job.part})
    folder = Path(job.run)
    ground, entry, need = read_ground(folder), architecture(job.candidate.architecture), need_of(job.candidate)
    part = next(part for part in subset_parts(folder, job.candidate, seed=job.seed) if part.name == job.part)
    batch = {name: gather(array, part.rows) for name, array in given_batch(folder, job.candidate, "train").items()}
    targets = gather(read_targets(folder, "train"), part.rows)
    valid = given_batch(folder, job.candidate, "valid")
    if entry.solve is None:
        answered = _trained(job, ground, (batch, targets), valid)
    else:
        settings, seed = dict(job.candidate.settings), job.candidate.plan.seed
        signature, name = ground.signature(need), ground.profile.task
        answered = outputs(open_session(entry.solve(signature, settings, batch, targets, name, seed).onnx), valid)
    path = _place(job)
    partial = path.with_suffix(".partial.npy")
    np.save(partial, answered, allow_pickle=False)
    os.replace(partial, path)
    return str(path)


def _trained(job: SubsetJob, ground: Ground, given: tuple[Batch, Array], valid: Batch) -> Array:
    """Train a network by its plan, in batches that are smaller as the rows are fewer, so that its steps are as many."""
    from archwise.training.loop import Examples, Limit, Tools, TrainJob, train

    plan, folder = job.candidate.plan, Path(job.run)
    share = len(given[1]) / ground.n_train
    plan = replace(plan, batch=max(min(SMALLEST_BATCH, plan.batch), math.ceil(plan.batch * share)))
    candidate, kind_of_task = replace(job.candidate, plan=plan), task(ground.profile.task)
    network = network_of(folder, ground, candidate, ground.signature(need_of(candidate)))
    checkpoint = _place(job).with_suffix(".safetensors")
    trained = train(
        network,
        TrainJob(kind_of_task, ground.target_state, _metric(ground), plan, ground.device),
        train=Examples(*given),
        valid=Examples(valid, read_targets(folder, "valid")),
        limit=Limit(plan.epochs),
        tools=Tools(checkpoint, lambda point: None, time.monotonic),
    )
    checkpoint.unlink()
    return trained.outputs


def _metric(ground: Ground) -> Metric:
    return main_metric(task(ground.profile.task), ground.target_state, ground.metric)


def _place(job: SubsetJob) -> Path:
    return trial_folder(Path(job.run), job.candidate) / f"part-{job.part}.npy"


def _facts(folder: Path, config: Config, trial: Trial, parts: Sequence[Part]) -> dict[str, Json]:
    """Score the parts and all rows on the same resamples of the validation rows, and fit their growth."""
    ground, place = read_ground(folder), trial_folder(folder, trial.candidate)
    metric = _metric(ground)
    answered = [np.load(place / f"part-{part.name}.npy", allow_pickle=False) for part in parts]
    assert trial.outputs is not None  # only usable trials are measured
    scores = bootstrap_scores(
        read_targets(folder, "valid"),
        [*answered, trial.outputs],
        metric,
        seed=config.seed,
        groups=read_groups(folder, "valid"),
        n_resamples=N_RESAMPLES,
    )
    most = architecture(trial.candidate.architecture).most_rows or ground.n_train
    n_rows = [*(len(part.rows) for part in parts), min(most, ground.n_train)]
    growth = grow(scores, [*(part.size for part in parts), 1], n_rows, seed=config.seed)
    return growth_json(growth, metric, trial.candidate.label)
