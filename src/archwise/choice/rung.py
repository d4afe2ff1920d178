"""One rung of the race: candidates go to worker processes, what is already on disk is not run again."""

from __future__ import annotations

import logging
import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from archwise.architectures import architecture
from archwise.choice.race import Bring, Course, OnEvent
from archwise.choice.run import read_before, read_trial, write_trial
from archwise.choice.stack import StackJob, run_job, stacked_up
from archwise.choice.trial import SHORTEST_S, Grant, TrialJob, failed_trial
from archwise.engines.processes import Job, Outcome, Workers
from archwise.records import Candidate, Trial

_log = logging.getLogger(__name__)

GRACE_S = 1.5  # what a trial may take beyond its grant to see that it must stop
IMPORT_S = 20.0  # the first network in a worker imports torch, which is not held against it
SILENCE_S = 300.0  # a trial that has told nothing for so long hangs


def bring_with(folder: Path, workers: Workers, *, course: Course, tell: OnEvent) -> Bring:
    """Make the function that brings candidates to a rung.

    A trial that raises, hangs, dies or asks for too much memory fails alone, with its reason on disk.
    In seconds, trials of one shape go together where that is faster; those that cannot after all go alone.
    One that the end of the budget cut off before it could begin stands where it stood.
    """

    learned: list[str] = []  # of who learns, those who have answered

    def bring(entrants: Iterable[tuple[Candidate, Grant]]) -> Iterator[Trial]:
        jobs: list[TrialJob] = []
        given: list[TrialJob | StackJob] = []
        late: list[TrialJob] = []
        for candidate, grant in entrants:
            stored = read_trial(folder, candidate, grant.rung)
            if stored is None:
                jobs.append(TrialJob(str(folder), candidate, grant))
            else:
                learned.extend(_learned(stored))
                yield stored

        def on_message(index: int, message: object) -> None:
            if isinstance(message, dict):
                candidate = given[index].candidates[message.pop("member", 0)]
                tell({**message, "id": candidate.id, "label": candidate.label, "rung": given[index].grant.rung})

        may_stack = course.steps is None and course.n_fits == 1  # a fold needs every look, which a stack does not keep
        queue = deque(stacked_up(jobs, course.n_workers) if may_stack else jobs)
        for outcome in workers.run(
            run_job, _Bounded(queue, given, late, has_learned=lambda: bool(learned)), on_message=on_message
        ):
            job = given[outcome.index]
            if isinstance(job, StackJob):
                if outcome.kind != "ok":
                    _log.info("a stack of %d trials ended: %s; each goes alone", len(job.candidates), outcome.reason)
                stored_of = {each: read_trial(folder, each.candidate, each.grant.rung) for each in job.alone()}
                reached = [trial for trial in stored_of.values() if trial is not None]
                learned.extend(name for trial in reached for name in _learned(trial))
                yield from reached
                queue.extend(each for each, trial in stored_of.items() if trial is None)
                continue
            trial = _trial(folder, job, outcome, course)
            if trial is not None:
                learned.extend(_learned(trial))
                yield trial
        for job in late:
            yield _stand_still(folder, job)

    return bring


class _Bounded:
    """Each job of a queue when a worker is free to take it, with the wall time after which that worker is killed.

    A job that is handed out is put among the given; one for which the race has no time left, among the late. The
    queue may grow meanwhile: what a stack leaves undone is put there to be done alone.
    """

    def __init__(
        self,
        queue: deque[TrialJob | StackJob],
        given: list[TrialJob | StackJob],
        late: list[TrialJob],
        *,
        has_learned: Callable[[], bool],
    ) -> None:
        self._queue, self._given, self._late, self._has_learned = queue, given, late, has_learned

    def __iter__(self) -> Iterator[Job]:
        return self

    def __next__(self) -> Job:
        while self._queue:
            job = self._queue.popleft()
            if job.grant.is_over(has_learned=self._has_learned()):
                self._late += job.alone()
                continue
            self._given.append(job)
            left = job.seconds_left() if job.grant.last_at is None else None
            return Job(
                job,
                seconds=None if left is None else left + IMPORT_S + GRACE_S,
                until=None if job.grant.stop_at is None else partial(self._until, job.grant),
                silence_s=SILENCE_S,
            )
        raise StopIteration

    def _until(self, grant: Grant) -> float:
        ends = grant.ends(has_learned=self._has_learned())
        return math.inf if ends is None else ends + GRACE_S


def _learned(trial: Trial) -> list[str]:
    """The id of a candidate that learns and has answered, or nothing."""
    has_answered = trial.state != "failed" and math.isfinite(trial.score)
    return [trial.candidate.id] if has_answered and architecture(trial.candidate.architecture).learns else []


def _trial(folder: Path, job: TrialJob, outcome: Outcome, course: Course) -> Trial | None:
    if outcome.kind == "ok":
        return read_trial(folder, job.candidate, job.grant.rung)
    before = read_before(folder, job.candidate, job.grant.rung)
    out_of_time = course.stop_at is not None and time.monotonic() > course.stop_at - SHORTEST_S
    if before is not None and outcome.kind == "killed" and out_of_time:
        return before
    trial = failed_trial(folder, job, outcome.reason)
    write_trial(folder, trial)
    return trial


def _stand_still(folder: Path, job: TrialJob) -> Trial:
    """Where a candidate stands for which no time was left."""
    before = read_before(folder, job.candidate, job.grant.rung)
    return before or Trial(job.candidate, job.grant.rung, "failed", why="the budget ended before it could begin")
