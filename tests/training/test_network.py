"""Networks: a body and a head, seeded."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from archwise.errors import UsageError
from archwise.records import Architecture, Candidate, InputSpec, Plan, Signature, Suits
from archwise.tasks import task
from archwise.training.network import Network, make_network, n_parameters

SIGNATURE = Signature((InputSpec("codes", "int64", 1, (3,)), InputSpec("numbers", "float32", 2)), 1)
STATE = {"mean": 0.0, "scale": 1.0}


class Body(nn.Module):
    width = 3

    def forward(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return torch.cat([batch["numbers"], batch["codes"].float()], dim=1)


def entry(*, is_reference: bool) -> Architecture:
    build = None if is_reference else lambda signature, settings: Body()
    return Architecture("toy", "ann", "", "", (), "vector", lambda profile: Suits(1.0, ""), build=build)


def test_tensors_are_named_in_the_order_of_the_signature() -> None:
    network = Network(Body(), nn.Identity(), signature=SIGNATURE)
    found = network(torch.tensor([[7]]), torch.tensor([[1.0, 2.0]]))
    assert found.tolist() == [[1.0, 2.0, 7.0]]


def test_only_what_training_changes_is_counted() -> None:
    layer = nn.Linear(3, 2)
    layer.bias.requires_grad_(False)
    assert n_parameters(layer) == 6


def test_the_seed_of_the_plan_gives_the_weights_and_nothing_else_does() -> None:
    def weights(seed: int) -> torch.Tensor:
        torch.rand(seed + 1)  # whatever was drawn before
        candidate = Candidate("toy", (), Plan(seed=seed))
        network = make_network(entry(is_reference=False), candidate, SIGNATURE, task("regress"), STATE)
        return next(network.parameters())

    assert torch.equal(weights(3), weights(3))
    assert not torch.equal(weights(3), weights(4))


def test_a_reference_is_not_built() -> None:
    with pytest.raises(UsageError, match="'toy' is a reference"):
        make_network(entry(is_reference=True), Candidate("toy", (), Plan()), SIGNATURE, task("regress"), STATE)
