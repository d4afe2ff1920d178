"""How much memory and time a table takes that is larger than what is held at once.

    python benchmarks/large.py --rows 10000000 --format csv --task classify

Makes a table of 20 columns (15 numbers, 4 categories of which one has 1,000 levels, a target) in a temporary folder,
runs `archwise look`, `fit` and `predict` on it as whole processes, and reads the resident memory of each process tree
every 50 ms. Prints a line a step, and adds the run to benchmarks/results/large.json. Pages of files that are mapped
count as resident in every process that touched them; the proportional figure counts what is shared once.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import polars as pl

RESULTS = Path(__file__).parent / "results" / "large.json"
ROWS_A_PART = 500_000
EVERY_S = 0.05
PROPORTIONAL_EVERY = 20  # readings of resident memory to one of the dearer proportional figure
LEVELS = (3, 12, 60, 1_000)


def main() -> None:
    """Make the table, run the three commands, and write what they took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--format", choices=("csv", "parquet"), default="csv")
    parser.add_argument("--task", choices=("classify", "regress"), default="classify")
    parser.add_argument("--budget", default="5m")
    parser.add_argument("--folder", default=None, help="where the temporary folder is made")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        source = make_table(folder, arguments.rows, arguments.format, arguments.task)
        print(f"{arguments.rows:,} rows, {source.stat().st_size / 2**20:,.0f} MB of {arguments.format}", flush=True)
        model, answers = folder / "m.archwise", folder / "answers.parquet"
        commands = {
            "look": ["look", source.name, "--target", "target"],
            "fit": ["fit", source.name, "--target", "target", "--budget", arguments.budget, "--out", model.name],
            "predict": ["predict", model.name, source.name, "--out", answers.name],
        }
        steps = {step: measure(step, command, folder) for step, command in commands.items()}
        n_answers = int(pl.scan_parquet(answers).select(pl.len()).collect().item())
        verdict = json.loads((model / "verdict.json").read_text())
    run = {
        "command": {name: value for name, value in vars(arguments).items() if name != "folder"},
        "rows": arguments.rows,
        "answers": n_answers,
        "chosen": verdict["chosen"],
        "test": {name: verdict["test"][name] for name in ("metric", "score", "n_rows")},
        "steps": steps,
    }
    RESULTS.parent.mkdir(exist_ok=True)
    runs = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    RESULTS.write_text(json.dumps([*(old for old in runs if old["command"] != run["command"]), run], indent=1))
    print(f"chosen: {run['chosen']}; {n_answers:,} answers; peak {max(s['peak_rss_mb'] for s in steps.values()):,} MB")


def make_table(folder: Path, n_rows: int, form: str, task: str) -> Path:
    """Write the table part by part, so that it is never whole in memory."""
    parts = []
    for number, start in enumerate(range(0, n_rows, ROWS_A_PART)):
        frame = make_part(min(ROWS_A_PART, n_rows - start), task, seed=number)
        parts.append(folder / f"part-{number:04d}.parquet")
        frame.write_parquet(parts[-1])
    path = folder / f"table.{form}"
    table = pl.scan_parquet(parts)
    if form == "csv":
        table.sink_csv(path)
    else:
        table.sink_parquet(path, row_group_size=250_000)
    for part in parts:
        part.unlink()
    return path


def make_part(n_rows: int, task: str, *, seed: int) -> pl.DataFrame:
    """Numbers and categories, and a target that bends with some of them."""
    rng = np.random.default_rng(seed)
    numbers = rng.normal(size=(n_rows, 15)).astype(np.float32).astype(np.float64).round(4)
    codes = [rng.integers(0, n_levels, n_rows) for n_levels in LEVELS]
    effect = np.random.default_rng(1).normal(size=max(LEVELS))
    signal = np.sin(2 * numbers[:, 0]) + numbers[:, 1] * numbers[:, 2] + 0.5 * numbers[:, 3] + effect[codes[3]]
    signal += effect[codes[0]] + rng.normal(size=n_rows)
    frame = pl.DataFrame({f"x{column}": numbers[:, column] for column in range(15)})
    names = [pl.Series(f"c{column}", codes[column]).cast(pl.String) for column in range(len(LEVELS))]
    frame = frame.with_columns(pl.format("level {}", name).alias(name.name) for name in names)
    frame = frame.with_columns(x14=pl.when(pl.col("x13") < -1.5).then(None).otherwise(pl.col("x14")))
    target = np.where(signal > 1.0, "yes", "no") if task == "classify" else signal.round(4)
    return frame.with_columns(pl.Series("target", target))


def measure(step: str, command: list[str], folder: Path) -> dict[str, float]:
    """Run a command; its seconds, and the peaks of resident and of proportional memory of its process tree, in MB."""
    started = time.perf_counter()
    with (folder / f"{step}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "archwise", *command], cwd=folder, stdout=log, stderr=subprocess.STDOUT
        )
        peaks, done = [0, 0], threading.Event()
        watch = threading.Thread(target=watch_memory, args=(process.pid, peaks, done))
        watch.start()
        code = process.wait()
        done.set()
        watch.join()
    seconds = time.perf_counter() - started
    if code != 0:
        raise SystemExit(f"{step} ended with {code}:\n{(folder / f'{step}.log').read_text()[-3000:]}")
    if step == "fit":
        print((folder / "fit.log").read_text(), flush=True)
    resident, proportional = (round(peak / 1024) for peak in peaks)
    print(f"{step:8s} {seconds:7.1f} s   peak {resident:6,} MB resident, {proportional:6,} MB proportional", flush=True)
    return {"seconds": round(seconds, 1), "peak_rss_mb": resident, "peak_pss_mb": proportional}


def watch_memory(root: int, peaks: list[int], done: threading.Event) -> None:
    """Keep the peaks, in kB, of the memory of a process and all it began."""
    reading = 0
    while not done.wait(EVERY_S):
        tree = process_tree(root)
        peaks[0] = max(peaks[0], sum(read_kb(f"/proc/{pid}/status", "VmRSS:") for pid in tree))
        if reading % PROPORTIONAL_EVERY == 0:
            peaks[1] = max(peaks[1], sum(read_kb(f"/proc/{pid}/smaps_rollup", "Pss:") for pid in tree))
        reading += 1


def process_tree(root: int) -> list[int]:
    """A process and all it began that still run."""
    found = [root]
    for pid in found:
        for path in Path(f"/proc/{pid}/task").glob("*/children"):
            try:
                found += [int(child) for child in path.read_text().split()]
            except OSError:  # it ended in the meantime
                continue
    return found


def read_kb(path: str, name: str) -> int:
    """A figure of a file in /proc, kB; 0 where the process has ended."""
    try:
        with open(path, encoding="ascii") as file:
            return next((int(line.split()[1]) for line in file if line.startswith(name)), 0)
    except OSError:
        return 0


if __name__ == "__main__":
    main()
