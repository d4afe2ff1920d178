"""The outlook: who is left where it stands, on what evidence, and that nobody who could win is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from archwise.choice.outlook import LEAST_CHANCE, is_left, judge, look_ahead, outlook
from archwise.choice.race import RUNGS, Course, race
from archwise.choice.trial import SHORTENED, Grant
from archwise.records import Candidate, CurvePoint, Json, Plan, Trial

EPOCHS = 30
Shape = Callable[[float], float]


def trial(name: str, shape: Shape, share: float = 1.0, *, schedule: str = "cosine", sign: float = 1.0) -> Trial:
    """A trial that has followed a curve to a share of its plan, one look an epoch, its best kept."""
    candidate = Candidate("mlp", (("name", name),), Plan(epochs=EPOCHS, batch=100, schedule=schedule), label=name)
    looks = range(1, max(1, int(share * EPOCHS + 1e-9)) + 1)
    curve = tuple(CurvePoint(10 * look, float(look), 1.0, shape(look / EPOCHS)) for look in looks)
    best = max(curve, key=lambda point: sign * point.score).score
    state = "done" if share >= 1.0 else "paused"
    return Trial(candidate, 0, state, score=best, steps=curve[-1].step, seconds=1.0, curve=curve)


def decaying(end: float, *, early: float = 0.1, late: float = 0.04, pace: float = 8.0) -> Shape:
    """A curve that rises fast, stands, and gains once more where the rate decays at the end."""
    return lambda t: end - early * float(np.exp(-pace * t)) - late * float(np.sqrt(1.0 - t))


LEADERS = [trial("first", decaying(0.90)), trial("second", decaying(0.89)), trial("third", decaying(0.895))]


def outlook_of(shape: Shape, share: float = 1 / 3, **options: str) -> float:
    found = outlook(trial("it", shape, share, **options), LEADERS, sign=1.0, bar=0.90)
    assert found is not None
    return found.chance


def test_a_curve_that_stays_far_below_is_left_and_the_reason_has_figures() -> None:
    late = trial("late", decaying(0.80), 1 / 3)
    judged = judge([*LEADERS, late], sign=1.0)[late.candidate.id]
    assert is_left(judged)
    assert judged.why.startswith("left at 33%: its curve points to 0.8")
    assert judged.why.endswith("below 0.900 of first")


def test_what_finished_curves_gained_at_their_end_keeps_one_that_a_fit_alone_would_stop() -> None:
    behind = trial("behind", decaying(0.905), 1 / 3)
    assert behind.score < LEADERS[1].score - 0.02
    assert not is_left(judge([*LEADERS, behind], sign=1.0)[behind.candidate.id])


def test_nothing_is_told_from_plans_that_were_shortened() -> None:
    short = [replace(leader, why=f"{SHORTENED} 50% of its 30 epochs") for leader in LEADERS]
    late = trial("late", decaying(0.80), 1 / 3)
    assert not is_left(judge([*short, late], sign=1.0)[late.candidate.id])
    assert is_left(judge([*LEADERS, late], sign=1.0)[late.candidate.id])


def test_a_steeper_curve_has_the_better_chance() -> None:
    standing = outlook_of(lambda t: 0.80 + 0.0 * t)
    rising = outlook_of(lambda t: 0.70 + 0.30 * t)
    assert rising > standing


@pytest.mark.parametrize("n_finished", [0, 1])
def test_nobody_is_left_before_two_have_finished(n_finished: int) -> None:
    late = trial("late", decaying(0.5), 1 / 3)
    best = Trial(Candidate("trees", (), Plan()), 0, "done", score=0.95)
    assert not is_left(judge([best, *LEADERS[:n_finished], late], sign=1.0)[late.candidate.id])


def test_finished_candidates_of_another_schedule_tell_nothing() -> None:
    other = trial("other", decaying(0.5), 1 / 3, schedule="coslog4")
    assert outlook(other, LEADERS, sign=1.0, bar=0.9) is None


def test_three_looks_are_too_few() -> None:
    assert outlook(trial("young", decaying(0.5), 3 / EPOCHS), LEADERS, sign=1.0, bar=0.9) is None


def test_an_error_is_judged_as_well_as_a_score() -> None:
    def error(shape: Shape) -> Shape:
        return lambda t: 1_000.0 * (1.0 - shape(t))

    leaders = [
        trial(each.candidate.label, error(decaying(end)), sign=-1.0)
        for each, end in zip(LEADERS, (0.9, 0.89, 0.895), strict=True)
    ]
    late, near = (trial(name, error(decaying(end)), 1 / 3, sign=-1.0) for name, end in (("late", 0.8), ("near", 0.899)))
    judged = judge([*leaders, late, near], sign=-1.0)
    assert [is_left(judged[each.candidate.id]) for each in (late, near)] == [True, False]
    assert "of first" in judged[late.candidate.id].why


def test_scores_without_a_known_top_are_compared_as_they_are() -> None:
    def shifted(shape: Shape) -> Shape:
        return lambda t: 50.0 + shape(t)

    leaders = [trial(f"leader {end}", shifted(decaying(end))) for end in (0.9, 0.89, 0.895)]
    late = trial("late", shifted(decaying(0.6)), 1 / 3)
    assert is_left(judge([*leaders, late], sign=1.0)[late.candidate.id])


def test_a_reference_sets_the_bar_but_does_not_tell_of_curves() -> None:
    trees = Trial(Candidate("trees", (), Plan(), label="trees"), 0, "done", score=0.97)
    near = trial("near", decaying(0.9), 1 / 3)
    judged = judge([trees, *LEADERS, near], sign=1.0)[near.candidate.id]
    assert judged.why.endswith("of trees")


def test_the_best_itself_is_never_left() -> None:
    best = trial("best", decaying(1.2, late=0.0), 1 / 3)
    assert best.score > 0.9
    assert not is_left(judge([*LEADERS, best], sign=1.0)[best.candidate.id])


def test_the_judgement_does_not_depend_on_the_order_of_the_standing() -> None:
    paused = [trial(f"p{end}", decaying(end), 1 / 3) for end in (0.7, 0.8, 0.88, 0.9)]
    assert judge([*LEADERS, *paused], sign=1.0) == judge([*paused[::-1], *LEADERS[::-1]], sign=1.0)


def test_one_that_was_left_is_taken_up_again_when_others_show_that_more_is_gained() -> None:
    slow = [trial(f"slow {end}", decaying(end, early=0.4, pace=2.0)) for end in (0.94, 0.95)]
    late = trial("late", decaying(0.96, early=0.4, pace=2.0), 1 / 3)
    standing = {each.candidate.id: each for each in (*LEADERS, late)}
    look_ahead(standing, sign=1.0)
    first = is_left(standing[late.candidate.id])
    standing.update({each.candidate.id: each for each in slow})
    look_ahead(standing, sign=1.0)
    assert (first, is_left(standing[late.candidate.id])) == (True, False)


def test_of_those_left_fewer_than_one_in_twenty_would_have_won() -> None:
    rng = np.random.default_rng(0)
    n_winners = n_stopped = n_left = 0
    for _ in range(40):
        shapes = []
        for _ in range(9):
            end, pace, late, noise = (
                rng.normal(0.9, 0.01),
                rng.uniform(4, 16),
                rng.uniform(0.02, 0.06),
                rng.normal(0, 0.002, EPOCHS + 1),
            )
            smooth = decaying(end, pace=pace, late=late)
            shapes.append(lambda t, smooth=smooth, noise=noise: smooth(t) + float(noise[round(t * EPOCHS)]))
        whole = [trial(f"c{place}", shape) for place, shape in enumerate(shapes)]
        cut = [trial(f"c{place}", shape, 1 / 3) for place, shape in enumerate(shapes)]
        order = sorted(range(9), key=lambda place: -cut[place].score)
        best = max(whole[place].score for place in order[:3])
        judged = judge([*(whole[place] for place in order[:3]), *(cut[place] for place in order[3:])], sign=1.0)
        for place in order[3:]:
            wins, left = whole[place].score > best, is_left(judged[cut[place].candidate.id])
            n_winners, n_left, n_stopped = n_winners + wins, n_left + left, n_stopped + (wins and left)
    assert n_winners > 10
    assert n_left > 50
    assert n_stopped <= LEAST_CHANCE * n_left


class TestInTheRace:
    def race(self, ends: list[float]) -> tuple[tuple[Trial, ...], list[dict[str, Json]]]:
        shapes = {f"n{place}": decaying(end) for place, end in enumerate(ends)}
        candidates = [trial(name, shape).candidate for name, shape in shapes.items()]
        events: list[dict[str, Json]] = []

        def bring(entrants: Iterable[tuple[Candidate, Grant]]) -> Iterator[Trial]:
            for candidate, grant in entrants:
                yield replace(trial(candidate.label, shapes[candidate.label], RUNGS[grant.rung]), rung=grant.rung)

        course = Course(1_000, 1, 1.0, lambda: 0.0, steps=1_000_000)
        return race(candidates, course, bring=bring, on_event=events.append), events

    def test_those_without_prospects_are_left_and_the_others_are_trained_to_the_end(self) -> None:
        trials, events = self.race([0.90, 0.895, 0.89, 0.899, 0.7, 0.6])
        assert [each.state for each in trials] == ["done", "done", "done", "done", "paused", "paused"]
        told = [event["label"] for event in events if event["event"] == "left"]
        assert sorted(told) == ["n4", "n5"]
        assert all("its curve points to" in each.why for each in trials[4:])

    def test_the_same_race_gives_the_same_standing(self) -> None:
        ends = [0.90, 0.895, 0.89, 0.899, 0.7, 0.6]
        assert self.race(ends) == self.race(ends)
