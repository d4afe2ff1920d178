"""The race: successive halving under a budget of seconds or steps.

All start; at each rung the better part goes on from its checkpoint and the rest pause. Where the budget allows more
than the better third to be trained to the end, more are, and what is left at the end brings back those that paused,
but for those whose curves say that they cannot reach the best any more (choice/outlook.py).
Who goes to the end and cannot have its whole plan for what is left gets a shorter one (training/landing.py).
Nothing here reads a clock when the budget is in steps, so that the same race gives the same standing on every run, with
one worker or many.
Source: Jamieson & Talwalkar 2016 (successive halving); Li et al. 2018 (Hyperband); Li, Yumer & Ramanan 2020 (shorter
plans that end with the budget).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from archwise.architectures import architecture
from archwise.choice.outlook import FEWEST_FINISHED, is_left, look_ahead
from archwise.choice.trial import SHORTEST_S, Grant
from archwise.records import Candidate, Json, Trial

RUNGS = (1 / 9, 1 / 3, 1.0)  # share of a plan's epochs that each rung trains to
LAST = len(RUNGS) - 1
ETA = 3  # one in ETA goes on, at the least
SAFE = 0.8  # share of the time left that measured speeds may promise away

OnEvent = Callable[[dict[str, Json]], None]
Bring = Callable[[Iterable[tuple[Candidate, Grant]]], Iterator[Trial]]


@dataclass(frozen=True)
class Course:
    """What a race may spend, and what a step costs.

    steps: over all candidates, or None. stop_at: end on the monotonic clock, or None (one of the two is None).
    n_train: training rows. clock: monotonic seconds; never read when steps are counted.
    n_fits: times that a candidate is trained, once for each fold; its steps and seconds are those of all together.
    beside: seconds that the end of the run takes, beside what `stop_at` leaves for it, for those who stand.
    last_at: until when a reference that learns may go on where nobody else who learns has answered; the end of the run
        takes less time where few stand.
    """

    n_train: int
    n_workers: int
    sign: float
    clock: Callable[[], float]
    steps: int | None = None
    stop_at: float | None = None
    n_fits: int = 1
    beside: Callable[[Iterable[Trial]], float] = lambda standing: 0.0
    last_at: float | None = None

    def leaving(self, standing: Iterable[Trial]) -> Course:
        """The course that ends early enough for what those who stand take at the end of the run."""
        return self if self.stop_at is None else replace(self, stop_at=self.stop_at - self.beside(standing))

    def left(self, standing: Iterable[Trial]) -> float:
        """What is left: steps, or worker seconds."""
        if self.steps is not None:
            return max(0.0, self.steps - sum(trial.steps for trial in standing))
        if self.stop_at is None:
            return math.inf
        return max(0.0, (self.stop_at - self.clock()) * self.n_workers)

    def is_spent(self, left: float) -> bool:
        """Whether what is left is too little for anything."""
        return left < (1 if self.steps is not None else SHORTEST_S * self.n_workers)

    @property
    def n_at_once(self) -> int:
        """How many trials cost no more than one: as many as there are workers, where time is what is spent."""
        return 1 if self.steps is not None else self.n_workers

    def cost(self, trial: Trial, share: float) -> float:
        """What it takes to bring a standing trial to a share of its plan, in the unit of `left`."""
        plan = trial.candidate.plan
        whole = self.n_fits * plan.epochs * math.ceil(self.n_train / plan.batch)
        steps = max(0.0, share * whole - trial.steps)
        if self.steps is not None:
            return math.ceil(steps)
        return steps * trial.seconds / max(trial.steps, 1) / SAFE


def race(candidates: Sequence[Candidate], course: Course, *, bring: Bring, on_event: OnEvent) -> tuple[Trial, ...]:
    """Race the candidates and return where each stands at the end, in their order.

    Args:
        bring: takes candidates with their grants to a rung and yields their trials, in any order.
        on_event: told of every rung and every trial.
    """
    standing: dict[str, Trial] = {}
    whole = course
    references = [candidate for candidate in candidates if architecture(candidate.architecture).is_reference]
    networks = [candidate for candidate in candidates if candidate not in references]
    entrants = [(candidate, _reference_grant(candidate, course)) for candidate in references]
    entrants += _first_grants(networks, course, n_all=len(candidates))
    rung = 0
    while entrants:
        on_event({"event": "rung", "rung": rung, "n_entrants": len(entrants), "share": RUNGS[rung]})
        for trial in bring(entrants):
            standing[trial.candidate.id] = replace(trial, rung=rung)  # also one that stood still had its turn
            on_event(trial_event(trial))
        for trial in look_ahead(standing, sign=course.sign):
            on_event({**trial_event(trial), "event": "left"})
        rung, course = min(rung + 1, LAST), whole.leaving(standing.values())
        entrants = _next_grants(standing, course, rung) or _second_chances(standing, course)
        rung = entrants[0][1].rung if entrants else rung
    return tuple(standing[candidate.id] for candidate in candidates if candidate.id in standing)


def trial_event(trial: Trial) -> dict[str, Json]:
    """The line of the run's events that tells where a candidate stands."""
    return {
        "event": "trial",
        "id": trial.candidate.id,
        "label": trial.candidate.label,
        "rung": trial.rung,
        "state": trial.state,
        "why": trial.why,
        "score": trial.score if math.isfinite(trial.score) else None,
        "low": trial.low if math.isfinite(trial.low) else None,
        "high": trial.high if math.isfinite(trial.high) else None,
        "steps": trial.steps,
        "seconds": round(trial.seconds, 3),
    }


