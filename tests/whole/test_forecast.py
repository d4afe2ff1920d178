"""Forecasts the whole way: fit, forecast from the folder and from newer data, rolling backtest; and wrong input."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import archwise
from archwise import cli
from archwise.config import Config
from archwise.errors import DataError

DATA = Path(__file__).parents[3] / "shared" / "data"
QUICK = ("--only", "forecast-linear,last-value,seasonal-naive,window-ridge", "--budget", "60steps", "--workers", "1")
Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """The command line in an empty folder: what it prints, or the one line of its error."""
    monkeypatch.chdir(tmp_path)

    def run_it(*arguments: object, code: int = 0) -> str:
        found = cli.main([str(argument) for argument in arguments])
        printed = capfd.readouterr()
        assert found == code, printed.err
        assert "Traceback" not in printed.err
        return printed.out if code == 0 else printed.err.strip()

    return run_it


def hours(n: int = 600, *, seed: int = 0, start: int = 0) -> pl.DataFrame:
    """A load with a day in it, moved by a price that is known ahead, and a temperature that is not."""
    rng = np.random.default_rng(seed)
    steps = np.arange(start, start + n)
    price = (steps // 24 % 5 == 0).astype(float)
    stamps = pl.datetime_range(pl.datetime(2024, 1, 1), pl.datetime(2024, 3, 31), "1h", eager=True)[start : start + n]
    load = 10 + 3 * np.sin(2 * np.pi * steps / 24) - 4 * price + rng.normal(0, 0.2, n)
    return pl.DataFrame({"time": stamps, "load": load, "price": price, "heat": rng.normal(20, 5, n), "note": "a b c"})


def fit(run: Run, *options: object, frame: pl.DataFrame | None = None, name: str = "load.csv") -> str:
    (hours() if frame is None else frame).write_csv(name)
    common = ("--target", "load", "--time", "time", "--horizon", "12", "--out", "m.archwise", *QUICK)
    given = {str(option) for option in options}
    pairs = [common[place : place + 2] for place in range(0, len(common), 2)]
    return run("fit", name, *options, *(cell for pair in pairs if pair[0] not in given for cell in pair))


def test_a_forecast_goes_on_from_the_last_step_with_intervals(run: Run) -> None:
    assert "chosen" in fit(run)
    run("predict", "m.archwise", "--horizon", "12", "--out", "next.csv")
    assert "it answers as predict does" in run("export", "m.archwise", "--check", "load.csv")
    answers = pl.read_csv("next.csv", try_parse_dates=True)
    assert answers.columns == ["time", "prediction", "low", "high"]
    expected = hours(12, start=600)
    assert answers["time"].to_list() == expected["time"].to_list()
    assert (answers["low"] <= answers["prediction"]).all()
    assert (answers["prediction"] <= answers["high"]).all()
    assert float((answers["prediction"] - expected["load"]).abs().mean()) < 3.0


def test_a_shorter_horizon_is_the_beginning_of_the_whole_one(run: Run) -> None:
    fit(run)
    whole, short = (archwise.predict("m.archwise", horizon=horizon).answers for horizon in (0, 5))
    assert whole.height == 12
    assert short.equals(whole.head(5))
    assert "a horizon of -1: forecast 1 step or more" in run("predict", "m.archwise", "--horizon", "-1", code=2)


def test_beyond_the_horizon_a_forecast_goes_on_from_its_own_answers(run: Run) -> None:
    fit(run, "--only", "forecast-linear")
    whole = archwise.predict("m.archwise", horizon=30)
    assert whole.answers["time"].to_list() == hours(30, start=600)["time"].to_list()
    first = archwise.predict("m.archwise")
    assert whole.answers.head(12).equals(first.answers)
    (finding,) = whole.findings
    assert (finding.code, first.findings) == ("rolled", ())
    assert "beyond step 12 the forecast goes on from its own answers" in finding.message
    fed = first.answers.select("time", load="prediction").with_columns(price=0.0, heat=20.0, note=pl.lit("a b c"))
    again = archwise.predict("m.archwise", pl.concat([hours(), fed.cast({"time": hours().schema["time"]})])).answers
    np.testing.assert_allclose(again["prediction"], whole.answers["prediction"][12:24], rtol=1e-5)
    run("predict", "m.archwise", "--horizon", "1200", "--out", "far.csv")
    message = run("predict", "m.archwise", "--horizon", "1201", code=2)
    assert "goes on from its own answers up to 100 times as far, 1,200 steps" in message
    message = run("evaluate", "m.archwise", "load.csv", "--horizon", "13", code=2)
    assert "No such option" in message


def test_intervals_grow_as_those_of_a_random_walk_where_it_forecasts_from_its_own_answers(run: Run) -> None:
    walk = hours().with_columns(load=pl.Series(np.random.default_rng(1).normal(size=600).cumsum()))
    fit(run, "--only", "last-value", frame=walk)
    answers = archwise.predict("m.archwise", horizon=36).answers
    for end in ("low", "high"):
        distance = (answers[end] - answers["prediction"]).abs().to_numpy().reshape(3, 12)
        for block in (1, 2):
            expected = np.sqrt(block * distance[0].max() ** 2 + distance[0] ** 2)
            np.testing.assert_allclose(distance[block], expected, rtol=1e-5)
    assert (answers["low"] <= answers["prediction"]).all()


def test_what_is_read_and_not_forecast_ends_at_the_horizon(run: Run) -> None:
    fit(run, "--only", "forecast-linear", "--set", "forecast-linear.covariates=read", "--drop", "note")
    assert archwise.predict("m.archwise").answers.height == 12
    message = run("predict", "m.archwise", "--horizon", "13", code=2)
    assert "it cannot go on from its own answers, for it also reads price, heat, which it does not forecast" in message


def test_newer_data_are_followed_whether_they_hold_the_past_or_only_what_is_new(run: Run) -> None:
    fit(run)
    hours(640).write_csv("all.csv")
    hours(640).tail(40).write_csv("new.csv")
    whole, new = (archwise.predict("m.archwise", source).answers for source in ("all.csv", "new.csv"))
    assert whole["time"][0] == hours(641)["time"][640]
    np.testing.assert_allclose(whole["prediction"], new["prediction"], rtol=1e-5)
    hours(700).tail(10).write_csv("later.csv")
    message = run("predict", "m.archwise", "later.csv", code=3)
    assert "10 steps that end where the forecast begins, and the model reads" in message


def test_a_frame_is_followed_as_a_file_is(run: Run) -> None:
    fit(run)
    assert archwise.predict("m.archwise", hours(640)).answers["time"][0] == hours(641)["time"][640]


def test_the_rolling_backtest_forecasts_from_many_steps(run: Run) -> None:
    fit(run)
    hours(1_000).write_csv("all.csv")
    scored = json.loads(run("evaluate", "m.archwise", "all.csv", "--origins", "20", "--json"))
    assert scored["n_rows"] == 20
    assert set(scored["scores"]) == {"mse", "mase", "mae", "rmse", "smape", "pinball", "coverage"}
    assert scored["low"] <= scored["score"] <= scored["high"]
    assert not scored["notes"]
    within = json.loads(run("evaluate", "m.archwise", "load.csv", "--json"))
    assert "lie in the data that the model was fitted" in within["notes"][0]


def test_what_is_known_ahead_is_used_and_missed_where_it_is_not_given(run: Run) -> None:
    fit(run, "--known", "price", "--only", "forecast-linear", "--budget", "1500steps")
    reasons = json.loads(Path("m.archwise/verdict.json").read_text())["reasons"]
    assert "It was then trained anew on all" in reasons[-1]
    message = run("predict", "m.archwise", "--horizon", "12", code=3)
    assert "'price' is not known at 2024-01-26 00:00:00: 12 such cells are missing in the 12 steps ahead" in message
    coming = hours(612).with_columns(pl.when(pl.int_range(pl.len()) < 600).then("load").alias("load"))
    dear = coming.with_columns(pl.when(pl.int_range(pl.len()) < 600).then("price").otherwise(1.0).alias("price"))
    cheap = coming.with_columns(pl.when(pl.int_range(pl.len()) < 600).then("price").otherwise(0.0).alias("price"))
    high, low = (archwise.predict("m.archwise", frame).answers["prediction"].mean() for frame in (cheap, dear))
    assert high - low > 1.0  # type: ignore[operator]  # both are numbers
    with pytest.raises(DataError, match="'price' is not known at 2024-01-26 12:00:00: 8 such cells are missing"):
        archwise.predict("m.archwise", cheap, horizon=20)
    farther = hours(630).with_columns(pl.when(pl.int_range(pl.len()) < 600).then("load").alias("load"))
    known = archwise.predict("m.archwise", farther, horizon=30).answers
    unlike = farther.with_columns(pl.when(pl.int_range(pl.len()) < 620).then("price").otherwise(2.0).alias("price"))
    changed = archwise.predict("m.archwise", unlike, horizon=30).answers
    assert changed.head(12).equals(known.head(12))
    assert (changed["prediction"] - known["prediction"]).abs().tail(6).max() > 0.1  # type: ignore[operator]


def test_several_targets_and_several_series(run: Run) -> None:
    both = pl.concat([hours(seed=place).with_columns(pl.lit(f"site {place}").alias("site")) for place in range(3)])
    fit(run, "--target", "load,heat", "--series", "site", frame=both)
    answers = archwise.predict("m.archwise").answers
    assert answers.columns[:3] == ["site", "time", "load"]
    assert {"heat", "heat:low", "load:high"} <= set(answers.columns)
    assert answers.height == 3 * 12
    stranger = hours().with_columns(pl.lit("site 9").alias("site"))
    with pytest.raises(DataError, match="series 'site 9'"):
        archwise.predict("m.archwise", stranger)


def test_a_series_in_each_row_with_the_sealed_steps_in_a_file_of_their_own(run: Run) -> None:
    rng = np.random.default_rng(0)
    values = 5 + np.sin(2 * np.pi * np.arange(120) / 12) * rng.uniform(1, 9, (30, 1)) + rng.normal(0, 0.1, (30, 120))
    for name, part in (("train.csv", values[:, :108]), ("test.csv", values[:, 108:])):
        columns = {f"V{place}": part[:, place] for place in range(part.shape[1])}
        pl.DataFrame({"id": [f"H{place}" for place in range(30)], **columns}).write_csv(name)
    options = ("--series", "id", "--horizon", "12", "--test", "test.csv", "--out", "m.archwise", *QUICK)
    assert "30 sealed rows" in run("fit", "train.csv", *options)
    verdict = json.loads(Path("m.archwise/verdict.json").read_text())
    assert verdict["metric"] == "mase"
    assert verdict["test"]["n_rows"] == 30
    answers = archwise.predict("m.archwise").answers
    assert answers["id"].unique(maintain_order=True).to_list()[:2] == ["H0", "H1"]
    assert answers["step"].min() == 121


def monash(n: int = 100, *, head: str = "@horizon 6\n") -> str:
    """Months of three series that repeat themselves each year, as the Monash archive writes them."""
    rng = np.random.default_rng(0)
    lines = ["@attribute series_name string\n@attribute start_timestamp date\n@frequency monthly\n@missing true"]
    lines += [f"{head}@data"]
    for place in range(3):
        values = 10 + 4 * np.sin(2 * np.pi * np.arange(n) / 12 + place) + rng.normal(0, 0.2, n)
        cells = ["?" if step == 20 else f"{value:.3f}" for step, value in enumerate(values)]
        lines.append(f"T{place + 1}:1990-01-01 00-00-00:{','.join(cells)}")
    return "\n".join(lines)


def test_a_file_that_knows_its_forecast_needs_no_options(run: Run) -> None:
    Path("made.tsf").write_text(monash())
    quick = ("--only", "last-value,seasonal-naive", "--budget", "60steps", "--workers", "1")
    assert "--horizon 6 asks for it: 3 series of 100 steps" in run("look", "made.tsf", "--json")
    run("fit", "made.tsf", *quick)
    run("predict", "made.archwise", "--out", "next.csv")
    answers = pl.read_csv("next.csv")
    assert answers["time"].to_list() == [f"1998-{month:02d}-01" for month in range(5, 11)] * 3
    assert answers["series"].unique(maintain_order=True).to_list() == ["T1", "T2", "T3"]
    Path("newer.tsf").write_text(monash(112))
    run("predict", "made.archwise", "newer.tsf", "--out", "later.csv")
    assert pl.read_csv("later.csv")["time"][0] == "1999-05-01"
    assert json.loads(run("evaluate", "made.archwise", "newer.tsf", "--origins", "2", "--json"))["n_rows"] == 6
    Path("open.tsf").write_text(monash(head=""))
    assert "the file names no @horizon" in run("fit", "open.tsf", *quick, code=2)
    run("fit", "open.tsf", "--horizon", "4", *quick)
    assert archwise.predict("open.archwise").answers.height == 3 * 4


def test_gaps_are_filled_where_it_is_asked(run: Run) -> None:
    holed = hours().filter((pl.int_range(pl.len()) % 50) != 7).sample(fraction=1.0, shuffle=True, seed=1)
    holed.write_csv("load.csv")
    message = run("fit", "load.csv", "--target", "load", "--time", "time", "--horizon", "12", *QUICK, code=3)
    assert "12 of 600 steps of 1 hour have no row" in message
    assert not list(Path().glob("*.run"))
    assert "12 of 600 steps of 1 hour have no row" in fit(run, "--gaps", "fill", frame=holed)


def test_a_run_in_steps_is_the_same_again(run: Run) -> None:
    scores = []
    for name in ("one.archwise", "two.archwise"):
        fit(run, "--out", name)
        scores.append(json.loads(Path(name, "verdict.json").read_text())["test"]["score"])
    assert scores[0] == scores[1]


def test_look_says_what_is_to_be_forecast(run: Run) -> None:
    hours().write_csv("load.csv")
    said = run("look", "load.csv", "--target", "load", "--time", "time", "--horizon", "12")
    assert "--horizon 12 asks for it: 1 series of 600 steps" in said
    assert "steps of 1 hour; the training steps repeat themselves after 24 steps" in said


@pytest.mark.parametrize(
    ("options", "change", "message"),
    [
        ((), {"load": pl.lit(3.0)}, "target 'load' does not vary in the training steps"),
        ((), {"load": pl.lit(None, pl.Float64)}, "no row has a value of load; every cell is missing"),
        (("--horizon", "300"), {}, "a forecast of 300 steps needs 300 steps"),
        (("--target", "laod"), {}, "there is no column 'laod'. Did you mean 'load'?"),
        (("--time", "load"), {}, "the column is named by --target already"),
        (("--known", "rain"), {}, "--known: there is no column 'rain'"),
        ((), {"load": pl.lit("many")}, "column 'load', row 1: 'many' is not a number"),
        ((), {"time": pl.lit("soon")}, "time column 'time', row 1: 'soon' is no time"),
        ((), {"time": pl.lit("2024-01-01")}, "no series has two stamps that differ"),
        (("--test-from", "never"), {}, "'never' is no moment"),
        (("--group", "heat"), {}, "--group does not go with --horizon"),
        (("--zone", "Mars/Olympus"), {}, "there is no time zone 'Mars/Olympus'"),
        (("--gaps", "guess"), {}, "option 'gaps'"),
        (("--metric", "msee"), {}, "Did you mean 'mse'?"),
    ],
)
def test_wrong_input_is_one_clear_line(
    run: Run, options: Sequence[str], change: dict[str, pl.Expr], message: str
) -> None:
    hours(400).with_columns(**change).write_csv("load.csv")
    base = {"--target": "load", "--time": "time", "--horizon": "12"} | dict(
        zip(options[::2], options[1::2], strict=True)
    )
    flat = [cell for pair in base.items() for cell in pair]
    found = run("fit", "load.csv", *flat, *QUICK, code=2 if _is_usage(message) else 3)
    assert message in found
    assert found.count("\n") == 0
    assert not list(Path().glob("*.run"))


def _is_usage(message: str) -> bool:
    return any(each in message for each in ("named by", "moment", "does not go", "time zone", "option", "'mse'"))


def test_etth1_in_the_papers_split_is_forecast_as_well_as_the_papers_linear_models(tmp_path: Path) -> None:
    source = DATA / "ts-etth1" / "ETTh1.csv"
    if not source.exists():
        pytest.skip(f"{source} is not there")
    config = Config(
        time="date", horizon=96, valid_from="2017-06-26", test_from="2017-10-24", until="2018-02-21",
        only=("window-ridge", "last-value"), workers=1,
    )  # fmt: skip
    model = archwise.fit(
        source, "HUFL,HULL,MUFL,MULL,LUFL,LULL,OT", budget="50steps", out=tmp_path / "m.archwise", config=config
    )
    references = {each["label"]: each["score"] for each in model.verdict["test"]["references"]}
    assert model.verdict["test"]["n_rows"] == 2_785
    assert references["last-value"] == pytest.approx(1.2944, abs=5e-4)  # "repeat" of Zeng et al. 2023 has 1.294
    assert model.verdict["test"]["score"] <= 0.385
