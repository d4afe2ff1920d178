"""The layers of RealMLP, TabM and the ResNet for tables, against their published formulas."""

from __future__ import annotations

import math

import pytest
import torch

from archwise.blocks.dropout import Dropout
from archwise.blocks.head import LinearHead, MemberHeads, mean_probability
from archwise.blocks.member import MemberBody, MemberLinear
from archwise.blocks.numeric import CosineEmbedding, PiecewiseLinearEmbedding
from archwise.blocks.residual import ResidualBody
from archwise.blocks.table import MixedCodes, OneHotCodes, TableInputs
from archwise.blocks.tangent import FrontScale, ParametricActivation, TangentBody, TangentLinear
from archwise.records import InputSpec, Signature

NUMBERS = Signature((InputSpec("numbers", "float32", 3),), 2)


def inputs() -> TableInputs:
    return TableInputs(NUMBERS, codes=OneHotCodes, numbers=None)


# ---------------------------------------------------------------- RealMLP


def test_a_tangent_layer_divides_by_the_root_of_its_inputs() -> None:
    torch.manual_seed(0)
    layer = TangentLinear(9, 4)
    rows = torch.randn(6, 9)
    torch.testing.assert_close(layer(rows), rows @ layer.weight / 3.0 + layer.bias)


def test_a_tangent_layer_begins_with_sums_of_spread_one() -> None:
    torch.manual_seed(0)
    layer = TangentLinear(5, 7)
    rows = 20.0 * torch.randn(400, 5) + 3.0
    with torch.no_grad():
        sums = layer.begin(rows)
    torch.testing.assert_close(sums.std(dim=0, correction=0), torch.ones(7))
    torch.testing.assert_close(layer(rows), sums)


def test_a_tangent_layer_begins_with_its_kinks_among_the_rows() -> None:
    torch.manual_seed(0)
    layer = TangentLinear(5, 64)
    rows = torch.randn(400, 5) + 10.0
    with torch.no_grad():
        share = (layer.begin(rows) > 0.0).float().mean(dim=0)
    assert share.min().item() > 0.01
    assert share.max().item() < 0.99


def test_a_column_that_never_changes_leaves_its_layer_finite() -> None:
    layer = TangentLinear(2, 3)
    with torch.no_grad():
        assert layer.begin(torch.zeros(10, 2)).isfinite().all()


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_a_parametric_activation_goes_from_the_line_to_its_shape(share: float) -> None:
    layer = ParametricActivation(2, "relu")
    with torch.no_grad():
        layer.shares.fill_(share)
    found = layer(torch.tensor([[-2.0, 3.0]]))
    torch.testing.assert_close(found, torch.tensor([[-2.0 * (1.0 - share), 3.0]]))


def test_waves_are_the_published_formula_behind_the_numbers() -> None:
    torch.manual_seed(0)
    embedding = CosineEmbedding(2, n_frequencies=5, width=4, scale=0.5)
    numbers = torch.randn(6, 2)
    found = embedding(numbers)
    torch.testing.assert_close(found[:, :2], numbers)
    for column in range(2):
        angles = 2 * math.pi * numbers[:, column, None] * embedding.frequencies[column] + embedding.phases[column]
        expected = angles.cos() @ embedding.weight[column] + embedding.bias[column]
        torch.testing.assert_close(found[:, 2 + 3 * column : 5 + 3 * column], expected)


def test_the_scale_learns_six_times_and_biases_a_tenth_as_fast() -> None:
    body = TangentBody(inputs(), (8,), shape="selu", dropout=0.0)
    factors = {type(module): module.rate_factors for module in body.modules() if hasattr(module, "rate_factors")}
    assert factors[FrontScale] == {"factors": 6.0}
    assert factors[TangentLinear] == {"bias": 0.1}


def test_dropout_fades() -> None:
    dropout = Dropout(0.5)
    dropout.fade(0.0)
    rows = torch.randn(50, 4)
    assert torch.equal(dropout(rows), rows)
    dropout.fade(0.5)
    torch.manual_seed(0)
    assert (dropout(torch.ones(400, 100)) == 0.0).float().mean().item() == pytest.approx(0.25, abs=0.01)


