"""The kind of whole series: what its cells may be, and what becomes of them, whatever stands beside them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archwise.data.kinds import kind
from archwise.data.look import LookRequest, look_at
from archwise.data.open import open_table
from archwise.data.padding import n_steps
from archwise.data.prepare import apply_preparation, fit_preparation, inputs_of, parse_columns
from archwise.data.series_shape import CLIP, MOST_STEPS, usual_steps
from archwise.errors import ColumnError, DataError, SourceError
from archwise.records import Array, Need, Profile, SeriesNeed

KIND = kind("series")
NEEDS = [
    Need(series=SeriesNeed(scale, length, longest))
    for scale in ("channel", "row")
    for length in ("own", "same")
    for longest in (0, 4)
]

values = st.one_of(st.none(), st.floats(-1e3, 1e3), st.floats(allow_infinity=False), st.just(float("nan")))
one_channel = st.one_of(st.none(), st.lists(values, max_size=12))
columns_of_series = st.one_of(
    st.lists(one_channel, min_size=1, max_size=12).map(lambda cells: pl.Series("s", cells, dtype=pl.List(pl.Float64))),
    st.lists(st.lists(st.lists(values, max_size=9), min_size=2, max_size=2), min_size=1, max_size=12).map(
        lambda cells: pl.Series("s", cells, dtype=pl.List(pl.List(pl.Float64)))
    ),
)


def arrays(cells: list[object], need: SeriesNeed | None = None, train: list[object] | None = None) -> Array:
    typed, _ = KIND.parse(pl.Series("s", cells))
    fitted, _ = KIND.parse(pl.Series("s", train if train is not None else cells))
    return KIND.apply(KIND.fit(fitted, Need(series=need or SeriesNeed())), typed)["series"]


def profile_of(cells: object, **more: object) -> Profile:
    n_rows = len(cells)  # type: ignore[arg-type]
    labels = ["a" if row % 2 else "b" for row in range(n_rows)]
    return look_at(open_table({"s": cells, **more, "y": labels}), LookRequest("y"))


class TestShape:
    @settings(max_examples=80, deadline=None)
    @given(cells=columns_of_series, need=st.sampled_from(NEEDS), n_train=st.integers(0, 12))
    def test_a_batch_equals_its_rows_bit_for_bit(self, cells: pl.Series, need: Need, n_train: int) -> None:
        typed, is_bad = KIND.parse(cells)
        assert not is_bad.any()
        state = KIND.fit(typed.head(n_train), need)
        batch, why = KIND.load(state, typed)  # type: ignore[misc]
        rows = [KIND.load(state, KIND.parse(cells[row : row + 1])[0]) for row in range(len(cells))]  # type: ignore[misc]
        assert np.concatenate([row["series"] for row, _ in rows]).tobytes() == batch["series"].tobytes()
        assert [told[0] for _, told in rows] == why.to_list()
        assert batch["series"].shape == (len(cells), *KIND.spec(state)["series"][0])

    @settings(max_examples=80, deadline=None)
    @given(cells=columns_of_series, need=st.sampled_from(NEEDS), n_train=st.integers(0, 12))
    def test_every_step_before_the_end_is_a_finite_number(self, cells: pl.Series, need: Need, n_train: int) -> None:
        typed, _ = KIND.parse(cells)
        series = KIND.load(KIND.fit(typed.head(n_train), need), typed)[0]["series"]  # type: ignore[misc]
        lengths = n_steps(series)
        for row, length in zip(series, lengths, strict=True):
            assert np.isnan(row[length:]).all()
            assert np.isnan(row).all() or np.isfinite(row[:length]).all()
        assert np.nanmax(np.abs(series), initial=0.0) <= CLIP

    def test_a_channel_is_scaled_by_all_known_training_values(self) -> None:
        cells = [[1.0, 2.0, 3.0], [5.0, None, 9.0, 10.0]]
        known = np.array([1, 2, 3, 5, 9, 10.0])
        expected = (np.array([1.0, 2.0, 3.0]) - known.mean()) / known.std()
        np.testing.assert_allclose(arrays(cells)[0, :3, 0], expected, rtol=1e-6)

    def test_a_series_of_its_own_scale_shows_its_shape_alone(self) -> None:
        found = arrays([[1.0, 2.0, 3.0], [10.0, 20.0, 30.0], [7.0, 7.0, 7.0]], SeriesNeed("row"))
        np.testing.assert_allclose(found[0], found[1], rtol=1e-6)
        np.testing.assert_allclose(found[0, :, 0], [-np.sqrt(1.5), 0.0, np.sqrt(1.5)], rtol=1e-6)
        assert (found[2] == 0.0).all()

    def test_held_out_rows_change_nothing(self) -> None:
        train = [[1.0, 2.0], [3.0, 5.0, 4.0]]
        assert np.array_equal(
            arrays([[2.0, 2.5]], train=train), arrays([[2.0, 2.5], [1e9, -1e9, 3.0]], train=train)[:1], equal_nan=True
        )

    def test_gaps_are_filled_on_the_line_between_what_is_known(self) -> None:
        scale = [[0.0, 10.0]]
        with_gaps, without = (
            arrays([[2.0, None, float("nan"), 8.0]], SeriesNeed(longest=4), scale),
            arrays([[2.0, 4.0, 6.0, 8.0]], SeriesNeed(longest=4), scale),
        )
        np.testing.assert_allclose(with_gaps, without, atol=1e-6)
        ends = arrays([[None, 3.0, None, 5.0, None]], SeriesNeed(longest=5), scale)
        np.testing.assert_allclose(ends[0, :4], arrays([[3.0, 3.0, 4.0, 5.0]], SeriesNeed(longest=5), scale)[0, :4])
        assert np.isnan(ends[0, 4]).all()  # missing in every channel to the end: the series is shorter

    def test_a_channel_that_ends_early_goes_on_at_its_last_value(self) -> None:
        found = arrays([[[1.0, 2.0, 3.0], [4.0]], [[0.0, 0.0, 0.0], [1.0, 2.0, 3.0]]])
        assert found[0, :, 1].tolist() == [found[0, 0, 1]] * 3

    def test_stretched_series_begin_and_end_where_they_did(self) -> None:
        found = arrays([[0.0, 1.0], [0.0, 1.0, 2.0, 3.0, 4.0]], SeriesNeed(length="same", longest=9))
        scaled = arrays([[0.0, 1.0], [0.0, 1.0, 2.0, 3.0, 4.0]])
        np.testing.assert_allclose(found[1, ::2, 0], scaled[1, :5, 0], atol=1e-6)
        np.testing.assert_allclose(
            found[0, [0, 4, 8], 0], [scaled[0, 0, 0], np.mean(scaled[0, :2, 0]), scaled[0, 1, 0]]
        )

    def test_very_long_series_are_read_at_coarser_steps(self) -> None:
        long = np.sin(np.arange(100_000) / 5_000.0)
        found = arrays([long.tolist(), long.tolist()])
        assert found.shape == (2, MOST_STEPS, 1)
        expected = long.reshape(MOST_STEPS, -1).mean(axis=1)
        np.testing.assert_allclose(found[0, :, 0], (expected - long.mean()) / long.std(), atol=1e-5)

    def test_a_few_much_longer_ones_are_cut(self) -> None:
        assert usual_steps(np.array([10] * 40 + [500])) == 20
        assert usual_steps(np.array([10] * 40 + [19])) == 19
        assert usual_steps(np.array([0, 0])) == 1

    def test_new_series_may_be_longer_by_half_where_lengths_differ_and_none_was_cut(self) -> None:
        assert arrays([[1.0] * 10, [2.0] * 8]).shape == (2, 15, 1)
        assert arrays([[1.0] * 10, [2.0] * 10]).shape == (2, 10, 1)
        assert arrays([[float(row)] * 10 for row in range(40)] + [[1.0] * 500]).shape == (41, 20, 1)

    def test_one_value_is_a_series(self) -> None:
        assert arrays([[3.0], [5.0]]).tolist() == [[[-1.0]], [[1.0]]]

    def test_constant_series_are_told_apart_by_their_level_alone(self) -> None:
        assert arrays([[3.0, 3.0], [5.0, 5.0]]).tolist() == [[[-1.0]] * 2, [[1.0]] * 2]
        assert arrays([[3.0, 3.0], [3.0, 3.0]]).tolist() == [[[0.0]] * 2] * 2

    def test_a_series_without_a_value_is_all_padding(self) -> None:
        found = arrays([[1.0, 2.0], None, [], [None, None], [float("nan")]])
        assert np.isnan(found[1:]).all()
        assert n_steps(found).tolist() == [2, 1, 1, 1, 1]

    def test_huge_values_stay_finite(self) -> None:
        for need in (SeriesNeed(), SeriesNeed("row"), SeriesNeed(length="same")):
            assert np.isfinite(arrays([[1.7e308, -1.7e308, 0.0], [1.0, 2.0, 3.0]], need)).all()


class TestCells:
    @pytest.mark.parametrize(
        "cells",
        [
            pl.Series("s", np.ones((3, 5))),
            pl.Series("s", np.ones((3, 2, 5), np.float32)),
            pl.Series("s", [[1, 2], [3], None]),
            pl.Series("s", [[[1, 2], [3]], None, [[1], [2]]]),
        ],
    )
    def test_lists_and_arrays_of_numbers_are_series(self, cells: pl.Series) -> None:
        assert KIND.sniff(cells).confidence == 1.0
        assert not KIND.parse(cells)[1].any()

    @pytest.mark.parametrize("cells", [[["a", "b"]], ["1,2,3"], [1.0], [[True]]])
    def test_other_cells_are_not_taken_for_series(self, cells: list[object]) -> None:
        assert KIND.sniff(pl.Series("s", cells)).confidence == 0.0

    def test_text_is_read_where_the_user_says_so(self) -> None:
        typed, is_bad = KIND.parse(pl.Series("s", ["1,2.5:?,4", "1,x", "1,inf", "", None]))
        assert is_bad.tolist() == [False, True, True, False, False]
        assert typed.to_list() == [[[1.0, 2.5], [None, 4.0]], None, None, None, None]

    def test_infinite_values_are_bad(self) -> None:
        assert KIND.parse(pl.Series("s", [[1.0, float("inf")], [1.0, 2.0]]))[1].tolist() == [True, False]

    def test_other_channels_than_those_of_training_are_said(self) -> None:
        state = KIND.fit(KIND.parse(pl.Series("s", [[[1.0, 2.0], [3.0]]] * 3))[0], Need(series=SeriesNeed()))
        typed, _ = KIND.parse(pl.Series("s", [[[1.0], [2.0]], [[1.0]]]))
        batch, why = KIND.load(state, typed)  # type: ignore[misc]
        assert why.to_list() == [None, "series of 1 channels, where 2 were learnt from"]
        assert np.isnan(batch["series"][1]).all()
        with pytest.raises(DataError, match=r"column 's', row 2: series of 1 channels, where 2 were learnt from"):
            KIND.apply(state, typed)

    def test_nothing_is_given_where_no_series_are_asked(self) -> None:
        typed, _ = KIND.parse(pl.Series("s", [[1.0]]))
        assert KIND.fit(typed, Need()) == {}
        assert KIND.apply({}, typed) == {}
        assert KIND.spec({}) == {}

    def test_several_columns_are_the_channels_of_one_input(self) -> None:
        frame = pl.DataFrame({"x": [[1.0, 2.0], [3.0, 4.0, 5.0]], "z": [[[1.0], [2.0]], [[3.0], [9.0]]]})
        columns = [("x", "series"), ("z", "series")]
        typed = parse_columns(frame, columns).frame
        preparation = fit_preparation(typed, columns, need=Need(series=SeriesNeed(longest=3)))
        batch = apply_preparation(preparation, typed)
        (spec,) = inputs_of(preparation)
        assert (spec.shape, spec.width) == ((3, 3), 9)
        assert batch["series"].shape == (2, 3, 3)
        assert np.isnan(batch["series"][1, 1:, 1:]).all()
        assert np.isfinite(batch["series"][1, :, 0]).all()


class TestLook:
    def test_figures_for_people(self) -> None:
        profile = profile_of([[1.0, 2.0], [3.0, 4.0, 7.0], [5.0], [1.0, None, 4.0, 2.0]] * 5)
        (column,) = profile.columns
        assert (column.kind, column.use) == ("series", True)
        expected = {"steps": 2.5, "least": 1, "median": 2.5, "most": 4, "channels": 1, "gaps": 5, "gap_rows": 5}
        assert {name: column.summary[name] for name in expected} == expected
        codes = {finding.code for finding in profile.findings}
        assert {"gaps", "still"} <= codes

    def test_what_is_cut_and_what_is_read_coarsely_is_said(self) -> None:
        cut = profile_of([[float(row), 2.0, 1.0] for row in range(39)] + [list(map(float, range(50)))])
        assert "more than 6 steps, up to 50; of each the first 6 are read" in _told(cut, "cut")
        coarse = profile_of([np.sin(np.arange(2_500) * row).tolist() for row in range(1, 41)])
        assert "are read 3 steps at a time, as their mean" in _told(coarse, "coarse")

    def test_texts_are_series_where_the_user_says_so(self) -> None:
        frame = pl.DataFrame({"s": ["1,2,3.5", "2,?,4", "x", "5"] * 12, "y": ["a", "b"] * 24})
        profile = look_at(open_table(frame), LookRequest("y", kinds={"s": "series"}))
        assert profile.columns[0].summary["most"] == 3
        assert "'x' is not a series" in _told(profile, "bad-cells")

    def test_series_of_different_channels_are_refused(self) -> None:
        with pytest.raises(DataError, match="1 series have another number of channels than 2"):
            profile_of([[[1.0], [2.0]]] * 30 + [[[1.0]]])

    def test_series_that_are_all_missing_leave_no_column(self) -> None:
        with pytest.raises(ColumnError, match="no column is left"):
            profile_of([[None, None]] * 30)

    def test_equal_series_are_counted_as_rows_that_repeat(self) -> None:
        profile = profile_of([[1.0, 2.0], [1.0, 2.0], [2.0, float("nan")], [3.0, 1.0]] * 10)
        assert "duplicate-rows" in {finding.code for finding in profile.findings}


def _told(profile: Profile, code: str) -> str:
    return next(finding.message for finding in profile.findings if finding.code == code)


class TestArrays:
    X = np.random.default_rng(0).normal(size=(40, 25, 3))
    Y = np.arange(40) % 2

    def test_an_array_of_series_is_read_and_said(self) -> None:
        table = open_table((self.X, self.Y))
        assert table.frame.columns == ["series", "y"]
        np.testing.assert_array_equal(np.array(table.frame["series"].to_list())[5], self.X[5].T)
        assert "40 series of 25 steps in 3 channels" in table.findings[0].message
        assert table.target == "y"

    @pytest.mark.parametrize("shape", [(30, 28, 28), (30, 28, 20)])
    def test_floats_from_0_to_1_are_pictures(self, shape: tuple[int, ...]) -> None:
        assert open_table(np.random.default_rng(0).random(shape)).frame.columns == ["image"]

    def test_one_channel_is_a_series_whatever_its_values(self) -> None:
        assert open_table(np.random.default_rng(0).random((30, 28, 1))).frame.columns == ["series"]

    def test_pictures_of_a_wrong_scale_are_still_said(self) -> None:
        with pytest.raises(SourceError, match="scale them, or, if they are series"):
            open_table(np.random.default_rng(0).random((30, 28, 28)) * 255)

    def test_frames_with_arrays_in_their_cells_are_read(self) -> None:
        import pandas as pd

        cells = [self.X[row, : 5 + row % 3] for row in range(40)]
        for source in ({"s": [cell.T for cell in cells], "y": self.Y},
                       pd.DataFrame({"s": [cell[:, 0] for cell in cells], "y": self.Y})):  # fmt: skip
            typed, is_bad = KIND.parse(open_table(source).frame["s"])
            assert not is_bad.any()
            assert typed.null_count() == 0

    def test_npz_files_of_series(self, tmp_path: Path) -> None:
        np.savez(tmp_path / "a.npz", x_train=self.X, y_train=self.Y, x_test=self.X[:9], y_test=self.Y[:9])
        assert open_table(tmp_path / "a.npz").frame.shape == (9, 2)
