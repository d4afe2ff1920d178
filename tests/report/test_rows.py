"""Parts of the rows, worst errors, and what moved the answers."""

from __future__ import annotations

import io
import math
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from PIL import Image
from sklearn.inspection import permutation_importance as importance_of_sklearn

import archwise
from archwise.config import Config
from archwise.model.judged import Judged, read_judged, write_judged
from archwise.model.predict import predict
from archwise.report.answers import answers
from archwise.report.cut import cut
from archwise.report.cuts import cuts_of, looks_of
from archwise.report.errors import is_wrong, worst_rows
from archwise.report.forecasts import apart_places
from archwise.report.importance import _shuffled, permutation_importance
from archwise.report.make import judged_rows
from archwise.report.moved import MOST_TEXTS, moved_pixels, moved_words
from archwise.report.neighbours import moved_tags, moved_words_of_tags
from archwise.report.rows import Rows
from archwise.report.slices import score_slices
from archwise.report.stretches import moved_parts
from archwise.report.time_left import Allowed

NASTY = "<script>alert('x')</script>"  # a column and a level of the made table
NEVER, AT_ONCE = Allowed(math.inf), Allowed(-math.inf)


def rows_of(held) -> Rows:
    return Rows(held.model, judged_rows(held.model, held.rows))


class TestSlices:
    def test_a_part_that_is_answered_worse_is_named_and_no_other_city(self, made) -> None:
        found = score_slices(rows_of(made("two")), NEVER)
        behind = {(part["of"], part["name"]) for part in found["parts"] if part["behind"]}
        assert ("city", "Paris") in behind
        assert not {("city", "Lima"), ("city", NASTY)} & behind

    def test_the_score_of_a_part_is_the_metric_of_its_rows(self, made) -> None:
        rows = rows_of(made("regress"))
        part = next(part for part in score_slices(rows, NEVER)["parts"] if part["name"] == "Lima")
        held = made("regress").rows["city"].to_numpy() == "Lima"
        off = rows.answers["prediction"] - made("regress").rows["pay"].to_numpy()
        assert part["n"] == held.sum()
        assert part["score"] == pytest.approx(np.sqrt((off[held] ** 2).mean()), rel=1e-4)
        assert part["rest"] == pytest.approx(np.sqrt((off[~held] ** 2).mean()), rel=1e-4)
        assert part["low"] < part["score"] < part["high"]

    def test_where_no_part_is_worse_one_is_seldom_named(self, made) -> None:
        """At 5 % for all parts together: 60 tables of noise name any more than 8 times with a chance of 1 in 200."""
        held = made("three")
        rows = rows_of(held)
        named = 0
        for seed in range(60):
            order = np.random.default_rng(seed).permutation(rows.n_rows)
            typed = rows.judged.typed[order]  # cells that have nothing to do with how well a row is answered
            shuffled = Judged(typed, rows.judged.targets, rows.judged.outputs)
            found = score_slices(Rows(held.model, shuffled), NEVER)
            named += any(part["behind"] for part in found["parts"])
        assert named <= 8

    def test_without_time_columns_are_counted_as_left(self, made) -> None:
        found = score_slices(rows_of(made("two")), AT_ONCE)
        assert found["parts"] == []
        assert found["n_columns_left"] == 4

    @pytest.mark.parametrize(
        ("column", "kind", "names"),
        [
            (pl.Series("x", [1.0, 1.0, 2.0, None]), "number", ["missing", "1", "2"]),
            (pl.Series("x", list(range(8))), "number", ["0 to 1", "2 to 3", "4 to 5", "6 to 7"]),
            (pl.Series("x", ["a", "b", "a", None]), "category", ["missing", "a", "b"]),
            (pl.Series("x", [True, False]), "boolean", ["true", "false"]),
            (pl.Series("x", ["one", "two words", "and three words"]), "text", ["1 words", "2 words", "3 words"]),
            (pl.Series("x", [[1.0], [1.0, 2.0]]), "series", ["1 steps", "2 steps", "1", "1.5", "0", "0.5"]),
            (
                pl.Series("x", [[[1.0, 2.0], [4.0, 4.0]], [[3.0, 4.0], [5.0, 5.0]]]),
                "series",
                ["2 steps", "1.5", "3.5", "4", "5"],
            ),
            (pl.Series("x", ["a.png", "b.png"]), "image", []),
            (pl.Series("x", [math.nan, math.inf, None], dtype=pl.Float64), "number", ["missing"]),
        ],
    )
    def test_a_column_is_cut_by_its_kind(self, column: pl.Series, kind: str, names: list[str]) -> None:
        assert sorted(part.name for part in cut(column, kind)) == sorted(names)

    def test_pictures_are_cut_by_what_they_look_like_and_by_their_files(self, made, tmp_path) -> None:
        held = made("picture")
        frame = held.rows.with_columns(picture=pl.Series([_written(tmp_path, row, cell) for row, cell in
                                                          enumerate(held.rows["picture"])]))  # fmt: skip
        rows = Rows(held.model, judged_rows(held.model, frame))
        parts = {(part.of, part.name): part.held for parts in cuts_of(rows, NEVER) for part in parts}
        names = {of for of, _ in parts}
        assert {"picture, brightness", "picture, contrast", "picture, shape", "picture, shorter side"} <= names
        assert parts["picture, shape", "wide"].sum() == 40
        assert (parts["picture, shape", "wide"] == np.array([row % 2 == 1 for row in range(80)])).all()
        dark = next(held for (of, name), held in parts.items() if of == "picture, brightness" and name.startswith("1"))
        assert 0 < dark.sum() < 80

    def test_grey_pictures_are_told_from_coloured_ones(self) -> None:
        grey, red = np.full((2, 4, 4, 3), 90, np.uint8), np.full((1, 4, 4, 3), (200, 0, 0), np.uint8)
        looks = looks_of(np.concatenate([grey, red]))
        assert looks[:, 2].tolist() == [0.0, 0.0, 200.0]
        assert looks[0, 0] == pytest.approx(90.0)
        assert looks[2, 0] == pytest.approx(0.299 * 200)

    def test_series_that_were_scaled_one_by_one_are_not_cut_by_what_rounding_left(self) -> None:
        waves = np.random.default_rng(0).normal(size=(40, 30))
        waves = (waves - waves.mean(axis=1, keepdims=True)) / waves.std(axis=1, keepdims=True)
        assert [part.name for part in cut(pl.Series("x", waves.round(6).tolist()), "series")] == ["30 steps"]

    def test_many_levels_are_the_most_frequent_and_the_rest(self) -> None:
        column = pl.Series("x", [f"level {row % 15}" for row in range(300)])
        parts = list(cut(column, "category"))
        assert len(parts) == 11
        assert parts[-1].name == "one of 5 rarer"
        assert sum(int(part.held.sum()) for part in parts) == 300


