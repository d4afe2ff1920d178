"""One row in a warm process, a batch, a cold command and the size of the folder, for models of real tables.

    python benchmarks/serving.py --data ../shared/data

adult (14 columns) with trees and with an MLP, california-housing (9 columns) with trees; each fitted once by a small
budget of steps, for the speed of an answer does not depend on how good it is. Beside them LightGBM's own one row, of a
model with as many trees on the same table, from a pandas frame and from an array that is already encoded.
Results: benchmarks/results/serving.json and a table.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

import archwise
from archwise.data.open import open_table

HERE = Path(__file__).parent
ADULT = (
    "age,workclass,fnlwgt,education,education-num,marital-status,occupation,relationship,race,sex,"
    "capital-gain,capital-loss,hours-per-week,native-country,income"
)
ADULT_NUMBERS = ("age", "fnlwgt", "education-num", "capital-gain", "capital-loss", "hours-per-week")


def main() -> None:
    """Measure every model and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--budget", default="3000steps")
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--cold", type=int, default=5, help="cold commands")
    arguments = parser.parse_args()
    adult, housing = adult_table(arguments.data), housing_table(arguments.data)
    cases = [
        ("adult", "trees", adult, "income"),
        ("adult", "mlp", adult, "income"),
        ("california-housing", "trees", housing, "median_house_value"),
    ]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, only, table, target in cases:
            model = Path(folder) / f"{name}-{only}.archwise"
            archwise.fit(table, target, budget=arguments.budget, out=model, config=archwise.Config(only=(only,)))
            rows.append({"data": name, "model": only, **measure(model, table.drop(target), arguments)})
            print(json.dumps(rows[-1]), flush=True)
    rows += [lightgbm_row(name, table, target, arguments.calls) for name, _, table, target in (cases[0], cases[2])]
    results = HERE / "results"
    results.mkdir(exist_ok=True)
    load = [round(figure, 1) for figure in os.getloadavg()]
    machine = f"{platform.processor() or platform.machine()}, 2 cores"
    (results / "serving.json").write_text(
        json.dumps({"command": sys.argv[1:], "machine": machine, "load": load, "rows": rows}, indent=1)
    )
    for row in rows:
        print(" | ".join(f"{name} {value}" for name, value in row.items()))


def measure(folder: Path, table: pl.DataFrame, arguments: argparse.Namespace) -> dict[str, object]:
    """The figures of one model folder."""
    model = archwise.load(folder)
    rows = table.head(arguments.calls).to_dicts()
    batch = table.head(1_000)
    p50, p95 = timed(lambda call: archwise.predict(model, rows[call % len(rows)]), arguments.calls)
    cpu, cpu95 = timed(
        lambda call: archwise.predict(model, rows[call % len(rows)]), arguments.calls, clock=time.process_time
    )
    of_batch, _ = timed(lambda _: archwise.predict(model, batch), 20)
    table.head(1).write_csv(folder.with_suffix(".csv"))
    command = [sys.executable, "-m", "archwise", "predict", str(folder), str(folder.with_suffix(".csv"))]
    cold, _ = timed(lambda _: subprocess.run(command, check=True, capture_output=True), arguments.cold, warm=1)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
    return {
        "row_p50_ms": round(p50, 3),
        "row_p95_ms": round(p95, 3),
        "row_cpu_p50_ms": round(cpu, 3),
        "row_cpu_p95_ms": round(cpu95, 3),
        "batch_of_1000_ms": round(of_batch, 1),
        "cold_command_ms": round(cold),
        "folder_mb": round(size, 2),
    }


def timed(
    call: Callable[[int], object], n: int, *, warm: int = 20, clock: Callable[[], float] = time.perf_counter
) -> tuple[float, float]:
    """The median and the 95th percentile of n calls, ms, after some that are not counted."""
    for number in range(warm):
        call(number)
    times = []
    for number in range(n):
        started = clock()
        call(number)
        times.append(1e3 * (clock() - started))
    return float(np.percentile(times, 50)), float(np.percentile(times, 95))


def lightgbm_row(name: str, table: pl.DataFrame, target: str, n: int) -> dict[str, object]:
    """One row of LightGBM by its own library, one thread."""
    try:
        import lightgbm
        import pandas
    except ImportError as error:
        return {"data": name, "model": "lightgbm", "note": f"not at hand: {error}"}
    frame = pandas.DataFrame(table.drop(target).to_dict(as_series=False))
    words = [column for column in frame if frame[column].dtype.kind not in "biuf"]
    frame[words] = frame[words].astype("category")
    kind = lightgbm.LGBMRegressor if table[target].dtype.is_numeric() else lightgbm.LGBMClassifier
    model = kind(n_estimators=100, n_jobs=1, verbose=-1).fit(frame, table[target].to_list())
    ask = model.predict_proba if hasattr(model, "predict_proba") else model.predict
    single = [frame.iloc[row : row + 1] for row in range(200)]
    p50, p95 = timed(lambda call: ask(single[call % 200]), n)
    codes = frame.assign(**{word: frame[word].cat.codes for word in words}).to_numpy(np.float64)
    booster = model.booster_
    encoded, _ = timed(lambda call: booster.predict(codes[call % 200][None], num_threads=1), n)
    figures = {"row_p50_ms": round(p50, 3), "row_p95_ms": round(p95, 3), "encoded_row_p50_ms": round(encoded, 3)}
    return {"data": name, "model": "lightgbm", **figures}


def adult_table(data: Path) -> pl.DataFrame:
    """Adult's training rows with their types."""
    frame = open_table(data / "adult" / "adult-train.csv", names=tuple(ADULT.split(","))).frame
    return frame.with_columns(pl.col(ADULT_NUMBERS).cast(pl.Float64))


def housing_table(data: Path) -> pl.DataFrame:
    """California housing."""
    return pl.read_csv(data / "california-housing" / "housing.csv")


if __name__ == "__main__":
    main()
