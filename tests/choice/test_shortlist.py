"""The shortlist and the candidates made of it: order, reasons, what the user fixed, and what the budget allows."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace

import pytest

from archwise.architectures import architecture, architectures
from archwise.choice import shortlist as room
from archwise.choice.shortlist import PLAIN_DESCENT_RATE, WORTH_RACING, enter, shortlist
from archwise.config import Config, make_config
from archwise.errors import UsageError
from archwise.records import Candidate, ColumnProfile, Json, Profile, Suits

OF_TABLES = [entry for entry in architectures().values() if entry.reads[0] == "number"]  # that need a table alone
NETWORKS = [entry.name for entry in OF_TABLES if not entry.is_reference]
REFERENCES = [entry.name for entry in OF_TABLES if entry.is_reference]


def profile(n_rows: int = 3_000, *, kinds: Sequence[str] = ("number", "number", "category")) -> Profile:
    columns = [ColumnProfile(f"c{place}", kind, "as it looks", True, 0, 10) for place, kind in enumerate(kinds)]
    columns.append(ColumnProfile("label", "category", "the target", False, 0, 2))
    counts = (n_rows - n_rows // 4, n_rows // 4)
    return Profile("t.csv", n_rows, tuple(columns), "label", "classify", "two values", ("no", "yes"), counts)


def config(**values: Json) -> Config:
    return make_config({"budget": "10m", **values})


def candidates(*, n_rows: int = 3_000, n_workers: int = 2, **values: Json) -> tuple[Candidate, ...]:
    return enter(profile(n_rows), config(**values), n_workers=n_workers)


def of(name: str, found: Sequence[Candidate]) -> list[Candidate]:
    return [candidate for candidate in found if candidate.architecture == name]


# ---------------------------------------------------------------- the shortlist


def test_every_architecture_is_listed_the_likeliest_first() -> None:
    listed = shortlist(profile(), config())
    assert {item.architecture for item in listed} == set(architectures())
    assert [item.prior for item in listed] == sorted((item.prior for item in listed), reverse=True)


def test_the_list_does_not_change_between_calls() -> None:
    assert shortlist(profile(), config()) == shortlist(profile(), config())


def test_every_reason_names_a_fact_of_the_data() -> None:
    for item in shortlist(profile(4_321), config()):
        assert "4,321" in item.because or "75%" in item.because, item


def test_what_cannot_read_the_data_is_listed_with_the_reason_and_not_raced() -> None:
    keys = profile(kinds=("identifier",))
    listed = shortlist(keys, config())
    assert {item.prior for item in listed} == {0.0}
    assert all("the data have identifier" in item.because for item in listed)
    with pytest.raises(UsageError, match=r"can read these data.*archwise shortlist"):
        enter(keys, config(), n_workers=1)


def test_what_gives_no_form_that_the_task_takes_is_listed_with_the_reason() -> None:
    steps = replace(architecture("mlp"), gives=("sequence",))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "architectures", lambda: {"mlp": steps})
        (item,) = shortlist(profile(), config())
    assert (item.prior, item.because) == (0.0, "it gives a sequence, and the task classify takes a vector")


def test_only_lists_those_alone() -> None:
    assert {item.architecture for item in shortlist(profile(), config(only=["mlp", "linear"]))} == {"mlp", "linear"}


def test_add_goes_with_only() -> None:
    listed = shortlist(profile(), config(only=["mlp"], add=["trees"]))
    assert {item.architecture for item in listed} == {"mlp", "trees"}


def test_skip_leaves_out() -> None:
    names = {item.architecture for item in shortlist(profile(), config(skip=["trees"]))}
    assert names == set(architectures()) - {"trees"}


@pytest.mark.parametrize("option", ["only", "add", "skip"])
def test_an_unknown_name_suggests_the_nearest(option: str) -> None:
    with pytest.raises(UsageError, match=r"there is no architecture 'perceptrn'\. Did you mean 'perceptron'\?"):
        shortlist(profile(), config(**{option: ["perceptrn"]}))


def test_leaving_out_everything_is_refused() -> None:
    with pytest.raises(UsageError, match="no architecture is left to race"):
        shortlist(profile(), config(skip=list(architectures())))


# ---------------------------------------------------------------- who enters


def test_references_enter_first_and_each_before_its_variants() -> None:
    found = candidates()
    sides = [candidate.architecture in REFERENCES for candidate in found]
    assert sides == sorted(sides, reverse=True)
    for name in (*REFERENCES, *NETWORKS):
        first = of(name, found)[0]
        assert dict(first.settings) == architecture(name).defaults()
        assert first.label == name


def test_nobody_enters_twice_and_every_label_and_id_is_its_own() -> None:
    found = candidates(n_rows=300_000)
    assert len({candidate.id for candidate in found}) == len({candidate.label for candidate in found}) == len(found)


def test_the_same_request_gives_the_same_candidates() -> None:
    assert candidates() == candidates()


def test_the_id_of_a_candidate_is_the_same_on_every_machine() -> None:
    found = Candidate.from_json(
        {"architecture": "mlp", "settings": {"layers": 2}, "plan": {"epochs": 3, "seed": 1}, "label": "any"}
    )
    assert found.id == "mlp-3c4c8cd174"


def test_the_label_is_no_part_of_the_id() -> None:
    first, *_ = candidates()
    assert Candidate(first.architecture, first.settings, first.plan, "another").id == first.id


def test_candidates_come_back_from_json_as_they_were() -> None:
    for candidate in candidates():
        again = Candidate.from_json(json.loads(json.dumps(candidate.to_json())))
        assert again == candidate
        assert again.id == candidate.id


@pytest.mark.parametrize("n_rows", [50, 1_000, 10_000, 1_000_000])
def test_every_setting_of_a_candidate_lies_in_its_range(n_rows: int) -> None:
    for candidate in candidates(n_rows=n_rows):
        space = {setting.name: setting for setting in architecture(candidate.architecture).space}
        for name, value in candidate.settings:
            setting = space[name]
            assert type(value) is type(setting.default)
            assert not setting.choices or value in setting.choices
            if not setting.choices and isinstance(value, int | float):
                assert (setting.low or -math.inf) <= value <= (setting.high or math.inf)


def test_the_seed_reaches_every_plan() -> None:
    assert {candidate.plan.seed for candidate in candidates(seed=17)} == {17}


def test_an_unlikely_architecture_is_raced_only_when_it_is_added() -> None:

    unlikely = replace(architecture("perceptron"), suits=lambda profile: Suits(WORTH_RACING / 2, "made up"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "architectures", lambda: {"mlp": architecture("mlp"), "perceptron": unlikely})
        assert {candidate.architecture for candidate in candidates()} == {"mlp"}
        assert {candidate.architecture for candidate in candidates(add=["perceptron"])} == {"mlp", "perceptron"}


# ---------------------------------------------------------------- the budget


def test_a_short_budget_races_one_of_each_network_and_every_reference() -> None:
    found = candidates(budget="10s", n_workers=1)
    networks = [candidate.architecture for candidate in found if candidate.architecture in NETWORKS]
    assert sorted(networks) == sorted(NETWORKS)
    assert set(REFERENCES) <= {candidate.architecture for candidate in found}


def test_few_steps_race_one_of_each_network() -> None:
    networks = [c.architecture for c in candidates(budget="1steps") if c.architecture in NETWORKS]
    assert sorted(networks) == sorted(NETWORKS)


def test_a_longer_budget_and_more_workers_race_more() -> None:
    few = candidates(budget="30s", n_workers=1)
    more = candidates(budget="30s", n_workers=2)
    most = candidates(budget="1h", n_workers=2)
    assert len(few) < len(more) <= len(most)
    assert set(few) <= set(more) <= set(most)


def test_steps_do_not_depend_on_the_workers() -> None:
    assert candidates(budget="900steps", n_workers=1) == candidates(budget="900steps", n_workers=8)


# ---------------------------------------------------------------- what the user fixes


def test_a_fixed_setting_holds_for_every_variant_without_repetition() -> None:
    free, fixed = (of("mlp", candidates(only=("mlp",), settings=given)) for given in ({}, {"mlp.dropout": 0.4}))
    assert {dict(candidate.settings)["dropout"] for candidate in fixed} == {0.4}
    assert len({candidate.settings for candidate in fixed}) == len(fixed) < len(free)


def test_a_fixed_setting_leaves_other_architectures_alone() -> None:
    free, fixed = candidates(), candidates(settings={"mlp.dropout": 0.4})
    assert of("trees", free) == of("trees", fixed)
    assert of("perceptron", free) == of("perceptron", fixed)


def test_a_whole_number_is_taken_where_a_fraction_is_due() -> None:
    whole = candidates(settings={"mlp.dropout": 0, "plan.clip": 2})
    fraction = candidates(settings={"mlp.dropout": 0.0, "plan.clip": 2.0})
    assert [candidate.id for candidate in whole] == [candidate.id for candidate in fraction]


def test_plan_settings_hold_for_every_network_and_no_reference() -> None:
    found = candidates(settings={"plan.epochs": 7, "plan.batch": 64})
    for candidate in found:
        is_network = candidate.architecture in NETWORKS
        assert ((candidate.plan.epochs, candidate.plan.batch) == (7, 64)) == is_network


# ---------------------------------------------------------------- augmentation


def of_pictures(colour: float = 1.0, *, kinds: Sequence[str] = ("image",), **values: Json) -> tuple[Candidate, ...]:
    """Who races on pictures of 32 pixels a side."""
    shown = {"width": 32, "height": 32, "colour": colour}
    found = profile(kinds=kinds)
    columns = tuple(replace(each, summary=shown) if each.kind == "image" else each for each in found.columns)
    return enter(replace(found, columns=columns), config(**values), n_workers=2)


def test_a_photo_may_be_mirrored_and_a_small_grey_picture_is_not() -> None:
    in_colour, in_grey = ({c.plan.augment for c in of("cnn", of_pictures(colour))} for colour in (1.0, 0.0))
    assert in_colour == {"flip+shift", "flip+shift+cutout"}
    assert in_grey == {"shift", "shift+rotate"}


def test_a_variant_may_name_a_part_of_its_plan() -> None:
    first, second, *_ = of("cnn", of_pictures())
    assert first.settings == second.settings
    assert first.plan == replace(second.plan, augment=first.plan.augment)


def test_augmentation_that_is_fixed_holds_for_all_that_look_at_pictures() -> None:
    found = of_pictures(kinds=("image", "number"), settings={"plan.augment": "cutout+flip"})
    assert {c.plan.augment for name in ("cnn", "resnet", "pixels") for c in of(name, found)} == {"flip+cutout"}
    assert {c.plan.augment for c in of("mlp", found)} == {"none"}


def test_plain_descent_gets_a_rate_of_its_own() -> None:
    adam, plain = of("mlp", candidates())[0].plan, of("mlp", candidates(optimizer="sgd"))[0].plan
    assert plain.optimizer == "sgd"
    assert plain.rate == pytest.approx(PLAIN_DESCENT_RATE * adam.rate)


def test_an_optimizer_that_scales_its_steps_keeps_the_rate() -> None:
    assert of("mlp", candidates(optimizer="rmsprop"))[0].plan.rate == of("mlp", candidates())[0].plan.rate


def test_a_rate_that_is_given_wins_over_the_optimizers_own() -> None:
    assert of("mlp", candidates(optimizer="sgd", settings={"plan.rate": 0.5}))[0].plan.rate == 0.5


def test_the_loss_reaches_every_network() -> None:
    found = candidates(loss="focal")
    assert {c.plan.loss for c in found if c.architecture in NETWORKS} == {"focal"}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"settings": {"mlp.layrs": 2}}, r"--set mlp\.layrs: mlp has no setting 'layrs'\. Did you mean 'layers'\?"),
        ({"settings": {"mpl.layers": 2}}, r"there is no architecture 'mpl'\. Did you mean 'mlp'\?"),
        ({"settings": {"layers": 2}}, r"write architecture\.setting=value"),
        ({"settings": {"mlp.layers": 99}}, r"99 lies outside 1 to 6"),
        ({"settings": {"mlp.layers": 2.5}}, r"2\.5 is not of the type of its default 3"),
        ({"settings": {"mlp.layers": True}}, r"True is not of the type of its default 3"),
        ({"settings": {"mlp.layers": "many"}}, r"'many' is not of the type of its default 3"),
        ({"settings": {"mlp.dropout": math.nan}}, r"nan lies outside 0 to 0\.7"),
        ({"settings": {"mlp.activation": "rel"}}, r"'rel' is not a choice\. Did you mean 'relu'\?"),
        ({"settings": {"plan.epcohs": 3}}, r"a plan has no 'epcohs'\. Did you mean 'epochs'\?"),
        ({"settings": {"plan.epochs": "x"}}, r"'x' is not of the type of its default 60"),
        ({"settings": {"plan.epochs": 0}}, r"--set plan\.epochs: 0 is not a number from 1"),
        ({"settings": {"plan.batch": -1}}, r"-1 is not a number from 1"),
        ({"settings": {"plan.rate": math.inf}}, r"inf is not a number from 1e-12"),
        ({"settings": {"plan.smoothing": 1.0}}, r"1\.0 lies outside 0 to 0\.9"),
        ({"settings": {"plan.seed": 7}}, r"give it with --seed"),
        ({"settings": {"plan.schedule": "cosin"}}, r"there is no schedule 'cosin'\. Did you mean 'cosine'\?"),
        ({"settings": {"plan.augment": "flop"}}, r"there is no augmentation 'flop'\. Did you mean 'flip'\?"),
        ({"settings": {"plan.augment": "flip"}}, r"it changes pictures, and the data have none"),
        ({"settings": {"plan.precision": "mixd"}}, r"there is no precision 'mixd'\. Did you mean 'mixed'\?"),
        ({"settings": {"plan.optimizer": "adamx"}}, r"there is no optimizer 'adamx'"),
        ({"optimizer": "adamx"}, r"there is no optimizer 'adamx'\. Did you mean 'adam"),
        ({"loss": "focl"}, r"there is no loss of classify 'focl'\. Did you mean 'focal'\?"),
        (
            {"settings": {"trees.leaves": 7}, "only": ["mlp"]},
            r"trees is not in this race, which has mlp; .*--add trees",
        ),
    ],
    ids=lambda value: "" if isinstance(value, str) else json.dumps(value),
)
def test_what_cannot_be_is_refused_before_the_race(values: dict[str, Json], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        candidates(**values)


def test_a_loss_found_from_the_target_races_beside_the_default() -> None:
    found = enter(replace(profile(), task="regress", classes=(), loss="poisson"), config(), n_workers=2)
    for name in NETWORKS:
        first, second, *others = of(name, found)
        assert (first.plan.loss, second.plan.loss) == ("poisson", "")
        assert first.settings == second.settings
        assert {candidate.plan.loss for candidate in others} <= {"poisson"}


def test_a_loss_that_was_asked_for_races_alone() -> None:
    asked = replace(profile(), task="regress", classes=(), loss="huber")
    found = enter(asked, config(loss="huber"), n_workers=2)
    assert {candidate.plan.loss for candidate in found if candidate.architecture in NETWORKS} == {"huber"}


def test_an_order_of_classes_asks_for_the_ordinal_loss() -> None:
    found = candidates(order=["no", "yes"])
    assert {candidate.plan.loss for candidate in found if candidate.architecture in NETWORKS} == {"ordinal"}
