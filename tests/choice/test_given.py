"""Parts that the user gives: read as the source is, checked, and sealed as they stand."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from archwise.choice.given import find_given, parts_of, read_given, split_given
from archwise.choice.run import read_ground
from archwise.choice.seal import open_seal
from archwise.choice.start import start_run
from archwise.config import Config, make_config
from archwise.data.look import LookRequest, look_at
from archwise.data.open import open_table
from archwise.data.readers import delimited
from archwise.data.split import SplitRule
from archwise.errors import ColumnError, DataError, UsageError
from archwise.records import Json, Parts


def make_frame(n: int, seed: int) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    a = rng.normal(size=n).round(6)
    day = [str(np.datetime64("2024-01-01") + 400 * seed + int(row)) for row in range(n)]
    who = [f"p{seed}-{row // 3}" for row in range(n)]
    return pl.DataFrame({"a": a, "day": day, "who": who, "label": np.where(a > 0, "yes", "no")})


TRAIN, TEST = make_frame(300, 0), make_frame(90, 1)
RULE = SplitRule(0.2, 0.2, 0, True, columns=("a",))


def given(test: object = TEST, **options: Json) -> tuple[dict[str, object], str]:
    """The given test rows as they are used, and everything that was found in them in one text."""
    config = Config(target="label", drop=("day", "who"), **options)
    request = LookRequest("label", drop=("day", "who"), group=config.group, time=config.time)
    profile = look_at(open_table(TRAIN), request)
    parts = read_given(Parts(TRAIN, test=test), profile, config, layout=TRAIN.columns)
    rule = SplitRule(0.2, 0.0, 0, True, config.group, config.time)
    found = find_given(parts, TRAIN.select("a"), TRAIN, rule)
    return parts, "\n".join(finding.message for finding in found)


class TestReading:
    def test_rows_are_used_as_they_stand(self) -> None:
        parts, told = given()
        assert parts["test"].typed["a"].to_list() == TEST["a"].to_list()
        assert parts["test"].target.to_list() == TEST["label"].to_list()
        assert told == ""

    def test_all_missing_columns_are_named_with_the_nearest(self) -> None:
        renamed = TEST.rename({"a": "aa"}).drop("label")
        with pytest.raises(ColumnError, match=r"columns are missing: 'a', 'label'; a given test part .*'aa'"):
            given(renamed)

    def test_labels_that_differ_only_in_writing_are_read_as_the_known_and_said(self) -> None:
        written = TEST.with_columns(label=pl.Series([" Yes.", "NO"] * 45))
        parts, told = given(written)
        assert parts["test"].target.to_list() == ["yes", "no"] * 45
        assert "90 labels differ from the known ones only in punctuation, case or blanks" in told
        assert "'NO' as 'no', 'Yes.' as 'yes'" in told

    def test_rows_of_a_class_that_training_lacks_are_set_aside_and_counted(self) -> None:
        strange = TEST.with_columns(label=pl.Series(["perhaps"] * 4 + TEST["label"].to_list()[4:]))
        parts, told = given(strange)
        assert parts["test"].frame.height == 86
        assert "4 of 90 rows are of a class that the training data lack, such as 'perhaps' in row 1" in told

    def test_rows_that_repeat_a_training_row_are_counted(self) -> None:
        _, told = given(pl.concat([TEST, TRAIN.head(7)]))
        assert "In the frame, 7 of 97 rows repeat the inputs of a row of the training data" in told

    def test_rows_of_another_kind_than_the_training_rows_are_told_with_figures(self) -> None:
        moved = make_frame(200, 1).with_columns(pl.col("a") + 1.0)
        assert given(make_frame(200, 1))[1] == ""
        told = r"the rows differ from the training data in 'a' \(by 0\.\d\d of 1: median -?0\.\d+, then 1\.\d+\)"
        assert re.search(told, given(moved)[1])

    def test_groups_that_train_too_are_counted(self) -> None:
        shared = TEST.with_columns(who=pl.Series(["p0-1"] * 5 + TEST["who"].to_list()[5:]))
        assert "5 of 90 rows are of a 'who' that the training data hold too" in given(shared, group="who")[1]

    def test_a_test_that_is_not_later_is_said(self) -> None:
        early = TEST.with_columns(day=pl.Series(["2023-01-01"] * 2 + TEST["day"].to_list()[2:]))
        assert "2 of 90 rows are not later by 'day'" in given(early, time="day")[1]
        assert given(time="day")[1] == ""

    def test_bad_rows_are_set_aside_and_too_many_are_refused(self) -> None:
        cells = TEST["a"].cast(pl.String).to_list()
        parts, told = given(TEST.with_columns(a=pl.Series(["old", *cells[1:]])))
        assert parts["test"].frame.height == 89
        assert "column 'a', row 1: 'old' is not a number" in told
        with pytest.raises(DataError, match=r"the frame: .*more than 5 %"):
            given(TEST.with_columns(a=pl.lit("old")))

    def test_a_part_without_a_row_of_use_is_refused(self) -> None:
        with pytest.raises(DataError, match="no row of the given test part can be used; check its 'label'"):
            given(TEST.with_columns(label=pl.lit("perhaps")))


class TestSplit:
    def test_all_rows_of_the_source_are_open_and_the_given_ones_stand_behind_them(self) -> None:
        parts, _ = given()
        split = split_given(TRAIN, TRAIN["label"], RULE, parts)
        assert np.array_equal(np.sort(np.concatenate([split.train, split.valid])), np.arange(300))
        assert np.array_equal(split.test, np.arange(300, 390))
        assert len(split.valid) == pytest.approx(60, abs=3)
        assert split.how == "test is the frame; stratified by seed 0"

    def test_with_both_parts_given_every_row_of_the_source_trains(self) -> None:
        config = Config(target="label", drop=("day", "who"))
        profile = look_at(open_table(TRAIN), LookRequest("label", drop=("day", "who")))
        both = read_given(Parts(TRAIN, test=TEST, valid=make_frame(60, 2)), profile, config, layout=TRAIN.columns)
        split = split_given(TRAIN, TRAIN["label"], RULE, both)
        assert [len(side) for side in (split.train, split.valid, split.test)] == [300, 60, 90]
        assert split.test[0] == 360

    def test_where_the_test_is_given_fewer_rows_are_enough(self) -> None:
        parts, _ = given()
        few = TRAIN.head(20)
        assert len(split_given(few, few["label"], RULE, parts).test) == len(TEST)
        with pytest.raises(DataError, match=r"19 rows with a target are too few .* give at least 20"):
            split_given(few.head(19), few["label"].head(19), RULE, parts)

    def test_in_time_the_last_open_rows_decide(self) -> None:
        parts, _ = given(time="day")
        rule = SplitRule(0.2, 0.0, 0, True, time="day")
        split = split_given(TRAIN, TRAIN["label"], rule, parts)
        assert np.array_equal(split.valid, np.arange(240, 300))
        assert "the last rows are the validation" in split.how

    def test_groups_of_the_test_are_those_of_its_column(self) -> None:
        parts, _ = given(group="who")
        rule = SplitRule(0.2, 0.0, 0, True, group="who")
        split = split_given(TRAIN, TRAIN["label"], rule, parts)
        assert split.groups is not None
        assert len(np.unique(split.groups[split.test])) == 30
        assert not set(split.groups[split.test]) & set(split.groups[split.train])

    def test_the_seal_is_the_hash_of_the_given_rows_alone(self) -> None:
        parts, _ = given()
        one = split_given(TRAIN, TRAIN["label"], RULE, parts)
        other = split_given(TRAIN.head(200), TRAIN["label"].head(200), RULE, parts)
        changed, _ = given(TEST.with_columns(pl.col("a") + 1))
        assert one.test_sha256 == other.test_sha256
        assert one.test_sha256 != split_given(TRAIN, TRAIN["label"], RULE, changed).test_sha256


class TestNaming:
    def test_a_part_that_is_the_source_itself_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"--test .*is also the data to fit; name a file of other rows"):
            parts_of(tmp_path / "a.csv", Config(test=str(tmp_path / "a.csv")))

    def test_files_named_in_the_configuration_are_parts(self) -> None:
        assert parts_of("a.csv", Config(test="t.csv", valid="v.csv")) == Parts("a.csv", "t.csv", "v.csv")
        assert parts_of("a.csv", Config(test=0.1)) == Parts("a.csv")

    def test_a_share_is_a_number_however_it_is_written(self) -> None:
        assert make_config({"test": "0.3"}).shares == (0.2, 0.3)
        assert make_config({"test": "t.csv"}).shares == (0.2, 0.0)
        for wrong in ("1.5", 0, -0.1, ""):
            with pytest.raises(UsageError, match=r"'test': give a share of the rows between 0 and 0\.9"):
                make_config({"test": wrong})


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Starts a run on files and gives its folder."""
    monkeypatch.setattr(delimited, "_BLOCK", 5_000)

    def begin(*, most_rows: int, n_test: int = 90, **options: Json) -> Path:
        TRAIN.write_csv(tmp_path / "train.csv")
        make_frame(n_test, 1).write_csv(tmp_path / "test.csv")
        named = {"test": str(tmp_path / "test.csv"), "target": "label", "drop": ("day", "who"), **options}
        config = Config(source=str(tmp_path / "train.csv"), budget="300steps", only=("linear",), **named)
        folder = tmp_path / "t.run"
        start_run(config.source, config, folder, on_event=lambda event: None, most_rows=most_rows)
        return folder

    return begin


