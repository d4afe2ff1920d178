"""Trials that are trained together: which of a rung, and what a worker process does with them.

Only under a budget of seconds. In steps each network trains alone, so that its numbers depend on no other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from archwise.architectures import architecture
from archwise.choice.run import read_ground, write_trial
from archwise.choice.trial import (
    Grant,
    Send,
    TrialJob,
    failed_trial,
    judge,
    read_examples,
    run_trial,
    trained_trial,
    training_of,
)
from archwise.records import Candidate, CurvePoint
from archwise.training.agreement import FEWEST, stack_key

FINISH_S = 0.1  # what it takes to judge and write a member when training is over, beyond what the first takes


@dataclass(frozen=True)
class StackJob:
    """Candidates of one shape, one rung, one run folder; each has the same grant."""

    run: str
    candidates: tuple[Candidate, ...]
    grant: Grant

    def alone(self) -> tuple[TrialJob, ...]:
        """The jobs of its candidates, one by one."""
        return tuple(TrialJob(self.run, candidate, self.grant) for candidate in self.candidates)

    def seconds_left(self) -> float | None:
        """Seconds that it may take if it starts now."""
        seconds = None if self.grant.seconds is None else self.grant.seconds * len(self.candidates)
        return replace(self.grant, seconds=seconds).seconds_left()


def stacked_up(jobs: Sequence[TrialJob], n_workers: int) -> list[TrialJob | StackJob]:
    """Put jobs of one shape and grant together, in as many stacks as there are workers where they are enough for it.

    Where a worker would be left without a job, they stay alone; so those whose plan must be shortened do, who are as
    many as there are workers at the most.

    Args:
        jobs: of one rung, in order; a stack takes the place of its first.
    """
    groups: dict[object, list[TrialJob]] = {}
    for job in jobs:
        is_network = not architecture(job.candidate.architecture).is_reference
        key = (stack_key(job.candidate), job.grant) if is_network else job.candidate.id
        groups.setdefault(key, []).append(job)
    stacked: list[TrialJob | StackJob] = []
    for group in groups.values():
        n_stacks = min(n_workers, len(group) // FEWEST)
        if n_stacks == 0 or n_stacks + len(jobs) - len(group) < n_workers:
            stacked += group
            continue
        parts = [group[start::n_stacks] for start in range(n_stacks)]  # good and bad ones in each
        stacked += [StackJob(own[0].run, tuple(job.candidate for job in own), own[0].grant) for own in parts]
    return stacked


def run_job(job: TrialJob | StackJob, send: Send) -> str | int:
    """Bring one candidate, or those of a stack, to a rung."""
    return run_trials(job, send) if isinstance(job, StackJob) else run_trial(job, send)


def run_trials(job: StackJob, send: Send) -> int:
    """Bring the candidates of a stack to a rung together; their records are on disk when this returns.

    A member that diverges fails alone. One that cannot be trained with the others has no record then: it is to be
    trained alone. So are all where a stack would not be faster.

    Returns:
        how many records were written.
    """
    from archwise.training.landing import Limit
    from archwise.training.loop import Trained
    from archwise.training.stacked import Member, pays, train_stacked

    folder, grant = Path(job.run), job.grant
    ground = read_ground(folder)
    members = [
        Member(*training_of(folder, ground, candidate, _telling(send, place)))
        for place, candidate in enumerate(job.candidates)
    ]
    if not pays(members):
        return 0
    for place in range(len(members)):
        send({"event": "started", "member": place})
    train, valid = read_examples(folder, job.candidates[0])
    limit = Limit(grant.share * job.candidates[0].plan.epochs, grant.steps, grant.seconds)
    stop_at = math.inf if grant.stop_at is None else grant.stop_at - FINISH_S * len(members)
    reached = train_stacked(members, train=train, valid=valid, limit=limit, stop_at=stop_at)
    trained = [each for each in reached if isinstance(each, Trained)]
    judged = iter(judge(folder, ground, [each.outputs for each in trained]) if trained else ())
    for alone, each in zip(job.alone(), reached, strict=True):
        if isinstance(each, Trained):
            write_trial(folder, trained_trial(folder, alone, each, judged=next(judged)))
        elif each is not None:
            write_trial(folder, failed_trial(folder, alone, f"{type(each).__name__}: {each}"))
    return sum(each is not None for each in reached)


def _telling(send: Send, place: int) -> Callable[[CurvePoint], None]:
    return lambda point: send({"event": "point", "member": place, **asdict(point)})