def _written(folder, row: int, cell: bytes) -> str:
    """A picture as a file; every second one twice as wide."""
    picture = Image.open(io.BytesIO(cell))
    picture.resize((64 if row % 2 else 32, 32)).save(folder / f"{row}.png")
    return str(folder / f"{row}.png")


class TestGroups:
    def test_a_group_that_is_answered_worse_is_named_over_both_parts(self, made) -> None:
        """Of 20 groups one has its answers turned around; 10 are of the sealed rows, 10 of those that decided."""
        rows = grouped(made("two"), turned="g13")
        found = score_slices(rows, NEVER)
        assert found["groups"] == {
            "column": "patient", "rows": "sealed rows and validation rows", "n_rows": 400, "n_groups": 20, "n_told": 20,
            "n_left": 0,
        }  # fmt: skip
        assert [part["name"] for part in found["parts"] if part["of"] == "patient" and part["behind"]] == ["g13"]

    def test_groups_that_are_alike_are_seldom_named(self, made) -> None:
        """At 5 % for all together: 40 drawings name any more than 6 times with a chance of 1 in 70."""
        named = 0
        for seed in range(40):
            found = score_slices(grouped(made("two"), seed=seed), NEVER)
            named += any(part["behind"] for part in found["parts"] if part["of"] == "patient")
        assert named <= 6

    def test_without_time_they_are_counted_as_left(self, made) -> None:
        assert score_slices(grouped(made("two")), AT_ONCE)["groups"]["n_left"] == 20


