"""Many small networks of one shape trained side by side, as one network whose weights have one axis more.

A step of a small network is mostly the cost of calling torch, which a stack of M pays once in place of M times. Each
member keeps its own seed, order of rows, rate, decay, dropout, clip, average and patience, its own random numbers and
its own checkpoint, so that it learns what it would learn alone (to rounding) and may go on alone, or in another stack.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn

from archwise.blocks.dropout import Dropout
from archwise.errors import DivergedError
from archwise.training.agreement import FEWEST
from archwise.training.checkpoint import write_checkpoint
from archwise.training.device import own_random_numbers, pick_device, set_random_state
from archwise.training.landing import Limit
from archwise.training.loop import (
    CHECKPOINT_EVERY_S,
    Examples,
    Run,
    Tools,
    Trained,
    TrainJob,
    begin_run,
    end_run,
    finite_loss,
    last_step,
    note_look,
)
from archwise.training.network import Network, n_parameters
from archwise.training.stack import Stack

MOST_WORK = 10_000_000  # parameters times rows of a batch, above which arithmetic outweighs the calls


@dataclass(frozen=True)
class Member:
    """One of a stack, with what `train` would be given for it alone."""

    network: Network
    job: TrainJob
    tools: Tools


Reached = Trained | DivergedError | None


def pays(members: Sequence[Member]) -> bool:
    """Whether a stack is expected to be faster than its members one after the other."""
    first = members[0]
    if len(members) < FEWEST or pick_device(first.job.device).type != "cpu":
        return False
    return getattr(first.network.body, "n_members", 1) == 1 and (
        first.job.plan.batch * n_parameters(first.network) <= MOST_WORK
    )


def alike(left: nn.Module, right: nn.Module) -> bool:
    """Whether two networks differ in nothing but the values of their weights and the shares of their dropout."""
    one, other = dict(left.named_modules()), dict(right.named_modules())
    return list(one) == list(other) and all(_facts(one[name]) == _facts(other[name]) for name in one)


def _facts(module: nn.Module) -> tuple[object, ...]:
    own = {} if isinstance(module, Dropout) else vars(module)
    plain = {name: value for name, value in own.items() if not name.startswith("_") and name != "training"}
    held = [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]
    return type(module), plain, [(name, tensor.shape) for name, tensor in held]


def train_stacked(
    members: Sequence[Member], *, train: Examples, valid: Examples, limit: Limit, stop_at: float = math.inf
) -> tuple[Reached, ...]:
    """Train members together to a limit, each from the start or from its checkpoint, and leave their checkpoints there.

    Args:
        members: of candidates with one `stack_key`, with one clock.
        train, valid: rows to learn from and to be judged on, as for `train`.
        limit: where to pause; its seconds are each member's share of the time.
        stop_at: when to pause at the latest, on the clock.

    Returns:
        for each member what it reached, whose seconds are its share; or why it diverged; or None for one that does
        not fit the others, by its network or the step at which it stands, and was left as it was.

    Raises:
        ModelError: a checkpoint cannot be read.
        UsageError: the plans name a loss, an optimizer or a schedule that does not exist, or the device is missing.
        RuntimeError: the networks do something that cannot be done for all of them at once.
    """
    clock = members[0].tools.clock
    time_shares = _TimeShares(clock(), len(members))
    entered = [_enter(member, train, valid) for member in members]
    going = _fitting(entered)
    reached: list[Reached] = [None] * len(members)
    while going:
        stack = Stack([entered[index].run for index in going], [entered[index].generator for index in going])
        _advance(stack, [entered[index] for index in going], limit, stop_at, time_shares)
        is_over = not any(entered[index].is_leaving for index in going)
        leaving = [index for index in going if is_over or entered[index].is_leaving]
        going = [index for index in going if index not in leaving]
        share = time_shares.close(clock(), len(going))
        for index in leaving:
            reached[index] = _leave(entered[index], share)
    return tuple(reached)


@dataclass
class _Entered:
    """A member with its run. diverged: why it cannot go on."""

    run: Run
    generator: torch.Generator
    tools: Tools
    diverged: DivergedError | None = None

    @property
    def is_leaving(self) -> bool:
        return self.run.stopped or self.diverged is not None


class _TimeShares:
    """The time of each member: all that still train share the time evenly."""

    def __init__(self, now: float, n_members: int) -> None:
        self._since, self._n_members, self._seconds = now, n_members, 0.0

    def seconds(self, now: float) -> float:
        """The share so far."""
        return self._seconds + (now - self._since) / self._n_members

    def close(self, now: float, n_members: int) -> float:
        """The share so far of those that leave; from now on it is shared by so many."""
        self._seconds = self.seconds(now)
        self._since, self._n_members = now, max(1, n_members)
        return self._seconds


def _enter(member: Member, train: Examples, valid: Examples) -> _Entered:
    device = pick_device(member.job.device)
    with own_random_numbers(device, member.job.plan.seed):
        run = begin_run(member.network, member.job, train=train, valid=valid, checkpoint=member.tools.checkpoint)
        generator = torch.Generator()
        generator.set_state(torch.get_rng_state())
    return _Entered(run, generator, member.tools)


def _leave(member: _Entered, seconds: float) -> Reached:
    if member.diverged is not None:
        return member.diverged
    with _random_numbers_of(member):
        return end_run(member.run, member.tools.checkpoint, seconds=lambda: seconds)


@contextmanager
def _random_numbers_of(member: _Entered) -> Iterator[None]:
    with own_random_numbers(member.run.device, member.run.plan.seed):
        set_random_state(member.run.device, member.generator.get_state())
        yield


def _fitting(entered: Sequence[_Entered]) -> list[int]:
    """Which members stand at the commonest step and have the network of the first of them."""
    steps = Counter(each.run.step for each in entered)
    step = max(steps, key=lambda each: (steps[each], each))
    here = [index for index, each in enumerate(entered) if each.run.step == step and not each.run.stopped]
    return [index for index in here if alike(entered[here[0]].run.network, entered[index].run.network)]


def _advance(stack: Stack, members: Sequence[_Entered], limit: Limit, stop_at: float, time_shares: _TimeShares) -> None:
    """Train until the limit, or until a look after which a member leaves."""
    run, clock = members[0].run, members[0].tools.clock
    until, seconds = last_step(run, limit), math.inf if limit.seconds is None else limit.seconds
    saved_at = clock()
    while run.step < until and clock() < stop_at and time_shares.seconds(clock()) < seconds:
        stack.advance()
        if run.step % run.steps_a_look and run.step != run.total:
            continue
        _look(stack, members)
        if any(member.is_leaving for member in members):
            break
        if clock() - saved_at > CHECKPOINT_EVERY_S:
            stack.hand_back()
            for member in members:
                with _random_numbers_of(member):
                    write_checkpoint(member.tools.checkpoint, member.run.checkpoint())
            saved_at = clock()
    stack.hand_back()


def _look(stack: Stack, members: Sequence[_Entered]) -> None:
    """Judge the validation rows for every member."""
    stack.hand_back_weights()
    for member, outputs in zip(members, stack.answer(), strict=True):
        try:
            loss = finite_loss(member.run)
        except DivergedError as error:
            member.diverged = error
            continue
        note_look(member.run, loss, outputs, on_point=member.tools.on_point)
    stack.forget_loss()
