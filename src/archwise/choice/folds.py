"""Cross-fitting in a run: where each fold lies, how its outputs are joined, how a network is trained in all of them.

A fold is a place laid out as the run folder is: targets, and arrays prepared by what was fitted on its training rows.
One split is the case of one fold, whose place is the run folder itself. With more, the run folder holds the arrays of
all open rows, on which the chosen is fitted in the end, and the validation outputs of a candidate are those that its
trainings gave for the rows they left out. In repeats a row is a validation row more than once, and those are a group.
Source: Stone 1974 (cross-validation); Chernozhukov et al. 2018 (cross-fitting).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from archwise.choice.run import Ground, read_preparation, read_targets
from archwise.data.fold import NEVER
from archwise.data.padding import join_steps
from archwise.data.prepare import inputs_of
from archwise.records import Array, CurvePoint, Metric, Need, Plan, Signature, Split, Trial

if TYPE_CHECKING:
    from archwise.training.landing import Limit
    from archwise.training.loop import Trained

_HAIR = 1e-6  # of an epoch, by which two are still the same


@dataclass(frozen=True)
class Fold:
    """One training of a candidate. place: laid out as a run folder. name: of its folder, "" for that of the run itself.

    left_out: (N,) int64 places of the rows that judge it among the validation rows of the run.
    """

    place: Path
    name: str
    left_out: Array


def parts_of_folds(folder: Path, split: Split) -> Iterator[tuple[Path, Array, Array]]:
    """The place of each fold with the rows that train and the rows that are left out; nothing for one split."""
    if split.folds is None:
        return
    n_folds = int(split.folds.max()) + 1
    for repeat, cut in enumerate(split.folds):
        for fold in range(n_folds):
            yield folder / f"fold-{repeat * n_folds + fold}", split.train[cut != fold], split.train[cut == fold]


def folds_of(folder: Path) -> tuple[Fold, ...]:
    """The folds of a run, in order; one for one split."""
    with np.load(folder / "split.npz", allow_pickle=False) as parts:
        if "folds" not in parts:
            return (Fold(folder, "", np.arange(len(parts["valid"]))),)
        folds, train, valid = parts["folds"], parts["train"], parts["valid"]
    judged = valid[: len(valid) // len(folds)]
    n_folds = int(folds.max()) + 1
    split = Split(train, valid, valid[:0], "", "", folds=folds)
    return tuple(
        Fold(place, place.name, number // n_folds * len(judged) + np.searchsorted(judged, left_out))
        for number, (place, _, left_out) in enumerate(parts_of_folds(folder, split))
    )


def first_cut(folder: Path) -> tuple[tuple[Fold, ...], Array]:
    """The folds of the first repeat, which leave out each validation row once, and where each training row is left out.

    Returns:
        folds; for each training row of the run the place of the fold that leaves it out, (N,) int64, NEVER for one that
        always trains, as all rows of one split do.
    """
    folds = folds_of(folder)
    with np.load(folder / "split.npz", allow_pickle=False) as parts:
        if "folds" not in parts:
            return folds, np.full(len(read_targets(folder, "train")), NEVER)
        every: Array = parts["folds"]
    return folds[: int(every.max()) + 1], every[0]


def signature_at(place: Path, ground: Ground, need: Need) -> Signature:
    """What a body may know of the data as they were prepared at a place."""
    return ground.signed(inputs_of(read_preparation(place, need)))


def pool(folds: Sequence[Fold], outputs: Sequence[Array]) -> Array:
    """Put what trainings answer for the rows they left out into the order of the validation rows.

    Args:
        outputs: of each fold, (N_left_out, K).

    Returns:
        (N_valid, K).
    """
    pooled: Array = join_steps(outputs)[np.argsort(np.concatenate([fold.left_out for fold in folds]))]
    return pooled


# ---------------------------------------------------------------- networks


@dataclass(frozen=True)
class Jury:
    """How the joined outputs of a candidate are judged: the metric and the targets of the validation rows, (N,)."""

    metric: Metric
    truth: Array

    def score(self, outputs: Array) -> float:
        """The metric of outputs (N, K)."""
        return float(self.metric.score(self.truth, outputs, np.ones((1, len(self.truth))))[0])

    def best(self, curve: Sequence[CurvePoint]) -> int:
        """The place of the best point, the first of equals."""
        return max(range(len(curve)), key=lambda place: (self.metric.sign * curve[place].score, -place))


Learn = Callable[["Fold", "Limit"], "Trained"]


def train_in_folds(
    learn: Learn, folds: Sequence[Fold], *, jury: Jury, plan: Plan, limit: Limit, on_point: Callable[[CurvePoint], None]
) -> Trained:
    """Train a network in every fold, one after the other, and judge it by the rows that each left out, together.

    All folds share one best look, chosen on the joined outputs, and stop together; so no fold chooses by its own few
    rows, and the epochs of the best look are those for which the chosen is trained on all rows in the end. The one fold
    of one split has nobody to share with: its training chooses by itself.

    Args:
        learn: trains a fold to a limit from where it stands; where there are many, it keeps every look.
        limit: for the candidate: epochs of each fold; steps and seconds of all together, the steps since it began.

    Returns:
        steps and seconds of all folds; the curve of the joined outputs, and the outputs at its best point.
    """
    if len(folds) == 1:
        return learn(folds[0], limit)
    began = time.monotonic()
    steps = None if limit.steps is None else max(1, limit.steps // len(folds))
    stood, stopped = 0, False
    trained: list[Trained] = []
    joined: list[tuple[CurvePoint, Array]] = []
    marks = _marks(plan, limit.epochs)
    for number, mark in enumerate(marks):
        calls = (len(marks) - number) * len(folds)
        trained = []
        for place, fold in enumerate(folds):
            left = None if limit.seconds is None else limit.seconds - (time.monotonic() - began)
            seconds = None if left is None else max(0.0, left / (calls - place))
            trained.append(learn(fold, replace(limit, epochs=mark, steps=steps, seconds=seconds)))
        seen = len(joined)
        joined = join_looks(folds, trained, jury, until=mark)
        for point, _ in joined[seen:]:
            on_point(point)
        stopped = mark < plan.epochs and _is_stale([point for point, _ in joined], jury, plan, mark)
        if stopped or stood == sum(each.steps for each in trained):
            break
        stood = sum(each.steps for each in trained)
    curve = tuple(point for point, _ in joined)
    outputs = joined[jury.best(curve)][1] if joined else pool(folds, [each.outputs for each in trained])
    return replace(
        trained[0],
        finished=stopped or all(each.finished for each in trained),
        stopped_early=stopped,
        steps=sum(each.steps for each in trained),
        curve=curve,
        score=jury.score(outputs),
        outputs=outputs,
        looks=outputs[None, :0],
        seconds=time.monotonic() - began,
    )


def _marks(plan: Plan, goal: float) -> list[float]:
    """The epochs at which all folds meet to see whether to stop: as often as patience runs out, and the goal."""
    return [float(mark) for mark in range(plan.patience, math.ceil(goal), plan.patience)] + [goal]


def _is_stale(curve: Sequence[CurvePoint], jury: Jury, plan: Plan, mark: float) -> bool:
    """Whether the best look lies so far back that no better one is waited for."""
    return bool(curve) and mark - curve[jury.best(curve)].epoch >= plan.patience - _HAIR


def join_looks(
    folds: Sequence[Fold], trained: Sequence[Trained], jury: Jury, *, until: float
) -> list[tuple[CurvePoint, Array]]:
    """The looks that all folds took, joined: at the epochs of the fold that looked least, until an epoch.

    A fold that did not look at just that epoch is taken as it was at its last look before.
    """
    joined = []
    for point in min((each.curve for each in trained), key=len):
        at = [_last_before(each.curve, point.epoch) for each in trained]
        if point.epoch > until + _HAIR or min(at) < 0 or any(_ends_before(each, point.epoch) for each in trained):
            continue
        outputs = pool(folds, [each.looks[place] for each, place in zip(trained, at, strict=True)])
        points = [each.curve[place] for each, place in zip(trained, at, strict=True)]
        n_steps, loss = sum(each.step for each in points), float(np.mean([each.loss for each in points]))
        joined.append((CurvePoint(n_steps, point.epoch, loss, jury.score(outputs)), outputs))
    return joined


def _last_before(curve: Sequence[CurvePoint], epoch: float) -> int:
    """The place of the last point up to an epoch, or -1."""
    return sum(point.epoch <= epoch + _HAIR for point in curve) - 1


def _ends_before(trained: Trained, epoch: float) -> bool:
    """Whether a fold was paused well before an epoch, so that its last look says nothing of it."""
    if len(trained.curve) < 2:
        return trained.curve[-1].epoch < epoch - _HAIR
    return trained.curve[-1].epoch + (trained.curve[-1].epoch - trained.curve[-2].epoch) < epoch - _HAIR


def best_epochs(trial: Trial, ground: Ground, sign: float) -> float:
    """The epochs for which a network was best in its folds; without a look, those it was trained for."""
    if trial.curve:
        return max(trial.curve, key=lambda point: (sign * point.score, -point.step)).epoch
    n_rows = ground.rows_a_fit
    steps_an_epoch = n_rows // min(trial.candidate.plan.batch, n_rows)
    return trial.steps / ground.n_fits / steps_an_epoch
