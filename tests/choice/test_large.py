"""More rows than are held at once: the large way, walked with a small threshold."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from archwise import api
from archwise.choice.run import read_batch, read_ground, read_targets
from archwise.choice.seal import read_groups
from archwise.choice.start import start_run
from archwise.config import Config
from archwise.data.growing import GrowingArray, narrow_dtype
from archwise.data.readers import delimited
from archwise.errors import ArchwiseError, DataError
from archwise.records import Json, Need

N = 3_000
NEEDS = ("numbers-quantile", "numbers-raw", "numbers-standard")


def make_frame(n: int = N) -> pl.DataFrame:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=n).round(4), rng.normal(size=n).round(4)
    city = np.array(["Lima", "Oslo", "Rome, the old"])[rng.integers(0, 3, n)]
    label = np.where(a + (city == "Lima") + 0.3 * rng.normal(size=n) > 0.3, "yes", "no")
    frame = pl.DataFrame({"a": a, "b": b, "city": city, "visitor": np.arange(n) // 4, "label": label})
    return frame.with_columns(b=pl.when(pl.Series(rng.random(n) < 0.1)).then(None).otherwise("b"))


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of some hundred rows, so that small files have many."""
    monkeypatch.setattr(delimited, "_BLOCK", 20_000)
    monkeypatch.setattr("archwise.data.slices.ROWS_A_SLICE", 700)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    make_frame().write_csv(tmp_path / "table.csv")
    return tmp_path / "table.csv"


def start(source: Path, folder: Path, *, most_rows: int = 1_000, **options: Json) -> list[dict[str, Json]]:
    events: list[dict[str, Json]] = []
    given = {"target": "label", "drop": ("visitor",), "budget": "600steps", **options}
    config = Config(source=str(source), out=str(folder.with_suffix(".archwise")), **given)
    start_run(str(source), config, folder, on_event=events.append, most_rows=most_rows)
    return events


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def parts_of(folder: Path) -> dict[str, np.ndarray]:
    with np.load(folder / "split.npz") as parts:
        return dict(parts)


