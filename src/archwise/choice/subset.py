"""A candidate fitted again on parts of the training rows, in worker processes, to tell what more rows would bring.

Where folds decide, each fold of the first repeat is fitted on what it learns from of a part, and the answers for the
rows that were left out are joined: one judged row each, as on one split, which is the case of one fold.
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
from typing import TYPE_CHECKING

import numpy as np

from archwise.architectures import architecture, need_of
from archwise.choice.folds import Fold, Jury, first_cut, pool, signature_at, train_in_folds
from archwise.choice.growth import Part, cut_parts, grow, growth_json
from archwise.choice.opening import count_workers
from archwise.choice.run import Ground, read_ground, read_targets, trial_folder
from archwise.choice.seal import read_groups
from archwise.choice.trial import Send, training_of
from archwise.choice.trunk import given_batch
from archwise.config import Config
from archwise.data.mapped import gather
from archwise.data.open import draw_evenly
from archwise.engines.processes import Job, Outcome, Workers
from archwise.evidence import bootstrap_scores, of_folds
from archwise.model.session import open_session, outputs
from archwise.records import Array, Batch, Candidate, Json, Metric, Trial
from archwise.tasks import main_metric, task

if TYPE_CHECKING:
    from archwise.training.landing import Limit
    from archwise.training.loop import Trained

N_RESAMPLES = 500
EVIDENCE_S = 2.0  # kept for the scores of the parts
SMALLEST_BATCH = 16
_ONE_OF_MEAN = " (Measured on one of the networks whose answers are averaged.)"
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
    """Who is fitted on parts of the rows. words: a sentence in brackets on who it is, where it is not the chosen."""

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
    ground = read_ground(folder)
    if not task(ground.profile.task).grows:
        return {"sentence": "What more rows would bring was not measured: windows of a series overlap."}
    left_s = _left_s(deadline, count_workers(config), ground.n_repeats)
    subject = _subject(usable, chosen, sign=_metric(ground).sign, left_s=left_s)
    if isinstance(subject, str):
        return {"sentence": f"What more rows would bring was not measured: {subject}."}
    candidate = subject.trial.candidate
    cut = cut_rows(folder, candidate, seed=config.seed)
    if not cut.parts:
        return {"sentence": "What more rows would bring was not measured: the training rows are too few to cut up."}
    jobs = [SubsetJob(str(folder), candidate, config.seed, part.name) for part in cut.parts]
    waiting = [job for job in jobs if not _place(job).exists()]
    until = None if deadline is None else deadline - EVIDENCE_S
    ended = list(workers.run(fit_subset, [Job(job, until=until) for job in waiting]))  # what each answered is on disk
    done = [part for part, job in zip(cut.parts, jobs, strict=True) if _place(job).exists()]
    if len({part.size for part in done}) + 1 < FEWEST_SIZES:
        return {"sentence": f"What more rows would bring was not measured: {_why_not(ended)}."}
    facts = _facts(folder, config, subject.trial, replace(cut, parts=(*done, cut.whole)))
    facts["sentence"] += _fold_words(ground, cut) + subject.words
    return facts


def _why_not(ended: Sequence[Outcome]) -> str:
    """Why too few fits on parts of the rows came to their end."""
    reasons = [outcome.reason for outcome in ended if outcome.kind in ("error", "died")]
    if reasons:
        return f"fits on parts of the rows failed ({reasons[0]})"
    return "fits on parts of the rows took longer than was left of the budget"


def _fold_words(ground: Ground, cut: RowCut) -> str:
    """How many rows a fit has, where it is not all that train in the end."""
    if ground.n_folds == 1:
        return ""
    n_rows = round(cut.n_rows(cut.whole))
    return f" (A fit in the folds learns from {n_rows:,} of the {ground.n_train:,} rows that are not sealed.)"


def _left_s(deadline: float | None, n_workers: int, n_repeats: int) -> float | None:
    """Worker seconds that are left for fits, in which a trial of all repeats counts, or None where no clock decides."""
    return None if deadline is None else (deadline - EVIDENCE_S - time.monotonic()) * n_workers * n_repeats


def _subject(usable: Sequence[Trial], chosen: Trial, *, sign: float, left_s: float | None) -> _Subject | str:
    """Who is measured: the chosen, or else the best reference; or why nobody is."""
    is_network = not architecture(chosen.candidate.architecture).is_reference
    if is_network and left_s is not None:
        alone = next(trial for trial in usable if trial.candidate.id == chosen.candidate.members[0].id)
        if _cost_s(alone) <= left_s:
            return _Subject(alone, _ONE_OF_MEAN if chosen.candidate.seeds > 1 else "")
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


@dataclass(frozen=True)
class RowCut:
    """How the rows of a run are cut to see its score grow.

    folds: which leave out each judged row once. left_out: (N,) place of the fold that leaves out each training row.
    parts: whose rows are numbers of the run's training rows. whole: all that a candidate is fitted on, as a part.
    """

    folds: tuple[Fold, ...]
    left_out: Array
    parts: tuple[Part, ...]
    whole: Part

    def rows(self, part: Part, fold: Fold) -> Array:
        """The rows of a part that a fold learns from, as places among the training rows of the fold."""
        number = [each.name for each in self.folds].index(fold.name)
        learnt = np.flatnonzero(self.left_out != number)
        places: Array = np.searchsorted(learnt, part.rows[self.left_out[part.rows] != number])
        return places

    def n_rows(self, part: Part) -> float:
        """The rows of a part that a fold learns from, in the mean of all folds."""
        return float(np.mean([len(self.rows(part, fold)) for fold in self.folds]))


def cut_rows(folder: Path, candidate: Candidate, *, seed: int) -> RowCut:
    """Cut the training rows that a candidate is fitted on into parts; none where a fit would have too few rows."""
    ground, targets, groups = read_ground(folder), read_targets(folder, "train"), read_groups(folder, "train")
    folds, left_out = first_cut(folder)
    most = architecture(candidate.architecture).most_rows or len(targets)
    rows = draw_evenly(len(targets), most, seed=0)
    if groups is not None:
        groups = None if len(np.unique(groups)) == len(groups) else groups[rows]  # of one row each, for repeats
    strata = [gather(targets, rows)] if task(ground.profile.task).stratify else []
    n_fit = min(len(rows), ground.rows_a_fit)
    parts = cut_parts([*strata, left_out[rows]], seed=seed, n_fit=n_fit, groups=groups)
    return RowCut(folds, left_out, tuple(replace(part, rows=rows[part.rows]) for part in parts), Part("whole", 1, rows))


def fit_subset(job: SubsetJob, send: Send) -> str:
    """Fit a candidate on a part of the training rows, and write what it answers on the validation rows.

    Returns:
        the path of the outputs, (N_valid, K) float32; of folds, for the rows of one repeat.
    """
    send({"event": "growth", "part": job.part})
    folder = Path(job.run)
    ground, entry = read_ground(folder), architecture(job.candidate.architecture)
    cut = cut_rows(folder, job.candidate, seed=job.seed)
    part = next(part for part in cut.parts if part.name == job.part)
    if entry.is_reference:
        answered = pool(cut.folds, [_solved(job, ground, fold, cut.rows(part, fold)) for fold in cut.folds])
    else:
        answered = _trained(job, ground, cut, part)
    path = _place(job)
    partial = path.with_suffix(".partial.npy")
    np.save(partial, answered, allow_pickle=False)
    os.replace(partial, path)
    return str(path)


def _rows_of(fold: Fold, candidate: Candidate, rows: Array) -> tuple[Batch, Array]:
    batch = {name: gather(array, rows) for name, array in given_batch(fold.place, candidate, "train").items()}
    return batch, gather(read_targets(fold.place, "train"), rows)


def _solved(job: SubsetJob, ground: Ground, fold: Fold, rows: Array) -> Array:
    """Fit a reference on some training rows of a fold; what it answers for those that were left out."""
    entry, name = architecture(job.candidate.architecture), ground.profile.task
    assert entry.solve is not None  # only a reference is asked
    settings, seed = dict(job.candidate.settings), job.candidate.plan.seed
    need = need_of(job.candidate)
    signature = signature_at(fold.place, ground, need)
    solved = entry.solve(signature, settings, *_rows_of(fold, job.candidate, rows), name, seed)
    return outputs(open_session(solved.onnx), given_batch(fold.place, job.candidate, "valid"))


def _trained(job: SubsetJob, ground: Ground, cut: RowCut, part: Part) -> Array:
    """Train a network by its plan, in batches that are smaller as the rows are fewer, so that its steps are as many."""
    from archwise.training.landing import Limit
    from archwise.training.loop import Examples, train

    folder, plan = Path(job.run), job.candidate.plan
    plan = replace(plan, batch=max(min(SMALLEST_BATCH, plan.batch), math.ceil(plan.batch / part.size)))
    checkpoints = set()

    def learn(fold: Fold, limit: Limit) -> Trained:
        alone = len(cut.folds) == 1
        network, learnt, tools = training_of(folder, ground, job.candidate, fold=fold, chooses=alone)
        checkpoint = tools.checkpoint.with_name(f"part-{part.name}.safetensors")
        checkpoints.add(checkpoint)
        return train(
            network,
            replace(learnt, plan=plan),
            train=Examples(*_rows_of(fold, job.candidate, cut.rows(part, fold))),
            valid=Examples(given_batch(fold.place, job.candidate, "valid"), read_targets(fold.place, "valid")),
            limit=limit,
            tools=replace(tools, checkpoint=checkpoint),
        )

    judged = Jury(_metric(ground), read_targets(folder, "valid")[_judged(cut.folds)])
    limit = Limit(plan.epochs)
    trained = train_in_folds(learn, cut.folds, jury=judged, plan=plan, limit=limit, on_point=lambda point: None)
    for checkpoint in checkpoints:
        checkpoint.unlink()
    return trained.outputs


def _judged(folds: Sequence[Fold]) -> Array:
    """The places of the rows that folds leave out among the validation rows, rising."""
    return np.sort(np.concatenate([fold.left_out for fold in folds]))


def _metric(ground: Ground) -> Metric:
    return main_metric(task(ground.profile.task), ground.target_state, ground.metric)


def _place(job: SubsetJob) -> Path:
    return trial_folder(Path(job.run), job.candidate) / f"part-{job.part}.npy"


def _facts(folder: Path, config: Config, trial: Trial, cut: RowCut) -> dict[str, Json]:
    """Score the parts, the last of which is all rows, on the same resamples of the rows judged; fit their growth."""
    ground, place = read_ground(folder), trial_folder(folder, trial.candidate)
    metric, judged, groups = _metric(ground), _judged(cut.folds), read_groups(folder, "valid")
    answered = [np.load(place / f"part-{part.name}.npy", allow_pickle=False) for part in cut.parts[:-1]]
    assert trial.outputs is not None  # only usable trials are measured
    scores = bootstrap_scores(
        read_targets(folder, "valid")[judged],
        [*answered, trial.outputs[judged]],
        metric,
        seed=config.seed,
        groups=None if groups is None else groups[judged],
        n_resamples=N_RESAMPLES,
    )
    n_rows = [cut.n_rows(part) for part in cut.parts]
    growth = grow(of_folds(scores, ground.n_folds), [part.size for part in cut.parts], n_rows, seed=config.seed)
    return growth_json(growth, metric, trial.candidate.label)