@pytest.mark.parametrize("most_rows", [10_000, 200])
@pytest.mark.parametrize("group", ["", "who"])
def test_the_run_folder_holds_the_given_rows_sealed(start: Callable[..., Path], most_rows: int, group: str) -> None:
    folder = start(most_rows=most_rows, group=group, drop=("day",) if group else ("day", "who"))
    ground = read_ground(folder)
    sealed = open_seal(folder, ground)
    assert (ground.n_test, ground.test_source) == (90, "test.csv")
    assert ground.n_train + (0 if ground.n_fits > 1 else ground.n_valid) == 300  # in folds all open rows train
    assert sealed.typed["a"].to_list() == TEST["a"].to_list()
    assert sealed.groups is None or len(np.unique(sealed.groups)) == (30 if group else 90)


def test_a_given_validation_part_of_a_large_file_is_refused(start: Callable[..., Path], tmp_path: Path) -> None:
    make_frame(60, 2).write_csv(tmp_path / "valid.csv")
    with pytest.raises(UsageError, match="leave out --valid"):
        start(most_rows=200, valid=str(tmp_path / "valid.csv"))


def test_of_a_test_part_larger_than_memory_a_sample_is_sealed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archwise.choice.given.MOST_SAMPLED", 50)
    monkeypatch.setattr(delimited, "_BLOCK", 2_000)
    TEST.write_csv(tmp_path / "test.csv")
    profile = look_at(open_table(TRAIN), LookRequest("label", drop=("day", "who")))
    parts = Parts(TRAIN, test=str(tmp_path / "test.csv"))
    rows = read_given(parts, profile, Config(target="label"), layout=TRAIN.columns, most_rows=60)["test"]
    assert rows.frame.height == pytest.approx(50, abs=2)
    assert "of 90 rows, drawn evenly, are the test part" in rows.findings[0].message


def test_given_validation_rows_decide_as_they_are_however_few(start: Callable[..., Path], tmp_path: Path) -> None:
    make_frame(60, 2).write_csv(tmp_path / "valid.csv")
    ground = read_ground(start(most_rows=10_000, valid=str(tmp_path / "valid.csv")))
    assert (ground.n_fits, ground.n_train, ground.n_valid) == (1, 300, 60)
