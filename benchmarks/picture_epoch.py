"""The second epoch of `benchmarks/pictures.py`'s network in archwise's own loop: python picture_epoch.py ARRAYS WHO."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from archwise.architectures import architecture
from archwise.records import Candidate, InputSpec, Plan, Signature, settings_of
from archwise.tasks import main_metric, task
from archwise.training.loop import Examples, Limit, Tools, TrainJob, train
from archwise.training.network import make_network

SETTINGS = {"blocks": 3, "filters": 32, "first": 2, "convolutions": 2, "ends": "average", "dropout": 0.0}
N_VALID = 64  # rows of a look, so that training alone is timed


def main() -> None:
    """Train for an epoch, then time the next."""
    with np.load(sys.argv[1]) as held:
        images, labels = held["images"], held["labels"]
    who = sys.argv[2]
    entry, kind_of_task = architecture("cnn"), task("classify")
    state = {"classes": [str(n) for n in range(10)], "counts": np.bincount(labels).tolist(), "positive": 1}
    plan = Plan(
        epochs=10,
        batch=64,
        rate=2e-3,
        precision="mixed" if "mixed" in who else "full",
        augment="flip+shift" if "flip" in who else "none",
    )
    signature = Signature((InputSpec("image", "uint8", 3072, shape=(32, 32, 3)),), 10)
    candidate = Candidate("cnn", settings_of({**entry.defaults(), **SETTINGS}.items()), plan)
    network = make_network(entry, candidate, signature, kind_of_task, state)
    job = TrainJob(kind_of_task, state, main_metric(kind_of_task, state), plan, "cpu")
    rows = Examples({"image": images}, labels)
    few = Examples({"image": images[:N_VALID]}, labels[:N_VALID])
    with tempfile.TemporaryDirectory() as folder:
        tools = Tools(Path(folder) / "checkpoint", lambda point: None, time.monotonic)
        train(network, job, train=rows, valid=few, limit=Limit(1.0), tools=tools)
        trained = train(network, job, train=rows, valid=few, limit=Limit(2.0), tools=tools)
    print(json.dumps({"seconds": round(trained.seconds, 2)}))


if __name__ == "__main__":
    main()