def test_few_levels_are_units_two_a_sign_and_many_a_vector() -> None:
    codes = MixedCodes((4, 5, 30), most_units=8, width=6)  # code 0 unseen and code 1 missing with them
    assert codes.width == 1 + 4 + 6
    unseen = codes(torch.zeros(1, 3, dtype=torch.int64))
    assert unseen.abs().sum() == 0.0
    found = codes(torch.tensor([[2, 1, 7], [3, 4, 7]]))
    assert found[:, 0].tolist() in ([1.0, -1.0], [-1.0, 1.0])
    assert found[:, 1:5].tolist() == [[1, 0, 0, 0], [0, 0, 0, 1]]
    assert torch.equal(found[0, 5:], found[1, 5:])


# ---------------------------------------------------------------- TabM


def test_pieces_bend_at_the_quantiles_and_go_on_outside() -> None:
    torch.manual_seed(0)
    embedding = PiecewiseLinearEmbedding(1, n_bins=4, width=2)
    with torch.no_grad():
        embedding.pieces.normal_()
    edges = torch.cat([embedding.starts, (embedding.starts + 1.0 / embedding.slopes)[-1:]])
    fine = torch.linspace(-6.0, 6.0, 24001)[:, None]
    values = embedding(fine)
    bends = (values[2:] - 2.0 * values[1:-1] + values[:-2]).abs().amax(dim=1) > 1e-4
    where = fine[1:-1, 0][bends]
    assert all((edges[1:-1] - place).abs().min() < 2e-3 for place in where)
    assert len(where) >= 3


def test_pieces_begin_as_a_straight_line() -> None:
    torch.manual_seed(0)
    embedding = PiecewiseLinearEmbedding(2, n_bins=8, width=3)
    numbers = torch.tensor([[-1.0, 2.0], [0.0, 0.0], [1.0, -2.0]])
    found = embedding(numbers)
    torch.testing.assert_close(found[0] + found[2], 2.0 * found[1])


def test_members_share_a_map_between_factors_of_their_own() -> None:
    torch.manual_seed(0)
    layer = MemberLinear(4, 3, 5, first=True)
    with torch.no_grad():
        layer.factors.normal_()
    rows = torch.randn(6, 1, 4)
    found = layer(rows)
    for member in range(5):
        alone = (rows[:, 0] * layer.factors_in[member]) @ layer.weight * layer.factors[member] + layer.bias[member]
        torch.testing.assert_close(found[:, member], alone)


def test_members_begin_apart() -> None:
    torch.manual_seed(0)
    wide = Signature((InputSpec("numbers", "float32", 16),), 2)
    body = MemberBody(TableInputs(wide, codes=OneHotCodes, numbers=None), (8, 8), n_members=4, dropout=0.0)
    found = body({"numbers": torch.randn(2, 16)})
    assert found.shape == (2, 4, 8)
    assert all(not torch.equal(found[:, 0], found[:, member]) for member in range(1, 4))


def test_heads_of_members_learn_alone_and_answer_together() -> None:
    torch.manual_seed(0)
    single = [LinearHead(4, (0.0, 0.0)) for _ in range(3)]
    heads = MemberHeads(single, join=mean_probability)
    features = torch.randn(5, 3, 4)
    apart = heads.train()(features)
    for member in range(3):
        torch.testing.assert_close(apart[:, member], single[member](features[:, member]))
    together = heads.eval()(features)
    torch.testing.assert_close(together.softmax(dim=1), apart.softmax(dim=2).mean(dim=1))


def test_members_of_a_number_answer_with_their_mean() -> None:
    heads = MemberHeads([LinearHead(4, (1.0,)), LinearHead(4, (3.0,))], join=None).eval()
    torch.testing.assert_close(heads(torch.zeros(1, 2, 4)), torch.tensor([[2.0]]))


# ---------------------------------------------------------------- ResNet


def test_a_residual_block_that_adds_nothing_changes_nothing() -> None:
    torch.manual_seed(0)
    body = ResidualBody(inputs(), 8, n_blocks=2, inner=16, dropout=(0.0, 0.0)).eval()
    rows = {"numbers": torch.randn(5, 3)}
    with torch.no_grad():
        for block in body.blocks:
            block[4].weight.zero_()
            block[4].bias.zero_()
    torch.testing.assert_close(body(rows), body.last(body.first(rows["numbers"])))
