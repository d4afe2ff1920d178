"""Convolutions over the steps of a series, masked so that padding never changes an answer.

What lies behind the end of a series is nought before every convolution and infinitely low before every maximum, as what
lies beyond the edges is; and no statistic counts it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import nn

from archwise.blocks.dropout import Dropout
from archwise.blocks.sequence import SequenceInputs


class MaskedNorm(nn.Module):
    """Batch normalisation over the steps that are no padding; what is padding comes out as nought.

    In training by the mean and variance of the batch, in answers by their running averages.

    Args:
        channels: C.

    Source:
        Ioffe & Szegedy 2015.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(channels)  # whose statistics move and are averaged as those of any other

    def forward(self, values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Map values (B, C, T) and a mask (B, 1, T) of 1 and 0 to (B, C, T)."""
        if not self.training:
            answered: torch.Tensor = self.norm(values) * mask
            return answered
        n_steps = mask.sum()
        mean = (values * mask).sum(dim=(0, 2)) / n_steps
        apart = (values - mean[:, None]) * mask
        variance = apart.square().sum(dim=(0, 2)) / n_steps
        self._keep(mean.detach(), variance.detach() * n_steps / (n_steps - 1).clamp(min=1))
        factor = self.norm.weight * torch.rsqrt(variance + self.norm.eps)
        return (apart * factor[:, None] + self.norm.bias[:, None]) * mask

    def _keep(self, mean: torch.Tensor, variance: torch.Tensor) -> None:
        """Move the running averages towards the statistics of a batch."""
        share, running, spread = self.norm.momentum, self.norm.running_mean, self.norm.running_var
        assert share is not None  # by the arguments it was built with
        assert running is not None
        assert spread is not None
        running.lerp_(mean, share)
        spread.lerp_(variance, share)


def step_convolution(width_in: int, width: int, kernel: int) -> nn.Conv1d:
    """A convolution over an odd number of steps that keeps as many as there are, without a bias."""
    return nn.Conv1d(width_in, width, kernel, padding=kernel // 2, bias=False)


def highest_of_three(values: torch.Tensor) -> torch.Tensor:
    """The greatest of each step and its two neighbours, (B, C, T): torch's own maximum is exported of fixed T alone."""
    beside = nn.functional.pad(values, (1, 1), value=-torch.inf)
    return torch.maximum(torch.maximum(beside[:, :, :-2], values), beside[:, :, 2:])


class InceptionModule(nn.Module):
    """Convolutions of three widths behind a bottleneck and one behind a maximum, side by side.

    Args:
        width_in: channels that come in. filters: of each of the four. kernels: steps of the three, odd.

    Source:
        Ismail Fawaz et al. 2020, figure 2.
    """

    def __init__(self, width_in: int, filters: int, kernels: Sequence[int]) -> None:
        super().__init__()
        self.bottleneck = step_convolution(width_in, filters, 1) if width_in > 1 else None
        narrow = filters if self.bottleneck is not None else width_in
        self.convolutions = nn.ModuleList(step_convolution(narrow, filters, kernel) for kernel in kernels)
        self.behind_maximum = step_convolution(width_in, filters, 1)
        self.width = filters * (len(kernels) + 1)
        self.norm = MaskedNorm(self.width)

    def forward(self, values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Map values (B, width_in, T), nought where the mask (B, 1, T) is, to (B, width, T)."""
        narrow = values if self.bottleneck is None else self.bottleneck(values)
        highest = highest_of_three(values.masked_fill(mask == 0.0, -torch.inf)).masked_fill(mask == 0.0, 0.0)
        parts = [*(convolution(narrow) for convolution in self.convolutions), self.behind_maximum(highest)]
        return torch.relu(self.norm(torch.cat(parts, dim=1), mask))


class Shortcut(nn.Module):
    """Modules one upon the other, and what came in beside them, brought to their width.

    Args:
        modules: each from values (B, C, T) and a mask to (B, width, T), with its `width`. width_in: of what comes in.

    Source:
        He et al. 2016, as in Ismail Fawaz et al. 2020.
    """

    def __init__(self, width_in: int, modules: Sequence[nn.Module]) -> None:
        super().__init__()
        self.inner = nn.ModuleList(modules)
        self.width = int(modules[-1].width)  # type: ignore[arg-type]  # it has an int width
        self.beside = step_convolution(width_in, self.width, 1)
        self.norm = MaskedNorm(self.width)

    def forward(self, values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Map values (B, width_in, T) and a mask (B, 1, T) to (B, width, T)."""
        found = values
        for module in self.inner:
            found = module(found, mask)
        return torch.relu(found + self.norm(self.beside(values), mask))


class ConvolutionStep(nn.Module):
    """One convolution, normalised and bent.

    Args:
        width_in: channels that come in. width: of the convolution. kernel: its steps, odd.

    Source:
        Wang, Yan & Oates 2017, section II.B.
    """

    def __init__(self, width_in: int, width: int, kernel: int) -> None:
        super().__init__()
        self.convolution = step_convolution(width_in, width, kernel)
        self.norm = MaskedNorm(width)
        self.width = width

    def forward(self, values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Map values (B, width_in, T), nought where the mask (B, 1, T) is, to (B, width, T)."""
        return torch.relu(self.norm(self.convolution(values), mask))


class SeriesConvolutionBody(nn.Module):
    """Layers of convolutions over a series, then the mean of each of their maps over its steps.

    Args:
        inputs: of the series. layers: each from values (B, C, T) and a mask to (B, width, T), with its `width`.
        dropout: share of the features that is dropped.
    """

    def __init__(self, inputs: SequenceInputs, layers: Sequence[nn.Module], *, dropout: float) -> None:
        super().__init__()
        self.inputs = inputs
        self.layers = nn.ModuleList(layers)
        self.dropout = Dropout(dropout)
        self.width = int(layers[-1].width)  # type: ignore[arg-type]  # it has an int width

    def forward(self, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Map a batch of named inputs to features (B, width)."""
        steps, is_step = self.inputs(batch)  # (B, T, C), (B, T)
        mask = is_step[:, None].to(steps.dtype)  # (B, 1, T)
        values = steps.transpose(1, 2) * mask
        for layer in self.layers:
            values = layer(values, mask)
        features: torch.Tensor = self.dropout(values.sum(dim=2) / mask.sum(dim=2))
        return features
