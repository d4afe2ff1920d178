"""What `look` finds: kinds, roles, the task, leaks, and everything wrong with a table."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest

from archwise.data.look import LookRequest, look_at, target_values
from archwise.errors import ColumnError, TargetError, UsageError
from archwise.records import ColumnProfile, Finding, Profile, Table

N = 300


def make_frame(n: int = N) -> pl.DataFrame:
    rng = np.random.default_rng(0)
    x = rng.normal(size=n)
    label = np.where(x + rng.normal(size=n) > 0, "yes", "no")
    return pl.DataFrame({"x": x.round(4), "colour": rng.choice(["red", "blue"], n), "y": label})


def look(frame: pl.DataFrame, target: str = "y", *, request: LookRequest | None = None) -> Profile:
    return look_at(Table(frame, "a.csv"), request or LookRequest(target))


def found(profile: Profile, code: str) -> list[Finding]:
    return [finding for finding in profile.findings if finding.code == code]


def column(profile: Profile, name: str) -> ColumnProfile:
    return next(column for column in profile.columns if column.name == name)


class TestColumns:
    def test_a_plain_table_has_kinds_reasons_and_no_findings(self) -> None:
        profile = look(make_frame())
        assert [(c.name, c.kind, c.use) for c in profile.columns] == [
            ("x", "number", True),
            ("colour", "category", True),
        ]
        assert all(c.because for c in profile.columns)
        assert profile.findings == ()
        assert profile.n_rows == N

    def test_identifiers_constants_and_text_are_set_aside_and_said(self) -> None:
        frame = make_frame().with_columns(
            user_id=pl.int_range(1000, 1000 + N),
            country=pl.lit("Belgium"),
            note=pl.format("guest {} was happy here", pl.int_range(N)),
            empty=pl.lit(None, dtype=pl.String),
            nested=pl.struct("x"),
        )
        profile = look(frame)
        assert {c.name: c.kind for c in profile.columns if not c.use} == {
            "user_id": "identifier", "country": "constant", "note": "text", "empty": "constant", "nested": "nested",
        }  # fmt: skip
        for code in ("identifier", "constant", "text", "nested", "all-missing"):
            assert found(profile, code)

    def test_sentences_are_read_and_names_only_where_they_are_asked_for_or_alone(self) -> None:
        said = pl.format("guest {} was very happy here and stayed for long", pl.int_range(N))
        named = pl.format("Smith, Mr. John {}", pl.int_range(N))
        assert column(look(make_frame().with_columns(note=said)), "note").use
        both = make_frame().with_columns(name=named)
        assert not column(look(both), "name").use
        assert "as names do" in column(look(both), "name").because
        assert column(look(both, request=LookRequest("y", kinds={"name": "text"})), "name").use
        assert column(look(both.select("name", "y")), "name").use

    def test_several_texts_are_read_as_one_and_names_beside_them_only_where_they_are_asked_for(self) -> None:
        frame = make_frame().with_columns(
            title=pl.format("all the rooms of floor {} are good", pl.int_range(N)),
            guest=pl.format("Smith, Mr. John {}", pl.int_range(N)),
            note=pl.format("guest {} was very happy here and stayed for long", pl.int_range(N)),
        )
        assert [c.name for c in look(frame).used if c.kind == "text"] == ["title", "note"]
        assert "read behind 'title', as one text" in column(look(frame), "note").because
        assert "as names do" in column(look(frame), "guest").because
        asked = look(frame, request=LookRequest("y", kinds={"guest": "text"}))
        assert [c.name for c in asked.used if c.kind == "text"] == ["title", "guest", "note"]

    def test_of_several_texts_the_length_of_all_together_is_said(self) -> None:
        title = pl.Series("title", [" ".join(f"t{row}x{place}" for place in range(7)) for row in range(N)])
        note = pl.Series("note", [" ".join(f"w{row}x{place}" for place in range(8)) for row in range(N)])
        assert not found(look(make_frame().with_columns(title, note)), "cut")
        note[3] = "very " * 2_000 + "long"
        (finding,) = found(look(make_frame().with_columns(title, note)), "cut")
        assert "columns 'title', 'note'" in finding.message
        assert "more than 15 words, up to 2,008" in finding.message

    def test_texts_longer_than_what_is_read_are_said(self) -> None:
        words = pl.Series("note", [" ".join(f"w{row}x{place}" for place in range(8)) for row in range(N)])
        frame = make_frame().with_columns(words)
        assert not found(look(frame), "cut")
        words[3] = "very " * 2_000 + "long"
        (finding,) = found(look(make_frame().with_columns(words)), "cut")
        assert "more than 8 words, up to 2,001" in finding.message

    def test_summaries_have_figures(self) -> None:
        profile = look(make_frame())
        assert set(column(profile, "x").summary) == {"min", "median", "mean", "max", "std"}
        assert column(profile, "colour").summary["levels"] == 2

    def test_a_kind_can_be_chosen(self) -> None:
        frame = make_frame().with_columns(level=pl.int_range(N) % 4)
        profile = look(frame, request=LookRequest("y", kinds={"level": "category"}))
        assert (column(profile, "level").kind, column(profile, "level").because) == ("category", "as asked")

    def test_dropped_group_and_time_columns_are_set_aside_with_the_reason(self) -> None:
        frame = make_frame().with_columns(who=pl.int_range(N) // 3, day=pl.date(2024, 1, 1), more=pl.int_range(N) % 7)
        profile = look(frame, request=LookRequest("y", drop=("more",), group="who", time="day"))
        reasons = {c.name: c.because for c in profile.columns if not c.use}
        assert reasons == {
            "more": "left out, as asked",
            "who": "it groups the rows of the split",
            "day": "it orders the rows of the split",
        }

    def test_dates_booleans_and_numbers_of_text_are_told(self) -> None:
        frame = make_frame().with_columns(
            day=pl.Series([str(dt.date(2024, 1, 1) + dt.timedelta(days=n % 99)) for n in range(N)]),
            member=pl.Series(["yes", "no", None] * (N // 3)),
            amount=pl.Series([f"{n % 17}.5" for n in range(N)]),
        )
        kinds = {c.name: c.kind for c in look(frame).columns}
        assert (kinds["day"], kinds["member"], kinds["amount"]) == ("date", "boolean", "number")

    @pytest.mark.parametrize(
        ("request_", "told"),
        [
            (LookRequest("y", drop=("color",)), "--drop: there is no column 'color'. Did you mean 'colour'"),
            (LookRequest("y", kinds={"z": "number"}), "--kind: there is no column 'z'"),
            (LookRequest("y", group="y"), "--group: 'y' is the target"),
            (LookRequest("y", kinds={"y": "number"}), "--task"),
            (LookRequest("y", drop=("x", "colour")), "no column is left"),
        ],
    )
    def test_columns_that_cannot_be_are_named(self, request_: LookRequest, told: str) -> None:
        with pytest.raises(ColumnError, match=told):
            look(make_frame(), request=request_)

    def test_a_misspelt_kind_suggests_the_nearest(self) -> None:
        with pytest.raises(UsageError, match="Did you mean 'number'"):
            look(make_frame(), request=LookRequest("y", kinds={"x": "numbr"}))


class TestTask:
    @pytest.mark.parametrize(
        ("values", "task", "classes"),
        [
            (["a", "b", "c"] * 100, "classify", ("a", "b", "c")),
            ([True, False, False] * 100, "classify", ("false", "true")),
            ([10, 2] * 150, "classify", ("2", "10")),
            (["3", "4", "5"] * 100, "classify", ("3", "4", "5")),
            ([0.5, 1.5, 2.5] * 100, "regress", ()),
            (list(range(30)) * 10, "regress", ()),
            ([f"{n}.25" for n in range(N)], "regress", ()),
        ],
    )
    def test_the_task_is_inferred_with_a_reason(
        self, values: list[object], task: str, classes: tuple[str, ...]
    ) -> None:
        profile = look(make_frame().with_columns(y=pl.Series(values)))
        assert (profile.task, profile.classes) == (task, classes)
        assert "distinct" in profile.task_because
        assert sum(profile.class_counts) == (N if classes else 0)

    def test_the_task_can_be_chosen(self) -> None:
        frame = make_frame().with_columns(y=pl.int_range(N) % 5)
        assert look(frame).task == "classify"
        assert look(frame, request=LookRequest("y", task="regress")).task == "regress"

    def test_a_misspelt_task_suggests_the_nearest(self) -> None:
        with pytest.raises(UsageError, match="Did you mean 'classify'"):
            look(make_frame(), request=LookRequest("y", task="clasify"))

    def test_words_are_no_numbers(self) -> None:
        with pytest.raises(TargetError, match=r"row 1: '\w+' is not a number"):
            look(make_frame(), request=LookRequest("y", task="regress"))

    def test_an_unknown_target_suggests_the_nearest(self) -> None:
        with pytest.raises(ColumnError, match=r"no column 'color' to predict. Did you mean 'colour'"):
            look(make_frame(), "color")

    def test_without_a_target_the_only_usual_name_is_taken(self) -> None:
        assert look(make_frame(), "").target == "y"

    def test_without_a_target_the_columns_are_listed(self) -> None:
        with pytest.raises(ColumnError, match=r"--target\. There are: x, colour, z"):
            look(make_frame().rename({"y": "z"}), "")

    @pytest.mark.parametrize(
        ("value", "told"), [(pl.lit(None, dtype=pl.String), "every cell is missing"), (pl.lit("yes"), "'yes' in all")]
    )
    def test_a_target_with_nothing_to_learn_is_refused(self, value: pl.Expr, told: str) -> None:
        with pytest.raises(TargetError, match=told):
            look(make_frame().with_columns(y=value))

    def test_a_target_of_names_that_all_differ_is_refused(self) -> None:
        with pytest.raises(TargetError, match="too many to learn"):
            look(make_frame().with_columns(y=pl.format("name {}", pl.int_range(N))))


class TestFindings:
    def test_missing_cells_are_counted(self) -> None:
        frame = make_frame().with_columns(x=pl.when(pl.int_range(N) < 200).then(None).otherwise("x"))
        (finding,) = found(look(frame), "missing")
        assert (finding.severity, finding.n_rows, finding.column) == ("warning", 200, "x")

    def test_bad_cells_are_told_with_their_row(self) -> None:
        words = [str(n / 7) for n in range(N)]
        words[16] = "forty"
        (finding,) = found(look(make_frame().with_columns(x=pl.Series(words))), "bad-cells")
        assert "row 17: 'forty'" in finding.message

    def test_repeated_rows_are_counted(self) -> None:
        frame = make_frame()
        (finding,) = found(look(pl.concat([frame, frame.head(12)])), "duplicate-rows")
        assert finding.n_rows == 12

    def test_a_sentinel_far_from_the_rest_is_told(self) -> None:
        frame = make_frame().with_columns(x=pl.when(pl.int_range(N) % 10 == 0).then(-999.0).otherwise("x"))
        (finding,) = found(look(frame), "sentinel")
        assert finding.n_rows == 30

    def test_a_value_like_a_sentinel_among_its_like_is_not_told(self) -> None:
        frame = make_frame().with_columns(x=pl.Series(np.repeat([999.0, 998.0, 700.5, 1200.0], N // 4)))
        assert not found(look(frame), "sentinel")

    def test_a_rare_class_and_a_tiny_one_are_told(self) -> None:
        labels = ["a"] * 287 + ["b"] * 10 + ["c"] * 3
        findings = found(look(make_frame().with_columns(y=pl.Series(labels))), "imbalance")
        assert ["'c' has 3" in finding.message for finding in findings] == [True, False]
        assert "'b' has 10" in findings[1].message

    def test_a_key_that_recurs_suggests_a_group(self) -> None:
        frame = make_frame().with_columns(patient_id=1000 + pl.int_range(N) // 3)
        (finding,) = found(look(frame), "identifier")
        assert "--group patient_id" in finding.message

    def test_rows_without_a_target_are_counted(self) -> None:
        frame = make_frame().with_columns(y=pl.when(pl.int_range(N) < 4).then(None).otherwise("y"))
        (finding,) = found(look(frame), "missing")
        assert (finding.column, finding.n_rows) == ("y", 4)


class TestLeaks:
    @pytest.mark.parametrize(
        "leaking",
        [
            pl.col("y"),
            (pl.col("y") == "yes").cast(pl.Int64),
            pl.when(pl.col("y") == "yes").then(pl.int_range(N) % 7 + 10.5).otherwise(pl.int_range(N) % 9),
            pl.when(pl.col("y") == "yes").then(pl.lit(1.0)),
        ],
        ids=["copy", "code", "threshold", "missing"],
    )
    def test_a_column_that_gives_the_class_away_is_told(self, leaking: pl.Expr) -> None:
        profile = look(make_frame().with_columns(leak=leaking))
        (finding,) = found(profile, "leak")
        assert (finding.column, finding.severity) == ("leak", "warning")
        assert "--drop leak" in finding.message
        assert column(profile, "leak").use

    @pytest.mark.parametrize(
        "leaking",
        [pl.col("y") * 3 + 1, -(pl.col("y") ** 3), pl.format("level {}", pl.col("y").round(0))],
        ids=["scaled", "monotone", "levels"],
    )
    def test_a_column_that_gives_the_number_away_is_told(self, leaking: pl.Expr) -> None:
        values = np.random.default_rng(1).integers(0, 12, N) + 0.001 * np.random.default_rng(2).random(N)
        frame = make_frame().with_columns(y=pl.Series(values)).with_columns(leak=leaking)
        assert [finding.column for finding in found(look(frame), "leak")] == ["leak"]

    def test_a_good_predictor_is_no_leak(self) -> None:
        rng = np.random.default_rng(0)
        x = rng.normal(size=2000)
        frame = pl.DataFrame(
            {"x": x, "y": np.where(rng.random(2000) < 0.98, x > 0, x < 0), "z": x + rng.normal(0, 0.05, 2000)}
        )
        assert not found(look(frame), "leak")
        assert not found(look(frame, "z"), "leak")

    def test_a_column_of_rare_names_is_no_leak(self) -> None:
        frame = make_frame().with_columns(ticket=pl.format("T{}", pl.int_range(N) // 2))
        assert not found(look(frame, request=LookRequest("y", kinds={"ticket": "category"})), "leak")

    def test_a_rare_class_makes_no_leak_of_everything(self) -> None:
        frame = make_frame(5000).with_columns(
            y=pl.when(pl.int_range(5000) % 2500 == 7).then(pl.lit("rare")).otherwise(pl.lit("usual"))
        )
        assert not found(look(frame), "leak")


class TestTargetValues:
    def test_labels_are_text_and_missing_ones_are_marked(self) -> None:
        profile = look(make_frame())
        values, lost = target_values(pl.DataFrame({"y": ["yes", None, " no ", "?"]}), profile)
        assert values.to_list() == ["yes", None, "no", None]
        assert lost.tolist() == [False, True, False, True]

    def test_numbers_that_cannot_be_read_are_marked(self) -> None:
        profile = look(make_frame(), "x")
        values, lost = target_values(pl.DataFrame({"x": ["1.5", "inf", "a", None]}), profile)
        assert values.to_list() == [1.5, None, None, None]
        assert lost.tolist() == [False, True, True, True]

    def test_labels_that_differ_by_a_full_stop_are_matched(self) -> None:
        values, _ = target_values(pl.DataFrame({"y": ["yes.", "no", "maybe."]}), look(make_frame()))
        assert values.to_list() == ["yes", "no", "maybe."]

    def test_labels_are_the_same_from_text_and_from_numbers(self) -> None:
        profile = look(make_frame().with_columns(y=pl.int_range(N) % 2))
        for labels in ([0, 1], [0.0, 1.0], ["0", "1.0"]):
            assert target_values(pl.DataFrame({"y": labels}), profile)[0].to_list() == ["0", "1"]

    def test_a_frame_without_the_target_is_told(self) -> None:
        with pytest.raises(ColumnError, match="no target column 'y'"):
            target_values(pl.DataFrame({"x": [1]}), look(make_frame()))


class TestLossAndOrder:
    def test_a_target_of_counts_says_so_and_calls_for_its_loss(self) -> None:
        rng = np.random.default_rng(0)
        x = rng.normal(size=1_000)
        profile = look(pl.DataFrame({"x": x, "y": rng.poisson(np.exp(1.5 + 0.6 * x))}))
        assert (profile.task, profile.loss) == ("regress", "poisson")
        assert len(found(profile, "count")) == 1

    def test_a_loss_that_was_asked_for_is_not_looked_for(self) -> None:
        rng = np.random.default_rng(0)
        x = rng.normal(size=1_000)
        frame = pl.DataFrame({"x": x, "y": rng.poisson(np.exp(1.5 + 0.6 * x))})
        profile = look(frame, request=LookRequest("y", loss="mean_squared"))
        assert profile.loss == "mean_squared"
        assert not found(profile, "count")

    def test_classes_stand_in_the_order_that_was_given_with_their_counts(self) -> None:
        plain = look(make_frame())
        profile = look(make_frame(), request=LookRequest("y", order=("yes", "no")))
        assert profile.classes == ("yes", "no")
        assert profile.class_counts == plain.class_counts[::-1]

    @pytest.mark.parametrize(
        ("order", "told"),
        [(("yes", "n"), "no class 'n'"), (("yes",), "leaves out the class 'no'"), (("no", "yes", "no"), "twice")],
    )
    def test_an_order_that_is_not_of_the_classes_is_refused(self, order: tuple[str, ...], told: str) -> None:
        with pytest.raises(UsageError, match=told):
            look(make_frame(), request=LookRequest("y", order=order))

    def test_a_loss_that_the_numbers_cannot_have_is_refused_with_the_row(self) -> None:
        frame = pl.DataFrame({"x": np.arange(300.0), "y": np.arange(300.0) - 1.0})
        with pytest.raises(TargetError, match="row 1: -1"):
            look(frame, request=LookRequest("y", loss="poisson"))
