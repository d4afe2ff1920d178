"""One trial: what a worker process does to bring one candidate to one rung, and to write the chosen network as ONNX."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from archwise.architectures import architecture, need_of
from archwise.choice.folds import Fold, Jury, folds_of, pool, signature_at, train_in_folds
from archwise.choice.run import (
    Ground,
    read_batch,
    read_before,
    read_ground,
    read_targets,
    trial_folder,
    write_trial,
)
from archwise.choice.seal import read_groups
from archwise.choice.trunk import given_batch, network_of
from archwise.data.mapped import gather
from archwise.data.open import draw_evenly
from archwise.data.padding import to_length
from archwise.errors import UsageError
from archwise.evidence import bootstrap_scores, interval, of_folds
from archwise.model.session import open_session, outputs, row_latency_ms
from archwise.records import (
    Architecture,
    Array,
    Batch,
    Candidate,
    CurvePoint,
    Json,
    Metric,
    Plan,
    Signature,
    Solved,
    Trial,
)
from archwise.tasks import main_metric, task

if TYPE_CHECKING:
    from archwise.training.landing import Limit
    from archwise.training.loop import Examples, Tools, Trained, TrainJob
    from archwise.training.network import Network

Send = Callable[[object], None]
PARITY_ROWS = 256
SHORTEST_S = 0.5  # a trial is not begun with less than this left of the race
FEWEST_TIMED, LONGEST_TIMED_S = 5, 0.5  # calls of one row, and their time in all, from which a latency is told
MOST_PARITY_CELLS = 8_000_000  # of one input of the rows that hold the written model against the trained one
SHORTENED = "shortened to"  # how the words of a network begin whose plan did not fit
N_QUICK = 200  # resamples of the interval that the live table shows; the verdict draws its own


@dataclass(frozen=True)
class Grant:
    """How far a candidate may go in this rung.

    share: of its plan's epochs, in all. steps: steps in all, or None. seconds: of this rung, or None.
    stop_at: when the race ends on the monotonic clock, or None.
    lands: whether its plan is brought to its end within these bounds, shortened where it does not fit.
    last_at: in place of stop_at as long as nobody who learns has answered, so that somebody does.
    """

    rung: int
    share: float
    steps: int | None = None
    seconds: float | None = None
    stop_at: float | None = None
    lands: bool = False
    last_at: float | None = None

    def is_over(self, *, has_learned: bool = True) -> bool:
        """Whether there is too little time left for it to begin. has_learned: whether somebody who learns answered."""
        ends = self.ends(has_learned=has_learned)
        return ends is not None and ends - time.monotonic() < SHORTEST_S

    def ends(self, *, has_learned: bool = True) -> float | None:
        """When it is stopped on the monotonic clock, or None."""
        if self.stop_at is None or self.last_at is None or has_learned:
            return self.stop_at
        return max(self.stop_at, self.last_at)

    def seconds_left(self) -> float | None:
        """Seconds that a trial which starts now may take."""
        bounds = [self.seconds] if self.seconds is not None else []
        if self.stop_at is not None:
            bounds.append(max(0.0, self.stop_at - time.monotonic()))
        return min(bounds) if bounds else None


@dataclass(frozen=True)
class TrialJob:
    """One candidate, one rung, one run folder."""

    run: str
    candidate: Candidate
    grant: Grant

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """The one candidate."""
        return (self.candidate,)

    def alone(self) -> tuple[TrialJob, ...]:
        """The jobs of its candidates, one by one."""
        return (self,)

    def seconds_left(self) -> float | None:
        """Seconds that it may take if it starts now."""
        return self.grant.seconds_left()


def run_trial(job: TrialJob, send: Send) -> str:
    """Bring a candidate to a rung; the record is on disk when this returns.

    Returns:
        the candidate's id; the parent reads the record from the run folder.
    """
    folder = Path(job.run)
    ground = read_ground(folder)
    send({"event": "started"})
    is_reference = architecture(job.candidate.architecture).is_reference
    trial = _solve(folder, ground, job) if is_reference else _train(folder, ground, job, send)
    write_trial(folder, trial)
    return job.candidate.id


def _metric(ground: Ground) -> Metric:
    return main_metric(task(ground.profile.task), ground.target_state, ground.metric)


def judge(folder: Path, ground: Ground, answered: Sequence[Array]) -> list[tuple[float, float, float]]:
    """The score of each one's outputs on the validation rows, and its quick 95 % interval."""
    truth, groups = read_targets(folder, "valid"), read_groups(folder, "valid")
    scores = bootstrap_scores(truth, answered, _metric(ground), seed=0, groups=groups, n_resamples=N_QUICK)
    scores = of_folds(scores, ground.n_folds, widening=ground.widening)
    return [(float(scores.point[place]), *interval(scores, place)) for place in range(len(answered))]


