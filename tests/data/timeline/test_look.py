"""Any source becomes series, or one error that archwise raises on purpose; roles are found and said."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archwise.data.timeline.look import TimelineRequest, find_roles, open_timeline
from archwise.data.timeline.prepare import batch_at, prepare_steps, targets_at
from archwise.data.timeline.split import SplitTimes, place_origins
from archwise.errors import ArchwiseError, ColumnError, DataError, UsageError

TIMES = SplitTimes(0.2, 0.2)

cell_of_time = st.one_of(
    st.none(),
    st.dates().map(str),
    st.datetimes().map(str),
    st.sampled_from(["2024-01-01", "2024-01-02", "2024-02", "1999Q3", "soon", "", "12", "2024-03-31T02:30:00+02:00"]),
)
cell_of_number = st.one_of(
    st.none(), st.floats(-1e300, 1e300).map(str), st.sampled_from(["nan", "inf", "-0", "?", "many", "1e308", "-1e308"])
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    times=st.lists(cell_of_time, min_size=3, max_size=12),
    values=st.lists(cell_of_number, min_size=12, max_size=12),
    gaps=st.sampled_from(["error", "fill"]),
    zone=st.sampled_from(["", "Europe/Berlin"]),
)
def test_any_cells_give_series_or_an_error_on_purpose(
    times: list[str | None], values: list[str | None], gaps: str, zone: str
) -> None:
    frame = pl.DataFrame({"t": times, "y": values[: len(times)]}, schema={"t": pl.String, "y": pl.String})
    request = TimelineRequest(("y",), 1, TIMES, time="t", gaps=gaps, zone=zone)
    try:
        opened = open_timeline(frame, request)
    except ArchwiseError:
        return
    assert opened.timeline.begins[-1] == len(opened.timeline.values)


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), min_size=60, max_size=120),
    horizon=st.integers(1, 6),
    past=st.integers(1, 12),
)
def test_whatever_is_missing_the_inputs_are_numbers_and_the_targets_those_of_the_table(
    values: list[float | None], horizon: int, past: int
) -> None:
    frame = pl.DataFrame({"y": values}, schema={"y": pl.Float64})
    try:
        opened = open_timeline(frame, TimelineRequest(("y",), horizon, TIMES, gaps="fill"))
        origins = place_origins(opened.timeline, opened.cuts, horizon=horizon, past=past, n_targets=1)
    except ArchwiseError:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        steps = prepare_steps(opened.state, opened.timeline)
        batch = batch_at(opened.state, steps, origins.valid, past=past)
        targets = np.asarray(targets_at(opened.state, opened.timeline, steps, origins.valid))
    assert np.isfinite(batch["window"][:]).all()
    assert (~np.isnan(targets[:, :horizon])).any(axis=1).all()


def months(n: int = 60) -> pl.DataFrame:
    rng = np.random.default_rng(0)
    when = [f"{1990 + place // 12}-{place % 12 + 1:02d}" for place in range(n)]
    return pl.DataFrame({"m": when, "y": rng.normal(size=n), "x": rng.normal(size=n), "word": ["a b c"] * n})


def test_other_numbers_are_covariates_and_other_columns_are_set_aside_with_the_reason() -> None:
    opened = open_timeline(months(), TimelineRequest(("y",), 3, TIMES, time="m"))
    assert opened.roles.past == ("x",)
    aside = {column.name: column.because for column in opened.profile.columns if not column.use}
    assert "covariates are numbers" in aside["word"]
    facts = opened.profile.forecast
    assert facts is not None
    assert (facts.n_series, facts.horizon, facts.n_targets, facts.n_past, facts.calendar) == (1, 3, 1, 1, True)


def test_what_is_left_out_is_left_out() -> None:
    opened = open_timeline(months(), TimelineRequest(("y",), 3, TIMES, time="m", drop=("x",)))
    assert opened.roles.past == ()


def test_sealed_steps_of_a_file_of_their_own_must_follow_at_once() -> None:
    whole = months(72)
    opened = open_timeline(whole.head(60), TimelineRequest(("y",), 3, TIMES, time="m", test=whole.tail(12)))
    assert int(opened.cuts.until[0] - opened.cuts.test_from[0]) == 12
    with pytest.raises(DataError, match=r"its first step is \+5 steps of 1 month away"):
        open_timeline(whole.head(60), TimelineRequest(("y",), 3, TIMES, time="m", test=whole.tail(7)))


def test_nothing_to_forecast_is_said() -> None:
    with pytest.raises(UsageError, match="name the column to forecast with --target"):
        open_timeline(months(), TimelineRequest((), 3, TIMES, time="m"))
    with pytest.raises(ColumnError, match="--drop: there is no column 'z'"):
        open_timeline(months(), TimelineRequest(("y",), 3, TIMES, time="m", drop=("z",)))


def in_other_years(n: int = 13) -> pl.DataFrame:
    """Series of 100 days each, each in a year of its own, with the number of each day."""
    rng = np.random.default_rng(0)
    ends = [(pl.datetime(year, 1, 1), pl.datetime(year, 4, 9)) for year in range(1990, 1990 + n)]
    days = [pl.datetime_range(first, last, "1d", eager=True) for first, last in ends]
    return pl.DataFrame(
        {
            "id": np.repeat(np.arange(n), [len(each) for each in days]),
            "day": pl.concat(days),
            "number": np.concatenate([1 + np.arange(len(each)) for each in days]),
            "y": rng.normal(size=sum(map(len, days))),
        }
    )


def test_series_that_share_no_calendar_are_said_and_numbered_steps_cut_each_at_its_own_end() -> None:
    request = TimelineRequest(("y",), 5, TIMES, time="day", series="id")
    opened = open_timeline(in_other_years(), request)
    (told,) = (each.message for each in opened.profile.findings if each.code == "series")
    assert "one moment for all 13 series; only " in told
    with pytest.raises(DataError, match=r"the longest series has 0 there .*; where series share no calendar, cut each"):
        open_timeline(in_other_years(12), request)
    numbered = open_timeline(in_other_years(), replace(request, time="number"))
    assert not [each for each in numbered.profile.findings if each.code == "series"]
    assert (numbered.cuts.until - numbered.cuts.test_from >= 5).all()


def test_what_the_source_knows_to_be_no_covariate_is_none() -> None:
    request = TimelineRequest(("y",), 5, TIMES, time="day", series="id")
    assert find_roles(in_other_years(), request)[0].past == ("number",)
    roles, aside = find_roles(in_other_years(), request, not_read={"number": "it counts"})
    assert (roles.past, aside) == ((), {"number": "it counts"})
