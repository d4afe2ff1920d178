"""Augmentation: pictures changed at random in ways that leave their labels true, on the batch, where the network is.

Pictures are bytes before and after, so that a network reads what it reads in answers. Random numbers are torch's own of
the pictures' device, which are those of the run, so that a run that paused draws what it would have drawn. Only the
training loop may call this; that prediction cannot is held by import-linter.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
import torch.nn.functional as F

from archwise.config import parse_augmentations

SHIFT = 1 / 8  # of the side, at most, either way
TURN = 15.0  # degrees, at most, either way
COLOUR = 0.3  # of brightness, contrast and saturation, at most, up or down
HOLE = 1 / 4  # of the side
MIXUP = 0.2  # both parameters of the beta distribution


@dataclass(frozen=True)
class Mixed:
    """What mixup did.

    partner: (B,) int64, the row that was mixed into each. share: (B,) float32, how much of its own is left.
    """

    partner: torch.Tensor
    share: torch.Tensor

    def loss(self, of: Callable[[torch.Tensor], torch.Tensor], targets: torch.Tensor) -> torch.Tensor:
        """The losses against both targets of each row, in its shares.

        Args:
            of: from targets (B, ...) to losses (B,), or (B * M,) of an ensemble's members.
            targets: (B, ...), before they are mixed.
        """
        own, other = of(targets), of(targets.index_select(0, self.partner))
        share = self.share.repeat_interleave(len(own) // len(self.share))
        return share * own + (1.0 - share) * other


def augment(pictures: torch.Tensor, names: str) -> tuple[torch.Tensor, Mixed | None]:
    """Change pictures by every change that is named, each picture in its own way.

    Args:
        pictures: (B, H, W, C) uint8; they are left as they are.
        names: such as "flip+shift+mixup".

    Returns:
        (B, H, W, C) uint8, and what mixup did where it is named.

    Raises:
        UsageError: there is no change of that name.
    """
    mixed = None
    for name in parse_augmentations(names):
        if name == "mixup":
            pictures, mixed = mixup(pictures)
        else:
            pictures = CHANGES[name](pictures)
    return pictures, mixed


def flip(pictures: torch.Tensor) -> torch.Tensor:
    """Mirror half of the pictures, left and right changed."""
    is_mirrored = torch.rand(len(pictures), device=pictures.device) < 0.5
    return torch.where(is_mirrored[:, None, None, None], pictures.flip(2), pictures)


def shift(pictures: torch.Tensor) -> torch.Tensor:
    """Move each picture by up to an eighth of its sides; what was moved away from is filled by reflection."""
    n, height, width = pictures.shape[:3]
    rows, columns = (_moved(n, side, pictures.device) for side in (height, width))
    places = (torch.arange(n, device=pictures.device)[:, None, None] * height + rows[:, :, None]) * width
    places = places + columns[:, None, :]
    return pictures.flatten(0, 2).index_select(0, places.flatten()).view(pictures.shape)


def _moved(n: int, side: int, device: torch.device) -> torch.Tensor:
    """(n, side) int64, the place that each place is filled from."""
    most = max(1, round(SHIFT * side))
    offsets = torch.randint(-most, most + 1, (n, 1), device=device)
    places = (torch.arange(side, device=device) + offsets).abs()
    last = side - 1
    return (last - (last - places).abs()).clamp_(0, last)


def rotate(pictures: torch.Tensor) -> torch.Tensor:
    """Turn each picture by up to 15 degrees about its middle, read between pixels, reflected beyond the edges."""
    angles = torch.empty(len(pictures), device=pictures.device).uniform_(-TURN, TURN) * (math.pi / 180.0)
    height, width = pictures.shape[1:3]
    cos, sin, none = angles.cos(), angles.sin(), torch.zeros_like(angles)
    rows = [torch.stack(row, dim=1) for row in ((cos, -sin * height / width, none), (sin * width / height, cos, none))]
    maps = pictures.permute(0, 3, 1, 2).float()
    grid = F.affine_grid(torch.stack(rows, dim=1), list(maps.shape), align_corners=False)
    turned = F.grid_sample(maps, grid, padding_mode="reflection", align_corners=False)
    return _as_bytes(turned.permute(0, 2, 3, 1))


def colour(pictures: torch.Tensor) -> torch.Tensor:
    """Change brightness, contrast and, where there is colour, saturation, each by up to three tenths."""
    n = len(pictures)
    brightness, contrast, saturation = (
        torch.empty(3, n, 1, 1, 1, device=pictures.device).uniform_(1.0 - COLOUR, 1.0 + COLOUR).unbind()
    )
    pixels = pictures.float() * brightness
    grey = pixels.mean(dim=3, keepdim=True)
    pixels = grey + saturation * (pixels - grey)
    middle = grey.mean(dim=(1, 2), keepdim=True)
    return _as_bytes(middle + contrast * (pixels - middle))


def cutout(pictures: torch.Tensor) -> torch.Tensor:
    """Fill a square of a quarter of the sides, somewhere in each picture, with its mean colour.

    Source:
        DeVries & Taylor 2017.
    """
    n, height, width = pictures.shape[:3]
    is_row, is_column = (_is_in_hole(n, side, pictures.device) for side in (height, width))
    is_cut = (is_row[:, :, None] & is_column[:, None, :])[..., None]
    return torch.where(is_cut, _as_bytes(pictures.float().mean(dim=(1, 2), keepdim=True)), pictures)


def _is_in_hole(n: int, side: int, device: torch.device) -> torch.Tensor:
    """(n, side) bool."""
    length = max(1, round(HOLE * side))
    starts = torch.randint(0, side - length + 1, (n, 1), device=device)
    places = torch.arange(side, device=device)
    return (places >= starts) & (places < starts + length)


def mixup(pictures: torch.Tensor) -> tuple[torch.Tensor, Mixed]:
    """Mix each picture with another of the batch, in shares that are drawn for each.

    Source:
        Zhang et al. 2018, with a share for each row.
    """
    n, device = len(pictures), pictures.device
    partner = torch.randperm(n, device=device)
    both = torch._standard_gamma(torch.full((2, n), MIXUP, device=device)).clamp_min_(1e-30)
    share = both[0] / both.sum(dim=0)
    mine = share[:, None, None, None]
    mixed = mine * pictures.float() + (1.0 - mine) * pictures.index_select(0, partner).float()
    return _as_bytes(mixed), Mixed(partner, share)


def _as_bytes(pixels: torch.Tensor) -> torch.Tensor:
    return pixels.round_().clamp_(0.0, 255.0).to(torch.uint8)


CHANGES: Mapping[str, Callable[[torch.Tensor], torch.Tensor]] = MappingProxyType(
    {"flip": flip, "shift": shift, "rotate": rotate, "colour": colour, "cutout": cutout}
)
