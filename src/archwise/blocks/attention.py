"""Self-attention over the steps of a sequence, in which padding is not attended to."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import nn

from archwise.blocks.dropout import Dropout

_WAVELENGTHS = 10_000.0  # the longest over the shortest
_HIDDEN = 4  # times as wide as a step's vector


class Positions(nn.Module):
    """The place of every step as sines and cosines, scaled by one learnt number and added to its vector.

    Args:
        width: D of the vectors, even.

    Source:
        Vaswani et al. 2017, section 3.5.
    """

    undecayed = ("scale",)

    def __init__(self, width: int) -> None:
        super().__init__()
        frequencies = torch.exp(torch.arange(0, width, 2) * (-math.log(_WAVELENGTHS) / width))
        self.frequencies: torch.Tensor
        self.register_buffer("frequencies", frequencies, persistent=False)
        self.scale = nn.Parameter(torch.tensor([0.05]))  # as much as the embedding of a word begins with

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Map (B, T, D) to (B, T, D)."""
        places = torch.arange(values.shape[1], device=values.device, dtype=values.dtype)
        angles = places[:, None] * self.frequencies
        return values + self.scale * torch.cat([angles.sin(), angles.cos()], dim=1)


class AttentionLayer(nn.Module):
    """Each step takes from all steps what it asks for, then goes through two linear maps of its own.

    Args:
        width: D of the vectors. n_heads: that ask independently, a divisor of D. dropout: share that is dropped.

    Source:
        Vaswani et al. 2017, with the normalisation before each part (Xiong et al. 2020).
    """

    def __init__(self, width: int, n_heads: int, *, dropout: float) -> None:
        super().__init__()
        self.width, self.n_heads = width, n_heads
        self.norm_asking, self.norm_mapping = nn.LayerNorm(width), nn.LayerNorm(width)
        self.asking = nn.Linear(width, 3 * width)
        self.answering = nn.Linear(width, width)
        self.hidden, self.outer = nn.Linear(width, _HIDDEN * width), nn.Linear(_HIDDEN * width, width)
        self.dropout = Dropout(dropout)

    def forward(self, values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Map (B, T, D) and a mask (B, T) to (B, T, D)."""
        n_rows, n_steps = mask.shape
        parts = self.asking(self.norm_asking(values)).view(n_rows, n_steps, 3, self.n_heads, -1)
        query, key, value = parts.permute(2, 0, 3, 1, 4).unbind()  # (B, heads, T, D / heads) each
        taken = F.scaled_dot_product_attention(query, key, value, attn_mask=mask[:, None, None, :])
        values = values + self.dropout(self.answering(taken.transpose(1, 2).reshape(n_rows, n_steps, -1)))
        mapped = self.outer(self.dropout(F.gelu(self.hidden(self.norm_mapping(values)))))
        given: torch.Tensor = values + self.dropout(mapped)
        return given


class FirstLayer(nn.Module):
    """What stands before the first layer of attention: a map to its width, and the places of the steps.

    Args:
        width_in: of the vectors of the steps. width: of the layers.
    """

    def __init__(self, width_in: int, width: int) -> None:
        super().__init__()
        self.width = width
        self.map = nn.Linear(width_in, width) if width_in != width else nn.Identity()
        self.positions = Positions(width)

    def forward(self, values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Map (B, T, width_in) to (B, T, width)."""
        del mask
        placed: torch.Tensor = self.positions(self.map(values))
        return placed


class LastLayer(nn.Module):
    """The normalisation behind the last layer of attention."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        self.norm = nn.LayerNorm(width)

    def forward(self, values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Map (B, T, D) to (B, T, D)."""
        del mask
        normed: torch.Tensor = self.norm(values)
        return normed
