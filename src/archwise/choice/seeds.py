"""Seeds of the best network averaged: more networks of the same settings and plan, and the mean of their answers.

The mean is one more candidate, as slow as its members together. The verdict takes it only where the paired evidence
says that it is better than one network alone; else one model is enough. In folds every member is trained in all of
them and the mean is that of their joined answers; a chosen mean is trained anew, member by member, on all open rows.
Source: Lakshminarayanan, Pritzel & Blundell 2017 (deep ensembles).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path

import numpy as np

from archwise.architectures import architecture
from archwise.choice.race import LAST, Bring, Course, OnEvent, trial_event
from archwise.choice.run import read_ground, read_latest, read_targets, read_trial, write_trial
from archwise.choice.seal import read_groups
from archwise.choice.search import whole_cost
from archwise.choice.trial import N_QUICK, Grant, Send, judge
from archwise.engines.processes import Job, Workers
from archwise.evidence import bootstrap_scores, compare, of_folds
from archwise.records import Candidate, Metric, Trial
from archwise.tasks import main_metric, task

MOST_MORE, FEWEST_MORE = 3, 2  # seeds beside the first
JOIN_S = 30.0  # after which the joining of members is given up
WRITING_S = 4.0  # kept of a budget of seconds, for a mean takes longer to judge and to write than one network


@dataclass(frozen=True)
class JoinJob:
    """Join the answers of a mean's members, who were all trained."""

    run: str
    candidate: Candidate


def add_mean(
    trials: Sequence[Trial], course: Course, *, folder: Path, workers: Workers, bring: Bring, on_event: OnEvent
) -> tuple[Trial, ...]:
    """Train more seeds of the best network where it may pay and the budget allows, and put their mean beside it.

    Returns:
        the trials, with the mean as the last where there is one.
    """
    best = best_network(trials, course.sign)
    n_more = 0 if best is None or not may_win(folder, best, trials, course.sign) else count_more(best, trials, course)
    if best is None or n_more == 0:
        return tuple(trials)
    of = best.candidate.label
    on_event({"event": "note", "message": f"{n_more} more seeds of {of}, for the mean of their answers"})
    members = [
        replace(member, label=f"{of} seed {number}")
        for number, member in enumerate(replace(best.candidate, seeds=1 + n_more).members, start=1)
    ]
    stop_at = None if course.stop_at is None else course.stop_at - _after_s(best, n_more, course)
    trained = {}
    for trial in bring([(member, Grant(LAST, 1.0, stop_at=stop_at)) for member in members[1:]]):
        on_event(trial_event(trial))
        trained[trial.candidate.plan.seed] = trial
    n_done = len(list(takewhile(lambda member: _is_done(trained[member.plan.seed]), members[1:])))
    if n_done == 0:
        return tuple(trials)
    mean = replace(best.candidate, seeds=1 + n_done, label=f"{of} of {1 + n_done} seeds")
    return (*trials, *_joined(folder, mean, workers, on_event))


def best_network(trials: Sequence[Trial], sign: float) -> Trial | None:
    """The network with the best score of those that were trained to the end."""
    networks = [trial for trial in trials if not _is_reference(trial) and _is_done(trial)]
    return max(networks, key=lambda trial: (sign * trial.score, trial.candidate.id), default=None)


def may_win(folder: Path, best: Trial, trials: Sequence[Trial], sign: float) -> bool:
    """Whether a network leads, or cannot be told from the best reference by a quick paired bootstrap of the two."""
    references = [trial for trial in trials if _is_reference(trial) and _is_done(trial)]
    if not references:
        return True
    rival = max(references, key=lambda trial: (sign * trial.score, trial.candidate.id))
    if sign * best.score >= sign * rival.score:
        return True
    truth, groups, outputs = read_targets(folder, "valid"), read_groups(folder, "valid"), (best.outputs, rival.outputs)
    answered = [each for each in outputs if each is not None]
    scores = bootstrap_scores(truth, answered, _metric(folder), seed=0, groups=groups, n_resamples=N_QUICK)
    ground = read_ground(folder)
    scores = of_folds(scores, ground.n_folds, widening=ground.widening)
    return compare(scores, [best.candidate.id, rival.candidate.id], [(0, 1)])[0].tied


