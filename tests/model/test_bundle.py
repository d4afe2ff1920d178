"""Columns that are prepared inside an ONNX graph, against the functions that prepare them elsewhere."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnx
import onnxruntime
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from archwise.data.kinds import kind
from archwise.data.kinds.number import apply_numbers
from archwise.data.padding import join_channels
from archwise.data.picture import to_pixels
from archwise.data.scale import fit_scale
from archwise.data.timeline.calendar import calendar_at
from archwise.data.timeline.frequency import Frequency
from archwise.model.bundle.category import add_category
from archwise.model.bundle.date import add_calendar, add_date
from archwise.model.bundle.graph import ML_OPSET, Graph, GraphInput, element_type
from archwise.model.bundle.knot import add_line, add_place
from archwise.model.bundle.number import add_number
from archwise.model.bundle.picture import add_picture
from archwise.model.bundle.rows import series_cells
from archwise.model.bundle.series import add_series, join_series
from archwise.records import ImageNeed, Need, SeriesNeed

NEEDS = ("raw", "standard", "quantile", "robust")
NUMBERS = st.one_of(
    st.floats(-1e6, 1e6),
    st.floats(allow_infinity=False, allow_nan=True, allow_subnormal=False),
    st.sampled_from([0.0, -1.0, -999.0, 1e300, -1e300, float("nan")]),
)
Add = Callable[[Graph, str, Mapping[str, Any]], dict[str, str]]


Run = Callable[[np.ndarray], dict[str, np.ndarray]]


def runner(add: Add, state: Mapping[str, Any], given_: GraphInput) -> Run:
    """A graph of one column, opened."""
    graph = Graph()
    made = add(graph, graph.take(given_), state)
    helper = onnx.helper
    inputs = [helper.make_tensor_value_info(given_.name, element_type(given_.dtype), ["N", *map(str, given_.row)])]
    ends = [helper.make_empty_tensor_value_info(name) for name in made.values()]
    tensors = [onnx.numpy_helper.from_array(array, name) for name, array in graph.constants.items()]
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
    model = helper.make_model(
        helper.make_graph(graph.nodes, "column", inputs, ends, tensors), opset_imports=opsets, ir_version=10
    )
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return lambda cells: dict(zip(made, session.run(None, {given_.name: cells}), strict=True))


def column(dtype: Any, row: tuple[int | None, ...] = (1,)) -> GraphInput:
    return GraphInput("x", dtype, row, "x")


def of_numbers(state: Mapping[str, Any]) -> Callable[[np.ndarray], np.ndarray]:
    run = runner(add_number, state, column("float64"))
    return lambda values: run(values[:, None])["numbers"]


def training(how: str, seed: int = 0) -> pl.Series:
    """Training numbers: with far tails, a mark, missing cells, one value alone, or none that is known."""
    rng = np.random.default_rng(seed)
    values = rng.normal(50.0, 10.0, 600).round(1)
    if how == "heavy":
        values = np.exp(3.0 * rng.normal(size=600))
    if how == "marked":
        values[::9], values[::2] = -999.0, 0.0
    if how == "missing":
        values[::7] = np.nan
    if how == "one":
        values[:] = 4.0
    if how == "none":
        values[:] = np.nan
    return pl.Series("x", values).fill_nan(None)


class TestNumbers:
    @pytest.mark.parametrize("need", NEEDS)
    @pytest.mark.parametrize("how", ["plain", "heavy", "marked", "missing", "one", "none"])
    def test_every_scale_gives_what_apply_gives_to_the_bit(self, need: Any, how: str) -> None:
        state = kind("number").fit(training(how), Need(need))
        values = np.concatenate([training(how, 1).fill_null(np.nan).to_numpy(), [1e300, -1e300, np.nan, 0.0, -999.0]])
        np.testing.assert_array_equal(of_numbers(state)(values), apply_numbers(state, values)["numbers"])

    @pytest.mark.parametrize("need", NEEDS)
    def test_any_number_is_scaled_as_apply_scales_it(self, need: Any) -> None:
        state = kind("number").fit(training("marked"), Need(need))
        run = of_numbers(state)

        @settings(max_examples=60, deadline=None)
        @given(st.lists(NUMBERS, min_size=1, max_size=30))
        def agrees(numbers: list[float]) -> None:
            values = np.array(numbers)
            np.testing.assert_array_equal(run(values), apply_numbers(state, values)["numbers"])

        agrees()

    @pytest.mark.parametrize("need", NEEDS)
    def test_plain_numbers_and_booleans_are_numbers_too(self, need: Any) -> None:
        plain = kind("plain").fit(training("marked"), Need(need))
        values = training("marked", 2).to_numpy()
        np.testing.assert_array_equal(of_numbers(plain)(values), apply_numbers(plain, values)["numbers"])
        typed = pl.Series("x", [True, False, None, True] * 20)
        state = kind("boolean").fit(typed, Need(need))
        cells = typed.cast(pl.Float64).fill_null(np.nan).to_numpy()
        np.testing.assert_array_equal(of_numbers(state)(cells), kind("boolean").apply(state, typed)["numbers"])


class TestKnots:
    @settings(max_examples=60, deadline=None)
    @given(st.sets(st.integers(-50, 50), max_size=40), st.lists(st.floats(-60, 60), min_size=1, max_size=30))
    def test_a_place_is_that_of_searchsorted(self, edges: set[int], values: list[float]) -> None:
        rising, cells = np.array(sorted(edges), np.float64), np.array(values)
        run = runner(lambda graph, x, _: {"place": add_place(graph, x, rising)}, {}, column("float64"))
        np.testing.assert_array_equal(run(cells[:, None])["place"][:, 0], np.searchsorted(rising, cells, side="right"))

    @settings(max_examples=60, deadline=None)
    @given(
        st.sets(st.integers(-50, 50), min_size=2, max_size=40), st.lists(st.floats(-60, 60), min_size=1, max_size=30)
    )
    def test_a_line_is_that_of_interp(self, knots: set[int], values: list[float]) -> None:
        rising, cells = np.array(sorted(knots), np.float64), np.array(values)
        heights = np.sin(rising)
        run = runner(lambda graph, x, _: {"line": add_line(graph, x, rising, heights)}, {}, column("float64"))
        np.testing.assert_array_equal(run(cells[:, None])["line"][:, 0], np.interp(cells, rising, heights))


class TestCategories:
    STATE = kind("category").fit(pl.Series("x", ["a"] * 9 + ["b", "1", "ü"] * 5 + [None]), Need())

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.one_of(st.none(), st.sampled_from(["a", "b", "1", "ü", "A"]), st.text(max_size=4)), min_size=1))
    def test_names_get_the_codes_of_apply(self, names: list[str | None]) -> None:
        run = runner(add_category, self.STATE, column("string"))
        typed, _ = kind("category").parse(pl.Series("x", names, dtype=pl.String))
        cells = typed.fill_null("").to_numpy().astype(object)[:, None]
        np.testing.assert_array_equal(run(cells)["codes"], kind("category").apply(self.STATE, typed)["codes"])

    def test_missing_marks_and_whole_numbers_with_a_point_are_read_as_in_a_table(self) -> None:
        run = runner(add_category, self.STATE, column("string"))
        cells = pl.Series("x", ["", "?", "NA", "1.0", "1", "2.0"])
        typed, _ = kind("category").parse(cells)
        expected = kind("category").apply(self.STATE, typed)["codes"]
        np.testing.assert_array_equal(run(cells.to_numpy().astype(object)[:, None])["codes"], expected)


class TestDates:
    @pytest.mark.parametrize("need", NEEDS)
    def test_a_moment_is_read_to_the_microsecond(self, need: Any) -> None:
        rng = np.random.default_rng(0)
        stamps = rng.integers(-(10**16), 10**16, 400)
        typed = pl.Series("x", [*stamps.tolist(), None]).cast(pl.Datetime("us"))
        state = kind("date").fit(typed, Need(need))
        assert state["parts"] == ["month", "weekday", "hour"]
        run = runner(add_date, state, column("float64"))
        seconds = (typed.to_physical() / 1e6).fill_null(np.nan).to_numpy()[:, None]
        np.testing.assert_array_equal(run(seconds)["numbers"], kind("date").apply(state, typed)["numbers"])

    @pytest.mark.parametrize("year", [1600, 1899, 1900, 1969, 1970, 2000, 2023, 2024, 2100])
    def test_every_day_of_a_year_is_in_its_month_and_week(self, year: int) -> None:
        days = [dt.datetime(year, 1, 1) + dt.timedelta(days=day, hours=day % 24) for day in range(365)]
        typed = pl.Series("x", days).cast(pl.Datetime("us"))
        state = kind("date").fit(typed, Need("standard"))
        run = runner(add_date, state, column("float64"))
        seconds = (typed.to_physical() / 1e6).to_numpy()[:, None]
        np.testing.assert_array_equal(run(seconds)["numbers"], kind("date").apply(state, typed)["numbers"])


class TestCalendar:
    @pytest.mark.parametrize("step", ["1h", "1d", "1mo"])
    def test_every_step_has_its_place_in_the_day_the_week_and_the_year(self, step: str) -> None:
        clock = pl.datetime_range(pl.datetime(1995, 1, 1), pl.datetime(2005, 3, 1), step, eager=True)
        seconds = (clock.cast(pl.Datetime("us")).to_physical() / 1e6).to_numpy()
        frequency = Frequency("us", 3_600_000_000)
        numbers = (seconds // 3_600).astype(np.int64)
        parts = ("hour", "weekday", "yearday")
        run = runner(
            lambda graph, x, _: {"calendar": add_calendar(graph, x, parts)}, {}, column("float64", (len(seconds),))
        )
        expected = calendar_at(frequency, numbers, parts)
        np.testing.assert_array_equal(run(seconds[None])["calendar"][0], expected)


def walks(n: int, channels: int, longest: int, *, seed: int) -> pl.Series:
    """Series of any length, with gaps, one of them still, some missing, some of one channel that is not known."""
    rng = np.random.default_rng(seed)
    cells = []
    for row in range(n):
        walk = rng.normal(5, 3, (channels, int(rng.integers(1, longest)))).cumsum(axis=1)
        walk[rng.random(walk.shape) < 0.2] = np.nan
        walk[0] = np.nan if row % 7 == 0 else walk[0]
        walk = walk * 0 + 3.0 if row % 11 == 0 else walk
        cells.append(None if row % 13 == 12 else walk.tolist())
    return kind("series").parse(pl.Series("x", cells, dtype=pl.List(pl.List(pl.Float64))))[0]


class TestSeries:
    @pytest.mark.parametrize("longest", [0, 13])
    @pytest.mark.parametrize("length", ["own", "same"])
    @pytest.mark.parametrize("scale", ["channel", "row"])
    @pytest.mark.parametrize(("channels", "steps"), [(1, 30), (2, 60), (2, 2_600)])
    def test_every_form_is_that_of_apply_to_the_bit(
        self, channels: int, steps: int, scale: Any, length: Any, longest: int
    ) -> None:
        need = Need(series=SeriesNeed(scale=scale, length=length, longest=longest))
        state = kind("series").fit(walks(40, channels, steps, seed=0), need)
        typed = walks(30, channels, int(1.5 * steps), seed=1)
        run = runner(add_series, state, column("float64", (None, channels)))
        found, expected = run(series_cells(typed, channels))["series"], kind("series").apply(state, typed)["series"]
        np.testing.assert_array_equal(found, expected[:, : found.shape[1]])
        assert np.isnan(expected[:, found.shape[1] :]).all()

    @pytest.mark.parametrize("scale", ["channel", "row"])
    def test_a_row_alone_and_huge_values_are_read_alike(self, scale: Any) -> None:
        typed = walks(20, 1, 30, seed=2)
        state = kind("series").fit(typed, Need(series=SeriesNeed(scale=scale)))
        run = runner(add_series, state, column("float64", (None, 1)))
        for values in ([1e300, -1e300, 5.0], [7.0], [float("nan"), 2.0, float("nan"), 4.0], [5e-324, 0.0]):
            cells = pl.Series("x", [[values]], dtype=pl.List(pl.List(pl.Float64)))
            found = run(series_cells(cells, 1))["series"]
            np.testing.assert_array_equal(found, kind("series").apply(state, cells)["series"][:, : found.shape[1]])

    def test_columns_of_other_lengths_stand_side_by_side(self) -> None:
        graph = Graph()
        names = [graph.take(GraphInput(name, "float32", (None, 1), name)) for name in ("a", "b")]
        made = join_series(graph, names)
        starts = [
            onnx.helper.make_tensor_value_info(each.name, element_type("float32"), ["N", each.name + "T", 1])
            for each in graph.inputs
        ]
        tensors = [onnx.numpy_helper.from_array(array, name) for name, array in graph.constants.items()]
        ends = [onnx.helper.make_empty_tensor_value_info(made)]
        model = onnx.helper.make_model(
            onnx.helper.make_graph(graph.nodes, "joined", starts, ends, tensors),
            opset_imports=[onnx.helper.make_opsetid("", 20)],
            ir_version=10,
        )
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        parts = {"a": np.ones((2, 3, 1), np.float32), "b": np.zeros((2, 5, 1), np.float32)}
        np.testing.assert_array_equal(session.run(None, parts)[0], join_channels(list(parts.values())))


class TestPictures:
    @pytest.mark.parametrize("fit", ["crop", "stretch"])
    @pytest.mark.parametrize("resample", ["bilinear", "bicubic"])
    @pytest.mark.parametrize("channels", [1, 3])
    def test_pixels_are_those_of_pillow(self, fit: Any, resample: Any, channels: Any) -> None:
        need = ImageNeed(24, channels, fit, 0.875 if fit == "crop" else 1.0, resample)
        state = kind("image").fit(pl.Series("x", [], dtype=pl.String), Need(image=need))
        run = runner(add_picture, state, column("uint8", (None, None, channels)))
        rng = np.random.default_rng(0)
        for height, width in ((60, 45), (45, 60), (24, 24), (27, 27), (9, 7), (1, 1), (3, 90), (90, 30), (31, 200)):
            pixels = rng.integers(0, 256, (height, width, channels)).astype(np.uint8)
            picture = Image.fromarray(pixels if channels == 3 else pixels[:, :, 0])
            np.testing.assert_array_equal(run(pixels[None])["image"][0], to_pixels(picture, need))


def test_a_constant_is_held_once() -> None:
    graph = Graph()
    assert graph.hold(1.0) == graph.hold(1.0) != graph.hold([1.0])
    assert graph.hold(["a", "b"], object) == graph.hold(["a", "b"], object)
    assert fit_scale(np.array([1.0, 2.0]), Need("raw"))["how"] == "raw"
