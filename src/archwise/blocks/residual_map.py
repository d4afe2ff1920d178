"""Residual blocks of convolutions: each adds to its maps what two convolutions make of them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn


class ResidualBlock(nn.Module):
    """Two convolutions beside a way that leaves the maps as they are.

    Where the block halves the maps, that way takes every second pixel, and its new maps are zero: no weights.

    Args:
        channels: of the maps that come in. width: of those that go out, at least as many. stride: 1, or 2 to halve.
        is_first_bent: whether normalisation and activation come before each convolution, so that nothing stands in
            the way, rather than behind it.

    Source:
        He, Zhang, Ren & Sun 2016a, section 4.2 with option A; 2016b, section 3, for the order "pre-activation".
    """

    def __init__(self, channels: int, width: int, *, stride: int, is_first_bent: bool) -> None:
        super().__init__()
        self.stride, self.n_new, self.is_first_bent = stride, width - channels, is_first_bent
        self.first = nn.Conv2d(channels, width, 3, stride=stride, padding=1, bias=False)
        self.second = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(channels if is_first_bent else width)
        self.second_norm = nn.BatchNorm2d(width)
        for convolution in (self.first, self.second):
            nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Map (B, channels, H, W) to (B, width, H / stride, W / stride)."""
        if self.is_first_bent:
            added = self.first(F.relu(self.first_norm(maps)))
            summed: torch.Tensor = self._as_it_is(maps) + self.second(F.relu(self.second_norm(added)))
            return summed
        added = F.relu(self.first_norm(self.first(maps)))
        found: torch.Tensor = F.relu(self._as_it_is(maps) + self.second_norm(self.second(added)))
        return found

    def _as_it_is(self, maps: torch.Tensor) -> torch.Tensor:
        if self.stride > 1:
            maps = maps[:, :, :: self.stride, :: self.stride]
        return F.pad(maps, (0, 0, 0, 0, 0, self.n_new)) if self.n_new else maps


class ResidualStages(nn.Module):
    """A convolution, then stages of residual blocks; each stage but the first halves the maps and doubles them.

    Args:
        channels: of the maps that come in. width: of the first stage. n_blocks: of each stage. n_stages: 3 there.
        is_first_bent: as for `ResidualBlock`. is_halved: whether the first convolution halves the maps already.
    """

    def __init__(
        self, channels: int, width: int, *, n_blocks: int, is_first_bent: bool, is_halved: bool, n_stages: int = 3
    ) -> None:
        super().__init__()
        start = nn.Conv2d(channels, width, 3, stride=2 if is_halved else 1, padding=1, bias=False)
        nn.init.kaiming_normal_(start.weight, mode="fan_out", nonlinearity="relu")
        layers: list[nn.Module] = [start]
        if not is_first_bent:
            layers += [nn.BatchNorm2d(width), nn.ReLU()]
        before = width
        for stage in range(n_stages):
            for number in range(n_blocks):
                stride = 2 if stage > 0 and number == 0 else 1
                layers.append(ResidualBlock(before, width * 2**stage, stride=stride, is_first_bent=is_first_bent))
                before = width * 2**stage
        if is_first_bent:
            layers += [nn.BatchNorm2d(before), nn.ReLU()]
        self.layers = nn.Sequential(*layers)
        self.channels = before

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Map (B, C, H, W) to (B, channels, H', W')."""
        found: torch.Tensor = self.layers(maps)
        return found