def kept_for_seeds(folder: Path, trials: Sequence[Trial], course: Course) -> float:
    """What the search leaves of the budget, in the unit of `Course.left`: the fewest more seeds of the best network."""
    best = best_network(trials, course.sign)
    if best is None or not may_win(folder, best, trials, course.sign):
        return 0.0
    return _cost(best, FEWEST_MORE, course)


def count_more(best: Trial, trials: Sequence[Trial], course: Course) -> int:
    """How many more seeds of a network fit into what is left: the most, the fewest or none."""
    left = course.left(trials)
    return next((n for n in range(MOST_MORE, FEWEST_MORE - 1, -1) if _cost(best, n, course) <= left), 0)


def _cost(best: Trial, n_more: int, course: Course) -> float:
    """What more seeds take, in the unit of `Course.left`: of all workers, for as long as the slowest is at it."""
    whole = whole_cost(best, course)
    if course.steps is not None:
        return n_more * whole
    return course.n_workers * (math.ceil(n_more / course.n_workers) * whole + _after_s(best, n_more, course))


def _after_s(best: Trial, n_more: int, course: Course) -> float:
    """Seconds kept for what follows the members: the writing, and in folds the last fit of all but one of them.

    The last fit of one network is kept of every budget.
    """
    if course.n_fits == 1:
        return WRITING_S
    return WRITING_S + math.ceil(n_more / course.n_workers) * whole_cost(best, course) / course.n_fits


def _joined(folder: Path, mean: Candidate, workers: Workers, on_event: OnEvent) -> list[Trial]:
    """The trial of a mean, from the run folder where it was joined before; none where it cannot be joined."""
    if read_trial(folder, mean, LAST) is None:
        outcome = next(iter(workers.run(join_members, [Job(JoinJob(str(folder), mean), seconds=JOIN_S)])))
        if outcome.kind != "ok":
            on_event({"event": "note", "message": f"{mean.label} cannot be joined: {outcome.reason}"})
    trial = read_trial(folder, mean, LAST)
    if trial is None:
        return []
    on_event(trial_event(trial))
    return [trial]


def join_members(job: JoinJob, send: Send) -> str:
    """Join the validation answers of members that are all trained, and judge them; a record is on disk at the end.

    Returns:
        the mean's id.
    """
    import torch

    from archwise.training.mean import join_outputs

    send({"event": "join"})
    folder = Path(job.run)
    found = [read_latest(folder, member) for member in job.candidate.members]
    members = [trial for trial in found if trial is not None and trial.outputs is not None]
    kind_of_task = task(read_ground(folder).profile.task)
    stacked = torch.from_numpy(np.stack([trial.outputs for trial in members if trial.outputs is not None], axis=1))
    outputs = join_outputs(stacked, kind_of_task.join).numpy()
    score, low, high = judge(folder, read_ground(folder), [outputs])[0]
    trial = Trial(
        job.candidate,
        LAST,
        "done",
        score=score,
        low=low,
        high=high,
        steps=sum(trial.steps for trial in members),
        seconds=sum(trial.seconds for trial in members),
        n_parameters=sum(trial.n_parameters for trial in members),
        latency_ms=sum(trial.latency_ms for trial in members),
        outputs=outputs,
    )
    write_trial(folder, trial)
    return job.candidate.id


def _metric(folder: Path) -> Metric:
    ground = read_ground(folder)
    return main_metric(task(ground.profile.task), ground.target_state, ground.metric)


def _is_done(trial: Trial) -> bool:
    return trial.state == "done" and math.isfinite(trial.score) and trial.outputs is not None


def _is_reference(trial: Trial) -> bool:
    return architecture(trial.candidate.architecture).is_reference
