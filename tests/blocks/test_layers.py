"""The layers that architectures share."""

from __future__ import annotations

import math

import pytest
import torch

from archwise.blocks.dense import ACTIVATIONS, DenseLayers, LayerForm
from archwise.blocks.dropout import Dropout
from archwise.blocks.head import LinearHead
from archwise.blocks.numeric import PeriodicEmbedding
from archwise.blocks.table import CodeEmbedding, OneHotCodes, TableInputs, embedding_width
from archwise.records import InputSpec, Signature


def test_one_hot_codes_have_one_unit_for_each_seen_level() -> None:
    found = OneHotCodes((3, 2))(torch.tensor([[1, 1], [2, 0], [0, 0]]))
    assert found.tolist() == [[1, 0, 1], [0, 1, 0], [0, 0, 0]]


def test_an_unseen_level_is_neutral_in_an_embedding() -> None:
    embedding = CodeEmbedding((3, 200, 2))
    assert embedding(torch.zeros(1, 3, dtype=torch.int64)).abs().sum() == 0.0
    assert (embedding(torch.ones(1, 3, dtype=torch.int64)) != 0.0).all()


def test_columns_that_share_a_table_do_not_share_vectors() -> None:
    found = CodeEmbedding((3, 3))(torch.tensor([[1, 1]]))
    assert found.shape == (1, 4)
    assert not torch.equal(found[:, :2], found[:, 2:])


@pytest.mark.parametrize(("n_levels", "width"), [(2, 2), (4, 2), (5, 4), (17, 8), (257, 32), (100_000, 32)])
def test_the_width_of_an_embedding_follows_its_rule(n_levels: int, width: int) -> None:
    assert embedding_width(n_levels) == width


def test_periodic_embedding_is_the_published_formula_beside_the_number() -> None:
    torch.manual_seed(0)
    embedding = PeriodicEmbedding(2, n_frequencies=3, width=4, scale=0.5)
    numbers = torch.randn(5, 2)
    for column in range(2):
        angles = 2 * math.pi * numbers[:, column, None] * embedding.frequencies[column]
        waves = torch.cat([angles.cos(), angles.sin()], dim=1)
        expected = torch.relu(waves @ embedding.weight[column] + embedding.bias[column])
        found = embedding(numbers)[:, 2 + 4 * column : 6 + 4 * column]
        torch.testing.assert_close(found, expected)
    torch.testing.assert_close(embedding(numbers)[:, :2], numbers)


@pytest.mark.parametrize("inputs", [("numbers",), ("codes",), ("numbers", "codes")])
def test_table_inputs_take_either_input_or_both(inputs: tuple[str, ...]) -> None:
    specs = {"numbers": InputSpec("numbers", "float32", 3), "codes": InputSpec("codes", "int64", 2, (3, 4))}
    batch = {"numbers": torch.randn(5, 3), "codes": torch.ones(5, 2, dtype=torch.int64)}
    signature = Signature(tuple(specs[name] for name in inputs), 2)
    found = TableInputs(signature, codes=OneHotCodes, numbers=None)
    assert found({name: batch[name] for name in inputs}).shape == (5, found.width)


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_the_spread_of_the_input_survives_four_layers(activation: str) -> None:
    torch.manual_seed(0)
    layers = DenseLayers(256, (256,) * 4, form=LayerForm(activation))
    spread = layers(torch.randn(512, 256)).std(dim=0).mean().item()
    assert 0.05 < spread < 2.0


def test_dropout_is_off_when_answering() -> None:
    torch.manual_seed(0)
    layers = DenseLayers(4, (8,), form=LayerForm(dropout=0.5)).eval()
    rows = torch.randn(3, 4)
    assert torch.equal(layers(rows), layers(rows))


def test_a_head_begins_at_the_given_outputs() -> None:
    torch.testing.assert_close(LinearHead(5, (0.25, -1.0))(torch.zeros(1, 5)), torch.tensor([[0.25, -1.0]]))


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_dropout_drops_its_share_and_keeps_the_mean(share: float) -> None:
    torch.manual_seed(0)
    found = Dropout(share)(torch.ones(1001, 333))
    assert (found == 0.0).float().mean().item() == pytest.approx(share, abs=0.004)
    assert found.mean().item() == pytest.approx(1.0, abs=0.005)


def test_dropout_drops_units_independently_of_their_neighbours() -> None:
    torch.manual_seed(0)
    dropped = (Dropout(0.5)(torch.ones(2000, 16)) == 0.0).float()
    off_diagonal = torch.corrcoef(dropped.T) - torch.eye(16)
    assert off_diagonal.abs().max().item() < 0.1  # four and a half standard errors


def test_dropout_passes_gradients_where_it_passes_units() -> None:
    torch.manual_seed(0)
    units = torch.ones(64, requires_grad=True)
    found = Dropout(0.25)(units)
    found.sum().backward()
    assert units.grad is not None
    assert torch.equal(units.grad, found.detach())