def _solve(folder: Path, ground: Ground, job: TrialJob) -> Trial:
    """Fit a reference in every fold, through its library, and judge its ONNX on the rows left out.

    What is handed over was fitted at the run folder: in the one fold of one split, else once more, on all open rows.
    """
    started = time.monotonic()
    folds, need = folds_of(folder), need_of(job.candidate)
    solved = {
        place: _solved_at(place, ground, job.candidate)
        for place in dict.fromkeys([*(fold.place for fold in folds), folder])
    }
    parts = [outputs(open_session(solved[fold.place].onnx), read_batch(fold.place, need, "valid")) for fold in folds]
    answered = pool(folds, parts)
    (trial_folder(folder, job.candidate) / "model.onnx").write_bytes(solved[folder].onnx)
    session = open_session(solved[folder].onnx)
    score, low, high = judge(folder, ground, [answered])[0]
    return Trial(
        job.candidate,
        job.grant.rung,
        "done",
        why=_fewer_words(architecture(job.candidate.architecture), ground.n_train),
        score=score,
        low=low,
        high=high,
        seconds=time.monotonic() - started,
        n_parameters=solved[folder].n_parameters,
        latency_ms=row_latency_ms(session, head_rows(read_batch(folder, need, "valid"))),
        outputs=answered,
    )


def _solved_at(place: Path, ground: Ground, candidate: Candidate) -> Solved:
    signature = signature_at(place, ground, need_of(candidate))
    return solve_on(ground, candidate, *rows_for(place, candidate), signature)


def rows_for(folder: Path, candidate: Candidate) -> tuple[Batch, Array]:
    """The training rows and targets that a reference is fitted on: all, or as many as it reads, drawn evenly."""
    entry = architecture(candidate.architecture)
    batch, targets = read_batch(folder, need_of(candidate), "train"), read_targets(folder, "train")
    if not 0 < entry.most_rows < len(targets):
        return batch, targets
    rows = draw_evenly(len(targets), entry.most_rows, seed=0)
    return {name: gather(array, rows) for name, array in batch.items()}, gather(targets, rows)


def _fewer_words(entry: Architecture, n_train: int) -> str:
    if not 0 < entry.most_rows < n_train:
        return ""
    return f"fitted on {entry.most_rows:,} of {n_train:,} training rows, drawn evenly"


def solve_on(ground: Ground, candidate: Candidate, batch: Batch, targets: Array, signature: Signature) -> Solved:
    """Fit a reference, and hold its ONNX against the library on real rows."""
    entry = architecture(candidate.architecture)
    if entry.solve is None:
        raise UsageError(f"'{entry.name}' is a network; only references are fitted by a library")
    settings, seed = dict(candidate.settings), candidate.plan.seed
    solved = entry.solve(signature, settings, batch, targets, ground.profile.task, seed)
    rows = head_rows(batch)
    check_answers(ground, solved.outputs(rows), outputs(open_session(solved.onnx), rows))
    return solved


def _train(folder: Path, ground: Ground, job: TrialJob, send: Send) -> Trial:
    """Train a network from where its checkpoints stand to the end of its grant."""
    from archwise.training.landing import Limit

    candidate, grant = job.candidate, job.grant
    folds = folds_of(folder)

    def on_point(point: CurvePoint) -> None:
        send({"event": "point", **asdict(point)})

    training = training_of(folder, ground, candidate, on_point)

    def learn_fold(fold: Fold, limit: Limit) -> Trained:
        alone = len(folds) == 1
        own = training if alone else training_of(folder, ground, candidate, fold=fold, chooses=False)
        return learn(own, fold.place, candidate, limit)

    limit = Limit(grant.share * candidate.plan.epochs, grant.steps, grant.seconds_left(), grant.lands)
    jury = Jury(_metric(ground), read_targets(folder, "valid"))
    trained = train_in_folds(learn_fold, folds, jury=jury, plan=candidate.plan, limit=limit, on_point=on_point)
    return trained_trial(folder, job, trained, judged=judge(folder, ground, [trained.outputs])[0])


def training_of(
    folder: Path,
    ground: Ground,
    candidate: Candidate,
    on_point: Callable[[CurvePoint], None] = lambda point: None,
    *,
    fold: Fold | None = None,
    chooses: bool = True,
) -> tuple[Network, TrainJob, Tools]:
    """What the training of a candidate needs beside the rows: its network, what is learnt, and its checkpoint.

    Args:
        fold: in which it is trained; None for the run folder itself.
        chooses: as in `training.loop.TrainJob`.
    """
    from archwise.training.loop import Tools, TrainJob

    kind_of_task, need = task(ground.profile.task), need_of(candidate)
    signature = ground.signature(need) if fold is None else signature_at(fold.place, ground, need)
    network = network_of(folder if fold is None else fold.place, ground, candidate, signature)
    learnt = TrainJob(kind_of_task, ground.target_state, _metric(ground), candidate.plan, ground.device, chooses)
    checkpoint = trial_folder(folder, candidate) / ("" if fold is None else fold.name) / "checkpoint.safetensors"
    return network, learnt, Tools(checkpoint, on_point, time.monotonic)


