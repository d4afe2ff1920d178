"""What the end of a run takes of its budget, told beforehand from made-up answers to its own validation rows.

The evidence, the calibration and the sealed rows take as long as there are rows that decide, whatever the answers are.
So one chunk of resamples of made-up answers is timed on the rows themselves, in some tenths of a second at the most.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from archwise.architectures import architecture
from archwise.choice.run import read_ground, read_targets
from archwise.choice.verdict import is_reference
from archwise.evidence import CELLS_A_CHUNK, MOST_ROWS, N_RESAMPLES
from archwise.model.session import n_cores
from archwise.records import Array, Candidate, Trial
from archwise.tasks import main_metric, task

TIMES = 3  # that each is timed, where it is quick
QUICK_S = 0.3  # after which no other trial is made
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
    made_up = _made_up(truth, ground.n_outputs)
    n_drawn, n_calibrated = min(len(truth), MOST_ROWS), min(len(truth), CALIBRATED)
    once, chunk = np.ones((1, len(truth))), np.ones((min(N_RESAMPLES, max(1, CELLS_A_CHUNK // n_drawn)), n_drawn))
    scoring = _least_s(lambda: metric.score(truth, made_up, once))
    resampling = _least_s(lambda: metric.score(truth[:n_drawn], made_up[:n_drawn], chunk))
    calibrating = _least_s(
        lambda: kind_of_task.calibrate(ground.target_state, made_up[:n_calibrated], truth[:n_calibrated])
    )
    judging = SURPLUS * (scoring + resampling * N_RESAMPLES / len(chunk))
    return Ending(judging, judging + SURPLUS * calibrating * len(truth) / n_calibrated)


def ending_s(ending: Ending, candidates: Sequence[Candidate]) -> float:
    """Seconds for the evidence of all who race, and for the sealed rows of the chosen and the best references."""
    return len(candidates) * ending.judging + sealed_s(ending, candidates)


def sealed_s(ending: Ending, candidates: Sequence[Candidate]) -> float:
    """Seconds for the sealed rows of the chosen and of one reference of each architecture; others may be left out."""
    found = {candidate.architecture for candidate in candidates}
    return (1 + sum(1 for name in found if architecture(name).is_reference)) * ending.sealing


def best_of_each(references: Sequence[Trial], sign: float) -> list[Trial]:
    """The best trial of each architecture, the better first."""
    bests: dict[str, Trial] = {}
    for trial in sorted(references, key=lambda trial: (-sign * trial.score, trial.candidate.id)):
        bests.setdefault(trial.candidate.architecture, trial)
    return list(bests.values())


def answering_s(trial: Trial, n_rows: int) -> float:
    """Seconds in which a reference answers rows on all cores, by the time that one row took in its trial."""
    if not math.isfinite(trial.latency_ms):
        return 0.0
    return SURPLUS * n_rows * trial.latency_ms / 1e3 / n_cores()


def references_s(trials: Iterable[Trial], n_rows: int, *, sign: float) -> float:
    """Seconds in which the best reference of each architecture answers the sealed rows."""
    fitted = [trial for trial in trials if is_reference(trial) and math.isfinite(trial.score)]
    return sum(answering_s(trial, n_rows) for trial in best_of_each(fitted, sign))


def _made_up(truth: Array, n_outputs: int) -> Array:
    """(N, K) float32 answers that know something of the truth, or of every step's (N, T, K), as those of a model do."""
    steps = truth.shape[1:] if np.issubdtype(truth.dtype, np.integer) else ()
    answers = np.random.default_rng(0).normal(size=(len(truth), *steps, n_outputs)).astype(np.float32)
    if steps:
        answers += truth[:, :, None] == np.arange(n_outputs)
        answers[truth < 0] = np.nan
        return answers
    if truth.ndim == 2:
        return answers + np.nan_to_num(truth[:, :n_outputs]).astype(np.float32)
    if np.issubdtype(truth.dtype, np.integer):
        answers[np.arange(len(truth)), truth] += 1.0
    else:
        answers += truth.astype(np.float32)[:, None]
    return answers


def _least_s(action: Callable[[], object]) -> float:
    """The least seconds of a few trials: what else the machine does meanwhile only ever adds to them."""
    least, spent = math.inf, 0.0
    for _ in range(TIMES):
        began = time.perf_counter()
        action()
        least = min(least, time.perf_counter() - began)
        spent += least
        if spent > QUICK_S:
            break
    return least
