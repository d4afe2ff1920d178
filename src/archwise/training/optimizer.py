"""The catalogue of optimizers: torch's own, set up by a plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import torch
import torch._dynamo  # the first optimizer would import it, in the time of the first candidate
from torch import nn

from archwise.catalogue import pick
from archwise.records import Plan

Groups = list[dict[str, Any]]
_UNDECAYED_MODULES = (nn.Embedding, nn.LayerNorm, nn.BatchNorm1d)


def _sgd(groups: Groups, plan: Plan) -> torch.optim.Optimizer:
    """Gradient descent: v = momentum * v + g; w = w - rate * v (Polyak 1964)."""
    return torch.optim.SGD(groups, lr=plan.rate, momentum=plan.momentum, fused=True)


def _nesterov(groups: Groups, plan: Plan) -> torch.optim.Optimizer:
    """With v as above: w = w - rate * (g + momentum * v) (Nesterov 1983, as Sutskever et al. 2013)."""
    return torch.optim.SGD(groups, lr=plan.rate, momentum=plan.momentum, nesterov=plan.momentum > 0, fused=True)


def _rmsprop(groups: Groups, plan: Plan) -> torch.optim.Optimizer:
    """With s = 0.99 * s + 0.01 * g^2: w = w - rate * g / (sqrt(s) + 1e-8) (Hinton 2012, lecture 6e)."""
    return torch.optim.RMSprop(groups, lr=plan.rate, foreach=True)


def _adam(groups: Groups, plan: Plan) -> torch.optim.Optimizer:
    """First moment over the root of the second, both corrected for their start (Kingma & Ba 2015, alg. 1)."""
    return torch.optim.Adam(groups, lr=plan.rate, betas=(plan.momentum, 0.999), fused=True)


def _adamw(groups: Groups, plan: Plan) -> torch.optim.Optimizer:
    """Adam, with the decay taken off the weights themselves (Loshchilov & Hutter 2019, alg. 2)."""
    return torch.optim.AdamW(groups, lr=plan.rate, betas=(plan.momentum, 0.999), fused=True)


OPTIMIZERS: Mapping[str, Callable[[Groups, Plan], torch.optim.Optimizer]] = MappingProxyType(
    {"sgd": _sgd, "nesterov": _nesterov, "rmsprop": _rmsprop, "adam": _adam, "adamw": _adamw}
)


def make_optimizer(network: nn.Module, plan: Plan) -> torch.optim.Optimizer:
    """Set up the optimizer of a plan over the parameters of a network.

    Weight decay is for weights that inputs are multiplied with: biases, normalisations, embeddings and what a
    module names in its attribute `undecayed` are left alone.

    Raises:
        UsageError: there is no optimizer of that name; the nearest is suggested.
    """
    make = pick(dict(OPTIMIZERS), plan.optimizer, "optimizer")
    decayed: list[nn.Parameter] = []
    undecayed: list[nn.Parameter] = []
    for module in network.modules():
        exempt = getattr(module, "undecayed", ())
        for name, parameter in module.named_parameters(recurse=False):
            keeps = isinstance(module, _UNDECAYED_MODULES) or parameter.ndim < 2 or name in exempt
            (undecayed if keeps else decayed).append(parameter)
    groups = [{"params": decayed, "weight_decay": plan.decay}, {"params": undecayed, "weight_decay": 0.0}]
    made: torch.optim.Optimizer = make([group for group in groups if group["params"]], plan)
    return made
