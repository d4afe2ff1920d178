"""Layers between a window and its features: hidden layers, and dilated convolutions."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn

from archwise.blocks.dropout import Dropout


class WindowMLP(nn.Module):
    """Hidden layers over all steps of a window, beside the steps themselves.

    Args:
        n_past: L. n_channels: C. width: of each hidden layer. n_layers: of them. dropout: share left out.

    Source:
        Das et al. 2023 (TiDE): the linear way past the hidden layers.
    """

    def __init__(self, n_past: int, n_channels: int, *, width: int, n_layers: int, dropout: float) -> None:
        super().__init__()
        widths = [n_past * n_channels, *[width] * n_layers]
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [nn.Linear(before, after), nn.ReLU(), Dropout(dropout)]
        self.layers = nn.Sequential(*layers)
        self.width = width + n_past

    def forward(self, window: torch.Tensor) -> torch.Tensor:
        """Map (N, L, C) to (N, width)."""
        return torch.cat([self.layers(window.flatten(1)), window[..., 0]], dim=1)


class TemporalConvolutions(nn.Module):
    """Dilated causal convolutions over a window; what the last step sees of all before it.

    Args:
        n_past: L. n_channels: C. width: channels inside. stride: steps that the first layer joins into one.
        dropout: share of channels left out.

    Source:
        Bai, Kolter & Koltun 2018 (TCN).
    """

    def __init__(self, n_past: int, n_channels: int, *, width: int, stride: int, dropout: float) -> None:
        super().__init__()
        self.stride = max(1, min(stride, n_past))
        self.n_steps = n_past // self.stride
        self.entry = nn.Linear(self.stride * n_channels, width)
        self.blocks = nn.ModuleList()
        dilation = 1
        while 2 * dilation < max(2, self.n_steps):
            self.blocks.append(_CausalBlock(width, dilation, dropout))
            dilation *= 2
        self.width = width + n_past

    def forward(self, window: torch.Tensor) -> torch.Tensor:
        """Map (N, L, C) to (N, width + L)."""
        joined = window[:, window.shape[1] - self.n_steps * self.stride :]
        steps = self.entry(joined.reshape(-1, self.n_steps, self.entry.in_features)).transpose(1, 2)  # (N, width, T)
        for block in self.blocks:
            steps = block(steps)
        return torch.cat([steps[..., -1], window[..., 0]], dim=1)


class _CausalBlock(nn.Module):
    def __init__(self, width: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.reach = 2 * dilation
        self.first = nn.Conv1d(width, width, 3, dilation=dilation)
        self.second = nn.Conv1d(width, width, 1)
        self.dropout = Dropout(dropout)

    def forward(self, steps: torch.Tensor) -> torch.Tensor:
        held = torch.relu(self.first(nn.functional.pad(steps, (self.reach, 0))))
        added: torch.Tensor = self.dropout(self.second(held))
        return steps + added
