"""Values that mean something of their own, far tails, and what becomes of both."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from archwise.data.kinds import kind
from archwise.data.mark import find_marks, is_heavy
from archwise.records import Array, Json, Need

N = 2_000
NUMBER = kind("number")
SCALED = [Need("standard"), Need("quantile"), Need("robust")]


def ages() -> Array:
    return np.random.default_rng(0).uniform(0, 87, N).round(1)


def with_value(value: float, share: float, values: Array | None = None) -> Array:
    values = ages() if values is None else values
    return np.where(np.random.default_rng(1).random(len(values)) < share, value, values)


def marks(values: Array) -> list[tuple[float, str]]:
    return [(mark.value, mark.why) for mark in find_marks(values)]


def apply(name: str, train: Array, need: Need, cells: list[float | None]) -> Array:
    state = kind(name).fit(pl.Series("x", train).fill_nan(None), need)
    return kind(name).apply(state, pl.Series("x", cells, dtype=pl.Float64))["numbers"]


class TestSentinel:
    @pytest.mark.parametrize("value", [-999.0, -99.0, 999.0, 9999.0, 99999.0])
    def test_a_repeated_value_far_outside_is_found(self, value: float) -> None:
        assert marks(with_value(value, 0.12)) == [(value, "sentinel")]

    def test_two_are_found(self) -> None:
        values = with_value(-999.0, 0.1)
        values[::10] = -99.0
        assert marks(values) == [(-999.0, "sentinel"), (-99.0, "sentinel")]

    def test_minus_one_beside_shares_is_found_and_beside_counts_is_not(self) -> None:
        assert marks(with_value(-1.0, 0.1, ages() / 100)) == [(-1.0, "sentinel")]
        assert marks(with_value(-1.0, 0.1, ages().round())) == []

    @pytest.mark.parametrize(
        "values",
        [
            with_value(-998.0, 0.12),  # of no such shape
            with_value(99.0, 0.12),  # near the others
            np.append(ages(), [-999.0] * 4),  # too seldom
            np.append(with_value(-999.0, 0.12), [-700.0]),  # not isolated
            np.repeat([1.0, 2.0, 3.0, 99.0], N // 4),  # among codes
            np.array([]),
            np.array([-999.0] * N),
            np.array([1.7e308, -1.7e308, -999.0]),
        ],
        ids=["shape", "near", "seldom", "neighbour", "codes", "empty", "alone", "huge"],
    )
    def test_less_evidence_is_none(self, values: Array) -> None:
        assert marks(values) == []


class TestZero:
    def test_a_zero_far_below_positive_values_is_found(self) -> None:
        pressure = np.random.default_rng(0).normal(72, 12, N).clip(24, 122)
        assert marks(with_value(0.0, 0.04, pressure)) == [(0.0, "zero")]

    def test_a_zero_in_reach_of_the_others_is_none(self) -> None:
        assert marks(with_value(0.0, 0.04)) == []


class TestSpike:
    def test_a_value_that_most_rows_share_is_found(self) -> None:
        assert marks(with_value(0.0, 0.5, np.exp(np.random.default_rng(0).normal(size=N)))) == [(0.0, "spike")]
        assert marks(with_value(40.0, 0.4)) == [(40.0, "spike")]

    def test_a_count_is_no_scale_with_a_spike(self) -> None:
        assert marks(np.random.default_rng(0).poisson(0.5, N).astype(float)) == []


@pytest.mark.parametrize("need", SCALED, ids=lambda need: need.key)
class TestMarkedColumn:
    def test_a_marked_value_has_its_own_column_and_is_neutral_on_the_scale(self, need: Need) -> None:
        given = apply("number", with_value(-999.0, 0.12), need, [-999.0, 40.0, None])
        assert given.shape == (3, 2)
        assert given[0].tolist() == [0.0, 1.0]
        assert given[1:, 1].tolist() == [0.0, 0.0]

    def test_the_scale_is_that_of_the_rest(self, need: Need) -> None:
        values = with_value(-999.0, 0.12)
        rest = values[values != -999.0]
        cells: list[float | None] = [0.0, 40.0, 87.0]
        assert apply("number", values, need, cells)[:, :1].tolist() == apply("number", rest, need, cells).tolist()

    def test_missing_and_marked_are_told_apart(self, need: Need) -> None:
        values = with_value(float("nan"), 0.1, with_value(-999.0, 0.12))
        given = apply("number", values, need, [-999.0, None, 40.0])
        assert given[:, 1:].tolist() == [[0.0, 1.0], [1.0, 0.0], [0.0, 0.0]]

    def test_as_a_plain_number_it_is_a_value_like_any_other(self, need: Need) -> None:
        assert apply("plain", with_value(-999.0, 0.12), need, [-999.0, 40.0]).shape == (2, 1)

    def test_rows_equal_their_batch(self, need: Need) -> None:
        values = with_value(0.0, 0.4, np.random.default_rng(0).standard_t(2, N))
        cells = pl.Series("x", [*values[:50], None, 1e308])
        state = NUMBER.fit(pl.Series("x", [*values, None]), need)
        batch = NUMBER.apply(state, cells)["numbers"]
        rows = [NUMBER.apply(state, cells[row : row + 1])["numbers"] for row in range(len(cells))]
        assert batch.tobytes() == np.concatenate(rows).tobytes()
        assert batch.shape[1] == NUMBER.spec(state)["numbers"][0]


class TestTail:
    @pytest.mark.parametrize("how", ["lognormal", "t2"])
    def test_far_tails_are_found(self, how: str) -> None:
        rng = np.random.default_rng(0)
        assert is_heavy(np.exp(rng.normal(size=N)) if how == "lognormal" else rng.standard_t(2, N))

    @pytest.mark.parametrize("how", ["normal", "uniform", "exponential", "outliers", "counts", "empty"])
    def test_near_tails_and_a_few_errors_are_none(self, how: str) -> None:
        rng = np.random.default_rng(0)
        values = {
            "normal": rng.normal(size=N),
            "uniform": rng.random(N),
            "exponential": rng.exponential(size=N),
            "outliers": np.append(rng.normal(size=N), [1e3, 1e308]),
            "counts": rng.poisson(0.3, N).astype(float),
            "empty": np.array([]),
        }
        assert not is_heavy(values[how])

    def test_a_standardised_column_is_bent_beside(self) -> None:
        values = np.exp(np.random.default_rng(0).normal(0, 2, N))
        given = NUMBER.apply(NUMBER.fit(pl.Series("x", values), Need("standard")), pl.Series("x", np.sort(values)))
        scaled, bent = given["numbers"].T
        assert (np.diff(bent) >= 0).all()
        assert bent.std() == pytest.approx(1.0, abs=1e-3)
        assert np.abs(bent).max() < 10.0 == np.abs(scaled).max()

    def test_other_needs_have_their_own_way_with_tails(self) -> None:
        values = pl.Series("x", np.exp(np.random.default_rng(0).normal(0, 2, N)))
        states: list[dict[str, Json]] = [NUMBER.fit(values, need) for need in (Need("raw"), *SCALED[1:])]
        assert not any("bend" in state for state in states)
