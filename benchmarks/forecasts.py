"""Forecasts of known series by whole `archwise fit` commands, held against references and published figures.

    python benchmarks/forecasts.py ../shared/data --sets etth1 m4 --budget 3m

What is chosen is told by the verdict of each run; of M4 also MASE and sMAPE as the competition counts them, series by
series, beside the seasonal naive forecast. Nothing here is tuned on sealed steps.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

import archwise

RESULTS = Path(__file__).parent / "results" / "forecasts.json"
ETTH1 = "HUFL,HULL,MUFL,MULL,LUFL,LULL,OT"
SEASON, HORIZON = 24, 48  # of M4 hourly

SETS = {
    "etth1": (
        "ts-etth1/ETTh1.csv",
        f"--target {ETTH1} --time date --horizon 96 --valid-from 2017-06-26 --test-from 2017-10-24 --until 2018-02-21",
    ),
    "etth1-ot": (
        "ts-etth1/ETTh1.csv",
        "--target OT --time date --horizon 96 --valid-from 2017-06-26 --test-from 2017-10-24 --until 2018-02-21",
    ),
    "m4": ("ts-m4-hourly/Hourly-train.csv", "--series V1 --horizon 48 --test {data}/ts-m4-hourly/Hourly-test.csv"),
    "temperatures": (
        "ts-daily-min-temperatures/daily-min-temperatures.csv",
        "--target Temp --time Date --horizon 14 --gaps fill",
    ),
    "passengers": (
        "ts-monthly-airline-passengers/monthly-airline-passengers.csv",
        "--target Passengers --time Month --horizon 12",
    ),
    "sunspots": ("ts-monthly-sunspots/monthly-sunspots.csv", "--target Sunspots --time Month --horizon 12"),
    "pollution": (
        "ts-pollution/pollution.csv",
        "--target pm2.5 --time No --drop year,month,day,hour --horizon 24 --gaps fill",
    ),
}


def fit(data: Path, name: str, budget: str, seed: int) -> dict[str, object]:
    """Fit a set by the command line, and read its verdict."""
    source, options = SETS[name]
    with tempfile.TemporaryDirectory() as place:
        model = Path(place) / "m.archwise"
        words = options.format(data=data).split()
        command = [sys.executable, "-m", "archwise", "fit", str(data / source), *words, "--budget", budget]
        began = time.monotonic()
        subprocess.run([*command, "--seed", str(seed), "--out", str(model), "--quiet"], check=True, cwd=place)
        seconds = time.monotonic() - began
        verdict = json.loads((model / "verdict.json").read_text())
        trials = json.loads((model / "trials.json").read_text())
        facts = archwise.load(model).facts
        test = verdict["test"]
        found = {
            "set": name,
            "budget": budget,
            "seed": seed,
            "seconds": round(seconds, 1),
            "load": [round(value, 1) for value in os.getloadavg()],
            "chosen": verdict["label"],
            "settings": next(trial["settings"] for trial in trials if trial["id"] == verdict["candidate"]),
            "metric": verdict["metric"],
            "validation": verdict["validation"]["score"],
            "sealed": [test["score"], test["low"], test["high"]],
            "references": {each["label"]: each["score"] for each in test["references"]},
            "every": dict(facts.test),
            "reason": verdict["reasons"][1],
        }
        return {**found, **(m4_figures(data, model) if name == "m4" else {})}


def m4_figures(data: Path, model: Path) -> dict[str, object]:
    """MASE and sMAPE as M4 counts them: scaled by the whole training part of each series."""
    files = (data / "ts-m4-hourly" / f"Hourly-{part}.csv" for part in ("train", "test"))
    train, test = (pl.read_csv(file, infer_schema=False) for file in files)
    answers = archwise.predict(model, train).answers
    ahead = answers["prediction"].to_numpy().reshape(-1, HORIZON)
    truth = test.drop("V1").cast(pl.Float64).to_numpy()
    mase, naive_mase, smape = [], [], []
    for row, forecast, true in zip(train.drop("V1").iter_rows(), ahead, truth, strict=True):
        values = np.array([float(cell) for cell in row if cell])
        scale = np.abs(values[SEASON:] - values[:-SEASON]).mean()
        naive = np.tile(values[-SEASON:], HORIZON // SEASON)
        mase.append(np.abs(forecast - true).mean() / scale)
        naive_mase.append(np.abs(naive - true).mean() / scale)
        smape.append((200 * np.abs(forecast - true) / (np.abs(forecast) + np.abs(true))).mean())
    better = float(np.mean(np.array(mase) < np.array(naive_mase)))
    return {
        "m4_mase": float(np.mean(mase)),
        "m4_mase_of_seasonal_naive": float(np.mean(naive_mase)),
        "m4_smape": float(np.mean(smape)),
        "m4_share_of_series_better_than_seasonal_naive": better,
        "m4_median_mase": [float(np.median(mase)), float(np.median(naive_mase))],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS))
    parser.add_argument("--budget", default="3m")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    held = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    for name in arguments.sets:
        found = fit(arguments.data.resolve(), name, arguments.budget, arguments.seed)
        print(json.dumps(found, indent=1))
        key = (found["set"], found["budget"], found["seed"])
        held = [each for each in held if (each["set"], each["budget"], each["seed"]) != key] + [found]
        RESULTS.write_text(json.dumps(held, indent=1) + "\n")


if __name__ == "__main__":
    main()
