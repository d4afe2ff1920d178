"""Every kind of the catalogue, and what each makes of its cells."""

from __future__ import annotations

import datetime as dt
from statistics import NormalDist

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archwise.data.kinds import kind, kinds
from archwise.records import Array, Batch, Need

NEEDS = [Need("raw"), Need("standard"), Need("quantile"), Need("robust")]
NAMES = ("boolean", "category", "constant", "date", "identifier", "image", "number", "plain", "series", "text")

any_text = st.one_of(
    st.none(),
    st.text(max_size=6),
    st.floats().map(str),
    st.integers(-(10**20), 10**20).map(str),
    st.datetimes().map(str),
    st.sampled_from(
        ["1e308", "-1e308", "1e-320", "1e400", "inf", "nan", "?", "", " 7 ", "yes", "No", "2024-02-30", "1/2/2024"]
    ),
)
any_series = st.one_of(
    st.lists(any_text, min_size=1, max_size=30).map(lambda cells: pl.Series("x", cells, dtype=pl.String)),
    st.lists(st.one_of(st.none(), st.floats()), min_size=1, max_size=30).map(
        lambda cells: pl.Series("x", cells, dtype=pl.Float64)
    ),
    st.lists(st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)), min_size=1, max_size=30).map(
        lambda cells: pl.Series("x", cells, dtype=pl.Int64)
    ),
    st.lists(st.one_of(st.none(), st.booleans()), min_size=1).map(
        lambda cells: pl.Series("x", cells, dtype=pl.Boolean)
    ),
    st.lists(st.one_of(st.none(), st.dates()), min_size=1).map(lambda cells: pl.Series("x", cells, dtype=pl.Date)),
    st.lists(st.one_of(st.none(), st.times()), min_size=1).map(lambda cells: pl.Series("x", cells, dtype=pl.Time)),
)


def same(left: Batch, right: Batch) -> bool:
    return left.keys() == right.keys() and all(left[name].tobytes() == right[name].tobytes() for name in left)


def parse(name: str, cells: list[object], dtype: pl.DataType | type[pl.DataType] | None = None) -> pl.Series:
    return kind(name).parse(pl.Series("x", cells, dtype=dtype))[0]


def numbers(name: str, train: pl.Series, need: Need, given_cells: pl.Series) -> Array:
    chosen = kind(name)
    return chosen.apply(chosen.fit(train, need), given_cells)["numbers"]


def test_the_catalogue_of_kinds_is_found() -> None:
    assert tuple(kinds()) == NAMES


@pytest.mark.parametrize("name", NAMES)
class TestEveryKind:
    @settings(max_examples=60, deadline=None)
    @given(values=any_series, need=st.sampled_from(NEEDS), n_train=st.integers(0, 30))
    def test_a_batch_equals_its_rows_and_its_spec(self, name: str, values: pl.Series, need: Need, n_train: int) -> None:
        chosen = kind(name)
        typed, bad = chosen.parse(values)
        state = chosen.fit(typed.head(n_train), need)
        batch = chosen.apply(state, typed)
        rows = [chosen.apply(state, chosen.parse(values[row : row + 1])[0]) for row in range(len(values))]
        assert bad.shape == (len(values),)
        assert not (bad & values.is_null().to_numpy()).any()
        assert same(batch, {part: np.concatenate([row[part] for row in rows]) for part in batch})
        assert {part: array.shape[1] for part, array in batch.items()} == {
            part: width for part, (width, _) in chosen.spec(state).items()
        }

    @settings(max_examples=60, deadline=None)
    @given(values=any_series, need=st.sampled_from(NEEDS), n_train=st.integers(0, 30))
    def test_any_cells_give_defined_arrays(self, name: str, values: pl.Series, need: Need, n_train: int) -> None:
        chosen = kind(name)
        typed, _ = chosen.parse(values)
        state = chosen.fit(typed.head(n_train), need)
        for part, array in chosen.apply(state, typed).items():
            if part == "codes":
                assert array.dtype == np.int64
                assert array.min() >= 0
                assert array.max() < chosen.spec(state)["codes"][1][0]
            else:
                assert array.dtype == np.float32
                assert not np.isinf(array).any()
                assert need.numbers == "raw" or not np.isnan(array).any()

    @settings(max_examples=40, deadline=None)
    @given(values=any_series)
    def test_sniffing_any_cells_gives_a_confidence_and_a_reason(self, name: str, values: pl.Series) -> None:
        guess = kind(name).sniff(values)
        assert guess.kind == name
        assert 0.0 <= guess.confidence <= 1.0
        assert guess.because

    @pytest.mark.parametrize(
        "dtype", [pl.List(pl.Int64), pl.Struct({"a": pl.Int64}), pl.Binary, pl.Null, pl.Categorical]
    )
    def test_every_type_of_column_can_be_sniffed_and_parsed(self, name: str, dtype: pl.DataType) -> None:
        values = pl.Series("x", [None, None], dtype=dtype)
        assert kind(name).sniff(values).kind == name
        assert not kind(name).parse(values)[1].any()


