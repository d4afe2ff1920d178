"""Parts follow each other in time, and no window of a target leaves its part."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from archwise.data.open import open_table
from archwise.data.timeline.grid import Roles, Timeline, lay_on_grid
from archwise.data.timeline.split import SplitTimes, _blocks, cut_times, overlap_widening, place_origins
from archwise.errors import DataError, UsageError
from archwise.evidence import bootstrap_scores, compare, of_folds
from archwise.records import Array, Metric

ETTH1 = Path(__file__).parents[4] / "shared" / "data" / "ts-etth1" / "ETTh1.csv"


def daily(n: int, *, n_series: int = 1, missing: tuple[int, ...] = ()) -> Timeline:
    days = pl.date_range(pl.date(2020, 1, 1), pl.date(2020, 1, 1) + pl.duration(days=n - 1), eager=True)
    parts = [pl.DataFrame({"t": days, "y": np.arange(n, dtype=float), "id": str(place)}) for place in range(n_series)]
    frame = pl.concat(parts).with_row_index()
    frame = frame.with_columns(pl.when(pl.col("index").is_in(missing)).then(None).otherwise(pl.col("y")).alias("y"))
    return lay_on_grid(frame, Roles(("y",), time="t", series="id"), source="days")


@pytest.mark.parametrize("horizon", [1, 7, 30])
@pytest.mark.parametrize("n_series", [1, 3])
def test_no_target_window_crosses_a_split_and_no_step_is_shared(horizon: int, n_series: int) -> None:
    timeline = daily(400, n_series=n_series)
    cuts = cut_times(timeline, SplitTimes(0.2, 0.2), horizon=horizon)
    origins = place_origins(timeline, cuts, horizon=horizon, past=20, n_targets=1)
    owner = timeline.owner

    def inside(places: Array, start: Array, stop: Array) -> bool:
        local = places - timeline.begins[owner[places]]
        return bool((local >= start[owner[places]]).all() and (local + horizon <= stop[owner[places]]).all())

    assert inside(origins.train, np.full(n_series, 20), cuts.valid_from)
    assert inside(origins.valid, cuts.valid_from, cuts.test_from)
    assert inside(origins.test, cuts.test_from, cuts.until)


def test_the_split_of_the_papers_can_be_given() -> None:
    if not ETTH1.exists():
        pytest.skip(f"{ETTH1} is not there")
    roles = Roles(("OT",), time="date")
    timeline = lay_on_grid(open_table(ETTH1).frame, roles, source="ETTh1")
    rule = SplitTimes(0.2, 0.2, "2017-06-26", "2017-10-24", "2018-02-21")
    cuts = cut_times(timeline, rule, horizon=96)
    assert (int(cuts.valid_from[0]), int(cuts.test_from[0]), int(cuts.until[0])) == (8_640, 11_520, 14_400)
    origins = place_origins(timeline, cuts, horizon=96, past=336, n_targets=1)
    assert (len(origins.train), len(origins.valid), len(origins.test)) == (8_209, 2_785, 2_785)
    assert origins.widening == pytest.approx(1.5**0.5, rel=0.05)


def test_few_steps_are_drawn_in_shorter_blocks_with_wider_errors() -> None:
    timeline = daily(144)
    cuts = cut_times(timeline, SplitTimes(0.2, 0.2), horizon=12)
    origins = place_origins(timeline, cuts, horizon=12, past=24, n_targets=1)
    assert len(origins.valid) >= 20
    n_train, n_valid = len(origins.train), len(origins.valid)
    of_valid = origins.groups[n_train : n_train + n_valid]
    assert len(np.unique(of_valid)) >= 20
    size = int(np.bincount(np.unique(of_valid, return_inverse=True)[1]).max())
    assert origins.widening == pytest.approx(overlap_widening(12, size, len(origins.valid)))


def test_origins_with_nothing_to_hold_a_forecast_against_are_left_out() -> None:
    whole = place_origins(*_cut(daily(200)), horizon=1, past=5, n_targets=1)
    holed = place_origins(*_cut(daily(200, missing=(150, 151, 190))), horizon=1, past=5, n_targets=1)
    assert len(whole.valid) - len(holed.valid) == 2
    assert len(whole.test) - len(holed.test) == 1


def _cut(timeline: Timeline) -> tuple[Timeline, object]:
    return timeline, cut_times(timeline, SplitTimes(0.2, 0.2), horizon=1)  # type: ignore[return-value]


def test_series_shorter_than_the_horizon_are_refused_with_the_figures() -> None:
    with pytest.raises(DataError, match=r"a forecast of 30 steps needs 30 steps .* has .* \(40 in all\)"):
        cut_times(daily(40), SplitTimes(0.2, 0.2), horizon=30)


def test_stamps_in_the_wrong_order_are_refused() -> None:
    rule = SplitTimes(0.2, 0.2, "2020-06-01", "2020-05-01")
    with pytest.raises(UsageError, match="--valid-from comes after the sealed steps"):
        cut_times(daily(300), rule, horizon=5)


@pytest.mark.parametrize(("n_origins", "horizon"), [(1_200, 24), (1_200, 1), (60, 12), (80, 4)])
def test_equal_forecasts_are_told_apart_no_more_often_than_one_time_in_twenty(n_origins: int, horizon: int) -> None:
    timeline = daily(3 * n_origins)
    valid = np.arange(n_origins, 2 * n_origins)
    grouped, widening, _ = _blocks(timeline, valid, horizon)
    rng = np.random.default_rng(horizon)
    metric = Metric("error", False, lambda truth, outputs, weights: weights @ outputs[:, 0] / weights.sum(axis=1))
    n_told, n_runs = 0, 400
    for run in range(n_runs):
        steps = rng.normal(
            size=(2, n_origins + horizon)
        )  # losses of two forecasts step by step; an origin has their mean
        losses = [np.convolve(each, np.full(horizon, 1.0 / horizon), "valid")[:n_origins, None] for each in steps]
        drawn = bootstrap_scores(np.zeros(n_origins), losses, metric, seed=run, groups=grouped(valid), n_resamples=200)
        (found,) = compare(of_folds(drawn, 1, widening=widening), ["a", "b"], [(0, 1)])
        n_told += not found.tied
    assert n_told / n_runs < 0.085  # 5 % and three standard errors of 400 runs


def test_a_covariate_that_is_known_does_not_make_an_origin_of_unknown_targets() -> None:
    timeline = daily(200, missing=(150, 151))
    beside = replace(timeline, values=np.concatenate([timeline.values, np.ones_like(timeline.values)], axis=1))
    cuts = cut_times(timeline, SplitTimes(0.2, 0.2), horizon=1)
    one, other = (place_origins(each, cuts, horizon=1, past=5, n_targets=1) for each in (timeline, beside))
    assert one.valid.tolist() == other.valid.tolist()