def _reference_grant(candidate: Candidate, course: Course) -> Grant:
    """Half of the time is for references, so that networks have the other half whatever the references take.

    A reference that only counts is never cut off, so that there is a model at the end; one that learns goes on as long
    as nobody else who learns has answered, for on a busy machine all might be cut off just before their ends.
    """
    if not architecture(candidate.architecture).learns or course.stop_at is None:
        return Grant(0, 1.0)
    last_at = course.stop_at if course.last_at is None else course.last_at
    return Grant(0, 1.0, stop_at=(course.clock() + course.stop_at) / 2, last_at=last_at)


def _first_grants(networks: Sequence[Candidate], course: Course, *, n_all: int) -> list[tuple[Candidate, Grant]]:
    """The first rung: everyone the same part of a third of the budget."""
    left = course.left(())
    allowance = left / len(RUNGS) / max(n_all if course.steps is None else len(networks), 1)
    return [(candidate, _grant(0, allowance, course, already=0)) for candidate in networks]


def _next_grants(standing: dict[str, Trial], course: Course, rung: int) -> list[tuple[Candidate, Grant]]:
    """Who goes on to a rung, the best first, and how far each may go."""
    ranked = _ranked((t for t in standing.values() if t.state == "paused" and t.rung == rung - 1), course)
    if not ranked:
        return []
    left = course.left(standing.values())
    if course.is_spent(left):
        return []
    to_the_end, better = _affordable(ranked, left, course, share=1.0), math.ceil(len(ranked) / ETA)
    if to_the_end >= better:
        allowance = math.inf
        first = max(better, course.n_at_once, FEWEST_FINISHED)
        chosen = ranked[: min(to_the_end, first) if rung == LAST else to_the_end]  # by their ends the rest are judged
    elif better <= course.n_at_once:  # a rung between would leave nobody behind
        chosen, rung = ranked[: course.n_at_once], LAST
        allowance = left / len(chosen)
    else:
        purse = left / (len(RUNGS) - rung)
        n_next = _affordable(ranked, purse, course, share=RUNGS[rung])
        chosen = ranked[: max(course.n_at_once, min(better, n_next))]
        allowance = purse / len(chosen)
    return [(trial.candidate, _grant(rung, allowance, course, already=trial.steps)) for trial in chosen]


def _second_chances(standing: dict[str, Trial], course: Course) -> list[tuple[Candidate, Grant]]:
    """Who was left behind, the best first, as far as the budget that is left can carry them after all."""
    ranked = _ranked((t for t in standing.values() if t.state == "paused" and t.rung < LAST), course)
    left = course.left(standing.values())
    if not ranked or course.is_spent(left):
        return []
    to_the_end = _affordable(ranked, left, course, share=1.0)
    chosen = ranked[: to_the_end or course.n_at_once]
    allowance = math.inf if to_the_end else left / len(chosen)
    return [(trial.candidate, _grant(LAST, allowance, course, already=trial.steps)) for trial in chosen]


def _ranked(trials: Iterable[Trial], course: Course) -> list[Trial]:
    """The best first; those without a score, and those that cannot reach the best any more, are left out."""
    scored = [trial for trial in trials if math.isfinite(trial.score) and not is_left(trial)]
    return sorted(scored, key=lambda trial: (-course.sign * trial.score, trial.candidate.id))


def _affordable(ranked: Sequence[Trial], purse: float, course: Course, *, share: float) -> int:
    """How many of the best can be brought to a share of their plans."""
    spent = 0.0
    for count, trial in enumerate(ranked):
        spent += course.cost(trial, share)
        if spent > purse:
            return count
    return len(ranked)


def _grant(rung: int, allowance: float, course: Course, *, already: int) -> Grant:
    lands = rung == LAST and course.n_fits == 1  # in folds the best look of all is trained for once more, unshortened
    if course.steps is not None:
        steps = None if math.isinf(allowance) else already + max(1, math.floor(allowance))
        return Grant(rung, RUNGS[rung], steps=steps, lands=lands)
    seconds = None if math.isinf(allowance) else allowance
    return Grant(rung, RUNGS[rung], seconds=seconds, stop_at=course.stop_at, lands=lands)
