"""Recurrent layers over torch's own cells, masked so that padding never changes an answer.

Read forwards a step knows nothing of what follows, so padding at the end changes no step before it. To read backwards,
each row is turned around by its own length, so that its padding stays at the end. So nothing is packed, and ONNX has
plain operators for all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import nn

CELLS: Mapping[str, Callable[..., nn.RNNBase]] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
_FORGETS = "lstm"
_FORGET_GATE = 1  # of torch's order: input, forget, cell, output


def make_layer(cell: str, width_in: int, width: int) -> nn.RNNBase:
    """One layer of a cell, read forwards.

    Weights on states begin orthogonal and those on inputs after Glorot, each gate's its own; biases at nought, but for
    the forget gate, which begins at 1 so that a memory is kept until there is a reason to lose it.

    Args:
        cell: of CELLS. width_in, width: of the vectors of a step, and of the states.

    Source:
        Saxe, McClelland & Ganguli 2014 (orthogonal); Glorot & Bengio 2010; Gers et al. 2000 and Jozefowicz et al. 2015
        (the forget gate).
    """
    layer = CELLS[cell](width_in, width, batch_first=True)
    for name, parameter in layer.named_parameters():
        if parameter.ndim == 1:
            nn.init.zeros_(parameter)
            continue
        for gate in parameter.split(width):  # type: ignore[no-untyped-call]
            (nn.init.orthogonal_ if name.startswith("weight_hh") else nn.init.xavier_uniform_)(gate)
    if cell == _FORGETS:
        with torch.no_grad():
            layer.bias_ih_l0[_FORGET_GATE * width : (_FORGET_GATE + 1) * width] = 1.0  # type: ignore[operator]
    return layer


@torch.library.custom_op("archwise::plain_layer", mutates_args=())
def plain_layer(
    values: torch.Tensor, on_inputs: torch.Tensor, on_states: torch.Tensor, one: torch.Tensor, other: torch.Tensor
) -> torch.Tensor:
    """A layer of plain cells as one operator, for the exporter of torch would write it out step by step.

    Args:
        values: (B, T, D). on_inputs: weights (H, D). on_states: weights (H, H). one, other: biases (H,).

    Returns:
        states, (B, T, H).
    """
    first = values.new_zeros(1, len(values), len(one))
    states: torch.Tensor = torch.rnn_tanh(
        values, first, [on_inputs, on_states, one, other], True, 1, 0.0, False, False, True
    )[0]
    return states


@plain_layer.register_fake
def _plain_layer_shape(
    values: torch.Tensor, on_inputs: torch.Tensor, on_states: torch.Tensor, one: torch.Tensor, other: torch.Tensor
) -> torch.Tensor:
    del on_inputs, on_states, other
    return values.new_empty(values.shape[0], values.shape[1], one.shape[0])


def _states(layer: nn.RNNBase, values: torch.Tensor) -> torch.Tensor:
    """The states of a layer, (B, T, H)."""
    if isinstance(layer, nn.RNN) and torch.compiler.is_exporting():
        states: torch.Tensor = plain_layer(values, *layer.parameters())
    else:
        states = layer(values)[0]
    return states


def turn_around(values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The steps of each row in the opposite order, its padding left at the end; twice is as before.

    Args:
        values: (B, T, D). mask: (B, T), true before the padding. What stands in the padding is of no account.
    """
    places = torch.arange(mask.shape[1], device=mask.device)
    turned = (mask.sum(dim=1, keepdim=True) - 1 - places).clamp(min=0)  # (B, T)
    return values.gather(1, turned[:, :, None].expand(-1, -1, values.shape[2]))


class RecurrentLayer(nn.Module):
    """One layer, forwards or both ways; the states of both ways stand side by side.

    Args:
        cell: of CELLS. width_in: of the vectors of a step. width: of the states of each way.

    Source:
        Schuster & Paliwal 1997 for both ways.
    """

    def __init__(self, cell: str, width_in: int, width: int, *, both_ways: bool) -> None:
        super().__init__()
        self.forwards = make_layer(cell, width_in, width)
        self.backwards = make_layer(cell, width_in, width) if both_ways else None
        self.width = 2 * width if both_ways else width

    def forward(self, values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Map (B, T, width_in) and a mask (B, T) to states (B, T, width); those of padding are of no account."""
        states = _states(self.forwards, values)
        if self.backwards is None:
            return states
        turned = _states(self.backwards, turn_around(values, mask))
        return torch.cat([states, turn_around(turned, mask)], dim=2)


def recurrent_layers(
    cell: str, width_in: int, width: int, *, n_layers: int, both_ways: bool
) -> tuple[RecurrentLayer, ...]:
    """Layers one upon the other, of one cell and width."""
    made: list[RecurrentLayer] = []
    for _ in range(n_layers):
        made.append(RecurrentLayer(cell, made[-1].width if made else width_in, width, both_ways=both_ways))
    return tuple(made)
