"""Proposals: near the best, inside every range, never what raced or was fixed, and the same on every run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from archwise.architectures import architecture, architectures
from archwise.choice.propose import Wish, can_move, propose
from archwise.records import Candidate, Plan, Trial, settings_of

SEARCHED = [name for name in architectures() if can_move(name, Wish())]


def centre(name: str) -> Trial:
    candidate = Candidate(name, settings_of(architecture(name).defaults().items()), Plan(), name)
    return Trial(candidate, 2, "done", score=1.0)


def proposals(name: str, n: int = 8, wish: Wish | None = None, number: int = 0) -> tuple[Candidate, ...]:
    return propose([centre(name)] * n, [centre(name)], wish or Wish(), number=number)


def test_what_has_nothing_to_move_is_not_searched() -> None:
    assert not can_move("majority", Wish())
    assert not can_move("linear", Wish(("linear.penalty",)))


@pytest.mark.parametrize("name", SEARCHED)
class TestEveryArchitecture:
    def test_proposals_are_the_same_on_every_run(self, name: str) -> None:
        assert proposals(name) == proposals(name)
        assert proposals(name) != proposals(name, number=1)
        assert proposals(name) != proposals(name, wish=Wish(seed=1))

    def test_every_value_is_of_its_type_and_inside_its_range(self, name: str) -> None:
        space = {setting.name: setting for setting in architecture(name).space}
        for number in range(10):
            for candidate in proposals(name, number=number):
                for key, value in candidate.settings:
                    setting = space[key]
                    assert type(value) is type(setting.default)
                    assert not setting.choices or value in setting.choices
                    assert setting.low is None or setting.low <= float(value)
                    assert setting.high is None or float(value) <= setting.high

    def test_no_proposal_is_one_that_raced(self, name: str) -> None:
        ids = [candidate.id for candidate in (centre(name).candidate, *proposals(name, 12))]
        assert len(set(ids)) == len(ids)

    def test_what_is_fixed_stays(self, name: str) -> None:
        fixed = architecture(name).space[:1]
        wish = Wish((*(f"{name}.{setting.name}" for setting in fixed), "plan.rate"))
        for candidate in proposals(name, wish=wish):
            assert candidate.plan.rate == Plan().rate
            assert all(dict(candidate.settings)[setting.name] == setting.default for setting in fixed)


def test_labels_count_on() -> None:
    assert [candidate.label for candidate in proposals("mlp", 3)] == ["mlp 2", "mlp 3", "mlp 4"]


def test_references_keep_their_plan() -> None:
    assert {candidate.plan for candidate in proposals("trees")} == {Plan()}


def test_a_space_of_which_all_has_raced_gives_nothing_more() -> None:
    known = Candidate("linear", (("penalty", 1.0),), Plan(), "linear")
    wish = Wish(("linear.penalty",))
    assert propose([Trial(known, 0, "done", score=1.0)] * 2, [Trial(known, 0, "done", score=1.0)], wish, number=0) == ()


@pytest.mark.parametrize(("name", "setting"), [("trees", "errors"), ("linear", "link")])
def test_what_the_target_decides_is_never_proposed(name: str, setting: str) -> None:
    drawn = [dict(candidate.settings)[setting] for number in range(5) for candidate in proposals(name, number=number)]
    assert set(drawn) == {architecture(name).defaults()[setting]}


def raced(augment: str, name: str = "cnn") -> Trial:
    found = centre(name)
    return replace(found, candidate=replace(found.candidate, plan=Plan(augment=augment)))


def proposed_changes(augment: str, *others: str, wish: Wish | None = None) -> set[str]:
    near = raced(augment)
    trials = [near, *(raced(other) for other in others)]
    waves = [propose([near] * 12, trials, wish or Wish(), number=number) for number in range(12)]
    return {candidate.plan.augment for wave in waves for candidate in wave}


def test_changes_of_pictures_are_moved_one_at_a_time() -> None:
    assert proposed_changes("flip+shift") == {
        "flip+shift", "flip", "shift", "flip+shift+rotate", "flip+shift+colour", "flip+shift+cutout"
    }  # fmt: skip


def test_pictures_are_mirrored_only_where_somebody_in_the_race_mirrors_them() -> None:
    assert not any("flip" in augment for augment in proposed_changes("shift"))
    assert "flip+shift" in proposed_changes("shift", "flip+shift")


def test_changes_that_are_fixed_stay() -> None:
    assert proposed_changes("flip+shift", wish=Wish(("plan.augment",))) == {"flip+shift"}


def test_what_reads_no_pictures_does_not_change_them() -> None:
    assert {candidate.plan.augment for candidate in proposals("mlp", 12)} == {"none"}


@pytest.mark.parametrize("name", ["gru", "transformer"])
def test_what_says_nothing_where_every_step_is_answered_is_not_moved(name: str) -> None:
    poolings = {
        form: {
            dict(candidate.settings)["pooling"]
            for number in range(8)
            for candidate in proposals(name, wish=Wish(data=(form, "words")), number=number)
        }
        for form in ("vector", "sequence")
    }
    assert len(poolings["sequence"]) == 1
    assert len(poolings["vector"]) > 1
