"""Pictures as bytes become the maps that a convolution reads."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from archwise.records import Signature


class PictureInputs(nn.Module):
    """Pixels of pictures, each channel of mean 0 and deviation 1 over the training rows.

    Rows lie in memory pixel by pixel, so that the maps it gives are channels-last, in which convolutions are fastest.

    Args:
        signature: its input `image` (B, H, W, C) uint8 is read.
        mean, std: of each channel, of pixels from 0 to 1; told from training rows by `begin` where they are not given.
    """

    reads = "image"

    def __init__(
        self, signature: Signature, *, mean: tuple[float, ...] | None = None, std: tuple[float, ...] | None = None
    ) -> None:
        super().__init__()
        spec = signature.input(self.reads)
        if spec is None:
            raise ValueError("the data hold no picture, which this body reads")
        self.height, self.width, self.channels = spec.shape
        self._is_given = mean is not None
        self.mean: torch.Tensor
        self.std: torch.Tensor
        self.register_buffer("mean", torch.tensor(mean or (0.5,) * self.channels))
        self.register_buffer("std", torch.tensor(std or (0.25,) * self.channels))

    def blank(self) -> torch.Tensor:
        """What it gives for one row, (1, C, H, W), without any numbers in it."""
        return torch.zeros(1, self.channels, self.height, self.width, device="meta")

    def begin(self, batch: Mapping[str, torch.Tensor]) -> None:
        """Take the mean and the deviation of each channel from training rows, unless they were given."""
        if self._is_given:
            return
        pixels = batch[self.reads].reshape(-1, self.channels).double() / 255.0
        self.mean.copy_(pixels.mean(0))
        self.std.copy_(pixels.std(0).clamp_min(1e-3))

    def forward(self, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Map the pictures of a batch to maps (B, C, H, W) float32."""
        pixels = batch[self.reads].float()  # (B, H, W, C)
        scaled = (pixels - 255.0 * self.mean) * (1.0 / (255.0 * self.std))
        return scaled.permute(0, 3, 1, 2)


class FlatPictureInputs(nn.Module):
    """The same pixels in a row, for what knows nothing of places.

    Args:
        signature: its input `image` (B, H, W, C) uint8 is read.
    """

    def __init__(self, signature: Signature) -> None:
        super().__init__()
        self.pictures = PictureInputs(signature)
        self.width = self.pictures.height * self.pictures.width * self.pictures.channels

    def begin(self, batch: Mapping[str, torch.Tensor]) -> None:
        """Show the pictures some training rows."""
        self.pictures.begin(batch)

    def forward(self, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Map the pictures of a batch to vectors (B, width)."""
        maps: torch.Tensor = self.pictures(batch)
        return maps.flatten(1)
