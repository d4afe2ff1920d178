"""The mean of several networks as one."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from torch import nn

from archwise.model.export import export_network
from archwise.model.session import open_session, outputs
from archwise.records import InputSpec, Signature
from archwise.tasks import task
from archwise.training.mean import MeanNetwork, join_outputs

SIGNATURE = Signature((InputSpec("numbers", "float32", 4),), 3)


def members(n: int) -> list[nn.Module]:
    torch.manual_seed(0)
    return [nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3)) for _ in range(n)]


def test_values_are_averaged() -> None:
    networks, rows = members(3), torch.randn(5, 4)
    expected = sum(network(rows) for network in networks) / 3
    torch.testing.assert_close(MeanNetwork(networks, join=task("regress").join)(rows), expected)


def test_probabilities_are_averaged_for_classes() -> None:
    logits = torch.randn(5, 3, 4)
    joined = join_outputs(logits, task("classify").join)
    torch.testing.assert_close(joined.softmax(dim=1), logits.softmax(dim=2).mean(dim=1))


def test_a_mean_is_written_as_one_graph_that_holds_all_members() -> None:
    network = MeanNetwork(members(3), join=task("classify").join)
    rows = {"numbers": np.random.default_rng(0).normal(size=(7, 4)).astype(np.float32)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = export_network(network, rows, SIGNATURE)
    with torch.inference_mode():
        expected = network(torch.from_numpy(rows["numbers"])).numpy()
    np.testing.assert_allclose(outputs(open_session(model), rows), expected, rtol=1e-5, atol=1e-6)
