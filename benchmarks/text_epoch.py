"""The second epoch of text.py in archwise's own loop: python text_epoch.py ARRAYS CELL DEVICE; prints its seconds."""

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

SETTINGS = {"width": 128, "embedding": 128, "layers": 1, "both_ways": False, "pooling": "last"}
DROPOUTS = {"dropout": 0.0, "word_dropout": 0.0}
N_VALID = 64  # rows of a look, so that training alone is timed


def main() -> None:
    """Train for an epoch, then time the next."""
    arrays, cell, device = sys.argv[1:4]
    with np.load(arrays) as held:
        tokens, labels, n_words = held["tokens"], held["labels"], int(held["n_words"])
    entry, kind_of_task = architecture(cell), task("classify")
    state = {"classes": ["0", "1"], "counts": np.bincount(labels).tolist(), "positive": 1}
    plan = Plan(epochs=10, batch=64, rate=2e-3, decay=0.01, clip=1.0)
    length = tokens.shape[1]
    signature = Signature((InputSpec("tokens", "int64", length, (n_words,), shape=(length,)),), 2)
    candidate = Candidate(cell, settings_of({**entry.defaults(), **SETTINGS, **DROPOUTS}.items()), plan)
    network = make_network(entry, candidate, signature, kind_of_task, state)
    job = TrainJob(kind_of_task, state, main_metric(kind_of_task, state), plan, device)
    rows = Examples({"tokens": tokens.astype(np.int16)}, labels)
    few = Examples({"tokens": tokens[:N_VALID]}, labels[:N_VALID])
    with tempfile.TemporaryDirectory() as folder:
        tools = Tools(Path(folder) / "checkpoint", lambda point: None, time.monotonic)
        train(network, job, train=rows, valid=few, limit=Limit(1.0), tools=tools)
        trained = train(network, job, train=rows, valid=few, limit=Limit(2.0), tools=tools)
    print(json.dumps({"seconds": round(trained.seconds, 3)}))


if __name__ == "__main__":
    main()
