"""What networks learn in the tests of training: two classes by two numbers, with a code beside that says nothing."""

from __future__ import annotations

import numpy as np
import polars as pl

from archwise.records import InputSpec, Signature
from archwise.tasks import task
from archwise.training.loop import Examples, Limit

SIGNATURE = Signature((InputSpec("numbers", "float32", 3), InputSpec("codes", "int64", 1, (4,))), 2)
TASK = task("classify")
WHOLE = Limit(100.0)


def examples(n: int, seed: int) -> tuple[Examples, pl.Series]:
    generator = np.random.default_rng(seed)
    numbers = generator.normal(size=(n, 3)).astype(np.float32)
    codes = generator.integers(1, 4, (n, 1))
    labels = (numbers[:, 0] * numbers[:, 1] + 0.3 * generator.normal(size=n) > 0).astype(int)
    return Examples({"numbers": numbers, "codes": codes}, labels), pl.Series("y", labels)


TRAIN, LABELS = examples(330, seed=0)  # ten steps an epoch, ten rows over
VALID, _ = examples(150, seed=1)
STATE = TASK.encode_fit(LABELS)