class TestNumber:
    def test_what_is_no_number_is_bad_and_what_is_missing_is_not(self) -> None:
        typed, bad = kind("number").parse(pl.Series("x", ["1.5", "forty", "inf", None, "?", "1e5", "NaN", " 2 "]))
        assert typed.to_list() == [1.5, None, None, None, None, 1e5, None, 2.0]
        assert bad.tolist() == [False, True, True, False, False, False, False, False]

    def test_durations_and_times_are_seconds(self) -> None:
        assert parse("number", [dt.timedelta(minutes=1)]).to_list() == [60.0]
        assert parse("number", [dt.time(1, 0, 1)]).to_list() == [3601.0]

    def test_standard_has_zero_mean_and_unit_variance_over_training_rows(self) -> None:
        train = pl.Series("x", np.random.default_rng(0).normal(5, 3, 1000))
        scaled = numbers("number", train, Need("standard"), train)
        assert scaled.shape == (1000, 1)
        assert abs(float(scaled.mean())) < 1e-6
        assert abs(float(scaled.std()) - 1) < 1e-5

    def test_missing_cells_are_flagged_where_training_had_some(self) -> None:
        train = pl.Series("x", [1.0, 3.0, None])
        for need in (Need("standard"), Need("quantile")):
            assert numbers("number", train, need, pl.Series("x", [None, 1.0]))[:, 1].tolist() == [1.0, 0.0]
            assert numbers("number", train, need, pl.Series("x", [None], dtype=pl.Float64))[0, 0] == 0.0

    def test_raw_keeps_values_and_nan_for_missing(self) -> None:
        raw = numbers("number", pl.Series("x", [1.0]), Need("raw"), pl.Series("x", [2.5, None, 1e308]))
        assert raw[0, 0] == 2.5
        assert np.isnan(raw[1, 0])
        assert raw[2, 0] == np.finfo(np.float32).max

    def test_far_values_are_clipped(self) -> None:
        train = pl.Series("x", [0.0, 1.0, 2.0])
        assert numbers("number", train, Need("standard"), pl.Series("x", [1e308, -1e308])).tolist() == [[10.0], [-10.0]]

    def test_huge_training_values_stay_finite(self) -> None:
        train = pl.Series("x", [1.7e308, -1.7e308, 0.0, 1.0])
        for need in NEEDS:
            assert np.isfinite(numbers("number", train, need, train)).all()

    def test_a_constant_training_column_tells_nothing(self) -> None:
        train = pl.Series("x", [0.1] * 7)
        for need in (Need("standard"), Need("quantile")):
            assert numbers("number", train, need, pl.Series("x", [0.1, 5.0])).tolist() == [[0.0], [0.0]]

    def test_quantile_maps_training_rows_to_a_normal_distribution(self) -> None:
        train = pl.Series("x", np.exp(np.random.default_rng(0).normal(0, 2, 5000)))
        scores = np.sort(numbers("number", train, Need("quantile"), train)[:, 0])
        wanted = np.array([NormalDist().inv_cdf((row + 0.5) / 5000) for row in range(5000)])
        assert np.abs(scores - wanted)[5:-5].max() < 0.05

    def test_robust_is_the_published_formula_of_median_and_quartiles(self) -> None:
        train = pl.Series("x", np.random.default_rng(0).lognormal(size=999))
        low, middle, high = np.quantile(train.to_numpy(), [0.25, 0.5, 0.75])
        distance = (train.to_numpy() - middle) / (high - low)
        wanted = distance / np.sqrt(1.0 + (distance / 3.0) ** 2)
        np.testing.assert_allclose(numbers("number", train, Need("robust"), train)[:, 0], wanted, rtol=1e-5, atol=1e-6)

    def test_robust_takes_the_extremes_where_the_quartiles_are_one(self) -> None:
        train = pl.Series("x", [0.0] * 90 + [1.0] * 5 + [4.0] * 5)
        found = numbers("number", train, Need("robust"), pl.Series("x", [0.0, 4.0]))[:, 0]
        assert found == pytest.approx([0.0, 2.0 / np.sqrt(1.0 + 4.0 / 9.0)])

    def test_tied_values_share_the_mean_of_their_ranks(self) -> None:
        train = pl.Series("x", [0.0] * 50 + [1.0] * 50)
        scores = numbers("number", train, Need("quantile"), pl.Series("x", [0.0, 1.0]))[:, 0]
        assert scores == pytest.approx([NormalDist().inv_cdf(0.25), NormalDist().inv_cdf(0.75)])

    def test_few_distinct_numbers_stay_numbers_and_say_so(self) -> None:
        guess = kind("number").sniff(pl.Series("x", ["1", "2", "3"] * 100))
        assert guess.confidence > 0.8
        assert "3 distinct" in guess.because

    def test_codes_with_leading_zeros_are_no_numbers(self) -> None:
        values = pl.Series("zip", ["02139", "10001", "94110"] * 10)
        assert kind("number").sniff(values).confidence < kind("category").sniff(values).confidence

    def test_the_reason_has_figures(self) -> None:
        guess = kind("number").sniff(pl.Series("x", ["1"] * 98 + ["a", "b"]))
        assert guess.because.startswith("98 % of 100 cells read as numbers")


