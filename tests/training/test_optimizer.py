"""Each optimizer against its published rule, written out in NumPy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from archwise.errors import UsageError
from archwise.records import Array, Plan
from archwise.training.optimizer import OPTIMIZERS, make_optimizer, set_rates

RATE, MOMENTUM, DECAY, STEPS = 0.01, 0.8, 0.1, 5
Rule = Callable[[Array, list[Array]], Array]


def decayed(weights: Array, gradient: Array) -> Array:
    return gradient + DECAY * weights


def sgd(weights: Array, gradients: list[Array]) -> Array:
    velocity = np.zeros_like(weights)
    for gradient in gradients:
        velocity = MOMENTUM * velocity + decayed(weights, gradient)
        weights = weights - RATE * velocity
    return weights


def nesterov(weights: Array, gradients: list[Array]) -> Array:
    velocity = np.zeros_like(weights)
    for gradient in gradients:
        full = decayed(weights, gradient)
        velocity = MOMENTUM * velocity + full
        weights = weights - RATE * (full + MOMENTUM * velocity)
    return weights


def rmsprop(weights: Array, gradients: list[Array]) -> Array:
    squares = np.zeros_like(weights)
    for gradient in gradients:
        full = decayed(weights, gradient)
        squares = 0.99 * squares + 0.01 * full**2
        weights = weights - RATE * full / (np.sqrt(squares) + 1e-8)
    return weights


def moments(first: Array, second: Array, gradient: Array, step: int) -> tuple[Array, Array, Array]:
    first = MOMENTUM * first + (1 - MOMENTUM) * gradient
    second = 0.999 * second + 0.001 * gradient**2
    corrected = (first / (1 - MOMENTUM**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
    return first, second, corrected


def adam(weights: Array, gradients: list[Array]) -> Array:
    first = second = np.zeros_like(weights)
    for step, gradient in enumerate(gradients, start=1):
        first, second, move = moments(first, second, decayed(weights, gradient), step)
        weights = weights - RATE * move
    return weights


def adamw(weights: Array, gradients: list[Array]) -> Array:
    first = second = np.zeros_like(weights)
    for step, gradient in enumerate(gradients, start=1):
        first, second, move = moments(first, second, gradient, step)
        weights = weights - RATE * (move + DECAY * weights)
    return weights


RULES: dict[str, Rule] = {"sgd": sgd, "nesterov": nesterov, "rmsprop": rmsprop, "adam": adam, "adamw": adamw}


def test_every_optimizer_of_the_catalogue_has_its_rule_here() -> None:
    assert set(RULES) == set(OPTIMIZERS)


@pytest.mark.parametrize("name", sorted(RULES))
def test_steps_follow_the_published_rule(name: str) -> None:
    generator = np.random.default_rng(0)
    layer = nn.Linear(3, 2, bias=False).double()
    start = layer.weight.detach().numpy().copy()
    gradients = [generator.normal(size=(2, 3)) for _ in range(STEPS)]
    optimizer = make_optimizer(layer, Plan(optimizer=name, rate=RATE, momentum=MOMENTUM, decay=DECAY))
    for gradient in gradients:
        layer.weight.grad = torch.from_numpy(gradient)
        optimizer.step()
    np.testing.assert_allclose(layer.weight.detach().numpy(), RULES[name](start, gradients), rtol=1e-6)


def test_biases_normalisations_and_embeddings_do_not_decay() -> None:
    network = nn.Sequential(nn.Embedding(3, 4), nn.LayerNorm(4), nn.Linear(4, 2))
    groups = make_optimizer(network, Plan(decay=0.5)).param_groups
    assert [group["weight_decay"] for group in groups] == [0.5, 0.0]
    assert [[tuple(each.shape) for each in group["params"]] for group in groups] == [
        [(2, 4)],
        [(3, 4), (4,), (4,), (2,)],
    ]


class Quick(nn.Linear):
    rate_factors = {"weight": 3.0}  # noqa: RUF012  read only


def test_what_learns_faster_decays_by_that_factor_too() -> None:
    optimizer = make_optimizer(nn.Sequential(Quick(2, 2), nn.Linear(2, 2)), Plan())
    set_rates(optimizer, 0.25, 0.5)
    found = {(group["factor"], group["lr"], group["weight_decay"]) for group in optimizer.param_groups}
    assert found == {(1.0, 0.25, 0.5), (3.0, 0.75, 1.5), (1.0, 0.25, 0.0)}


def test_the_memory_of_squared_gradients_is_the_plans() -> None:
    groups = make_optimizer(nn.Linear(2, 2), Plan(square_momentum=0.9)).param_groups
    assert {group["betas"] for group in groups} == {(0.9, 0.9)}


def test_a_misspelt_optimizer_suggests_the_nearest() -> None:
    with pytest.raises(UsageError, match="Did you mean 'rmsprop'"):
        make_optimizer(nn.Linear(1, 1), Plan(optimizer="rmsporp"))
