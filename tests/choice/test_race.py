"""The race itself, without any training: who goes on, what is spent, and that no clock is read in steps."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace

import pytest

from archwise.choice.race import Course, race
from archwise.choice.trial import Grant
from archwise.records import Candidate, Json, Plan, Trial

N_TRAIN = 1_000
PLAN = Plan(epochs=90, batch=100)  # 10 steps an epoch, 900 in all


def no_clock() -> float:
    raise AssertionError("the clock was read although steps are counted")


def networks(n: int) -> list[Candidate]:
    return [Candidate("mlp", (("width", 16 + place),), PLAN, label=f"mlp {place}") for place in range(n)]


class Track:
    """Brings candidates to rungs as a trial would: as many steps as plan and grant allow, the width is the score."""

    def __init__(self, *, failing: tuple[int, ...] = ()) -> None:
        self.steps: dict[str, int] = {}
        self.rungs: list[list[Candidate]] = []
        self.numbers: list[int] = []
        self.failing = failing

    def __call__(self, entrants: Iterable[tuple[Candidate, Grant]]) -> Iterator[Trial]:
        entrants = list(entrants)
        self.rungs.append([candidate for candidate, _ in entrants])
        self.numbers += {grant.rung for _, grant in entrants}  # one number a rung
        for candidate, grant in reversed(entrants):  # the order in which trials end must not matter
            yield self.trial(candidate, grant)

    def trial(self, candidate: Candidate, grant: Grant) -> Trial:
        whole = math.ceil(grant.share * PLAN.epochs * N_TRAIN / PLAN.batch)
        steps = min(whole, grant.steps if grant.steps is not None else whole)
        self.steps[candidate.id] = steps
        score = float(dict(candidate.settings).get("width", 0))
        if score - 16 in self.failing:
            return Trial(candidate, grant.rung, "failed", why="it broke")
        state = "done" if steps >= 900 else "paused"
        return Trial(candidate, grant.rung, state, score=score, steps=steps, seconds=steps / 1_000)


def run(n: int, steps: int | None, track: Track, sign: float = 1.0) -> tuple[tuple[Trial, ...], list[dict[str, Json]]]:
    events: list[dict[str, Json]] = []
    course = Course(N_TRAIN, 2, sign, no_clock, steps=steps)
    return race(networks(n), course, bring=track, on_event=events.append), events


def test_every_candidate_starts_and_the_best_ends() -> None:
    track = Track()
    trials, _ = run(9, 3_000, track)
    assert len(track.rungs[0]) == 9
    assert max(trials, key=lambda trial: (trial.steps, trial.score)).score == 24.0
    assert len(track.rungs[-1]) < 9


def test_a_metric_where_smaller_is_better_keeps_the_small() -> None:
    track = Track()
    trials, _ = run(9, 3_000, track, sign=-1.0)
    assert max(trials, key=lambda trial: (trial.steps, -trial.score)).score == 16.0


@pytest.mark.parametrize("steps", [50, 200, 900, 1_111, 3_000, 8_099])
def test_steps_are_never_overspent(steps: int) -> None:
    track = Track()
    run(9, steps, track)
    assert sum(track.steps.values()) <= steps


def test_with_plenty_everyone_is_trained_to_the_end() -> None:
    track = Track()
    trials, _ = run(4, 1_000_000, track)
    assert [trial.state for trial in trials] == ["done"] * 4


def test_a_failed_candidate_does_not_go_on() -> None:
    track = Track(failing=(8,))
    trials, _ = run(9, 3_000, track)
    assert [candidate.label for candidate in track.rungs[1]].count("mlp 8") == 0
    assert trials[8].why == "it broke"


def test_the_standing_does_not_depend_on_the_order_in_which_trials_end() -> None:
    class Forward(Track):
        def __call__(self, entrants: Iterable[tuple[Candidate, Grant]]) -> Iterator[Trial]:
            entrants = list(entrants)
            self.rungs.append([candidate for candidate, _ in entrants])
            for candidate, grant in entrants:
                yield self.trial(candidate, grant)

    assert run(7, 2_000, Track())[0] == run(7, 2_000, Forward())[0]


def test_references_run_once_and_cost_no_steps() -> None:
    track = Track()
    reference = Candidate("majority", (), Plan())
    course = Course(N_TRAIN, 1, 1.0, no_clock, steps=900)

    def bring(entrants: Iterable[tuple[Candidate, Grant]]) -> Iterator[Trial]:
        for trial in track(entrants):
            is_reference = trial.candidate.architecture == "majority"
            yield replace(trial, state="done", steps=0) if is_reference else trial

    trials = race([reference, *networks(3)], course, bring=bring, on_event=lambda event: None)
    assert sum(candidate == reference for rung in track.rungs for candidate in rung) == 1
    assert trials[0].candidate == reference


def test_events_tell_of_every_rung_and_trial() -> None:
    track = Track()
    _, events = run(3, 600, track)
    assert [event["rung"] for event in events if event["event"] == "rung"] == track.numbers
    assert len(track.numbers) == len(track.rungs)
    assert len([event for event in events if event["event"] == "trial"]) == sum(map(len, track.rungs))


def test_seconds_stop_the_race() -> None:
    now = [0.0]
    track = Track()

    def bring(entrants: Iterable[tuple[Candidate, Grant]]) -> Iterator[Trial]:
        for trial in track(entrants):
            now[0] += 10.0
            yield replace(trial, seconds=10.0)

    course = Course(N_TRAIN, 1, 1.0, lambda: now[0], stop_at=50.0)
    race(networks(5), course, bring=bring, on_event=lambda event: None)
    assert len(track.rungs) == 1


def test_what_is_left_brings_back_those_that_paused() -> None:
    track = Track()
    trials, _ = run(9, 3_000, track)
    assert sum(track.steps.values()) > 2_900
    assert len(trials) == 9


def test_a_race_ends_when_nobody_gets_anywhere() -> None:
    def bring(entrants: Iterable[tuple[Candidate, Grant]]) -> Iterator[Trial]:
        for candidate, _ in entrants:
            yield Trial(candidate, 0, "paused", score=1.0)

    course = Course(N_TRAIN, 1, 1.0, lambda: 0.0, stop_at=50.0)
    assert len(race(networks(3), course, bring=bring, on_event=lambda event: None)) == 3


def test_references_with_settings_have_half_of_the_time_and_networks_all_that_is_left() -> None:
    granted: dict[str, Grant] = {}

    def bring(entrants: Iterable[tuple[Candidate, Grant]]) -> Iterator[Trial]:
        for candidate, grant in entrants:
            granted.setdefault(candidate.label, grant)
            yield Trial(candidate, grant.rung, "done", score=1.0)

    references = [
        Candidate("majority", (), Plan(), label="majority"),
        Candidate("linear", (("penalty", 1.0),), Plan(), label="linear"),
    ]
    course = Course(N_TRAIN, 2, 1.0, lambda: 100.0, stop_at=300.0)
    race([*references, *networks(1)], course, bring=bring, on_event=lambda event: None)
    assert {label: grant.stop_at for label, grant in granted.items()} == {
        "majority": None,
        "linear": 200.0,
        "mlp 0": 300.0,
    }
    assert {label: grant.last_at for label, grant in granted.items()} == {
        "majority": None,
        "linear": 300.0,
        "mlp 0": None,
    }
    granted.clear()
    race([*references, *networks(1)], replace(course, last_at=350.0), bring=bring, on_event=lambda event: None)
    assert granted["linear"].last_at == 350.0


def test_a_rung_that_would_leave_nobody_behind_is_passed_over() -> None:
    granted: list[tuple[Candidate, Grant]] = []
    track = Track()

    def bring(entrants: Iterable[tuple[Candidate, Grant]]) -> Iterator[Trial]:
        entrants = list(entrants)
        granted.extend(entrants)
        yield from track(entrants)

    race(networks(3), Course(N_TRAIN, 1, 1.0, no_clock, steps=600), bring=bring, on_event=lambda event: None)
    assert [(grant.rung, grant.lands) for _, grant in granted] == [(0, False)] * 3 + [(2, True)]
    assert granted[-1][1].steps == track.steps[granted[-1][0].id]
    assert sum(track.steps.values()) >= 598  # a part of a step for each is lost


def test_plans_are_brought_to_their_end_in_the_last_rung_alone_and_not_in_folds() -> None:
    landing: dict[int, set[tuple[int, bool]]] = {1: set(), 5: set()}
    for n_fits, seen in landing.items():
        track = Track()

        def bring(
            entrants: Iterable[tuple[Candidate, Grant]],
            seen: set[tuple[int, bool]] = seen,
            track: Track = track,
        ) -> Iterator[Trial]:
            entrants = list(entrants)
            seen.update((grant.rung, grant.lands) for _, grant in entrants)
            yield from track(entrants)

        course = Course(N_TRAIN, 1, 1.0, no_clock, steps=3_000, n_fits=n_fits)
        race(networks(9), course, bring=bring, on_event=lambda event: None)
    assert landing[1] == {(0, False), (1, False), (2, True)}
    assert landing[5] == {(0, False), (1, False), (2, False)}