def grouped(held, *, turned: str = "", seed: int = 0) -> Rows:
    """Labelled rows as twenty groups, half of them among the rows that decided."""
    rows = rows_of(held)
    order = np.random.default_rng(seed).permutation(rows.n_rows)
    names = np.array([f"g{row * 20 // rows.n_rows}" for row in range(rows.n_rows)])
    outputs = np.where((names == turned)[:, None], -rows.judged.outputs[order], rows.judged.outputs[order])
    told = pl.DataFrame({"row": np.arange(rows.n_rows), "file": [None] * rows.n_rows, "group": names},
                        schema={"row": pl.Int64, "file": pl.String, "group": pl.String})  # fmt: skip
    halves = [slice(0, rows.n_rows // 2), slice(rows.n_rows // 2, None)]
    sealed, deciding = (
        Judged(typed, rows.judged.targets[order][half], outputs[half], name=name, told=told[half])
        for half, name, typed in zip(
            halves,
            ("sealed rows", "validation rows"),
            (rows.judged.typed[order][halves[0]], pl.DataFrame()),
            strict=True,
        )
    )
    return Rows(held.model, replace(sealed, deciding=deciding, grouped_by="patient"))


class TestErrors:
    def test_only_wrong_answers_are_among_them_the_worst_first(self, made) -> None:
        rows = rows_of(made("two"))
        told = worst_rows(rows)["rows"]
        assert told
        assert all(row["true"] != row["said"] for row in told)
        assert [row["loss"] for row in told] == sorted((row["loss"] for row in told), reverse=True)
        assert told[0]["loss"] == pytest.approx(rows.losses[is_wrong(rows)].max())

    def test_cells_that_move_answers_come_first(self, made) -> None:
        told = worst_rows(rows_of(made("two")), first=["city"])["rows"]
        assert told[0]["cells"][0][0] == "city"

    def test_a_picture_is_shown_small(self, made) -> None:
        for row in worst_rows(rows_of(made("picture")))["rows"]:
            assert row["picture"].startswith("data:image/jpeg;base64,")
            assert len(row["picture"]) < 12_000

    def test_the_words_of_a_sentence_have_both_tags(self, made) -> None:
        told = worst_rows(rows_of(made("tag")))["rows"]
        assert all(any(true != said for _, true, said in row["words"]) for row in told)

    def test_forecasts_that_went_wrong_are_whole(self, made) -> None:
        rows = rows_of(made("forecast"))
        told = worst_rows(rows)["whole"]
        assert told[0]["distance"] == pytest.approx(rows.losses.max())
        assert len(told[0]["said"]) == len(told[0]["came"]) == len(told[0]["low"]) == 6

    def test_no_two_of_them_forecast_the_same_steps(self, made) -> None:
        rows = rows_of(made("forecast"))
        kept = apart_places(rows, np.argsort(-rows.losses, kind="stable"), 3)
        assert len(kept) == 3
        assert np.diff(np.sort(rows.judged.origins[kept])).min() >= 6

    def test_a_forecast_is_told_in_the_units_of_its_series(self, made) -> None:
        held = made("forecast")
        told = worst_rows(rows_of(held))["whole"][0]
        loads = dict(zip(held.rows["time"].cast(pl.String).str.slice(0, 13), held.rows["load"], strict=True))
        assert told["came"][0] == pytest.approx(loads[told["first"][:13]])
        assert told["low"][0] <= told["said"][0] <= told["high"][0]


def test_of_many_series_those_that_are_forecast_worst_are_named(tmp_path) -> None:
    config = Config(time="time", series="place", horizon=4, only=("seasonal-naive",), workers=1, budget="30steps")
    model = archwise.fit(towns(seed=0), "load", out=tmp_path / "towns.archwise", config=config)
    held = Rows(model, judged_rows(model, towns(seed=1)))
    told = answers(held)["series"]
    assert [each["series"] for each in told] == ["noisy", "calm"]
    assert sum(each["n"] for each in told) == held.n_rows
    assert ("series", "noisy") in {(part["of"], part["name"]) for part in score_slices(held, NEVER)["parts"]}


def towns(*, seed: int) -> pl.DataFrame:
    """Two series with a day in them: in one the noise grows behind the steps that train."""
    rng, steps = np.random.default_rng(seed), np.arange(400)
    stamps = pl.datetime_range(pl.datetime(2024, 1, 1), pl.datetime(2024, 6, 30), "1h", eager=True)[:400]
    wave = 10 + 3 * np.sin(2 * np.pi * steps / 24)
    calm, noisy = wave + rng.normal(0, 0.3, 400), wave + rng.normal(0, 0.3 + (steps > 200), 400)
    parts = [{"time": stamps, "place": [name] * 400, "load": load} for name, load in (("calm", calm), ("noisy", noisy))]
    return pl.concat([pl.DataFrame(part) for part in parts])


class TestImportance:
    def test_what_the_target_hangs_on_is_first_and_noise_is_nought(self, made) -> None:
        found = permutation_importance(rows_of(made("regress")), NEVER)
        assert found is not None
        by_name = {each["name"]: each for each in found["columns"]}
        assert {each["name"] for each in found["columns"][:2]} == {"age", "city"}
        assert abs(by_name[NASTY]["mean"]) < 0.1 * by_name["age"]["mean"]
        assert found["n_times"] == 5

    def test_it_is_what_scikit_learn_finds(self, made) -> None:
        """Means of five and of fifty shuffles, within four standard errors."""
        held = made("regress")
        rows = rows_of(held)
        found = permutation_importance(rows, NEVER)
        names = rows.judged.typed.columns

        class Wrapped:
            def fit(self, *_: object) -> None: ...

            def score(self, cells: np.ndarray, truth: np.ndarray) -> float:
                frame = held.rows.with_columns(
                    pl.Series(name, list(cells[:, place])) for place, name in enumerate(names)
                )
                said = predict(held.model, frame).answers["prediction"].to_numpy()
                return -float(np.sqrt(((said - truth) ** 2).mean()))

        cells = np.array([held.rows[name].to_list() for name in names], dtype=object).T
        wanted = importance_of_sklearn(Wrapped(), cells, held.rows["pay"].to_numpy(), n_repeats=50, random_state=0)
        assert found is not None
        for each in found["columns"]:
            place = names.index(each["name"])
            error = wanted.importances_std[place] * math.sqrt(1 / 5 + 1 / 50) + 1e-9
            assert each["mean"] == pytest.approx(wanted.importances_mean[place], abs=4 * error)

    def test_without_time_there_is_none(self, made) -> None:
        assert permutation_importance(rows_of(made("two")), AT_ONCE) is None

    def test_a_text_beside_a_number_is_shuffled_whole(self, made) -> None:
        found = permutation_importance(rows_of(made("mixed")), NEVER)
        assert [each["name"] for each in found["columns"]] == ["text", "grams"]

    def test_a_picture_beside_a_number_is_shuffled_whole(self, made) -> None:
        held = made("two")
        rows = rows_of(held)
        kinds = (("picture", "image"), *rows.model.facts.columns[1:])
        facts = replace(rows.model.facts, columns=kinds)
        typed = rows.judged.typed.rename({"age": "picture"})
        changed = _shuffled(Rows(replace(rows.model, facts=facts), replace(rows.judged, typed=typed)),
                            {"image": np.arange(rows.n_rows)}, "picture", np.random.default_rng(0))  # fmt: skip
        assert sorted(changed["image"]) == list(range(rows.n_rows))
        assert (changed["image"] != np.arange(rows.n_rows)).any()

    @pytest.mark.parametrize("name", ["text", "picture", "forecast"])
    def test_what_has_no_columns_to_shuffle_has_none(self, made, name: str) -> None:
        assert permutation_importance(rows_of(made(name)), NEVER) is None


class TestMoved:
    def test_the_words_that_tell_weigh_most(self, made) -> None:
        told = moved_words(rows_of(made("text")), NEVER)
        assert len(told) == MOST_TEXTS
        for each in told:
            heaviest = max((piece for piece in each["pieces"] if piece[1] is not None), key=lambda piece: abs(piece[1]))
            assert heaviest[0] in ("good", "fine", "lovely", "bad", "dull", "awful")

    def test_words_are_weighed_beside_other_columns(self, made) -> None:
        told = moved_words(rows_of(made("mixed")), NEVER)
        assert len(told) == MOST_TEXTS
        heaviest = [
            max((piece for piece in each["pieces"] if piece[1]), key=lambda piece: abs(piece[1]))[0] for each in told
        ]
        assert set(heaviest) <= {"good", "fine", "lovely", "bad", "dull", "awful"}

    def test_a_model_that_is_no_network_is_looked_at_by_covering(self, made) -> None:
        found = moved_pixels(rows_of(made("picture")), NEVER)
        assert found["how"] == "covering"
        assert len(found["shown"]) == 6
        assert all(each["heat"].startswith("data:image/jpeg;base64,") for each in found["shown"])

    def test_without_time_no_picture_is_shown(self, made) -> None:
        assert moved_pixels(rows_of(made("picture")), AT_ONCE)["shown"] == []

    def test_what_reads_no_pictures_has_none(self, made) -> None:
        assert moved_pixels(rows_of(made("two")), NEVER) is None


class TestParts:
    def test_the_stretch_that_tells_is_found(self, made) -> None:
        """Of each series only the fifth tenth differs from class to class."""
        found = moved_parts(rows_of(made("bump")), NEVER)
        assert [way["title"] for way in found] == ["Stretch by stretch"]
        by_place = [part["mean"] for part in found[0]["columns"]]
        assert [part["name"] for part in found[0]["columns"]][:2] == [
            "0 to 10 %",
            "10 to 20 %",
        ]
        assert np.argmax(by_place) == 4
        assert max(by_place[:4] + by_place[5:]) < 0.3 * by_place[4]

    def test_the_channel_that_tells_is_found(self, made) -> None:
        found = moved_parts(rows_of(made("channels")), NEVER)
        assert found[0]["title"] == "Channel by channel"
        first, second = found[0]["columns"]
        assert first["name"] == "wave, channel 2"
        assert abs(second["mean"]) < 0.2 * first["mean"]

    def test_a_seasonal_forecast_hangs_on_the_last_season(self, made) -> None:
        found = moved_parts(rows_of(made("forecast")), NEVER)
        assert found[0]["title"] == "Stretch by stretch of the past"
        assert sum(part["mean"] for part in found[0]["columns"]) > 0
        assert all(part["spread"] is None for part in found[0]["columns"])

    def test_what_stands_beside_a_target_is_told(self, tmp_path) -> None:
        """The load is the push of the same step, which is known ahead; the other column is noise."""
        config = Config(
            time="time", horizon=4, known=("push",), only=("forecast-linear",), workers=1, budget="400steps"
        )
        model = archwise.fit(pushed(seed=0), "load", out=tmp_path / "pushed.archwise", config=config)
        found = moved_parts(Rows(model, judged_rows(model, pushed(seed=1))), NEVER)
        beside = next(way for way in found if way["title"] == "What is read beside the target")
        assert beside["columns"][0]["name"] == "push"
        assert all(part["mean"] < 0.1 * beside["columns"][0]["mean"] for part in beside["columns"][1:])

    def test_a_lexicon_hangs_on_the_word_itself_alone(self, made) -> None:
        found = moved_tags(rows_of(made("tag")), NEVER)
        by_name = {part["name"]: part["mean"] for part in found["columns"]}
        assert found["columns"][0]["name"] == "the word itself"
        assert all(abs(mean) < 1e-6 for name, mean in by_name.items() if name.endswith(("before", "after")))

    def test_words_of_a_sentence_are_weighed_for_one_tag(self, made) -> None:
        told = moved_words_of_tags(rows_of(made("tag")), NEVER)
        assert told
        assert all(sum(piece[1] is None for piece in each["pieces"][::2]) == 1 for each in told)

    @pytest.mark.parametrize("name", ["two", "text", "picture"])
    def test_what_has_no_parts_has_none(self, made, name: str) -> None:
        assert moved_parts(rows_of(made(name)), NEVER) == []
        assert moved_tags(rows_of(made(name)), NEVER) is None

    @pytest.mark.parametrize("name", ["bump", "forecast", "tag"])
    def test_without_time_there_are_none(self, made, name: str) -> None:
        assert moved_parts(rows_of(made(name)), AT_ONCE) == []
        assert moved_tags(rows_of(made(name)), AT_ONCE) is None


def pushed(*, seed: int) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    stamps = pl.datetime_range(pl.datetime(2024, 1, 1), pl.datetime(2024, 6, 30), "1h", eager=True)[:400]
    push = rng.normal(size=400)
    return pl.DataFrame({"time": stamps, "load": 5 + push + rng.normal(0, 0.1, 400), "push": push,
                         "noise": rng.normal(size=400)})  # fmt: skip


@pytest.mark.parametrize("name", ["two", "forecast"])
def test_judged_rows_come_back_from_disk_as_they_were(made, name: str, tmp_path) -> None:
    judged = rows_of(made(name)).judged
    write_judged(tmp_path / "judged", judged, {"source": "x"})
    again, facts = read_judged(tmp_path / "judged")
    assert facts == {"source": "x"}
    assert again.typed.equals(judged.typed)
    assert np.array_equal(again.outputs, judged.outputs)
    assert np.array_equal(again.targets, judged.targets, equal_nan=True)
    if judged.timeline is not None:
        assert again.timeline is not None
        assert np.array_equal(again.timeline.values, judged.timeline.values, equal_nan=True)
        assert again.timeline.frequency == judged.timeline.frequency
