"""The cells of torch against their equations, and layers over them that padding cannot change."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from archwise.blocks.pooling import POOLINGS, make_pooling
from archwise.blocks.recurrent import CELLS, make_layer, recurrent_layers, turn_around
from archwise.blocks.sequence import SequenceBody, SequenceInputs
from archwise.records import InputSpec, Signature

B, T, D, H = 3, 7, 5, 4
TOKENS = Signature((InputSpec("tokens", "int64", T, (30,), shape=(T,)),), 2)
SERIES = Signature((InputSpec("series", "float32", T * D, shape=(T, D)),), 2)

over_cells = pytest.mark.parametrize("cell", sorted(CELLS))


class PlainCell:
    """h' = tanh(W x + U h + b).  Elman 1990, as torch writes it with two biases."""

    def __init__(self, layer: nn.RNNBase) -> None:
        self.w, self.u, self.b, self.c = (parameter.double() for parameter in layer.parameters())

    def run(self, steps: torch.Tensor) -> torch.Tensor:
        h, states = torch.zeros(H, dtype=torch.float64), []
        for x in steps.double():
            h = torch.tanh(self.w @ x + self.b + self.u @ h + self.c)
            states.append(h)
        return torch.stack(states)


class LongShortTermCell(PlainCell):
    """c' = f c + i g and h' = o tanh(c').  Hochreiter & Schmidhuber 1997; f is of Gers, Schmidhuber & Cummins 2000."""

    def run(self, steps: torch.Tensor) -> torch.Tensor:
        h, c, states = torch.zeros(H, dtype=torch.float64), torch.zeros(H, dtype=torch.float64), []
        for x in steps.double():
            i, f, g, o = (self.w @ x + self.b + self.u @ h + self.c).split(H)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
            states.append(h)
        return torch.stack(states)


class GatedCell(PlainCell):
    """h' = (1 - z) n + z h, n = tanh(W x + r (U h)).  Cho et al. 2014, with r behind U as in cuDNN and torch."""

    def run(self, steps: torch.Tensor) -> torch.Tensor:
        h, states = torch.zeros(H, dtype=torch.float64), []
        for x in steps.double():
            r, z, n = (self.w @ x + self.b).split(H)
            r_h, z_h, n_h = (self.u @ h + self.c).split(H)
            r, z = (r + r_h).sigmoid(), (z + z_h).sigmoid()
            h = (1.0 - z) * torch.tanh(n + r * n_h) + z * h
            states.append(h)
        return torch.stack(states)


@pytest.mark.parametrize(("cell", "equations"), [("rnn", PlainCell), ("lstm", LongShortTermCell), ("gru", GatedCell)])
def test_a_cell_agrees_with_its_equations(cell: str, equations: type[PlainCell]) -> None:
    torch.manual_seed(0)
    layer, steps = make_layer(cell, D, H), torch.randn(B, 40, D)
    for parameter in layer.parameters():
        nn.init.normal_(parameter, std=0.5)
    states = layer(steps)[0]
    for row in range(B):
        torch.testing.assert_close(states[row].double(), equations(layer).run(steps[row]), rtol=0.0, atol=1e-6)


@over_cells
def test_weights_on_states_begin_orthogonal_and_biases_at_nought(cell: str) -> None:
    layer = make_layer(cell, D, H)
    for gate in layer.weight_hh_l0.split(H):
        torch.testing.assert_close(gate @ gate.T, torch.eye(H))
    forget = slice(H, 2 * H) if cell == "lstm" else slice(0)
    assert (layer.bias_ih_l0[forget] == 1.0).all()
    assert layer.bias_ih_l0.sum() == (H if cell == "lstm" else 0)
    assert not layer.bias_hh_l0.any()


def rows_of_any_length(seed: int = 0) -> torch.Tensor:
    generator = np.random.default_rng(seed)
    tokens = generator.integers(1, 30, (8, T))
    return torch.from_numpy(np.where(np.arange(T) < np.arange(8)[:, None], tokens, 0))


