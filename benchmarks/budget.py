"""How well a budget in seconds is kept: the whole of `archwise fit`, timed from outside, many times.

    python benchmarks/budget.py data.csv --target income --budget 20s --runs 20

Prints one line a run and a summary, and writes benchmarks/results/budget.json.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from archwise.config import parse_budget

RESULTS = Path(__file__).parent / "results"


def main() -> None:
    """Time the runs and say by how much the budget was missed, if it was."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source")
    parser.add_argument("--target", required=True)
    parser.add_argument("--names", default="")
    parser.add_argument("--budget", action="append", required=True, help="repeatable; the runs go through them in turn")
    parser.add_argument("--runs", type=int, default=20)
    arguments = parser.parse_args()
    rows = []
    for number in range(arguments.runs):
        budget = arguments.budget[number % len(arguments.budget)]
        seconds = time_fit(Path(arguments.source).resolve(), arguments, budget, seed=number)
        allowed = parse_budget(budget).seconds or float("nan")
        rows.append({"budget_s": allowed, "wall_s": round(seconds, 2), "ratio": round(seconds / allowed, 4)})
        print(f"run {number + 1:2d}: {seconds:7.2f} s of {allowed:g} s  ({seconds / allowed:.1%})", flush=True)
    worst = max(row["ratio"] for row in rows)
    print(f"worst: {worst:.1%} of the budget over {len(rows)} runs")
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "budget.json").write_text(json.dumps({"command": sys.argv[1:], "runs": rows}, indent=1))


def time_fit(source: Path, arguments: argparse.Namespace, budget: str, *, seed: int) -> float:
    """Wall seconds of one whole command, from its start to its end."""
    command = [
        sys.executable,
        "-m",
        "archwise",
        "fit",
        str(source),
        "--target",
        arguments.target,
        "--budget",
        budget,
    ]
    command += ["--seed", str(seed), "--quiet", "--out", "m.archwise"]
    if arguments.names:
        command += ["--names", arguments.names]
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - started


if __name__ == "__main__":
    main()
