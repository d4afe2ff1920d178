"""The training loop: batches sliced from memory, validation rows looked at now and then, the best weights kept."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path

import numpy as np
import torch

from archwise.blocks.dropout import Dropout
from archwise.catalogue import pick
from archwise.data.mapped import release
from archwise.errors import DivergedError
from archwise.records import Array, Batch, CurvePoint, Json, Metric, Plan, Task
from archwise.training.augment import augment
from archwise.training.average import averaged_tensors, move_average, take_the_rest
from archwise.training.checkpoint import Checkpoint, Tensors, read_checkpoint, write_checkpoint
from archwise.training.device import own_random_numbers, pick_device, products, random_state, set_random_state
from archwise.training.head import solve_head
from archwise.training.landing import Landing, Limit
from archwise.training.look import answers, expected_look_s
from archwise.training.network import Network, each_member, learn_mode, learnt_weights, n_parameters, put_back
from archwise.training.optimizer import make_optimizer, set_rates
from archwise.training.order import Order
from archwise.training.rows import cut_padding, first_rows, input_tensors, row_lengths, target_tensor
from archwise.training.schedule import SCHEDULES

FEWEST_STEPS_A_LOOK, MOST_STEPS_A_LOOK = 20, 400
CHECKPOINT_EVERY_S = 60.0
_HAIR = 1e-6  # of a step, which sums of its parts may be off


@dataclass(frozen=True)
class Examples:
    """Rows to learn from or to be judged on: inputs by name, each (N, width), and encoded targets (N,)."""

    batch: Batch
    targets: Array


@dataclass(frozen=True)
class TrainJob:
    """What is learnt and how: the task, its target state, the metric that decides, the plan, the device's name.

    chooses: whether the loop keeps the weights of its best look and stops without a better one. Else it trains to its
    limit, keeps the outputs of every look for the caller to choose by, and its best weights are those it ends with.
    """

    task: Task
    state: Mapping[str, Json]
    metric: Metric
    plan: Plan
    device: str
    chooses: bool = True


@dataclass(frozen=True)
class Tools:
    """What the loop uses from outside: where its checkpoint lies, who hears of each look, a clock in seconds."""

    checkpoint: Path
    on_point: Callable[[CurvePoint], None]
    clock: Callable[[], float]


@dataclass(frozen=True)
class Trained:
    """What a call of `train` reached.

    finished: nothing is left to train. steps: in all.
    outputs: (N_valid, K) at the best look, whose score is `score`; before the first look, as the network stands.
    looks: (L, N_valid, K) at every point of the curve, where the loop does not choose; else none.
    seconds: of this call. skipped: steps of the plan that were left out so that its end came inside the limit.
    """

    finished: bool
    stopped_early: bool
    steps: int
    curve: tuple[CurvePoint, ...]
    score: float
    outputs: Array
    n_parameters: int
    seconds: float
    looks: Array = field(default_factory=lambda: np.empty(0))
    skipped: float = 0.0


def train(network: Network, job: TrainJob, *, train: Examples, valid: Examples, limit: Limit, tools: Tools) -> Trained:
    """Train a network to a limit, from the start or from its checkpoint, and leave a checkpoint there.

    Pausing changes nothing: weights and curve are bit for bit those of a run without pause, on the CPU.

    Args:
        network: as `make_network` built it; on return it holds the weights as they train, on the device.
        job: what is learnt and how.
        train: rows to learn from.
        valid: rows to be judged on.
        limit: where to pause.
        tools: what is used from outside.

    Raises:
        DivergedError: the training loss is no longer a finite number.
        ModelError: the checkpoint cannot be read.
        UsageError: the plan names a loss, an optimizer or a schedule that does not exist, or the device is missing.
    """
    began = tools.clock()
    deadline = math.inf if limit.seconds is None else began + limit.seconds
    device = pick_device(job.device)
    with own_random_numbers(device, job.plan.seed):
        run = begin_run(network, job, train=train, valid=valid, checkpoint=tools.checkpoint)
        rows = run.valid_inputs, len(run.truth)
        told = not math.isinf(deadline)
        look_s = expected_look_s(run.judged, *rows, tools.clock, lengths=run.valid_lengths) if told else 0.0
        landing = Landing(last_step(run, limit), deadline, clock=tools.clock, look_s=look_s) if limit.lands else None
        _advance(run, last_step(run, limit), deadline - look_s, landing, tools=tools)
        return end_run(run, tools.checkpoint, seconds=lambda: tools.clock() - began)


def begin_run(network: Network, job: TrainJob, *, train: Examples, valid: Examples, checkpoint: Path) -> Run:
    """Stand where the checkpoint stands, or at the start where there is none; random numbers must be the run's own.

    Raises:
        ModelError, UsageError: as `train`.
    """
    is_new = not checkpoint.exists()
    if is_new:
        network.begin(*first_rows(network.signature.inputs, train.batch, len(train.targets), seed=job.plan.seed))
    device = pick_device(job.device)
    run = Run(network.to(device), job, train, valid, device)
    if is_new:
        loss = lambda outputs, targets: run.loss_of(outputs, targets, run.options)  # noqa: E731
        solve_head(run.network, run.inputs, targets=run.targets, n_rows=run.n_rows, loss=loss, lengths=run.lengths)
        learn_mode(run.network)
        if run.judged is not run.network:  # the average begins at the weights
            put_back(run.judged, learnt_weights(run.network))
    else:
        run.go_on_from(read_checkpoint(checkpoint))
    return run


def end_run(run: Run, checkpoint: Path, *, seconds: Callable[[], float]) -> Trained:
    """Leave a checkpoint, and say what was reached; random numbers must be the run's own.

    Args:
        seconds: what the call took, asked when all is done.
    """
    if run.best_step < 0:
        run.best, run.outputs = _copy(learnt_weights(run.judged)), _answer(run)
    write_checkpoint(checkpoint, run.checkpoint())
    return Trained(
        finished=run.stopped or run.is_whole,
        stopped_early=run.stopped,
        steps=run.step,
        curve=tuple(run.curve),
        score=_score(run, run.outputs),
        outputs=run.outputs.numpy(),
        n_parameters=n_parameters(run.network),
        seconds=seconds(),
        looks=run.kept_looks().numpy(),
        skipped=run.skipped,
    )


class Run:
    """A training run in memory: what never changes, then what a checkpoint holds.

    network: as it trains. judged: whose answers count: the weight average, or the network itself.
    """

    def __init__(self, network: Network, job: TrainJob, train: Examples, valid: Examples, device: torch.device) -> None:
        plan = job.plan
        self.network = network
        learn_mode(network)
        self.judged = copy.deepcopy(network) if plan.average > 0.0 else network
        self.job, self.plan, self.device = job, plan, device
        self.inputs, self.valid_inputs = (
            input_tensors(network.signature.inputs, part.batch, device) for part in (train, valid)
        )
        self.targets = target_tensor(train.targets, device)
        names = [spec.name for spec in network.signature.inputs]
        self.place_of_pictures = names.index("image") if plan.augment != "none" and "image" in names else None
        self.truth = valid.targets
        losses = dict(job.task.losses)
        self.loss_of = pick(losses, plan.loss or next(iter(losses)), f"loss of {job.task.name}")
        self.options = {**job.state, "smoothing": plan.smoothing}
        self.factor = pick(dict(SCHEDULES), plan.schedule, "schedule")
        self.fade = pick(dict(SCHEDULES), plan.fade, "schedule")
        self.dropouts = [module for module in network.modules() if isinstance(module, Dropout)]
        self.faded = math.nan  # what the dropouts stand at
        self.optimizer = make_optimizer(network, plan)
        self.n_rows = len(train.targets)
        self.batch = min(plan.batch, self.n_rows)
        self.lengths, self.valid_lengths = (
            row_lengths(network.signature.inputs, part.batch) for part in (train, valid)
        )
        self.order = Order(self.n_rows, plan.seed, lengths=self.lengths, batch=self.batch)
        self.mapped = (*train.batch.values(), train.targets)
        self.steps_an_epoch = self.n_rows // self.batch  # what is left over falls to another batch in the next epoch
        self.steps_a_look = _steps_a_look(self.steps_an_epoch)
        self.total = plan.epochs * self.steps_an_epoch

        self.step, self.skipped, self.best_step, self.stopped = 0, 0.0, -1, False
        self.loss = torch.zeros((), device=device)  # sum since the last look
        self.best: Tensors = {}
        self.outputs = torch.empty(0)
        self.looks: list[torch.Tensor] = []
        self.curve: list[CurvePoint] = []

    def fade_dropouts(self, factor: float) -> None:
        """Let every dropout drop that factor of its share; most schedules ask for the same at every step."""
        if factor != self.faded:
            for dropout in self.dropouts:
                dropout.fade(factor)
            self.faded = factor

    def go_on_from(self, saved: Checkpoint) -> None:
        """Take up a run where its checkpoint stands."""
        put_back(self.network, saved.weights)
        if self.judged is not self.network:
            put_back(self.judged, saved.average)
        restored: dict[int, dict[str, torch.Tensor]] = {}
        for name, tensor in saved.optimizer.items():
            number, _, what = name.partition(".")
            restored.setdefault(int(number), {})[what] = tensor
        self.optimizer.load_state_dict({"state": restored, "param_groups": self.optimizer.state_dict()["param_groups"]})
        set_random_state(self.device, saved.generator)
        self.step, self.best_step, self.stopped = saved.step, saved.best_step, saved.stopped
        self.skipped = saved.skipped
        self.loss = saved.loss.to(self.device)
        self.best, self.outputs, self.curve = saved.best, saved.outputs, list(saved.curve)
        self.looks = list(saved.looks)

    def checkpoint(self) -> Checkpoint:
        """All that is needed to go on."""
        states = self.optimizer.state_dict()["state"]
        return Checkpoint(
            weights=learnt_weights(self.network),
            average=learnt_weights(self.judged) if self.judged is not self.network else {},
            best=self.best,
            optimizer={
                f"{number}.{what}": tensor
                for number, state in states.items()
                for what, tensor in state.items()
                if tensor is not None
            },
            generator=random_state(self.device),
            outputs=self.outputs,
            loss=self.loss,
            step=self.step,
            best_step=self.best_step,
            stopped=self.stopped,
            skipped=self.skipped,
            curve=tuple(self.curve),
            looks=self.kept_looks(),
        )

    @property
    def place(self) -> float:
        """Where the run stands in its plan, in steps of it: those taken and those left out."""
        return self.step + self.skipped

    @property
    def is_whole(self) -> bool:
        """Whether the plan is at its end."""
        return self.place >= self.total - _HAIR

    def kept_looks(self) -> torch.Tensor:
        """(L, N_valid, K) outputs at every look that is kept."""
        return torch.stack(self.looks) if self.looks else torch.empty(0)


def _advance(run: Run, last: int, deadline: float, landing: Landing | None, *, tools: Tools) -> None:
    """Train from step to step until the last one, the deadline, or no better score for a while."""
    plan, network, optimizer = run.plan, run.network, run.optimizer
    parameters = list(network.parameters())
    averaged = averaged_tensors(run.judged), averaged_tensors(network)
    saved_at = tools.clock()
    while run.step < last and not run.is_whole and not run.stopped and tools.clock() < deadline:
        epoch, place = divmod(run.step, run.steps_an_epoch)
        rows, is_new_window = run.order.rows(epoch, place * run.batch, (place + 1) * run.batch)
        if is_new_window:
            release(run.mapped)
        optimizer.zero_grad(set_to_none=True)
        faded = run.fade(run.place, run.total)
        run.fade_dropouts(faded)
        loss = _mean_loss(run, rows)
        loss.backward()  # type: ignore[no-untyped-call]
        if plan.clip > 0.0:
            torch.nn.utils.clip_grad_norm_(parameters, plan.clip, foreach=True)
        set_rates(optimizer, plan.rate * run.factor(run.place, run.total), plan.decay * faded)
        optimizer.step()
        if run.judged is not network:
            move_average(*averaged, decay=plan.average, step=run.step)
        run.loss += loss.detach()
        run.step += 1
        if landing is not None:
            run.skipped += landing.skipped(run.step, run.total - run.place)
        if run.step % run.steps_a_look == 0 or run.is_whole:
            note_look(run, finite_loss(run), _answer(run), on_point=tools.on_point)
            if landing is not None:
                landing.has_looked()
            if tools.clock() - saved_at > CHECKPOINT_EVERY_S:
                write_checkpoint(tools.checkpoint, run.checkpoint())
                saved_at = tools.clock()


def _mean_loss(run: Run, places: torch.Tensor) -> torch.Tensor:
    rows, both = places.to(run.device), zip(run.inputs, run.valid_inputs, strict=True)
    inputs = [tensor.index_select(0, rows).to(like.dtype) for tensor, like in both]
    if run.lengths is not None:
        inputs = cut_padding(run.network.signature.inputs, inputs, int(run.lengths[places].max()))
    mixed = None
    if run.place_of_pictures is not None:
        inputs[run.place_of_pictures], mixed = augment(inputs[run.place_of_pictures], run.plan.augment)
    with products(run.device, run.plan.precision):
        outputs = run.network(*inputs).float()
    targets = run.targets.index_select(0, rows)

    def losses(of: torch.Tensor) -> torch.Tensor:
        pairs = each_member(outputs, of, n_members=run.network.n_members)
        found: torch.Tensor = run.loss_of(*pairs, run.options)
        return found

    return (losses(targets) if mixed is None else mixed.loss(losses, targets)).mean()


def finite_loss(run: Run) -> float:
    """The mean training loss since the last look.

    Raises:
        DivergedError: it is no longer a finite number.
    """
    before = run.curve[-1].step if run.curve else 0
    loss = run.loss.item() / (run.step - before)
    if not math.isfinite(loss):
        raise DivergedError(
            f"the training loss is {loss} between steps {before} and {run.step}; "
            f"try a smaller rate than {run.plan.rate:g} (--set plan.rate=...) "
            "or clip the gradients (--set plan.clip=1.0)"
        )
    return loss


def note_look(run: Run, loss: float, outputs: torch.Tensor, *, on_point: Callable[[CurvePoint], None]) -> None:
    """Judge the validation rows: a point of the curve, the best weights, and whether to stop.

    Args:
        loss: mean training loss since the last look.
        outputs: (N_valid, K) of the judged network, on the CPU.
    """
    point = CurvePoint(run.step, run.step / run.steps_an_epoch, loss, _score(run, outputs))
    if run.job.chooses:
        _keep_the_best(run, point, outputs)
    else:
        run.looks.append(outputs)
    run.curve.append(point)
    run.loss = torch.zeros_like(run.loss)
    on_point(point)


def _keep_the_best(run: Run, point: CurvePoint, outputs: torch.Tensor) -> None:
    """Keep the weights of a look that is better than all before it, and stop where none has been for a while."""
    best = [seen.score for seen in run.curve if seen.step == run.best_step]
    if not best or run.job.metric.sign * (point.score - best[0]) > 0:
        run.best_step, run.best, run.outputs = run.step, _copy(learnt_weights(run.judged)), outputs
    run.stopped = run.step - run.best_step >= run.plan.patience * run.steps_an_epoch and run.step < run.total


def _answer(run: Run) -> torch.Tensor:
    """Outputs (N_valid, K) of the judged network on the validation rows, on the CPU."""
    if run.judged is not run.network:
        take_the_rest(run.judged, run.network)
    return answers(run.judged, run.valid_inputs, len(run.truth), lengths=run.valid_lengths)


def _score(run: Run, outputs: torch.Tensor) -> float:
    return float(run.job.metric.score(run.truth, outputs.numpy(), np.ones((1, len(run.truth))))[0])


def last_step(run: Run, limit: Limit) -> int:
    """The step to pause at; at least one is taken, so that a rung is never empty."""
    by_epochs = min(run.total, max(1, int(limit.epochs * run.steps_an_epoch + 1e-6)))
    return by_epochs if limit.steps is None else min(by_epochs, max(1, limit.steps))


def _steps_a_look(steps_an_epoch: int) -> int:
    """How often the validation rows are looked at: every epoch, short ones in groups, long ones in parts."""
    if steps_an_epoch < FEWEST_STEPS_A_LOOK:
        return steps_an_epoch * ceil(FEWEST_STEPS_A_LOOK / steps_an_epoch)
    return ceil(steps_an_epoch / ceil(steps_an_epoch / MOST_STEPS_A_LOOK))


def _copy(weights: Mapping[str, torch.Tensor]) -> Tensors:
    return {name: tensor.detach().clone() for name, tensor in weights.items()}
