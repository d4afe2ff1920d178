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
_UNDECAYED_MODULES = (nn.Embedding, nn.LayerNorm, nn.BatchNorm1d, nn.BatchNorm2d)


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
    return torch.optim.Adam(groups, lr=plan.rate, betas=(plan.momentum, plan.square_momentum), fused=True)


def _adamw(groups: Groups, plan: Plan) -> torch.optim.Optimizer:
    """Adam, with the decay taken off the weights themselves (Loshchilov & Hutter 2019, alg. 2)."""
    return torch.optim.AdamW(groups, lr=plan.rate, betas=(plan.momentum, plan.square_momentum), fused=True)


OPTIMIZERS: Mapping[str, Callable[[Groups, Plan], torch.optim.Optimizer]] = MappingProxyType(
    {"sgd": _sgd, "nesterov": _nesterov, "rmsprop": _rmsprop, "adam": _adam, "adamw": _adamw}
)


def make_optimizer(network: nn.Module, plan: Plan) -> torch.optim.Optimizer:
    """Set up the optimizer of a plan over the parameters of a network.

    Weight decay is for weights that inputs are multiplied with: biases, normalisations, embeddings and what a
    module names in its attribute `undecayed` are left alone. A parameter that a module names in its attribute
    `rate_factors` learns at the plan's rate times that factor.

    Raises:
        UsageError: there is no optimizer of that name; the nearest is suggested.
    """
    make = pick(dict(OPTIMIZERS), plan.optimizer, "optimizer")
    parameters: dict[tuple[bool, float], list[nn.Parameter]] = {}
    for module in network.modules():
        exempt, factors = getattr(module, "undecayed", ()), getattr(module, "rate_factors", {})
        for name, parameter in module.named_parameters(recurse=False):
            if not parameter.requires_grad:
                continue  # of a part that was inherited and stays as it is
            keeps = isinstance(module, _UNDECAYED_MODULES) or parameter.ndim < 2 or name in exempt
            parameters.setdefault((keeps, factors.get(name, 1.0)), []).append(parameter)
    groups = [
        {"params": own, "weight_decay": 0.0 if keeps else plan.decay, "decays": not keeps, "factor": factor}
        for (keeps, factor), own in sorted(parameters.items(), key=lambda item: item[0])
    ]
    made: torch.optim.Optimizer = make(groups, plan)
    return made


def set_rates(optimizer: torch.optim.Optimizer, rate: float, decay: float) -> None:
    """Set the rate and the weight decay of the next step, each group's in its measure.

    What learns at a multiple of the rate also decays by that multiple, beside the rate that decay is taken at anyway;
    RealMLP's published results rest on it (its factor of 6 on the inputs is a factor of 36 on their decay).

    Args:
        optimizer: from `make_optimizer`.
        rate: of a parameter whose factor is 1.
        decay: of the weights that decay.
    """
    for group in optimizer.param_groups:
        set_group_rates(group, rate, decay)


def set_group_rates(group: dict[str, Any], rate: float, decay: float) -> None:
    """Set the rate and the weight decay of one group, as `set_rates` does for all."""
    group["lr"] = rate * group["factor"]
    if group["decays"]:
        group["weight_decay"] = decay * group["factor"]
