"""What choosing in a race costs: the race's choice beside every architecture trained alone, on the sealed part.

    python benchmarks/regret.py --data ../shared/data --seconds 20

Each architecture of the catalogue gets the seconds for itself; the race gets a quarter of their sum for all together,
on the same split. Regret is what the best of them on the sealed part is ahead of the race's choice there, as a share of
its score. Picking by the sealed score favours the many: the best of several is above what it would be on fresh rows.
Results: benchmarks/results/regret.json.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from archwise.architectures import architectures

RESULTS = Path(__file__).parent / "results"
TABLES = {  # name: (file, target)
    "adult": ("adult/adult-train.csv", "column_15"),
    "california-housing": ("california-housing/housing.csv", "median_house_value"),
    "abalone": ("abalone/abalone.csv", "column_9"),
    "wine-red": ("wine-quality/winequality-red.csv", "column_12"),
    "wine-white": ("wine-quality/winequality-white.csv", "column_12"),
    "german-credit": ("german-credit/german.csv", "column_21"),
    "pima": ("pima/pima-indians-diabetes.csv", "column_9"),
    "titanic": ("titanic/train.csv", "Survived"),
}


@dataclass(frozen=True)
class Run:
    """One whole command. score: of the deciding metric on the sealed rows. seconds: wall."""

    who: str
    chose: str
    metric: str
    greater_is_better: bool
    score: float
    low: float
    high: float
    seconds: float


def main() -> None:
    """Run every architecture alone and the race on every table, and write what the race lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=20.0, help="that each architecture gets alone")
    parser.add_argument("--tables", nargs="*", default=sorted(TABLES), choices=sorted(TABLES))
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    found = {}
    for name in arguments.tables:
        found[name] = one_table(arguments.data, name, arguments.seconds, arguments.seed)
        told = found[name]
        print(
            f"{name:20s} regret {told['regret']:8.3%}  race {told['race']['score']:.5g} ({told['race']['chose']}), "
            f"best alone {told['best']['score']:.5g} ({told['best']['who']}), time {told['time_share']:.0%}",
            flush=True,
        )
        RESULTS.mkdir(exist_ok=True)
        whole = {"command": sys.argv[1:], "tables": found}
        (RESULTS / "regret.json").write_text(json.dumps(whole, indent=1) + "\n")


def one_table(data: Path, name: str, seconds: float, seed: int) -> dict[str, object]:
    """The runs of one table and the regret of its race."""
    file, target = TABLES[name]
    common = [str((data / file).resolve()), "--target", target, "--seed", str(seed)]
    alone = [
        fit(common, who, seconds, only=who) for who in sorted(architectures()) if who not in ("majority", "perceptron")
    ]
    race = fit(common, "race", max(10.0, len(alone) * seconds / 4), only="")
    sign = 1.0 if race.greater_is_better else -1.0
    best = max(alone, key=lambda run: sign * run.score)
    return {
        "regret": max(0.0, sign * (best.score - race.score) / abs(best.score)),
        "time_share": race.seconds / sum(run.seconds for run in alone),
        "race": asdict(race),
        "best": asdict(best),
        "alone": [asdict(run) for run in alone],
    }


def fit(common: list[str], who: str, seconds: float, *, only: str) -> Run:
    """One whole `archwise fit`, timed from outside."""
    command = [sys.executable, "-m", "archwise", "fit", *common, "--budget", f"{seconds:g}s", "--quiet"]
    if only:
        command += ["--only", only]
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        subprocess.run([*command, "--out", "m.archwise"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        spent = time.perf_counter() - started
        verdict = json.loads((Path(folder) / "m.archwise" / "verdict.json").read_text())
    test = verdict["test"]
    return Run(
        who,
        verdict["label"],
        verdict["metric"],
        verdict["greater_is_better"],
        test["score"],
        test["low"],
        test["high"],
        round(spent, 1),
    )


if __name__ == "__main__":
    main()
