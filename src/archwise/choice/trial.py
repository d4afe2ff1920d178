"""One trial: what a worker process does to bring one candidate to one rung, and to write the chosen network as ONNX."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from archwise.architectures import architecture
from archwise.choice.folds import Fold, Jury, folds_of, pool, signature_at, train_in_folds
from archwise.choice.run import (
    Ground,
    read_batch,
    read_ground,
    read_targets,
    read_trial,
    trial_folder,
    write_trial,
)
from archwise.choice.seal import read_groups
from archwise.data.mapped import gather
from archwise.data.open import draw_evenly
from archwise.errors import UsageError
from archwise.evidence import bootstrap_scores, interval, of_folds
from archwise.model.session import open_session, outputs, row_latency_ms
from archwise.records import Architecture, Array, Batch, Candidate, CurvePoint, Json, Metric, Signature, Solved, Trial
from archwise.tasks import main_metric, task

if TYPE_CHECKING:
    from archwise.training.loop import Limit, Trained

Send = Callable[[object], None]
PARITY_ROWS = 256
SHORTEST_S = 0.5  # a trial is not begun with less than this left of the race
N_QUICK = 200  # resamples of the interval that the live table shows; the verdict draws its own


@dataclass(frozen=True)
class Grant:
    """How far a candidate may go in this rung.

    share: of its plan's epochs, in all. steps: steps in all, or None. seconds: of this rung, or None.
    stop_at: when the race ends on the monotonic clock, or None.
    """

    rung: int
    share: float
    steps: int | None = None
    seconds: float | None = None
    stop_at: float | None = None

    def is_over(self) -> bool:
        """Whether the race has too little time left for anything to begin."""
        return self.stop_at is not None and self.stop_at - time.monotonic() < SHORTEST_S

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


def run_trial(job: TrialJob, send: Send) -> str:
    """Bring a candidate to a rung; the record is on disk when this returns.

    Returns:
        the candidate's id; the parent reads the record from the run folder.
    """
    folder = Path(job.run)
    ground = read_ground(folder)
    entry = architecture(job.candidate.architecture)
    send({"event": "started"})
    trial = _solve(folder, ground, entry, job) if entry.is_reference else _train(folder, ground, entry, job, send)
    write_trial(folder, trial)
    return job.candidate.id


def _metric(ground: Ground) -> Metric:
    return main_metric(task(ground.profile.task), ground.target_state, ground.metric)


def _judge(folder: Path, ground: Ground, answered: Array) -> tuple[float, float, float]:
    """The score of outputs on the validation rows, and its quick 95 % interval."""
    truth, groups = read_targets(folder, "valid"), read_groups(folder, "valid")
    scores = bootstrap_scores(truth, [answered], _metric(ground), seed=0, groups=groups, n_resamples=N_QUICK)
    return float(scores.point[0]), *interval(of_folds(scores, ground.n_folds), 0)


def _solve(folder: Path, ground: Ground, entry: Architecture, job: TrialJob) -> Trial:
    """Fit a reference in every fold, through its library, and judge its ONNX on the rows left out.

    What is handed over was fitted at the run folder: in the one fold of one split, else once more, on all open rows.
    """
    started = time.monotonic()
    folds = folds_of(folder)
    solved = {
        place: _solved_at(place, ground, entry, job.candidate)
        for place in dict.fromkeys([*(fold.place for fold in folds), folder])
    }
    parts = [outputs(open_session(solved[fold.place].onnx), _left_out(fold, entry)) for fold in folds]
    answered = pool(folds, parts)
    (trial_folder(folder, job.candidate) / "model.onnx").write_bytes(solved[folder].onnx)
    session = open_session(solved[folder].onnx)
    score, low, high = _judge(folder, ground, answered)
    return Trial(
        job.candidate,
        job.grant.rung,
        "done",
        why=_fewer_words(entry, ground.n_train),
        score=score,
        low=low,
        high=high,
        seconds=time.monotonic() - started,
        n_parameters=solved[folder].n_parameters,
        latency_ms=row_latency_ms(session, _head(read_batch(folder, entry.need, "valid"))),
        outputs=answered,
    )


def _solved_at(place: Path, ground: Ground, entry: Architecture, candidate: Candidate) -> Solved:
    return _solved(ground, entry, candidate, *_given(place, entry), signature_at(place, ground, entry.need))


def _left_out(fold: Fold, entry: Architecture) -> Batch:
    return read_batch(fold.place, entry.need, "valid")


def _given(folder: Path, entry: Architecture) -> tuple[Batch, Array]:
    """The training rows and targets that a reference is fitted on: all, or as many as it reads, drawn evenly."""
    batch, targets = read_batch(folder, entry.need, "train"), read_targets(folder, "train")
    if not 0 < entry.most_rows < len(targets):
        return batch, targets
    rows = draw_evenly(len(targets), entry.most_rows, seed=0)
    return {name: gather(array, rows) for name, array in batch.items()}, gather(targets, rows)


def _fewer_words(entry: Architecture, n_train: int) -> str:
    if not 0 < entry.most_rows < n_train:
        return ""
    return f"fitted on {entry.most_rows:,} of {n_train:,} training rows, drawn evenly"


def _solved(
    ground: Ground, entry: Architecture, candidate: Candidate, batch: Batch, targets: Array, signature: Signature
) -> Solved:
    """Fit a reference, and hold its ONNX against the library on real rows."""
    if entry.solve is None:
        raise UsageError(f"'{entry.name}' is a network; only references are fitted by a library")
    settings, seed = dict(candidate.settings), candidate.plan.seed
    solved = entry.solve(signature, settings, batch, targets, ground.profile.task, seed)
    rows = _head(batch)
    _check_parity(ground, solved.outputs(rows), outputs(open_session(solved.onnx), rows))
    return solved


def _train(folder: Path, ground: Ground, entry: Architecture, job: TrialJob, send: Send) -> Trial:
    """Train a network from where its checkpoints stand to the end of its grant."""
    from archwise.training.loop import Limit
    from archwise.training.network import make_network, n_parameters

    candidate, grant = job.candidate, job.grant
    folds = folds_of(folder)

    def on_point(point: CurvePoint) -> None:
        send({"event": "point", **asdict(point)})

    def learn_fold(fold: Fold, limit: Limit) -> Trained:
        return _learn(folder, ground, candidate, fold, limit, chooses=False)

    limit = Limit(grant.share * candidate.plan.epochs, grant.steps, grant.seconds_left())
    if len(folds) == 1:
        trained = _learn(folder, ground, candidate, folds[0], limit, on_point=on_point)
    else:
        jury = Jury(_metric(ground), read_targets(folder, "valid"))
        trained = train_in_folds(learn_fold, folds, jury=jury, plan=candidate.plan, limit=limit, on_point=on_point)
    before = read_trial(folder, candidate, grant.rung - 1)
    score, low, high = _judge(folder, ground, trained.outputs)
    signature = ground.signature(entry.need)
    network = make_network(entry, candidate, signature, task(ground.profile.task), ground.target_state)
    return Trial(
        candidate,
        grant.rung,
        "done" if trained.finished else "paused",
        why="stopped early: no better score for a while" if trained.stopped_early else "",
        score=score,
        low=low,
        high=high,
        steps=trained.steps,
        seconds=(before.seconds if before else 0.0) + trained.seconds,
        n_parameters=n_parameters(network),
        latency_ms=_eager_latency_ms(network, _head(read_batch(folder, entry.need, "valid"))),
        curve=trained.curve,
        outputs=trained.outputs,
    )


def _learn(
    folder: Path,
    ground: Ground,
    candidate: Candidate,
    fold: Fold,
    limit: Limit,
    *,
    chooses: bool = True,
    on_point: Callable[[CurvePoint], None] = lambda point: None,
) -> Trained:
    """Train a network in a fold from its checkpoint there to a limit."""
    from archwise.training.loop import Examples, Tools, TrainJob, train
    from archwise.training.network import make_network

    kind_of_task, entry = task(ground.profile.task), architecture(candidate.architecture)
    signature = signature_at(fold.place, ground, entry.need)
    train_part, valid_part = (
        Examples(read_batch(fold.place, entry.need, part), read_targets(fold.place, part))
        for part in ("train", "valid")
    )
    return train(
        make_network(entry, candidate, signature, kind_of_task, ground.target_state),
        TrainJob(kind_of_task, ground.target_state, _metric(ground), candidate.plan, ground.device, chooses),
        train=train_part,
        valid=valid_part,
        limit=limit,
        tools=Tools(trial_folder(folder, candidate) / fold.name / "checkpoint.safetensors", on_point, time.monotonic),
    )


def _eager_latency_ms(network: object, batch: Batch, n: int = 50) -> float:
    """Median time of one row in the framework, on this thread; every network is timed alike."""
    import torch

    from archwise.training.network import Network

    assert isinstance(network, Network)
    tensors = [torch.from_numpy(batch[spec.name][:1].copy()) for spec in network.signature.inputs]
    network = network.to("cpu").eval()
    times = []
    with torch.inference_mode():
        for _ in range(n):
            started = time.perf_counter()
            network(*tensors)
            times.append(time.perf_counter() - started)
    return float(np.median(times) * 1e3)


@dataclass(frozen=True)
class ExportJob:
    """Write one trained candidate as ONNX."""

    run: str
    candidate: Candidate


def export_trial(job: ExportJob, send: Send) -> str:
    """Write the best network of a candidate as model.onnx in its trial folder, after a parity check on real rows.

    Returns:
        the path of the file.

    Raises:
        ParityError: ONNX Runtime does not answer as torch did; the row is named and nothing is written.
    """
    from safetensors.torch import save_file

    from archwise.model.export import export_network
    from archwise.training.network import best_network, make_network

    send({"event": "export"})
    folder = Path(job.run)
    ground = read_ground(folder)
    entry = architecture(job.candidate.architecture)
    signature = ground.signature(entry.need)
    place = trial_folder(folder, job.candidate)
    network = make_network(entry, job.candidate, signature, task(ground.profile.task), ground.target_state)
    best_network(network, place / "checkpoint.safetensors")
    rows = _head(read_batch(folder, entry.need, "valid"))
    model = export_network(network, rows, signature)
    _check_parity(ground, _torch_outputs(network, rows), outputs(open_session(model), rows))
    save_file(
        {name: tensor.contiguous() for name, tensor in network.state_dict().items()},
        place / "weights.safetensors",
    )
    path = place / "model.onnx"
    path.write_bytes(model)
    return str(path)


@dataclass(frozen=True)
class RefitJob:
    """Fit a chosen candidate anew. epochs, seconds: of a network, where to stop."""

    run: str
    candidate: Candidate
    epochs: float = 0.0
    seconds: float | None = None


def refit_trial(job: RefitJob, send: Send) -> int:
    """Fit a reference on the training and the validation rows together, and write it as refit.onnx in its trial folder.

    Returns:
        the number of rows it was fitted on.

    Raises:
        ParityError: ONNX Runtime does not answer as the library did.
    """
    send({"event": "refit"})
    folder = Path(job.run)
    ground = read_ground(folder)
    entry = architecture(job.candidate.architecture)
    (train, targets), valid = _given(folder, entry), read_batch(folder, entry.need, "valid")
    targets = np.concatenate([targets, read_targets(folder, "valid")])
    rows = {name: np.concatenate([train[name], valid[name]]) for name in train}
    solved = _solved(ground, entry, job.candidate, rows, targets, ground.signature(entry.need))
    (trial_folder(folder, job.candidate) / "refit.onnx").write_bytes(solved.onnx)
    return len(targets)


def retrain_trial(job: RefitJob, send: Send) -> float:
    """Train a network that raced in folds on all open rows, for so many epochs and without a look that chooses.

    Its weights are then where those of one split are, for `export_trial` to write.

    Returns:
        the epochs it was trained for, fewer than wanted where seconds ran out.
    """
    from archwise.training.loop import Limit

    send({"event": "refit"})
    folder = Path(job.run)
    ground = read_ground(folder)
    whole = Fold(folder, "", np.arange(ground.n_valid))
    trained = _learn(folder, ground, job.candidate, whole, Limit(job.epochs, None, job.seconds), chooses=False)
    batch = min(job.candidate.plan.batch, ground.n_train)
    return trained.steps / (ground.n_train // batch)


def _torch_outputs(network: object, batch: Batch) -> Array:
    import torch

    from archwise.training.network import Network

    assert isinstance(network, Network)
    with torch.inference_mode():
        answered: Array = network(*[torch.from_numpy(batch[spec.name]) for spec in network.signature.inputs]).numpy()
    return answered


def _head(batch: Batch, n: int = PARITY_ROWS) -> Batch:
    return {name: np.array(array[:n]) for name, array in batch.items()}  # in memory, writable


def _check_parity(ground: Ground, left: Array, right: Array) -> None:
    """Raise where the answers that a person would read differ between two ways of computing them."""
    from archwise.model.export import check_parity

    kind_of_task = task(ground.profile.task)

    def answers(values: Array) -> dict[str, Json]:
        return kind_of_task.answers(ground.target_state, {}, values)

    check_parity(left, right, answers)
