"""Real tables with real traps, read and looked at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from archwise.data.look import LookRequest, look_at, target_values
from archwise.data.open import open_table
from archwise.data.split import SplitRule, split_rows

DATA = Path(__file__).parents[2].parent / "shared" / "data"
pytestmark = pytest.mark.skipif(not DATA.exists(), reason="the shared data sets are not on this machine")

TABLES = {  # rows, columns, target, task, kinds of the used inputs
    "adult/adult-train.csv": (32_561, 15, "column_15", "classify", {"number": 6, "category": 8}),
    "adult/adult-test.csv": (16_281, 15, "column_15", "classify", {"number": 6, "category": 8}),
    "titanic/train.csv": (891, 12, "Survived", "classify", {"number": 5, "category": 4}),
    "titanic/titanic_seaborn.csv": (891, 15, "survived", "classify", {"number": 5, "category": 5, "boolean": 3}),
    "california-housing/housing.csv": (20_640, 10, "median_house_value", "regress", {"number": 8, "category": 1}),
    "abalone/abalone.csv": (4_177, 9, "column_9", "regress", {"number": 7, "category": 1}),
    "wine-quality/winequality-red.csv": (1_599, 12, "column_12", "classify", {"number": 11}),
    "wine-quality/winequality-white.csv": (4_898, 12, "column_12", "classify", {"number": 11}),
    "german-credit/german.csv": (1_000, 21, "column_21", "classify", {"number": 7, "category": 13}),
    "pima/pima-indians-diabetes.csv": (768, 9, "column_9", "classify", {"number": 8}),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_real_table_is_read_and_understood(name: str) -> None:
    n_rows, n_columns, target, task, kinds = TABLES[name]
    table = open_table(DATA / name)
    profile = look_at(table, LookRequest(target))
    assert table.frame.shape == (n_rows, n_columns)
    assert table.set_aside == ()
    assert profile.task == task
    used = [column.kind for column in profile.used]
    assert {kind: used.count(kind) for kind in kinds} == kinds
    assert len(used) == sum(kinds.values())


def test_adult_is_told_its_missing_marks_and_its_sentinel() -> None:
    profile = look_at(open_table(DATA / "adult/adult-train.csv"), LookRequest("column_15"))
    assert {column.name: column.n_missing for column in profile.columns if column.n_missing} == {
        "column_2": 1_836, "column_7": 1_843, "column_14": 583,
    }  # fmt: skip
    assert [finding.column for finding in profile.findings if finding.code == "sentinel"] == ["column_11"]


def test_labels_of_the_adult_test_are_those_of_its_train() -> None:
    profile = look_at(open_table(DATA / "adult/adult-train.csv"), LookRequest("column_15"))
    labels, lost = target_values(open_table(DATA / "adult/adult-test.csv").frame, profile)
    assert set(labels.unique()) == {"<=50K", ">50K"}
    assert not lost.any()


def test_the_leak_of_the_recoded_titanic_is_told() -> None:
    profile = look_at(open_table(DATA / "titanic/titanic_seaborn.csv"), LookRequest("survived"))
    assert [finding.column for finding in profile.findings if finding.code == "leak"] == ["alive"]


def test_titanic_keeps_quoted_commas_and_sets_names_aside() -> None:
    table = open_table(DATA / "titanic/train.csv")
    profile = look_at(table, LookRequest("Survived"))
    assert table.frame["Name"][0] == "Braund, Mr. Owen Harris"
    assert {column.name: column.kind for column in profile.columns if not column.use} == {
        "PassengerId": "identifier", "Name": "text",
    }  # fmt: skip
    assert {column.name: column.n_missing for column in profile.columns if column.n_missing} == {
        "Age": 177, "Cabin": 687, "Embarked": 2,
    }  # fmt: skip


def test_housing_has_its_207_missing_cells() -> None:
    profile = look_at(open_table(DATA / "california-housing/housing.csv"), LookRequest("median_house_value"))
    assert sum(column.n_missing for column in profile.columns) == 207


def test_copies_in_wine_are_on_one_side() -> None:
    table = open_table(DATA / "wine-quality/winequality-red.csv")
    profile = look_at(table, LookRequest("column_12"))
    target, _ = target_values(table.frame, profile)
    names = tuple(column.name for column in profile.used)
    split = split_rows(table.frame, target, SplitRule(0.2, 0.2, seed=0, stratify=True, columns=names))
    rows = [set(table.frame[side].select(names).iter_rows()) for side in (split.train, split.valid, split.test)]
    assert not rows[0] & rows[1]
    assert not rows[0] & rows[2]
    assert not rows[1] & rows[2]
    assert abs(len(split.test) / table.frame.height - 0.2) < 0.02
    assert np.concatenate([split.train, split.valid, split.test]).size == 1_599


JUDGED = {  # what a careful reader would say of each table, and nothing else
    "adult/adult-train.csv": {"sentinel column_11", "spike column_11", "spike column_12", "spike column_13"},
    "titanic/train.csv": {"heavy-tail Fare"},
    "titanic/titanic_seaborn.csv": {"heavy-tail fare", "copy embark_town", "leak alive"},
    "california-housing/housing.csv": {
        "heavy-tail total_rooms", "heavy-tail total_bedrooms", "heavy-tail population", "heavy-tail households",
        "drift None",
    },
    "abalone/abalone.csv": set(),
    "wine-quality/winequality-red.csv": {"heavy-tail column_4", "heavy-tail column_5", "drift None"},
    "wine-quality/winequality-white.csv": {"heavy-tail column_5", "drift None"},
    "german-credit/german.csv": set(),
    "pima/pima-indians-diabetes.csv": {
        "zero column_2", "zero column_3", "zero column_6", "spike column_4", "spike column_5",
    },
}  # fmt: skip


@pytest.mark.parametrize("name", JUDGED)
def test_values_apart_copies_leaks_and_drift_are_told_where_they_are_and_nowhere_else(name: str) -> None:
    told = {"sentinel", "zero", "spike", "heavy-tail", "copy", "conflict", "drift", "leak"}
    profile = look_at(open_table(DATA / name), LookRequest(TABLES[name][2]))
    assert {f"{finding.code} {finding.column}" for finding in profile.findings if finding.code in told} == JUDGED[name]


def test_pollution_is_told_by_which_column_it_is_sorted() -> None:
    profile = look_at(open_table(DATA / "ts-pollution/pollution.csv"), LookRequest("pm2.5"))
    (finding,) = (finding for finding in profile.findings if finding.code == "drift")
    assert (finding.column, finding.severity) == ("No", "warning")
