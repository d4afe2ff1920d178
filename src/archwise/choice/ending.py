"""What the end of a run takes of its budget, told beforehand from made-up answers to its own validation rows.

The evidence, the calibration and the sealed rows take as long as there are rows that decide, whatever the answers are.
So a few resamples of made-up answers are timed on the rows themselves, in some hundredths of a second.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from archwise.architectures import architecture
from archwise.choice.run import read_candidates, read_ground, read_targets
from archwise.evidence import MOST_ROWS, N_RESAMPLES
from archwise.tasks import main_metric, task

SAMPLED = 32  # of the resamples of the evidence, that are timed
CALIBRATED = 10_000  # of the validation rows, on which a calibration is timed
SURPLUS = 1.25  # of what was measured, for the machine may be busier later


@dataclass(frozen=True)
class Ending:
    """Seconds that the end of a run takes for each candidate.

    judging: its part of the evidence. sealing: its calibration, and its score on the sealed rows without its answers.
    """

    judging: float
    sealing: float


def measure_ending(folder: Path) -> Ending:
    """Time the evidence and the calibration of one made-up candidate on the validation rows of a run."""
    ground = read_ground(folder)
    kind_of_task = task(ground.profile.task)
    metric = main_metric(kind_of_task, ground.target_state, ground.metric)
    truth = np.asarray(read_targets(folder, "valid"))
    rng = np.random.default_rng(0)
    made_up = rng.normal(size=(len(truth), ground.n_outputs)).astype(np.float32)
    n_drawn, n_calibrated = min(len(truth), MOST_ROWS), min(len(truth), CALIBRATED)
    weights = np.ones((1, len(truth))), np.ones((SAMPLED, n_drawn))
    began = time.perf_counter()
    metric.score(truth, made_up, weights[0])
    scored = time.perf_counter()
    metric.score(truth[:n_drawn], made_up[:n_drawn], weights[1])
    resampled = time.perf_counter()
    kind_of_task.calibrate(ground.target_state, made_up[:n_calibrated], truth[:n_calibrated])
    calibrated = time.perf_counter()
    judging = (scored - began) + (resampled - scored) * N_RESAMPLES / SAMPLED
    calibrating = (calibrated - resampled) * len(truth) / n_calibrated
    return Ending(SURPLUS * judging, SURPLUS * (calibrating + judging))


def ending_s(folder: Path) -> float:
    """Seconds for the evidence of all who race, and for the sealed rows of the chosen and of the references."""
    ending, candidates = measure_ending(folder), read_candidates(folder)
    n_references = sum(1 for candidate in candidates if architecture(candidate.architecture).is_reference)
    return len(candidates) * ending.judging + (1 + n_references) * ending.sealing
