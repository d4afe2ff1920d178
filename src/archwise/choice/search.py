"""The search: when all who raced have had what they can use, proposals near the best use the budget that is left.

Proposals come in waves and begin at the first rung like everybody else. At each rung one goes on only where its score
is no worse than that of its architecture's best after as many steps, one in three at most; the others stay where they
are, and are left out of the evidence. A wave depends on nothing but where all stand before it, so that in a budget of
steps the search is the same on every run, with one worker or many.
Source: Jamieson & Talwalkar 2016 (successive halving), against what stands already.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from archwise.architectures import architecture
from archwise.choice.propose import FACTOR, Wish, can_move
from archwise.choice.race import ETA, LAST, RUNGS, SAFE, Bring, Course, OnEvent, trial_event
from archwise.choice.trial import Grant
from archwise.records import Candidate, Json, Trial

MOST_PROPOSED = 24  # in all: each is one more chance to be the best by luck
MOST_FREE = 4  # of a reference where steps are counted, for it takes none
WAVE = 6  # proposals at once where steps are counted; else ETA for each worker
TURNS = (0, 1, 0, 2, 0, 1)  # whose turn it is, by rank: of six proposals the best architecture has three
N_SEARCHED = 3  # architectures

Next = Callable[[int, Sequence[Trial], Sequence[Trial]], tuple[Candidate, ...]]


@dataclass(frozen=True)
class Search:
    """What the search needs from outside.

    wish: what may be proposed. following(number, centres, trials): the wave of that number, proposed or read from disk.
    kept_back(trials): what is left to others of the budget where there is so much, in the unit of `Course.left`.
    """

    wish: Wish
    following: Next
    kept_back: Callable[[Sequence[Trial]], float] = lambda trials: 0.0


def search(
    trials: Sequence[Trial], course: Course, *, bring: Bring, on_event: OnEvent, tools: Search
) -> tuple[Trial, ...]:
    """Go on with a race by proposals for as long as the budget can bring one to its end.

    Returns:
        where everybody stands, those of the race first; proposals that were left behind have no outputs.
    """
    standing = {trial.candidate.id: trial for trial in trials}
    proposed: list[Candidate] = []
    number = 0
    while True:
        now = tuple(standing.values())
        kept = tools.kept_back(now)
        held = hold_back(course, kept if kept <= course.left(now) else 0.0)
        centres = pick_centres(now, held, proposed, wish=tools.wish)
        wave = tools.following(number, centres, now) if centres else ()
        if not wave:
            return tuple(_as_compared(trial, proposed) for trial in now)
        on_event({"event": "proposals", "candidates": [_told(candidate, centres) for candidate in wave]})
        proposed += wave
        _race_wave(wave, standing, held, bring=bring, on_event=on_event)
        number += 1


def hold_back(course: Course, amount: float) -> Course:
    """The course without an amount of what is left, in its own unit."""
    if course.steps is not None:
        return replace(course, steps=max(0, course.steps - math.ceil(amount)))
    if course.stop_at is None:
        return course
    return replace(course, stop_at=course.stop_at - amount / course.n_workers)


def pick_centres(
    trials: Sequence[Trial], course: Course, proposed: Sequence[Candidate], *, wish: Wish
) -> tuple[Trial, ...]:
    """Around which trials the next wave is drawn: the best of each of the best architectures, by turns.

    Only what a whole training fits into what is left is drawn around.
    """
    left, room = course.left(trials), MOST_PROPOSED - len(proposed)
    if room <= 0 or course.is_spent(left):
        return ()
    searched = _searched(trials, course, wish)
    counts = Counter(candidate.architecture for candidate in proposed)
    centres: list[Trial] = []
    spent = 0.0
    for turn in range(len(proposed), len(proposed) + min(room, _wave_size(course))):
        whose = searched[TURNS[turn % len(TURNS)] % len(searched) :][:1] if searched else []
        able = [
            trial
            for trial in [*whose, *searched]
            if _fits(whole_cost(trial, course), left, spent, course) and not _has_had_its_share(trial, course, counts)
        ]
        if not able:
            break
        centres.append(able[0])
        counts[able[0].candidate.architecture] += 1
        spent += whole_cost(able[0], course) * (1.0 if _is_reference(able[0]) else RUNGS[0])
    return tuple(centres)


def whole_cost(trial: Trial, course: Course) -> float:
    """What a whole training like that of a trial takes, in the unit of `Course.left`.

    A reference takes no steps; of its time, as much as it may grow by in a proposal.
    """
    if _is_reference(trial):
        return 0.0 if course.steps is not None else FACTOR * trial.seconds / SAFE
    plan = trial.candidate.plan
    steps = course.n_fits * plan.epochs * math.ceil(course.n_train / plan.batch)
    return steps if course.steps is not None else steps * trial.seconds / max(trial.steps, 1) / SAFE


def promises(trial: Trial, trials: Iterable[Trial], sign: float) -> bool:
    """Whether a trial scores no worse than the best of its architecture did after as many steps."""
    if trial.state != "paused" or not math.isfinite(trial.score):
        return False
    rivals = [other for other in trials if other.candidate.architecture == trial.candidate.architecture]
    best = max((other for other in rivals if _is_whole(other)), key=lambda other: sign * other.score, default=None)
    if best is None:
        return True
    then = [sign * point.score for point in best.curve if point.step <= trial.steps]
    return sign * trial.score >= max(then, default=-math.inf)


def _searched(trials: Sequence[Trial], course: Course, wish: Wish) -> list[Trial]:
    """The best trial of each of the best architectures that have something to move.

    Where both are there, a network and a reference are among them, so that neither side alone is searched.
    """
    bests: dict[str, Trial] = {}
    for trial in sorted(trials, key=lambda trial: (-course.sign * trial.score, trial.candidate.id)):
        if _is_whole(trial) and can_move(trial.candidate.architecture, wish):
            bests.setdefault(trial.candidate.architecture, trial)
    found = list(bests.values())
    other_side = [trial for trial in found if _is_reference(trial) != _is_reference(found[0])]
    chosen = found[:N_SEARCHED]
    return [*chosen[:-1], other_side[0]] if other_side and other_side[0] not in chosen else chosen


def _race_wave(
    wave: Sequence[Candidate], standing: dict[str, Trial], course: Course, *, bring: Bring, on_event: OnEvent
) -> None:
    """Bring a wave through the rungs, and put where each of it stands behind those that stand already."""
    before = tuple(standing.values())
    reached: dict[str, Trial] = {}
    entrants = [(candidate, _grant(candidate, 0, course)) for candidate in wave]
    for rung, share in enumerate(RUNGS):
        on_event({"event": "rung", "rung": rung, "n_entrants": len(entrants), "share": share})
        for trial in bring(entrants):
            reached[trial.candidate.id] = replace(trial, rung=rung)
            on_event(trial_event(reached[trial.candidate.id]))
        going_on = _going_on([t for t in reached.values() if t.rung == rung < LAST], before, reached, course)
        if not going_on:
            break
        entrants = [(trial.candidate, _grant(trial.candidate, rung + 1, course)) for trial in going_on]
    standing.update({candidate.id: reached[candidate.id] for candidate in wave if candidate.id in reached})


def _going_on(
    paused: Sequence[Trial], before: Sequence[Trial], reached: Mapping[str, Trial], course: Course
) -> list[Trial]:
    """Those that promise and that what is left can bring to their ends, the best first; at first one in ETA at most."""
    left = course.left([*before, *reached.values()])
    if course.is_spent(left):
        return []
    going_on: list[Trial] = []
    spent = 0.0
    promising = [trial for trial in paused if promises(trial, before, course.sign)]
    ranked = sorted(promising, key=lambda trial: (-course.sign * trial.score, trial.candidate.id))
    most = math.ceil(len(reached) / ETA)
    for trial in ranked[:most]:
        cost = course.cost(trial, 1.0)
        if _fits(cost, left, spent, course):
            going_on.append(trial)
            spent += cost
    return going_on


def _fits(cost: float, left: float, spent: float, course: Course) -> bool:
    """Whether one more training fits: into what is left, and into the time of the one worker that it would have."""
    return spent + cost <= left and cost <= left / course.n_at_once


def _grant(candidate: Candidate, rung: int, course: Course) -> Grant:
    share = 1.0 if architecture(candidate.architecture).is_reference else RUNGS[rung]
    return Grant(rung, share, stop_at=course.stop_at)


def _wave_size(course: Course) -> int:
    return WAVE if course.steps is not None else ETA * course.n_workers


def _has_had_its_share(trial: Trial, course: Course, counts: Mapping[str, int]) -> bool:
    """Whether an architecture that takes nothing of the budget has had as many proposals as it may."""
    is_free = course.steps is not None and _is_reference(trial)
    return is_free and counts[trial.candidate.architecture] >= MOST_FREE


def _is_whole(trial: Trial) -> bool:
    """Whether a trial was brought to its end."""
    return trial.state == "done" and math.isfinite(trial.score)


def _is_reference(trial: Trial) -> bool:
    return architecture(trial.candidate.architecture).is_reference


def _as_compared(trial: Trial, proposed: Sequence[Candidate]) -> Trial:
    """A trial for the evidence: a proposal that was left behind has no part in it."""
    left_behind = trial.state == "paused" and trial.rung < LAST and trial.candidate in proposed
    return replace(trial, outputs=None) if left_behind else trial


def _told(candidate: Candidate, centres: Sequence[Trial]) -> dict[str, Json]:
    """A proposal as the events tell it, with what it changes of the one it was drawn around."""
    near = next((t.candidate for t in centres if t.candidate.architecture == candidate.architecture), candidate)
    changes = candidate.changes({**dict(near.settings), "augment": near.plan.augment})
    for name in ("rate", "decay"):
        value = getattr(candidate.plan, name)
        if value != getattr(near.plan, name):
            changes += f" {name}={value:g}"
    return {"id": candidate.id, "label": candidate.label, "near": near.label, "changes": changes.strip()}
