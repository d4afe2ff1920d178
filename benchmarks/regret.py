"""What choosing in a race costs: the race's choice beside every architecture trained alone, on the sealed part.

    python benchmarks/regret.py --data ../shared/data --seconds 20 --seeds 3

Each architecture of the catalogue gets the seconds for itself; the race gets a quarter of what they took in all, on the
same split; each seed is another split. Regret is how far the race's choice is behind the best of them on the sealed
part, as a share of its score, in two ways: against the architecture that is best on average over the splits, and
against the best of each split, which is picked by that very score and so has the luck of the best of many.
Results: benchmarks/results/regret.json.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean

from archwise.architectures import architectures

RESULTS = Path(__file__).parent / "results"
FEWEST_S = 10.0  # of a race
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

    @property
    def merit(self) -> float:
        """The score, negative for an error, so that more is better."""
        return self.score if self.greater_is_better else -self.score


@dataclass(frozen=True)
class Heat:
    """One split of a table: the race, and every architecture alone."""

    seed: int
    race: Run
    alone: tuple[Run, ...]


def main() -> None:
    """Run every architecture alone and the race on every table, and write what the race lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=20.0, help="that each architecture gets alone")
    parser.add_argument("--tables", nargs="*", default=sorted(TABLES), choices=sorted(TABLES))
    parser.add_argument("--seeds", type=int, default=1, help="splits of each table")
    arguments = parser.parse_args()
    for name in arguments.tables:
        heats = [one_split(arguments.data, name, arguments.seconds, seed) for seed in range(arguments.seeds)]
        told = judge(heats)
        print(
            f"{name:20s} regret {told['regret']:7.2%} (best on average: {told['best']}), "
            f"of each split {told['regret_of_each']:7.2%}, time {told['time_share']:.0%}, "
            f"chose {', '.join(heat.race.chose for heat in heats)}",
            flush=True,
        )
        write(name, {"command": sys.argv[1:], **told})


def write(name: str, told: dict[str, object]) -> None:
    """Put what was found of a table in the place of what was found of it before."""
    path = RESULTS / "regret.json"
    RESULTS.mkdir(exist_ok=True)
    tables = json.loads(path.read_text())["tables"] if path.exists() else {}
    path.write_text(json.dumps({"tables": {**tables, name: told}}, indent=1) + "\n")


def one_split(data: Path, name: str, seconds: float, seed: int) -> Heat:
    """Every architecture alone, then the race in a quarter of their time, on one split of a table."""
    file, target = TABLES[name]
    common = [str((data / file).resolve()), "--target", target, "--seed", str(seed)]
    entries = sorted(architectures().items())
    names = [who for who, entry in entries if entry.reads[0] == "number" and who != "perceptron"]
    alone = tuple(fit(common, who, seconds, only=who) for who in names)
    race = fit(common, "race", max(FEWEST_S, sum(run.seconds for run in alone) / 4), only="")
    return Heat(seed, race, alone)


def judge(heats: Sequence[Heat]) -> dict[str, object]:
    """The regret of the races of one table, with the runs it rests on."""
    merits = {run.who: mean(heat.alone[place].merit for heat in heats) for place, run in enumerate(heats[0].alone)}
    best = max(merits, key=lambda who: merits[who])
    raced = mean(heat.race.merit for heat in heats)
    of_each = [max(run.merit for run in heat.alone) for heat in heats]
    lost = [(top - heat.race.merit) / abs(top) for top, heat in zip(of_each, heats, strict=True)]
    return {
        "regret": (merits[best] - raced) / abs(merits[best]),
        "best": best,
        "regret_of_each": mean(lost),
        "time_share": mean(heat.race.seconds / sum(run.seconds for run in heat.alone) for heat in heats),
        "metric": heats[0].race.metric,
        "heats": [asdict(heat) for heat in heats],
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