class TestCategory:
    def test_codes_fall_with_the_count_and_then_the_name(self) -> None:
        chosen = kind("category")
        train = pl.Series("x", ["b"] * 5 + ["c"] * 3 + ["a"] * 3 + ["rare"] * 2)
        state = chosen.fit(train, Need())
        assert state == {"levels": ["b", "a", "c"]}
        codes = chosen.apply(state, pl.Series("x", ["b", "a", "c", "rare", "unseen", None]))["codes"]
        assert codes[:, 0].tolist() == [2, 3, 4, 0, 0, 1]
        assert chosen.spec(state) == {"codes": (1, (5,))}

    def test_a_whole_number_has_one_name_however_it_is_written(self) -> None:
        wanted = ["1", "-20", None]
        assert parse("category", [1, -20, None]).to_list() == wanted
        assert parse("category", [1.0, -20.0, None]).to_list() == wanted
        assert parse("category", ["1.0", " -20", ""]).to_list() == wanted

    def test_a_column_without_a_level_is_rare_throughout(self) -> None:
        chosen = kind("category")
        state = chosen.fit(pl.Series("x", [], dtype=pl.String), Need())
        assert chosen.apply(state, pl.Series("x", ["a", None]))["codes"][:, 0].tolist() == [0, 1]


class TestBoolean:
    @pytest.mark.parametrize(
        "words", [["true", "False"], ["yes", "NO"], ["t", "f"], ["Y", "n"], ["1", "0"], [1, 0], [1.0, 0.0]]
    )
    def test_pairs_of_words_are_read(self, words: list[object]) -> None:
        assert parse("boolean", [*words, None]).to_list() == [True, False, None]

    def test_other_words_are_bad(self) -> None:
        assert kind("boolean").parse(pl.Series("x", ["maybe", "yes"]))[1].tolist() == [True, False]

    def test_it_becomes_one_and_zero(self) -> None:
        train = pl.Series("x", [True, False, None])
        assert numbers("boolean", train, Need("raw"), train)[:2, 0].tolist() == [1.0, 0.0]