class TestFolder:
    def test_the_large_way_and_the_small_way_give_the_same_kind_of_run_folder(
        self, source: Path, tmp_path: Path
    ) -> None:
        start(source, tmp_path / "large.run")
        start(source, tmp_path / "small.run", most_rows=N + 1)
        assert files(tmp_path / "large.run") == files(tmp_path / "small.run")
        large, small = (read_ground(tmp_path / f"{way}.run") for way in ("large", "small"))
        assert large.columns == small.columns
        assert large.inputs == small.inputs
        assert large.profile.n_rows == small.profile.n_rows == N

    @pytest.mark.parametrize("suffix", ["csv", "parquet", "arrow"])
    def test_every_row_lands_in_exactly_one_part_whatever_the_format(self, tmp_path: Path, suffix: str) -> None:
        source = tmp_path / f"table.{suffix}"
        frame = make_frame()
        {"csv": frame.write_csv, "parquet": frame.write_parquet, "arrow": frame.write_ipc}[suffix](source)
        start(source, tmp_path / "t.run")
        parts = parts_of(tmp_path / "t.run")
        every = np.concatenate([parts["train"], parts["valid"], parts["test"]])
        assert np.array_equal(np.sort(every), np.arange(N))
        assert 0.15 < len(parts["test"]) / N < 0.25

    def test_the_arrays_are_those_of_the_rows_of_their_part(self, source: Path, tmp_path: Path) -> None:
        start(source, tmp_path / "t.run")
        folder, frame = tmp_path / "t.run", make_frame()
        parts = parts_of(folder)
        for part in ("train", "valid"):
            numbers = read_batch(folder, Need("raw"), part)["numbers"]
            assert np.allclose(numbers[:, 0], frame["a"].to_numpy()[parts[part]], atol=1e-6)
            labels = (frame["label"].to_numpy()[parts[part]] == "yes").astype(np.int64)
            assert np.array_equal(read_targets(folder, part), labels)
        sealed = pl.read_ipc(folder / "sealed.arrow")
        assert sealed["a"].to_list() == frame["a"].gather(parts["test"]).to_list()

    def test_the_split_does_not_depend_on_the_chunks(
        self, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        start(source, tmp_path / "one.run")
        monkeypatch.setattr(delimited, "_BLOCK", 7_001)
        start(source, tmp_path / "two.run")
        one, two = parts_of(tmp_path / "one.run"), parts_of(tmp_path / "two.run")
        assert all(np.array_equal(one[name], two[name]) for name in one)

    def test_another_seed_splits_otherwise(self, source: Path, tmp_path: Path) -> None:
        start(source, tmp_path / "one.run", seed=1)
        start(source, tmp_path / "two.run", seed=2)
        one, two = parts_of(tmp_path / "one.run"), parts_of(tmp_path / "two.run")
        assert len(np.intersect1d(one["test"], two["test"])) < 0.3 * len(one["test"])

    def test_preparation_ignores_held_out_rows(self, source: Path, tmp_path: Path) -> None:
        start(source, tmp_path / "one.run")
        held_out = np.concatenate([parts_of(tmp_path / "one.run")[part] for part in ("valid", "test")])
        frame = make_frame()
        is_held = pl.Series(np.isin(np.arange(N), held_out))
        frame.with_columns(a=pl.when(is_held).then(1e6).otherwise("a")).write_csv(source)
        start(source, tmp_path / "two.run")
        for need in NEEDS:
            one, two = (
                (tmp_path / f"{n}.run" / "prepared" / need / "preparation.json").read_text() for n in ("one", "two")
            )
            assert one == two

    def test_rows_of_one_group_stand_on_one_side_and_are_told_apart(self, source: Path, tmp_path: Path) -> None:
        start(source, tmp_path / "t.run", group="visitor", drop=())
        parts = parts_of(tmp_path / "t.run")
        visitors = make_frame()["visitor"].to_numpy()
        sides = [set(visitors[parts[part]]) for part in ("train", "valid", "test")]
        assert not sides[0] & sides[1]
        assert not sides[0] & sides[2]
        assert not sides[1] & sides[2]
        groups = read_groups(tmp_path / "t.run", "valid")
        assert groups is not None
        assert len(np.unique(groups)) == len(sides[1])

    def test_a_split_in_time_seals_the_last_rows(self, source: Path, tmp_path: Path) -> None:
        start(source, tmp_path / "t.run", time="visitor", drop=())
        parts = parts_of(tmp_path / "t.run")
        assert parts["train"].max() < parts["valid"].min()
        assert parts["valid"].max() < parts["test"].min()

    def test_groups_in_time_are_refused_with_the_mend(self, source: Path, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="leave out --group visitor or --time a"):
            start(source, tmp_path / "t.run", group="visitor", time="a", drop=())


class TestWords:
    def test_what_was_sampled_is_said_by_a_finding_and_in_the_start_event(self, source: Path, tmp_path: Path) -> None:
        events = start(source, tmp_path / "t.run")
        told = next(
            finding for finding in read_ground(tmp_path / "t.run").profile.findings if finding.code == "sampled"
        )
        assert "drawn evenly by seed 0" in told.message
        started = next(event for event in events if event["event"] == "start")
        assert told.message in started["findings"]
        assert {"event": "note", "message": told.message} in events

    def test_a_bad_cell_in_the_third_chunk_is_named_with_its_row(self, source: Path, tmp_path: Path) -> None:
        frame = make_frame().with_columns(pl.col("a").cast(pl.String))
        frame[2_000, "a"] = "none of it"
        frame[2_900, "a"] = "nor this"
        frame.write_csv(source)
        start(source, tmp_path / "t.run", kinds={"a": "number"})
        told = next(finding for finding in read_ground(tmp_path / "t.run").findings if finding.column == "a")
        assert "row 2001: 'none of it' is not a number" in told.message
        assert "(2 such cells)" in told.message
        assert 2_000 not in np.concatenate([parts_of(tmp_path / "t.run")[part] for part in ("train", "valid", "test")])

    def test_too_many_bad_rows_are_refused_and_nothing_is_left(self, source: Path, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="more than 5 %"):
            start(source, tmp_path / "t.run", kinds={"city": "number"})
        assert not (tmp_path / "t.run").exists()

    def test_a_misspelt_metric_is_refused_before_anything_is_written(self, source: Path, tmp_path: Path) -> None:
        with pytest.raises(ArchwiseError, match="roc_auc"):
            start(source, tmp_path / "t.run", metric="roc_acu")
        assert not (tmp_path / "t.run").exists()


def test_a_large_run_goes_all_the_way_to_a_model_that_has_learnt(source: Path, tmp_path: Path) -> None:
    options = {"plan.epochs": 2, "plan.batch": 128}
    start(source, tmp_path / "t.run", only=("perceptron", "linear", "trees"), settings=options, budget="200steps")
    model = api.resume(tmp_path / "t.run")
    assert model.verdict["test"]["score"] > 0.9
    states = {json.loads(path.read_text())["state"] for path in (tmp_path / "t.run").rglob("rung-0.json")}
    assert "failed" not in states


class TestGrowingArray:
    def test_what_was_appended_in_parts_is_read_as_a_whole(self, tmp_path: Path) -> None:
        whole = np.arange(700, dtype=np.int16).reshape(-1, 2)
        file = GrowingArray(tmp_path / "a.npy")
        for start in range(0, len(whole), 100):
            file.append(whole[start : start + 100])
        file.close()
        assert np.array_equal(np.load(tmp_path / "a.npy", mmap_mode="r"), whole)

    def test_rows_of_another_width_are_refused(self, tmp_path: Path) -> None:
        file = GrowingArray(tmp_path / "a.npy")
        file.append(np.zeros((2, 3)))
        with pytest.raises(ValueError, match="cannot follow"):
            file.append(np.zeros((2, 4)))
        file.close()

    @pytest.mark.parametrize(("largest", "dtype"), [(32_767, np.int16), (32_768, np.int32), (2**31, np.int64)])
    def test_the_dtype_of_codes_is_as_narrow_as_they_allow(self, largest: int, dtype: type) -> None:
        assert narrow_dtype(largest) == dtype