def body_of(cell: str, signature: Signature, *, pooling: str, both_ways: bool = True) -> SequenceBody:
    torch.manual_seed(0)
    inputs = SequenceInputs(signature, width=D)
    layers = recurrent_layers(cell, inputs.width, H, n_layers=2, both_ways=both_ways)
    pool = make_pooling(pooling, layers[-1].width, both_ways=both_ways) if pooling else None
    return SequenceBody(inputs, layers, pooling=pool, dropout=0.0).eval()


@over_cells
@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("both_ways", [False, True])
@torch.no_grad()
def test_a_row_is_answered_alone_as_it_is_in_any_batch(cell: str, pooling: str, both_ways: bool) -> None:
    body, tokens = body_of(cell, TOKENS, pooling=pooling, both_ways=both_ways), rows_of_any_length()
    together = body({"tokens": tokens})
    for row in range(len(tokens)):
        alone = body({"tokens": tokens[row : row + 1, : max(1, row)]})
        torch.testing.assert_close(alone[0], together[row], rtol=0.0, atol=1e-6)


@over_cells
@torch.no_grad()
def test_measurements_are_read_as_words_are(cell: str) -> None:
    body = body_of(cell, SERIES, pooling="max")
    series = torch.randn(4, T, D)
    series[1, 3:] = torch.nan
    series[2, 2, 1] = torch.nan  # a gap is no end: the step counts, and what is missing is nought
    together = body({"series": series})
    torch.testing.assert_close(body({"series": series[1:2, :3]})[0], together[1], rtol=0.0, atol=1e-6)
    torch.testing.assert_close(body({"series": series[2:3].nan_to_num(nan=0.0)})[0], together[2])


def test_every_step_has_its_states_where_nothing_is_pooled() -> None:
    body = body_of("gru", TOKENS, pooling="")
    assert body({"tokens": rows_of_any_length()}).shape == (8, T, 2 * H)


def test_turning_around_twice_is_as_before() -> None:
    values, mask = torch.randn(8, T, D), rows_of_any_length() != 0
    mask[:, 0] = True
    turned = turn_around(values, mask)
    torch.testing.assert_close(turned[5, :5], values[5, :5].flip(0))
    torch.testing.assert_close(turn_around(turned, mask)[mask], values[mask])


@pytest.mark.parametrize("pooling", POOLINGS)
def test_padding_has_no_part_in_pooling(pooling: str) -> None:
    torch.manual_seed(0)
    pool = make_pooling(pooling, D, both_ways=False)
    states, mask = torch.randn(2, T, D), torch.arange(T).expand(2, T) < torch.tensor([[3], [T]])
    wild = torch.where(mask[:, :, None], states, 1e6)
    torch.testing.assert_close(pool(wild, mask), pool(states, mask))
    expected = {"last": states[0, 2], "max": states[0, :3].amax(0), "mean": states[0, :3].mean(0)}
    if pooling in expected:
        torch.testing.assert_close(pool(states, mask)[0], expected[pooling])


def test_the_embedding_of_padding_stays_nought_while_others_learn() -> None:
    inputs = SequenceInputs(TOKENS, width=D)
    values, _ = inputs({"tokens": rows_of_any_length()})
    values.sum().backward()
    assert inputs.embedding is not None
    assert not inputs.embedding.weight[0].any()
    assert not inputs.embedding.weight.grad[0].any()
    assert 0.03 < float(inputs.embedding.weight[1:].detach().std()) < 0.07


def test_words_are_forgotten_in_training_alone_and_padding_never() -> None:
    inputs = SequenceInputs(TOKENS, width=D, forgotten=0.5).train()
    tokens = torch.full((200, T), 7)
    tokens[:, 4:] = 0
    assert inputs.embedding is not None
    is_unknown = (inputs({"tokens": tokens})[0] == inputs.embedding.weight[1]).all(dim=2)
    assert 0.4 < float(is_unknown[:, :4].float().mean()) < 0.6
    assert not is_unknown[:, 4:].any()
    answered, _ = inputs.eval()({"tokens": tokens})
    assert (answered[:, :4] == inputs.embedding.weight[7]).all()
