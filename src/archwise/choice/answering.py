"""The sealed rows answered, once, at the end: by the chosen, and by the references as far as the time goes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from archwise.architectures import need_of
from archwise.choice.ending import Ending, answering_s, best_of_each
from archwise.choice.given import GIVEN
from archwise.choice.honesty import calibrate, check
from archwise.choice.run import Ground, read_targets
from archwise.choice.seal import SealedRows, open_seal, prepare_sealed, sealed_outputs
from archwise.choice.verdict import Sealed
from archwise.choice.wording import join
from archwise.config import Config
from archwise.evidence import bootstrap_scores, interval, of_folds
from archwise.records import Array, Batch, Json, Metric, Need, Trial
from archwise.tasks import main_metric, task


@dataclass(frozen=True)
class Answering:
    """A trial with the calibration by which its outputs become answers, and its outputs on the sealed rows (N, K)."""

    trial: Trial
    calibration: Mapping[str, Json]
    sealed: Array


@dataclass(frozen=True)
class Allowance:
    """How long the sealed rows may take. until: when they must be judged, on the monotonic clock, or None."""

    until: float | None
    ending: Ending


def bests_first(references: Sequence[Trial], sign: float) -> list[Trial]:
    """The best of each architecture before the others, the better first among either."""
    bests = best_of_each(references, sign)
    others = [trial for trial in references if not any(trial is best for best in bests)]
    return [*bests, *sorted(others, key=lambda trial: (-sign * trial.score, trial.candidate.id))]


def unseal(
    folder: Path, ground: Ground, asked: Sequence[Trial], *, config: Config, onnx: bytes, allowance: Allowance
) -> tuple[Sealed, Answering, SealedRows]:
    """Open the seal, once, for the chosen, which is the first, and for others while there is time.

    Args:
        asked: the chosen, then others in the order in which they answer.
        onnx: the chosen as it is handed over.

    Returns:
        what the sealed rows say, how the chosen answers them, and the rows.
    """
    metric = main_metric(task(ground.profile.task), ground.target_state, ground.metric)
    rows, found = _answer(folder, ground, asked, rule=config.threshold, onnx=onnx, allowance=allowance)
    sealed = _judge(folder, ground, rows, found, metric=metric, seed=config.seed)
    return replace(sealed, notes=(*sealed.notes, *_left_out_words(asked, found))), found[0], rows


def _answer(
    folder: Path, ground: Ground, trials: Sequence[Trial], *, rule: str, onnx: bytes, allowance: Allowance
) -> tuple[SealedRows, list[Answering]]:
    """The sealed rows, and who answered them: the first trial whatever it takes, each other where it ends in time."""
    sealed, truth = open_seal(folder, ground), read_targets(folder, "valid")
    batches: dict[Need, Batch] = {}
    answered: list[Answering] = []
    for trial in trials:
        if answered and not _has_time(trial, len(sealed.targets), len(answered), allowance):
            continue
        need = need_of(trial.candidate)
        if need not in batches:
            batches[need] = prepare_sealed(folder, sealed, need)
        assert trial.outputs is not None  # only usable trials are asked
        calibration = calibrate(ground, trial.outputs, truth, rule)
        given = sealed_outputs(folder, trial.candidate, batches[need], onnx=None if answered else onnx)
        answered.append(Answering(trial, calibration, given))
    return sealed, answered


def _has_time(reference: Trial, n_rows: int, n_answered: int, allowance: Allowance) -> bool:
    """Whether a reference can be calibrated, answer and be judged in time, after so many who are still to be judged."""
    if allowance.until is None:
        return True
    ending = allowance.ending
    expected = answering_s(reference, n_rows) + ending.sealing + n_answered * ending.judging
    return time.monotonic() + expected <= allowance.until


def _judge(
    folder: Path, ground: Ground, sealed: SealedRows, answering: Sequence[Answering], *, metric: Metric, seed: int
) -> Sealed:
    """The score of the chosen, which is the first, and of the references on the sealed rows."""
    chosen, references = answering[0], answering[1:]
    served = task(ground.profile.task).served
    every = [served(each.calibration, each.sealed, metric) for each in answering]
    scores = bootstrap_scores(sealed.targets, every, metric, seed=seed, groups=sealed.groups)
    scores = of_folds(scores, 1, widening=ground.widening)
    low, high = interval(scores, 0)
    assert chosen.trial.outputs is not None  # only usable trials answer
    on_validation = every_metric(ground, chosen, chosen.trial.outputs, read_targets(folder, "valid"))[metric.name]
    return Sealed(
        metric=metric.name,
        score=float(scores.point[0]),
        low=low,
        high=high,
        n_rows=len(sealed.targets),
        gap=metric.sign * (on_validation - float(scores.point[0])),
        references=tuple(
            (each.trial.candidate.label, float(point)) for each, point in zip(references, scores.point[1:], strict=True)
        ),
        scores=every_metric(ground, chosen, chosen.sealed, sealed.targets),
        honesty=check(ground, chosen.calibration, chosen.sealed, sealed.targets),
        source=ground.test_source,
        notes=tuple(finding.message for finding in ground.findings if finding.code == GIVEN),
    )


def _left_out_words(asked: Sequence[Trial], answering: Sequence[Answering]) -> tuple[str, ...]:
    """A note that names those who had no time to answer, or nothing."""
    answered = {each.trial.candidate.id for each in answering}
    left_out = [trial.candidate.label for trial in asked if trial.candidate.id not in answered]
    return (f"No time was left to hold {join(left_out, most=6)} against the sealed rows",) if left_out else ()


def every_metric(ground: Ground, answering: Answering, outputs: Array, targets: Array) -> dict[str, float]:
    """Every metric of the answers that calibration and threshold make of outputs."""
    ones = np.ones((1, len(targets)))
    kind_of_task = task(ground.profile.task)
    return {
        metric.name: float(metric.score(targets, kind_of_task.served(answering.calibration, outputs, metric), ones)[0])
        for metric in kind_of_task.metrics(ground.target_state)
    }