class TestDate:
    @pytest.mark.parametrize(
        ("cell", "wanted"),
        [
            ("2024-03-01", dt.datetime(2024, 3, 1)),
            ("2024/3/1", dt.datetime(2024, 3, 1)),
            ("1/3/2024", dt.datetime(2024, 3, 1)),
            ("1.3.2024 12:30", dt.datetime(2024, 3, 1, 12, 30)),
            ("01-03-2024", dt.datetime(2024, 3, 1)),
            ("2024-03-01T12:30:05", dt.datetime(2024, 3, 1, 12, 30, 5)),
            ("2024-03-01 12:30:05.250", dt.datetime(2024, 3, 1, 12, 30, 5, 250_000)),
            ("2024-03-01T12:30:05Z", dt.datetime(2024, 3, 1, 12, 30, 5)),
            ("2024-03-01T12:30+02:00", dt.datetime(2024, 3, 1, 10, 30)),
            ("2024-03-01 12:30:05-0500", dt.datetime(2024, 3, 1, 17, 30, 5)),
        ],
    )
    def test_formats_are_read(self, cell: str, wanted: dt.datetime) -> None:
        assert parse("date", [cell]).to_list() == [wanted]

    @pytest.mark.parametrize("cell", ["2024-02-30", "1/3/24", "12", "hello", "20240301"])
    def test_what_is_no_date_is_bad(self, cell: str) -> None:
        assert kind("date").parse(pl.Series("x", [cell]))[1].tolist() == [True]

    def test_typed_dates_of_any_zone_are_utc(self) -> None:
        values = pl.Series("x", [dt.datetime(2024, 3, 1, 12)]).dt.replace_time_zone("Europe/Brussels")
        assert kind("date").parse(values)[0].to_list() == [dt.datetime(2024, 3, 1, 11)]

    def test_only_parts_that_vary_are_inputs(self) -> None:
        days = pl.Series("x", [dt.datetime(2024, 1, day) for day in range(1, 29)])
        state = kind("date").fit(days, Need())
        assert state["parts"] == ["weekday"]
        assert kind("date").spec(state) == {"numbers": (3, ())}

    def test_a_year_is_one(self) -> None:
        train = pl.Series("x", [dt.datetime(2023, 1, 1), dt.datetime(2024, 1, 1)])
        assert numbers("date", train, Need("raw"), train)[:, 0].tolist() == pytest.approx([0.0, 1.0], abs=1e-3)

    def test_month_first_is_not_guessed_but_said(self) -> None:
        guess = kind("date").sniff(pl.Series("x", ["1/25/2024", "2/28/2024", "12/31/2023"]))
        assert guess.confidence < 0.5
        assert "year-month-day" in guess.because


class TestSetAside:
    def test_numbered_rows_are_an_identifier(self) -> None:
        values = pl.Series("n", [str(row) for row in np.random.default_rng(0).permutation(200) + 1])
        assert kind("identifier").sniff(values).confidence > kind("number").sniff(values).confidence

    @pytest.mark.parametrize("name", ["id", "user_id", "PassengerId", "customerID", "uuid"])
    def test_different_whole_numbers_under_a_key_name_are_an_identifier(self, name: str) -> None:
        values = pl.Series(name, [str(1000 + 7 * row) for row in range(100)])
        assert kind("identifier").sniff(values).confidence > 0.9

    @pytest.mark.parametrize("name", ["paid", "grid", "humid", "area"])
    def test_a_name_that_only_ends_alike_is_no_key(self, name: str) -> None:
        values = pl.Series(name, [str(1000 + 7 * row) for row in range(100)])
        assert kind("identifier").sniff(values).confidence == 0.0

    def test_different_codes_are_an_identifier(self) -> None:
        values = pl.Series("code", [f"A{row:04d}X" for row in range(100)])
        assert kind("identifier").sniff(values).confidence > kind("category").sniff(values).confidence

    def test_sentences_are_text(self) -> None:
        values = pl.Series("note", [f"the guest of room {row} was happy" for row in range(100)])
        assert kind("text").sniff(values).confidence > kind("identifier").sniff(values).confidence

    def test_one_value_is_constant_but_one_beside_missing_is_not(self) -> None:
        assert kind("constant").sniff(pl.Series("x", ["a"] * 9)).confidence == 1.0
        assert kind("constant").sniff(pl.Series("x", ["a", None])).confidence == 0.0
