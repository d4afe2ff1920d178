"""What may be asked of the choice, through the command line: thresholds, sets, limits and a required score."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest


def archwise(*arguments: object, cwd: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "archwise", *map(str, arguments)],
        cwd=cwd, capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def verdict_of(model: Path) -> dict[str, object]:
    return json.loads((model / "verdict.json").read_text())


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a small table: two measurements, of which one bends, a rare label, and a value."""
    rng = np.random.default_rng(0)
    left, right = rng.normal(size=900), rng.normal(size=900)
    signal = left + left * right + 0.5 * rng.normal(size=900)
    label = np.where(signal > 1.2, "yes", "no")
    pl.DataFrame({"left": left, "right": right, "rich": label}).write_csv(tmp_path / "rich.csv")
    pl.DataFrame({"left": left, "right": right, "pay": signal}).write_csv(tmp_path / "pay.csv")
    return tmp_path


FIT = ("fit", "rich.csv", "--target", "rich", "--budget", "300steps", "--out", "m.archwise", "--only")


def test_a_threshold_is_chosen_said_and_answered(place: Path) -> None:
    done = archwise(*FIT, "linear", "--threshold", "cost:5:1", cwd=place)
    assert "'yes' is answered from a probability of" in done.stdout
    calibration = json.loads((place / "m.archwise" / "model.json").read_text())["calibration"]
    archwise("predict", "m.archwise", "rich.csv", "--sets", "--out", "a.csv", cwd=place)
    answers = pl.read_csv(place / "a.csv")
    assert answers.columns == ["prediction", "p:no", "p:yes", "set"]
    assert ((answers["prediction"] == "yes") == (answers["p:yes"] >= calibration["threshold"])).all()
    assert all(row["prediction"] in json.loads(row["set"]) for row in answers.to_dicts())
    honesty = verdict_of(place / "m.archwise")["test"]["honesty"]
    assert calibration["threshold"] < 0.5  # a missed one costs five times a false alarm
    assert honesty["merit"][1] >= honesty["merit"][0]
    assert honesty["coverage_low"] < honesty["n_held"] / 180 < honesty["coverage_high"]


def test_a_score_that_is_not_reached_ends_with_7_and_the_model_is_written(place: Path) -> None:
    done = archwise(*FIT, "linear", "--require", "0.999", cwd=place, code=7)
    assert "It does not reach the required roc_auc of at least 0.9990" in done.stdout
    assert "0.999 was required" in done.stderr
    assert verdict_of(place / "m.archwise")["require"] == {"required": 0.999, "reached": False}
    assert archwise("predict", "m.archwise", "rich.csv", cwd=place).stdout.startswith("prediction,p:no,p:yes\n")
    archwise("resume", next(place.glob("*.run")), cwd=place, code=7)


def test_an_error_that_stays_below_what_is_required_ends_with_0(place: Path) -> None:
    options = ("--budget", "300steps", "--only", "linear", "--require", "100", "--out", "m.archwise")
    done = archwise("fit", "pay.csv", "--target", "pay", *options, cwd=place)
    assert "It reaches the required rmse of at most 100 on the sealed rows." in done.stdout
    assert "The 90 % intervals held" in done.stdout


def test_a_model_that_is_too_big_is_passed_over_for_a_network_that_fits(place: Path) -> None:
    network = ("--set", "mlp.width=16", "--set", "mlp.layers=1", "--set", "plan.epochs=2")
    trees = ("--set", "trees.trees=300", "--set", "trees.leaves=31")
    archwise(*FIT, "trees,mlp", *network, *trees, "--size", "20kB", "--latency", "1s", cwd=place)
    verdict = verdict_of(place / "m.archwise")
    assert verdict["chosen"] == "mlp"
    assert "trees" in [cost["label"] for cost in verdict["limits"]["broken"]]
    assert (place / "m.archwise" / "model.onnx").stat().st_size <= 20_000
    assert verdict["limits"]["measured"]["latency_ms"] < 1_000
    assert any(reason.startswith("It keeps the limit of 1000 ms a row and 0.02 MB") for reason in verdict["reasons"])


def test_a_limit_that_nobody_keeps_is_an_error_that_names_everyone(place: Path) -> None:
    done = archwise(*FIT, "linear,majority", "--latency", "0.01us", cwd=place, code=5)
    assert "no candidate keeps the limit of 1e-05 ms a row" in done.stderr
    assert "majority takes" in done.stderr
    assert not (place / "m.archwise").exists()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--threshold", "f2"), "'f2' is no rule for a threshold"),
        (("--latency", "fast"), "'fast' cannot be read; write a figure in us, ms, s, as in 2ms"),
        (("--size", "5"), "'5' cannot be read"),
    ],
)
def test_a_wrong_limit_is_named_before_anything_is_read(place: Path, options: tuple[str, str], told: str) -> None:
    assert told in archwise(*FIT, "linear", *options, cwd=place, code=2).stderr


def test_a_threshold_for_a_number_is_refused_before_the_race(place: Path) -> None:
    done = archwise("fit", "pay.csv", "--target", "pay", "--threshold", "f1", cwd=place, code=2)
    assert "--threshold needs a target of two classes" in done.stderr
    assert not list(place.glob("*.run"))
