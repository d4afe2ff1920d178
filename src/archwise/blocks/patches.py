"""The two ends of a vision transformer of timm: pictures to tokens, and tokens to features."""

from __future__ import annotations

import torch
from torch import nn


class Patches(nn.Module):
    """Maps to tokens: each patch, with its place, behind the token that gathers what is asked.

    Args:
        model: a VisionTransformer of timm, whose layers are taken as they are.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.patch_embed = model.patch_embed
        self.cls_token = model.cls_token
        self.pos_embed = model.pos_embed
        self.norm_pre = model.norm_pre

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Map (B, C, H, W) to (B, 1 + T, D)."""
        patches = self.patch_embed(maps)  # type: ignore[operator]  # (B, T, D)
        first = self.cls_token.expand(len(patches), -1, -1)  # type: ignore[operator]
        tokens: torch.Tensor = self.norm_pre(torch.cat([first, patches], dim=1) + self.pos_embed)  # type: ignore[operator]
        return tokens


class FirstToken(nn.Module):
    """Tokens (B, T, D), normalised, to the first of them (B, D)."""

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Map (B, T, D) to (B, D)."""
        first: torch.Tensor = self.norm(tokens)[:, 0]
        return first
