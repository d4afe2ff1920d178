"""Series classification: whole `archwise fit` commands on the archives' own training part, scored on their test part.

    python benchmarks/series.py --data ../shared/data --budget 1m --seeds 3

Each data set is fitted once for each seed with everything that races, and with networks alone; the accuracy is that of
`archwise evaluate` on the test file, which nothing was fitted or chosen on.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

SETS = {"GunPoint": "tsc-gunpoint", "JapaneseVowels": "tsc-japanese-vowels"}
NETWORKS = "cnn-1d,inception-time,lstm,gru"
ENTRANTS = {"all": (), "networks": ("--only", NETWORKS)}


def run(data: Path, name: str, budget: str, seed: int, only: tuple[str, ...]) -> dict[str, object]:
    """Fit and score once: seconds of the fit, what was chosen, accuracy on the test file, and the references'."""
    train, test = (data / SETS[name] / f"{name}_{part}.ts" for part in ("TRAIN", "TEST"))
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model.archwise"
        began = time.monotonic()
        command = [
            sys.executable,
            "-m",
            "archwise",
            "fit",
            str(train),
            "--budget",
            budget,
            "--seed",
            str(seed),
            "--metric",
            "accuracy",
        ]
        subprocess.run([*command, *only, "--out", str(model), "--quiet"], check=True, capture_output=True)
        seconds = time.monotonic() - began
        command = [sys.executable, "-m", "archwise", "evaluate", str(model), str(test), "--json"]
        scored = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        verdict = json.loads((model / "verdict.json").read_text())
    return {
        "data": name,
        "seed": seed,
        "entrants": "networks" if only else "all",
        "seconds": round(seconds, 1),
        "chosen": verdict["chosen"],
        "metric": scored["metric"],
        "accuracy": scored["scores"]["accuracy"],
        "references": verdict["test"]["references"],
    }


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data", type=Path, default=Path("../shared/data"))
    options.add_argument("--budget", default="1m")
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--sets", default=",".join(SETS))
    options.add_argument("--entrants", default=",".join(ENTRANTS))
    options.add_argument("--out", type=Path, default=Path("benchmarks/results/series.json"))
    asked = options.parse_args()
    rows = []
    for name in asked.sets.split(","):
        for entrants in asked.entrants.split(","):
            for seed in range(asked.seeds):
                rows.append({**run(asked.data, name, asked.budget, seed, ENTRANTS[entrants]), "budget": asked.budget})
                print(rows[-1], flush=True)
            found = np.array([row["accuracy"] for row in rows if (row["data"], row["entrants"]) == (name, entrants)])
            print(
                f"{name}, {entrants}: accuracy {found.mean():.4f} ({found.min():.4f} to {found.max():.4f})", flush=True
            )
    held = json.loads(asked.out.read_text()) if asked.out.exists() else []
    asked.out.write_text(json.dumps([*held, *rows], indent=1) + "\n")


if __name__ == "__main__":
    main()