def learn(training: tuple[Network, TrainJob, Tools], place: Path, candidate: Candidate, limit: Limit) -> Trained:
    """Train a network on the rows at a place, from its checkpoint to a limit."""
    from archwise.training.loop import train

    network, learnt, tools = training
    train_part, valid_part = read_examples(place, candidate)
    return train(network, learnt, train=train_part, valid=valid_part, limit=limit, tools=tools)


def read_examples(folder: Path, candidate: Candidate) -> tuple[Examples, Examples]:
    """The training and the validation rows as a candidate needs them."""
    from archwise.training.loop import Examples

    train, valid = (
        Examples(given_batch(folder, candidate, part), read_targets(folder, part)) for part in ("train", "valid")
    )
    return train, valid


def trained_trial(folder: Path, job: TrialJob, trained: Trained, *, judged: tuple[float, float, float]) -> Trial:
    """The record of a network that was trained to the end of its grant; judged: its score with its interval."""
    before = read_before(folder, job.candidate, job.grant.rung)
    score, low, high = judged
    network = served_network(folder, job.candidate)
    return Trial(
        job.candidate,
        job.grant.rung,
        "done" if trained.finished else "paused",
        why=_training_words(trained, job.candidate.plan),
        score=score,
        low=low,
        high=high,
        steps=trained.steps,
        seconds=(before.seconds if before else 0.0) + trained.seconds,
        n_parameters=sum(parameter.numel() for parameter in network.parameters()),
        latency_ms=_eager_latency_ms(network, head_rows(read_batch(folder, need_of(job.candidate), "valid"), 1)),
        curve=trained.curve,
        outputs=trained.outputs,
    )


def served_network(folder: Path, candidate: Candidate) -> Network:
    """The whole network of a candidate as it will answer, but for its weights: what it weighs and how long it takes."""
    from archwise.training.network import make_network

    ground = read_ground(folder)
    entry, kind_of_task = architecture(candidate.architecture), task(ground.profile.task)
    return make_network(entry, candidate, ground.signature(need_of(candidate)), kind_of_task, ground.target_state)


def _training_words(trained: Trained, plan: Plan) -> str:
    if trained.stopped_early:
        return "stopped early: no better score for a while"
    if trained.skipped > 0.0 and trained.finished:
        share = trained.steps / (trained.steps + trained.skipped)
        return f"{SHORTENED} {max(0.01, share):.0%} of its {plan.epochs} epochs, to end inside the budget"
    return ""


def failed_trial(folder: Path, job: TrialJob, reason: str) -> Trial:
    """The record of a trial that failed."""
    before = read_before(folder, job.candidate, job.grant.rung)
    return Trial(job.candidate, job.grant.rung, "failed", why=reason, steps=before.steps if before else 0)


def _eager_latency_ms(network: object, batch: Batch, n: int = 50) -> float:
    """Median time of one row in the framework, on this thread; every network is timed alike."""
    import torch

    from archwise.training.network import Network
    from archwise.training.rows import cut_padding, row_lengths

    assert isinstance(network, Network)
    specs = network.signature.inputs
    tensors = [torch.from_numpy(batch[spec.name][:1].copy()) for spec in specs]
    lengths = row_lengths(specs, batch)
    if lengths is not None:
        tensors = cut_padding(specs, tensors, int(lengths[0]))
    network = network.to("cpu").eval()
    times: list[float] = []
    with torch.inference_mode():
        while len(times) < n and (len(times) < FEWEST_TIMED or sum(times) < LONGEST_TIMED_S):
            started = time.perf_counter()
            network(*tensors)
            times.append(time.perf_counter() - started)
    return float(np.median(times) * 1e3)


def head_rows(batch: Batch, n: int = PARITY_ROWS) -> Batch:
    """The first rows of a batch, in memory: n, or as many fewer as large ones must be."""
    n = min(n, *(max(1, MOST_PARITY_CELLS // math.prod(array.shape[1:])) for array in batch.values()))
    return {name: np.array(array[:n]) for name, array in batch.items()}  # in memory, writable


def check_answers(ground: Ground, left: Array, right: Array) -> None:
    """Hold the answers of two ways of computing them against each other, as a person would read them.

    Raises:
        ParityError: they differ.
    """
    from archwise.model.export import check_parity

    kind_of_task = task(ground.profile.task)

    def answers(values: Array) -> dict[str, Json]:
        return kind_of_task.answers(ground.target_state, {}, values)

    if left.ndim == 3:  # of every step: one may have been asked with more padding than the other
        n_steps = max(left.shape[1], right.shape[1])
        left, right = to_length(left, n_steps), to_length(right, n_steps)
    check_parity(left, right, answers)
