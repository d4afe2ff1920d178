"""The search without any training: who is proposed around whom, who goes on, what is spent."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest

from archwise.architectures import architecture
from archwise.choice.propose import Wish, movable, propose
from archwise.choice.race import Course
from archwise.choice.search import MOST_FREE, MOST_PROPOSED, Search, pick_centres, promises, search
from archwise.choice.trial import Grant
from archwise.records import Array, Candidate, CurvePoint, Json, Plan, Trial

N_TRAIN = 1_000
PLAN = Plan(epochs=90, batch=100)  # 10 steps an epoch, 900 in all
OUTPUTS: Array = np.zeros((3, 1), np.float32)
MLP = architecture("mlp").defaults()


def no_clock() -> float:
    raise AssertionError("the clock was read although steps are counted")


def score(candidate: Candidate) -> float:
    return float(dict(candidate.settings).get("width", dict(candidate.settings).get("penalty", 0.0)))


def brought(candidate: Candidate, share: float = 1.0, rung: int = 2) -> Trial:
    """A trial whose score is its width, and a tenth of it less at each third of the way."""
    if candidate.architecture != "mlp":
        return Trial(candidate, rung, "done", score=score(candidate), seconds=1.0, outputs=OUTPUTS)
    curve = tuple(CurvePoint(n, n / 10, 0.0, score(candidate) * (0.5 + n / 1_800)) for n in (100, 300, 900))
    seen = tuple(point for point in curve if point.step <= round(share * 900))
    state = "done" if share == 1.0 else "paused"
    steps, last = seen[-1].step, seen[-1].score
    return Trial(candidate, rung, state, score=last, steps=steps, seconds=steps / 10, curve=seen, outputs=OUTPUTS)


def mlp(width: int = 256, label: str = "mlp") -> Candidate:
    return Candidate("mlp", tuple(sorted({**MLP, "width": width}.items())), PLAN, label)


def linear(label: str = "linear") -> Candidate:
    return Candidate("linear", (("penalty", 1.0),), Plan(), label)


def bring(entrants: Iterable[tuple[Candidate, Grant]]) -> Iterator[Trial]:
    for candidate, grant in list(entrants):
        yield brought(candidate, grant.share, grant.rung)


def following(number: int, centres: Sequence[Trial], trials: Sequence[Trial]) -> tuple[Candidate, ...]:
    return propose(centres, trials, Wish(), number=number)


def run(
    trials: Sequence[Trial], steps: int, tools: Search | None = None
) -> tuple[tuple[Trial, ...], list[dict[str, Json]]]:
    events: list[dict[str, Json]] = []
    course = Course(N_TRAIN, 2, 1.0, no_clock, steps=steps)
    tools = tools or Search(Wish(), following)
    return search(trials, course, bring=bring, on_event=events.append, tools=tools), events


def steps_of(trials: Iterable[Trial]) -> int:
    return sum(trial.steps for trial in trials)


def test_what_is_left_is_searched_and_never_overspent() -> None:
    before = [brought(mlp())]
    for steps in (900, 1_799, 1_800, 2_500, 4_000):
        found, _ = run(before, steps)
        assert steps_of(found) <= steps
        assert (len(found) > 1) == (steps >= 1_800)


def test_a_share_of_what_is_left_is_kept_back() -> None:
    found, _ = run([brought(mlp())], 4_000, Search(Wish(), following, lambda trials: 1_500.0))
    assert len(found) > 1
    assert steps_of(found) <= 2_500


def test_a_share_that_cannot_be_kept_back_is_searched() -> None:
    found, _ = run([brought(mlp())], 2_700, Search(Wish(), following, lambda trials: 2_000.0))
    assert len(found) > 1


def test_a_proposal_goes_on_only_where_it_is_no_worse_than_the_best_of_its_architecture_then() -> None:
    found, _ = run([brought(mlp())], 20_000)
    proposed = found[1:]
    for trial in proposed:
        if trial.state == "done":
            assert score(trial.candidate) >= 256
        else:
            assert trial.outputs is None  # no part in the evidence
    assert {trial.state for trial in proposed} == {"done", "paused"}


def test_a_better_proposal_becomes_the_next_centre() -> None:
    found, events = run([brought(mlp())], 20_000)
    waves = [event["candidates"] for event in events if event["event"] == "proposals"]
    assert {each["near"] for each in waves[0]} == {"mlp"}
    best = max(found, key=lambda trial: trial.score if trial.state == "done" else -math.inf)
    assert score(best.candidate) > 256
    assert any(each["near"] != "mlp" for wave in waves[1:] for each in wave)


def test_the_search_does_not_depend_on_the_order_in_which_trials_end() -> None:
    def backwards(entrants: Iterable[tuple[Candidate, Grant]]) -> Iterator[Trial]:
        return reversed(list(bring(entrants)))  # type: ignore[return-value]

    course = Course(N_TRAIN, 1, 1.0, no_clock, steps=8_000)
    tools = Search(Wish(), following)
    other = search([brought(mlp())], course, bring=backwards, on_event=lambda event: None, tools=tools)
    assert other == run([brought(mlp())], 8_000)[0]


def test_the_number_of_proposals_is_bounded_however_long_the_budget() -> None:
    found, _ = run([brought(mlp())], 10_000_000)
    assert len(found) == 1 + MOST_PROPOSED


def test_references_that_take_no_steps_have_few_proposals() -> None:
    found, _ = run([brought(linear())], 1_000)
    assert len(found) == 1 + MOST_FREE


def test_neither_side_is_searched_alone() -> None:
    trials = [brought(mlp()), brought(linear())]
    course = Course(N_TRAIN, 1, 1.0, no_clock, steps=20_000)
    names = [trial.candidate.architecture for trial in pick_centres(trials, course, (), wish=Wish())]
    assert names.count("mlp") > names.count("linear") > 0


def test_what_the_user_fixed_leaves_nothing_to_search() -> None:
    course = Course(N_TRAIN, 1, 1.0, no_clock, steps=1_000)
    assert pick_centres([brought(linear())], course, (), wish=Wish(("linear.penalty",))) == ()


def test_nothing_is_proposed_where_nothing_is_left() -> None:
    def never(number: int, centres: Sequence[Trial], trials: Sequence[Trial]) -> tuple[Candidate, ...]:
        raise AssertionError("a proposal was asked for")

    run([brought(mlp())], 900, Search(Wish(), never))


def test_seconds_are_searched_only_where_one_worker_can_bring_a_whole_training_to_its_end() -> None:
    trial = replace(brought(mlp()), seconds=10.0)
    for left, n_proposed in ((12.0, 0), (13.0, 6)):  # 10 s over the safe share of 0.8 is 12.5 s
        course = Course(N_TRAIN, 2, 1.0, lambda: 0.0, stop_at=left)
        assert len(pick_centres([trial], course, (), wish=Wish())) == n_proposed


def test_who_has_no_rival_yet_promises() -> None:
    paused = brought(mlp(16), 1 / 3, 1)
    assert promises(paused, [], 1.0)
    assert not promises(paused, [brought(mlp())], 1.0)
    assert promises(paused, [brought(mlp())], -1.0)


@pytest.mark.parametrize(
    ("data", "said", "unsaid"),
    [
        (("vector", "text"), {"embedding", "pooling", "both_ways"}, {"scale", "segment", "level", "calendar"}),
        (("sequence", "words"), {"embedding", "forgotten"}, {"pooling", "scale", "level"}),
        (("vector", "series"), {"scale", "pooling"}, {"embedding", "word_dropout", "segment"}),
        (("window", "timeline"), {"segment", "level", "width"}, {"embedding", "scale", "pooling", "both_ways"}),
    ],
)
def test_only_settings_that_say_something_of_the_data_are_proposed(
    data: tuple[str, ...], said: set[str], unsaid: set[str]
) -> None:
    entry = architecture("gru")
    names = {name.partition(".")[2] for name in movable(entry, Wish(data=data))}
    assert said <= names
    assert not unsaid & names
