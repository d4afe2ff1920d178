"""How accuracy grows with the photos: a transfer candidate beside the best of those that learn from nothing.

    ARCHWISE_WEIGHTS=../shared/weights python benchmarks/transfer.py --data ../shared/data

For each share of the photos of hymenoptera's train folder (of each class, drawn by a seed) `archwise fit` runs twice,
once with the transfer candidates and once with the networks from scratch, each with --test on the val folder, whose
photos nobody trains on or chooses by. A figure is the accuracy on val of the model that each run wrote, with its 95 %
interval over the photos.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import tempfile
import time
from pathlib import Path

import archwise
from archwise.architectures import architectures
from archwise.config import Config

SHARES = (0.10, 0.25, 0.50, 1.00)
GROUPS = ("transfer", "cnn")


def draw(photos: Path, share: float, seed: int, folder: Path) -> int:
    """Copy a share of each class into a folder; how many photos that is."""
    n = 0
    for place in sorted(path for path in photos.iterdir() if path.is_dir()):
        paths = sorted(place.iterdir())
        drawn = random.Random(seed).sample(paths, max(2, round(share * len(paths))))
        (folder / place.name).mkdir(parents=True)
        for path in sorted(drawn):
            shutil.copy(path, folder / place.name / path.name)
        n += len(drawn)
    return n


def names_of(group: str) -> tuple[str, ...]:
    """The architectures of a group: those that inherit, or those that learn filters from nothing."""
    return tuple(
        entry.name
        for entry in architectures().values()
        if "image" in entry.reads and not entry.is_reference and (entry.inherits is not None) == (group == "transfer")
    )


def measure(photos: Path, group: str, share: float, *, budget: str, seed: int) -> dict[str, object]:
    """Fit a group on a share of the photos, and score what was chosen on val."""
    with tempfile.TemporaryDirectory() as held:
        folder = Path(held)
        n = draw(photos / "train", share, seed, folder / "train")
        config = Config(
            only=names_of(group), test=str(photos / "val"), seed=seed, metric="accuracy", out=str(folder / "x.archwise")
        )
        began = time.monotonic()
        model = archwise.fit(str(folder / "train"), budget=budget, config=config)
        test = model.verdict["test"]
        return {
            "group": group, "share": share, "photos": n, "seed": seed, "chosen": model.facts.candidate.label,
            "settings": dict(model.facts.candidate.settings), "accuracy": round(test["score"], 4),
            "low": round(test["low"], 4), "high": round(test["high"], 4), "seconds": round(time.monotonic() - began, 1),
        }  # fmt: skip


def main() -> None:
    """Run the curve and write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--budget", default="60s")
    parser.add_argument("--shares", type=float, nargs="*", default=SHARES)
    parser.add_argument("--groups", nargs="*", default=GROUPS)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    rows = []
    for share in given.shares:
        for group in given.groups:
            rows.append(
                {
                    "budget": given.budget,
                    **measure(given.data / "hymenoptera", group, share, budget=given.budget, seed=given.seed),
                }
            )
            print(json.dumps(rows[-1]), flush=True)
    results = Path(__file__).parent / "results"
    results.mkdir(exist_ok=True)
    (results / "transfer.json").write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
