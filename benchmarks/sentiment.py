"""What the candidates of a race on SST-2 answer on its test part, chosen or not.

    python benchmarks/sentiment.py --data ../shared/data --budget 10m

A race as `archwise fit` runs it: 6,920 sentences to learn from, the 872 of dev decide, the 1,821 of test are sealed.
Then, for this table alone, the best candidate of each architecture (by dev) answers the test part, so that networks
that were not chosen stand beside the references. Nobody chooses by these figures.
Results: benchmarks/results/sentiment.json.
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
import torch

from archwise.architectures import architecture, need_of
from archwise.choice.run import Ground, read_ground, read_latest, read_preparation, trial_folder
from archwise.choice.seal import SealedRows, open_seal, prepare_sealed, sealed_outputs
from archwise.choice.trunk import network_of
from archwise.data.prepare import inputs_of
from archwise.records import Array, Candidate
from archwise.tasks import task
from archwise.training.look import answers
from archwise.training.mean import join_outputs
from archwise.training.network import best_network
from archwise.training.rows import input_tensors, row_lengths

HERE = Path(__file__).parent


def main() -> None:
    """Race, or take a race that was run, and let the best of each architecture answer."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--budget", default="10m")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--run", type=Path, help="the folder of a race that was run, in place of a new one")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        began = time.monotonic()
        run = given.run or race(given.data / "sst2", given.budget, given.seed, Path(name))
        seconds = time.monotonic() - began
        rows = table(run)
    for row in rows:
        figures = f"dev {row['dev']:.4f}  test {row['test']:.4f}  {row['seconds']:.0f} s"
        print(f"{row['label']:28s} {figures}  {row['settings']}")
    facts = {"budget": given.budget, "seed": given.seed, "seconds": round(seconds, 1), "rows": rows}
    (HERE / "results").mkdir(exist_ok=True)
    (HERE / "results" / "sentiment.json").write_text(json.dumps(facts, indent=1))


def race(data: Path, budget: str, seed: int, place: Path) -> Path:
    """Run the command, and return its run folder."""
    files = [str((data / f"{part}.tsv").resolve()) for part in ("train", "dev", "test")]
    command = [
        sys.executable, "-m", "archwise", "fit", files[0], "--names", "text,label", "--target", "label",
        "--valid", files[1], "--test", files[2], "--metric", "accuracy", "--budget", budget, "--seed", str(seed),
        "--out", "sst2.archwise",
    ]  # fmt: skip
    subprocess.run(command, cwd=place, check=True)
    return next(place.glob("*.run"))


def table(run: Path) -> list[dict[str, object]]:
    """The best candidate of each architecture, and the mean of seeds where there is one, on dev and on test."""
    ground, sealed = read_ground(run), open_seal(run, read_ground(run))
    found: dict[str, dict[str, object]] = {}
    folders = sorted((run / "trials").iterdir())
    records = [json.loads(max(place.glob("rung-*.json")).read_text()) for place in folders if any(place.glob("rung-*"))]
    for record in records:
        candidate = Candidate.from_json(record["candidate"])
        trial = read_latest(run, candidate)
        key = candidate.architecture + (" mean" if candidate.seeds > 1 else "")
        if trial is None or trial.state != "done" or float(found.get(key, {"dev": -1.0})["dev"]) >= trial.score:  # type: ignore[arg-type]
            continue
        outputs = test_outputs(run, ground, candidate, sealed)
        found[key] = {
            "label": candidate.label or key,
            "dev": round(trial.score, 4),
            "test": round(float((outputs.argmax(axis=1) == sealed.targets).mean()), 4),
            "seconds": round(trial.seconds, 1),
            "settings": candidate.changes(architecture(candidate.architecture).defaults()),
        }
    return sorted(found.values(), key=lambda row: -float(row["test"]))  # type: ignore[arg-type]


def test_outputs(run: Path, ground: Ground, candidate: Candidate, sealed: SealedRows) -> Array:
    """What a candidate, or the mean of its seeds, answers on the test part."""
    need = need_of(candidate)
    batch = prepare_sealed(run, sealed, need)
    if architecture(candidate.architecture).is_reference:
        return sealed_outputs(run, candidate, batch)
    signature = ground.signed(inputs_of(read_preparation(run, need)))
    inputs = input_tensors(signature.inputs, batch, torch.device("cpu"))
    lengths, every = row_lengths(signature.inputs, batch), []
    for member in candidate.members:
        network = network_of(run, ground, member, signature, whole=True)
        network = best_network(network, trial_folder(run, member) / "checkpoint.safetensors")
        every.append(answers(network, inputs, len(sealed.targets), lengths=lengths))
    joined = every[0] if len(every) == 1 else join_outputs(torch.stack(every, dim=1), task(ground.profile.task).join)
    return np.asarray(joined.numpy())


if __name__ == "__main__":
    main()
