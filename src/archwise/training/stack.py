"""The tensors of a stack: the weights of M networks side by side, and a step for all of them at once."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, pairwise

import torch
from torch import nn
from torch.func import functional_call, vmap

from archwise.blocks.dropout import LOWEST, Dropout
from archwise.data.mapped import release
from archwise.training.average import average_share, averaged_buffers
from archwise.training.loop import Run
from archwise.training.network import Network, learn_mode
from archwise.training.optimizer import OPTIMIZERS, Groups, set_group_rates
from archwise.training.rows import ROWS_A_LOOK

Tensors = dict[str, torch.Tensor]


class Stack:
    """M networks that are alike, at one step of plans that agree.

    The weights of member m are row m of one matrix (M, P), of which each layer sees its columns as (M, ...), so that
    one call clips or averages them all. What the runs hold is up to date after `hand_back` alone.

    Args:
        runs: of the members. generators: each one's random numbers.
    """

    def __init__(self, runs: Sequence[Run], generators: Sequence[torch.Generator]) -> None:
        self._runs, self._generators = list(runs), list(generators)
        self._weights = _rows([_parameters(run, run.network) for run in runs])
        is_averaged = any(run.plan.average > 0.0 for run in runs)
        self._average = _rows([_parameters(run, run.judged) for run in runs]) if is_averaged else self._weights
        self._averaged_buffers = averaged_buffers(runs[0].network)
        self._gradient = torch.zeros_like(self._weights)
        self._leaves = {name: view.requires_grad_() for name, view in _views(self._weights, runs[0]).items()}
        self._judged = _views(self._average, runs[0])
        self._buffers = _stacked_buffers([run.network for run in runs])
        self._judged_buffers = _stacked_buffers([run.judged for run in runs]) if is_averaged else self._buffers
        self._optimizer, self._segments = _make_optimizer(runs, self._weights, self._gradient)
        self._clip = torch.tensor([run.plan.clip or math.inf for run in runs])
        self._loss = torch.stack([run.loss for run in runs])
        self._dropouts = _dropout_calls(runs[0])
        self._call, self._call_on_same_rows, self._template = _make_calls(runs[0])

    def advance(self) -> None:
        """Take a step."""
        first = self._runs[0]
        step, faded = first.step, first.fade(first.step, first.total)
        rows = self._next_rows()
        inputs = [
            tensor.index_select(0, rows).to(like.dtype).view(len(self._runs), first.batch, -1)
            for tensor, like in zip(first.inputs, first.valid_inputs, strict=True)
        ]
        outputs = self._call(self._leaves, self._buffers, self._draw_masks(faded), *inputs)
        losses = first.loss_of(outputs.flatten(0, 1), first.targets.index_select(0, rows), first.options)
        means = losses.view(len(self._runs), -1).mean(dim=1)
        gradients = torch.autograd.grad(means.sum(), list(self._leaves.values()))
        with torch.no_grad():
            torch.cat([gradient.flatten(1) for gradient in gradients], dim=1, out=self._gradient)
            norms = self._gradient.norm(dim=1)
            self._gradient *= (self._clip / (norms + 1e-6)).clamp_(max=1.0)[:, None]
            for group in self._optimizer.param_groups:
                set_group_rates(group, group["rate"] * first.factor(step, first.total), group["decay"] * faded)
            self._optimizer.step()
            if self._average is not self._weights:
                shares = torch.tensor([[average_share(run.plan.average, step)] for run in self._runs])
                self._average.lerp_(self._weights, shares)
                self._average_buffers(shares)
        self._loss += means.detach()
        for run in self._runs:
            run.step += 1

    def answer(self) -> list[torch.Tensor]:
        """Outputs (N_valid, K) of each member that is judged, on the validation rows."""
        first = self._runs[0]
        at_once = max(256, ROWS_A_LOOK // len(self._runs))
        self._template.eval()
        with torch.no_grad():
            parts = [
                self._call_on_same_rows(
                    self._judged,
                    self._judged_buffers,
                    [],
                    *[tensor[start : start + at_once] for tensor in first.valid_inputs],
                )
                for start in range(0, len(first.truth), at_once)
            ]
        learn_mode(self._template)
        return [outputs.contiguous() for outputs in torch.cat(parts, dim=1)]

    def hand_back_weights(self) -> None:
        """Let the runs have their weights, averages and training losses."""
        with torch.no_grad():
            for place, run in enumerate(self._runs):
                run.loss = self._loss[place].clone()
                _fill(_parameters(run, run.network), self._weights[place])
                if run.judged is not run.network:
                    _fill(_parameters(run, run.judged), self._average[place])
                for network, buffers in ((run.network, self._buffers), (run.judged, self._judged_buffers)):
                    for name, buffer in network.named_buffers():
                        if name in buffers:
                            buffer.copy_(buffers[name][place])

    def hand_back(self) -> None:
        """Let the runs have all that their checkpoints hold."""
        self.hand_back_weights()
        for run, segments in zip(self._runs, self._segments, strict=True):
            for group, segment in zip(run.optimizer.param_groups, segments, strict=True):
                _scatter_state(self._optimizer.state[segment], run.optimizer, group["params"])

    def forget_loss(self) -> None:
        """Begin to sum the training loss anew."""
        self._loss.zero_()

    def _average_buffers(self, shares: torch.Tensor) -> None:
        """Move the averages of statistics as those of the weights; other buffers are taken over."""
        for name, mine in self._judged_buffers.items():
            its = self._buffers[name]
            if name in self._averaged_buffers:
                mine.lerp_(its, shares.view(-1, *[1] * (its.ndim - 1)))
            else:
                mine.copy_(its)

    def _next_rows(self) -> torch.Tensor:
        """The rows of the next batch, (M * B,), one member after the other."""
        first = self._runs[0]
        epoch, place = divmod(first.step, first.steps_an_epoch)
        of_seed: dict[int, torch.Tensor] = {}
        for run in self._runs:
            if run.plan.seed not in of_seed:
                of_seed[run.plan.seed], is_new_window = run.order.rows(
                    epoch, place * first.batch, (place + 1) * first.batch
                )
                if is_new_window:
                    release(first.mapped)
        return torch.cat([of_seed[run.plan.seed] for run in self._runs])

    def _draw_masks(self, faded: float) -> list[torch.Tensor]:
        """A factor (M, ...) for each call of dropout, from the bytes that each member would draw alone."""
        for run in self._runs:
            run.fade_dropouts(faded)
        masks = []
        for place, shape in self._dropouts:
            own = [run.dropouts[place] for run in self._runs]
            numbers = torch.zeros(len(own), (shape.numel() + 7) // 8, dtype=torch.int64)
            for row, dropout, generator in zip(numbers, own, self._generators, strict=True):
                if dropout.dropped_of_256 > 0:
                    row.random_(LOWEST, None, generator=generator)
            dropped = torch.tensor([[dropout.dropped_of_256] for dropout in own], dtype=torch.uint8)
            kept = numbers.view(torch.uint8)[:, : shape.numel()] >= dropped
            scales = torch.tensor([[dropout.scale] for dropout in own])
            masks.append(kept.view(torch.uint8).to(torch.float32).mul_(scales).view(len(own), *shape))
        return masks


# ---------------------------------------------------------------- one network in place of many


class _Masks:
    """The factors of the dropout of one forward pass, in the order in which its layers ask for them."""

    def __init__(self) -> None:
        self.following: Iterator[torch.Tensor] = iter(())


class _GivenDropout(nn.Module):
    """Dropout whose factors are drawn outside."""

    def __init__(self, masks: _Masks) -> None:
        super().__init__()
        self.masks = masks

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return features * next(self.masks.following) if self.training else features


Call = Callable[..., torch.Tensor]


def _make_calls(run: Run) -> tuple[Call, Call, nn.Module]:
    """The network of M members: called with rows of their own (M, B, ...), called with the same rows, and its layers.

    Both calls take weights, buffers, dropout factors, each (M, ...), and inputs; both give (M, B, K).
    """
    masks = _Masks()
    template = copy.deepcopy(run.network)
    for module in list(template.modules()):
        for name, child in module.named_children():
            if isinstance(child, Dropout):
                setattr(module, name, _GivenDropout(masks))

    def one(weights: Tensors, buffers: Tensors, factors: Sequence[torch.Tensor], *inputs: torch.Tensor) -> torch.Tensor:
        masks.following = iter(factors)
        outputs: torch.Tensor = functional_call(template, (weights, buffers), inputs)
        return outputs

    same_rows = (0, 0, 0, *[None] * len(run.inputs))
    return vmap(one), vmap(one, in_dims=same_rows), template


def _dropout_calls(run: Run) -> list[tuple[int, torch.Size]]:
    """Which dropout is asked, and for which shape, in the order of a forward pass of a batch."""
    calls: list[tuple[int, torch.Size]] = []

    def hook_of(place: int) -> Callable[[nn.Module, tuple[torch.Tensor, ...], torch.Tensor], None]:
        return lambda module, inputs, output: calls.append((place, output.shape))

    hooks = [dropout.register_forward_hook(hook_of(place)) for place, dropout in enumerate(run.dropouts)]
    rows = torch.arange(run.batch)
    run.network.eval()
    with torch.no_grad():
        inputs = zip(run.inputs, run.valid_inputs, strict=True)
        run.network(*[tensor.index_select(0, rows).to(like.dtype) for tensor, like in inputs])
    learn_mode(run.network)
    for hook in hooks:
        hook.remove()
    return calls


def _stacked_buffers(networks: Sequence[Network]) -> Tensors:
    """Buffers that belong to what is learnt, (M, ...); the others are the same for all."""
    learnt = networks[0].state_dict().keys()
    names = [name for name, _ in networks[0].named_buffers() if name in learnt]
    return {name: torch.stack([network.get_buffer(name) for network in networks]) for name in names}


# ---------------------------------------------------------------- one matrix in place of many tensors


def _parameters(run: Run, network: Network) -> list[torch.Tensor]:
    """Parameters of a network of a run, in the order of its optimizer."""
    named = dict(zip((id(own) for own in run.network.parameters()), network.parameters(), strict=True))
    return [named[id(own)] for group in run.optimizer.param_groups for own in group["params"]]


def _rows(members: Sequence[Sequence[torch.Tensor]]) -> torch.Tensor:
    """(M, P), a row for each member."""
    return torch.stack([torch.cat([tensor.detach().flatten() for tensor in own]) for own in members])


def _fill(tensors: Sequence[torch.Tensor], row: torch.Tensor) -> None:
    for tensor, part in zip(tensors, row.split_with_sizes([tensor.numel() for tensor in tensors]), strict=True):
        tensor.copy_(part.view_as(tensor))


def _views(matrix: torch.Tensor, run: Run) -> Tensors:
    """Columns of a matrix (M, P) as the parameters of M networks, by name."""
    names = {id(parameter): name for name, parameter in run.network.named_parameters()}
    own = _parameters(run, run.network)
    parts = matrix.split_with_sizes([parameter.numel() for parameter in own], dim=1)
    return {
        names[id(parameter)]: part.view(len(matrix), *parameter.shape).detach()
        for part, parameter in zip(parts, own, strict=True)
    }


def _make_optimizer(
    runs: Sequence[Run], weights: torch.Tensor, gradient: torch.Tensor
) -> tuple[torch.optim.Optimizer, list[list[nn.Parameter]]]:
    """An optimizer over rows of the matrix, cut where the groups of the members' own optimizers end.

    Returns:
        the optimizer, of which members with the same rates share groups, and the parts of each member's row.
    """
    kept: dict[tuple[object, ...], dict[str, object]] = {}
    segments: list[list[nn.Parameter]] = []
    states: dict[nn.Parameter, dict[str, torch.Tensor]] = {}
    for place, run in enumerate(runs):
        own: list[nn.Parameter] = []
        groups = run.optimizer.param_groups
        edges = [0, *accumulate(sum(each.numel() for each in group["params"]) for group in groups)]
        for number, (group, (start, stop)) in enumerate(zip(groups, pairwise(edges), strict=True)):
            segment = nn.Parameter(weights[place, start:stop])
            segment.grad = gradient[place, start:stop]
            plan = run.plan
            key = (number, plan.rate, plan.decay, plan.momentum, plan.square_momentum)
            facts = {**group, "params": [], "rate": plan.rate, "decay": plan.decay}
            kept.setdefault(key, facts)["params"].append(segment)  # type: ignore[attr-defined]
            states[segment] = _gathered_state(run.optimizer, group["params"])
            own.append(segment)
        segments.append(own)
    made: Groups = list(kept.values())
    optimizer = OPTIMIZERS[runs[0].plan.optimizer](made, runs[0].plan)
    for segment, state in states.items():
        if state:
            optimizer.state[segment] = state
    return optimizer, segments


def _gathered_state(optimizer: torch.optim.Optimizer, parameters: Sequence[torch.Tensor]) -> Tensors:
    """The state of parameters end to end; what they count, which is the same for all, once."""
    states = [optimizer.state[parameter] for parameter in parameters if parameter in optimizer.state]
    return {
        what: tensor.clone() if tensor.ndim == 0 else torch.cat([state[what].flatten() for state in states])
        for what, tensor in (states[0].items() if states else ())
        if tensor is not None
    }


def _scatter_state(state: Tensors, optimizer: torch.optim.Optimizer, parameters: Sequence[torch.Tensor]) -> None:
    """Undo `_gathered_state`."""
    sizes = [parameter.numel() for parameter in parameters]
    parts = {
        what: [tensor.clone() for _ in sizes] if tensor.ndim == 0 else tensor.split_with_sizes(sizes)
        for what, tensor in state.items()
        if tensor is not None
    }
    for place, parameter in enumerate(parameters):
        optimizer.state[parameter] = {
            what: own[place].clone() if own[place].ndim == 0 else own[place].view_as(parameter).clone()
            for what, own in parts.items()
        }
