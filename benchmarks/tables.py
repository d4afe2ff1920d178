"""archwise beside its peers on real tables, one after the other in one run.

    python benchmarks/tables.py --data ../shared/data --budget 2m --install

Each peer runs in an environment of its own under benchmarks/.peers (made with --install), as benchmarks/peers/NAME.py.
adult: the official training and test rows, AUC. california-housing: 80 % train, 20 % test by seed, RMSE. archwise is
given the test rows with `--test`, seals them and opens them once. Results: benchmarks/results/tables.json and a table.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import polars as pl

from archwise.config import parse_budget
from archwise.data.open import open_table

HERE = Path(__file__).parent
PEERS = {
    "lightgbm_defaults": ["lightgbm", "scikit-learn", "pandas"],
    "sklearn_mlp": ["scikit-learn", "pandas"],
    "pytabkit_realmlp": ["torch==2.13.*", "pytabkit", "scikit-learn", "pandas"],
    "autogluon_medium": ["torch==2.13.*", "autogluon.tabular[lightgbm,catboost,xgboost,fastai]", "pandas"],
}
ADULT = [
    "age", "workclass", "fnlwgt", "education", "education-num", "marital-status", "occupation", "relationship", "race",
    "sex", "capital-gain", "capital-loss", "hours-per-week", "native-country", "income",
]  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One line of the table. score: AUC or RMSE on the test rows. seconds: of the fit, wall. spread is in the runs."""

    data: str
    who: str
    score: float
    seconds: float
    version: str
    note: str = ""


@dataclass(frozen=True)
class Case:
    """A table with its two parts on disk."""

    name: str
    train: Path
    test: Path
    target: str
    task: str


def main() -> None:
    """Run every system on every table and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--budget", default="2m")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--peers", nargs="*", default=["lightgbm_defaults", "sklearn_mlp"], choices=sorted(PEERS))
    parser.add_argument("--install", action="store_true")
    arguments = parser.parse_args()
    if arguments.install:
        for peer in arguments.peers:
            install(peer)
    rows: list[Row] = []
    for seed in range(arguments.seeds):
        with tempfile.TemporaryDirectory() as folder:
            for case in (adult(arguments.data, Path(folder)), california(arguments.data, Path(folder), seed)):
                for row in run_case(case, arguments, seed, Path(folder)):
                    rows.append(row)
                    print(
                        f"{row.data:20s} {row.who:32s} {row.score:12.4f} {row.seconds:8.1f} s  {row.note}", flush=True
                    )
    results = HERE / "results"
    results.mkdir(exist_ok=True)
    facts = {"command": sys.argv[1:], "machine": f"{platform.processor() or platform.machine()}, 2 cores"}
    (results / "tables.json").write_text(json.dumps({**facts, "rows": [asdict(row) for row in rows]}, indent=1))


def run_case(case: Case, arguments: argparse.Namespace, seed: int, folder: Path) -> list[Row]:
    """All systems on one table: archwise's chosen, its best network, and the peers."""
    rows = [archwise(case, arguments.budget, seed, folder, only=only) for only in ("", "networks")]
    seconds = parse_budget(arguments.budget).seconds or 120.0
    return rows + [peer_row(case, peer, seconds, seed) for peer in arguments.peers]


def archwise(case: Case, budget: str, seed: int, folder: Path, *, only: str) -> Row:
    """Fit on the training rows within the budget, the test rows given and sealed; `only` networks where so asked."""
    model = folder / f"{case.name}{only}.archwise"
    fit = [sys.executable, "-m", "archwise", "fit", str(case.train), "--test", str(case.test)]
    fit += ["--target", case.target, "--task", case.task, "--budget", budget]
    fit += ["--seed", str(seed), "--out", str(model), "--quiet"]
    if only:
        fit += ["--skip", "majority,linear,trees"]
    started = time.perf_counter()
    subprocess.run(fit, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - started
    verdict = json.loads((model / "verdict.json").read_text())
    version = json.loads((model / "model.json").read_text())["version"]
    size = sum(path.stat().st_size for path in model.rglob("*") if path.is_file()) / 1e6
    note = f"chose {verdict['label']}, {size:.2f} MB"
    return Row(case.name, f"archwise {only or 'chosen'}", verdict["test"]["score"], round(seconds, 1), version, note)


def peer_row(case: Case, peer: str, seconds: float, seed: int) -> Row:
    """One peer on one table, in its own environment."""
    python = HERE / ".peers" / peer / "bin" / "python"
    script = HERE / "peers" / f"{peer}.py"
    command = [python if python.exists() else sys.executable, script, case.train, case.test]
    command += [case.target, case.task, seconds, seed]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return Row(case.name, peer, float("nan"), 0.0, "", note=f"failed: {done.stderr.strip().splitlines()[-1]}")
    found = json.loads(done.stdout.strip().splitlines()[-1])
    return Row(case.name, peer, found["score"], found["seconds"], found["version"])


def install(peer: str) -> None:
    """Make the environment of a peer, where it is not there yet."""
    place = HERE / ".peers" / peer
    if place.exists():
        return
    subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
    subprocess.run([str(place / "bin" / "python"), "-m", "pip", "install", "--quiet", *PEERS[peer]], check=True)


def adult(data: Path, folder: Path) -> Case:
    """Adult with its official split; the labels of the test rows end in a full stop there."""
    for part in ("train", "test"):
        frame = open_table(data / "adult" / f"adult-{part}.csv", names=tuple(ADULT)).frame
        frame.with_columns(pl.col("income").str.strip_chars_end(".")).write_csv(folder / f"adult-{part}.csv")
    return Case("adult", folder / "adult-train.csv", folder / "adult-test.csv", "income", "classify")


def california(data: Path, folder: Path, seed: int) -> Case:
    """California housing, 80 % train and 20 % test by the seed."""
    frame = pl.read_csv(data / "california-housing" / "housing.csv").sample(fraction=1.0, shuffle=True, seed=seed)
    n_test = frame.height // 5
    frame[:n_test].write_csv(folder / "california-test.csv")
    frame[n_test:].write_csv(folder / "california-train.csv")
    paths = folder / "california-train.csv", folder / "california-test.csv"
    return Case("california-housing", *paths, "median_house_value", "regress")


if __name__ == "__main__":
    main()
