"""One rung of the race: candidates go to worker processes, what is already on disk is not run again."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from archwise.choice.race import Bring, Course, OnEvent
from archwise.choice.run import read_trial, write_trial
from archwise.choice.trial import SHORTEST_S, Grant, TrialJob, run_trial
from archwise.engines.processes import Job, Outcome, Workers
from archwise.records import Candidate, Trial

GRACE_S = 1.5  # what a trial may take beyond its grant to see that it must stop
IMPORT_S = 20.0  # the first network in a worker imports torch, which is not held against it
SILENCE_S = 300.0  # a trial that has told nothing for so long hangs


def bring_with(folder: Path, workers: Workers, *, course: Course, tell: OnEvent) -> Bring:
    """Make the function that brings candidates to a rung.

    A trial that raises, hangs, dies or asks for too much memory fails alone, with its reason on disk.
    One that the end of the budget cut off before it could begin stands where it stood.
    """

    def bring(entrants: Iterable[tuple[Candidate, Grant]]) -> Iterator[Trial]:
        jobs: list[TrialJob] = []
        given: list[TrialJob] = []
        late: list[TrialJob] = []
        for candidate, grant in entrants:
            stored = read_trial(folder, candidate, grant.rung)
            if stored is None:
                jobs.append(TrialJob(str(folder), candidate, grant))
            else:
                yield stored

        def on_message(index: int, message: object) -> None:
            if isinstance(message, dict):
                candidate = given[index].candidate
                tell({**message, "id": candidate.id, "label": candidate.label, "rung": given[index].grant.rung})

        for outcome in workers.run(run_trial, _bounded(jobs, given, late), on_message=on_message):
            trial = _trial(folder, given[outcome.index], outcome, course)
            if trial is not None:
                yield trial
        for job in late:
            yield _stand_still(folder, job)

    return bring


def _bounded(jobs: list[TrialJob], given: list[TrialJob], late: list[TrialJob]) -> Iterator[Job]:
    """Each job when a worker is free to take it, with the wall time after which that worker is killed.

    A job that is handed out is put among the given; one for which the race has no time left, among the late.
    """
    for job in jobs:
        if job.grant.is_over():
            late.append(job)
            continue
        given.append(job)
        left = job.grant.seconds_left()
        stop_at = job.grant.stop_at
        yield Job(
            job,
            seconds=None if left is None else left + IMPORT_S + GRACE_S,
            until=None if stop_at is None else stop_at + GRACE_S,
            silence_s=SILENCE_S,
        )


def _trial(folder: Path, job: TrialJob, outcome: Outcome, course: Course) -> Trial | None:
    if outcome.kind == "ok":
        return read_trial(folder, job.candidate, job.grant.rung)
    before = read_trial(folder, job.candidate, job.grant.rung - 1)
    out_of_time = course.stop_at is not None and time.monotonic() > course.stop_at - SHORTEST_S
    if before is not None and outcome.kind == "killed" and out_of_time:
        return before
    trial = Trial(job.candidate, job.grant.rung, "failed", why=outcome.reason, steps=before.steps if before else 0)
    write_trial(folder, trial)
    return trial


def _stand_still(folder: Path, job: TrialJob) -> Trial:
    """Where a candidate stands for which no time was left."""
    before = read_trial(folder, job.candidate, job.grant.rung - 1)
    return before or Trial(job.candidate, job.grant.rung, "failed", why="the budget ended before it could begin")
