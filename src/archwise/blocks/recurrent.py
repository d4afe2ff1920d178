"""Recurrent layers over torch's own cells, masked so that padding never changes an answer.

Read forwards a step knows nothing of what follows, so padding at the end changes no step before it. To read backwards,
each row is turned around by its own length, so that its padding stays at the end. So nothing is packed, and ONNX has
plain operators for all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import nn

CELLS: Mapping[str, Callable[..., nn.RNNBase]] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
_FORGETS = _REMEMBERS = "lstm"
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


@torch.library.custom_op("archwise::layer_from", mutates_args=())
def layer_from(
    cell: str, values: torch.Tensor, kept: Sequence[torch.Tensor], weights: Sequence[torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor]:
    """A layer as one operator, for the exporter of torch would write it out step by step, or fix how many there are.

    Args:
        cell: of CELLS. values: (B, T, D).
        kept: what it goes on from, the last state (B, H), and of an LSTM its memory (B, H) behind it; none for nought.
        weights: on inputs (G H, D) and on states (G H, H), and the two biases (G H,), of G gates.

    Returns:
        states, (B, T, H), and the last state, of an LSTM the memory, (B, H).
    """
    nought = values.new_zeros(1, len(values), weights[1].shape[1])
    first, held = [each[None] for each in kept] or [nought, nought], list(weights)
    if cell == "lstm":
        states, _, memory = torch.lstm(values, first, held, True, 1, 0.0, False, False, True)
        return states, memory[0].clone()
    run = torch.gru if cell == "gru" else torch.rnn_tanh
    states, last = run(values, first[0], held, True, 1, 0.0, False, False, True)
    return states, last[0].clone()


@layer_from.register_fake
def _layer_from_shape(
    cell: str, values: torch.Tensor, kept: Sequence[torch.Tensor], weights: Sequence[torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor]:
    del cell, kept
    n_rows, n_steps, width = values.shape[0], values.shape[1], weights[1].shape[1]
    return values.new_empty(n_rows, n_steps, width), values.new_empty(n_rows, width)


def _states(layer: nn.RNNBase, values: torch.Tensor) -> torch.Tensor:
    """The states of a layer, (B, T, H)."""
    if torch.compiler.is_exporting():
        cell = next(name for name, made in CELLS.items() if isinstance(layer, made))  # type: ignore[arg-type]
        states: torch.Tensor = layer_from(cell, values, [], list(layer.parameters()))[0]
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
        self.cell = cell
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

    def keeps(self) -> tuple[int, ...]:
        """The widths of what it keeps to go on from: its last state, and of an LSTM its memory cell."""
        return (self.width,) * (2 if self.cell == _REMEMBERS else 1)

    def go_on(
        self, values: torch.Tensor, kept: Sequence[torch.Tensor]
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
        """Read more steps of rows, forwards only.

        Args:
            values: (B, T, width_in), of which none is padding. kept: (B, width) each, as `keeps` says; nought at first.

        Returns:
            states (B, T, width), and what to go on from.
        """
        states, last = layer_from(self.cell, values, list(kept), list(self.forwards.parameters()))
        return states, (states[:, -1], last) if self.cell == _REMEMBERS else (last,)


def recurrent_layers(
    cell: str, width_in: int, width: int, *, n_layers: int, both_ways: bool
) -> tuple[RecurrentLayer, ...]:
    """Layers one upon the other, of one cell and width."""
    made: list[RecurrentLayer] = []
    for _ in range(n_layers):
        made.append(RecurrentLayer(cell, made[-1].width if made else width_in, width, both_ways=both_ways))
    return tuple(made)
