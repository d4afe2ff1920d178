"""The body of a network that was trained elsewhere: the lower stages as they were, the upper ones open to training."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Protocol

import torch
from torch import nn

from archwise.blocks.pretrained import load_model, make_model
from archwise.records import STEPS, Inherited

Stages = Callable[[nn.Module], "list[nn.Module]"]
BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
_LEAST_SPREAD = 1e-6
_ROWS_AT_ONCE = 32  # of those that a body is shown at first, for whose maps and vectors there must be memory


@dataclass(frozen=True)
class Backbone:
    """Where a body comes from.

    library, model: who builds the network. stages: cuts it into modules that follow each other, maps to maps or vectors
    of steps to such, the last of which gives features (B, D).
    """

    library: str
    model: str
    stages: Stages


@dataclass(frozen=True)
class Opening:
    """What of a body learns.

    n_stages: from the top, 0 for none; the last module, which only makes features of maps, is not counted.
    rate: of the top stage, as a factor on the head's. falls: the factor of each stage on that of the stage above it.
    dropout: share of the features.
    """

    n_stages: int = 0
    rate: float = 0.1
    falls: float = 0.5
    dropout: float = 0.0


class TrunkInputs(Protocol):
    """From a batch to what the first stage takes; a module. reads: the name of the input."""

    reads: str

    def blank(self) -> torch.Tensor:
        """What it gives for one row, on torch's meta device."""

    def __call__(self, batch: Mapping[str, torch.Tensor], /) -> torch.Tensor:
        """Map a batch of named inputs."""


class Averaged(nn.Module):
    """The mean of maps over all places: (B, C, H, W) to (B, C)."""

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Map (B, C, H, W) to (B, C)."""
        return maps.mean(dim=(2, 3))


class Trunk(nn.Module):
    """Pictures or texts through the stages that stay as they were: the same numbers in training and in answers.

    Args:
        inputs: from a batch to what the first stage takes. stages: each takes what the one before gave.
    """

    def __init__(self, inputs: TrunkInputs, stages: Sequence[nn.Module]) -> None:
        super().__init__()
        self.inputs = inputs
        self.reads = inputs.reads
        self.stages = nn.Sequential(*stages)
        self.is_still = True
        for parameter in self.parameters():
            parameter.requires_grad_(False)

    def forward(self, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Map the input that it reads to what the stages give."""
        given: torch.Tensor = self.stages(self.inputs(batch))
        return given


class Standardised(nn.Module):
    """Features of mean 0 and deviation 1 over the training rows that `begin` was shown."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mean: torch.Tensor
        self.spread: torch.Tensor
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("spread", torch.ones(width))

    def begin(self, features: torch.Tensor) -> None:
        """Take the mean and the deviation of features (N, D); what never varies is left small."""
        spread = features.double().std(dim=0, correction=0)
        typical = spread.median().clamp_min(_LEAST_SPREAD)
        self.mean.copy_(features.double().mean(dim=0))
        self.spread.copy_(torch.maximum(spread, 0.1 * typical))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map (B, D) to (B, D)."""
        return (features - self.mean) / self.spread


class TransferBody(nn.Module):
    """A backbone whose upper stages learn, or none: pictures or texts to standardised features (B, width).

    Until `take_over` its weights are random. Normalisations keep the statistics they were inherited with: those of a
    few photos are too rough to answer by, and weights that were folded elsewhere may have none of their own.

    Args:
        inputs: from a batch to what the first stage takes. backbone: where the stages come from. opening: what learns.
    """

    def __init__(self, inputs: TrunkInputs, backbone: Backbone, *, opening: Opening) -> None:
        super().__init__()
        stages = copy.deepcopy(_blank_stages(backbone))
        n_above = 1 + min(opening.n_stages, len(stages) - 2) if opening.n_stages else 0
        cut = len(stages) - n_above
        blank = inputs.blank()
        self.width, last = _width_and_last(backbone, tuple(blank.shape), blank.dtype)
        self.looked_at = f"trunk.stages.{last}" if last < cut else f"upper.{last - cut}"
        for stage in stages[cut:]:
            _begin_weights(stage)
        self.trunk = Trunk(inputs, stages[:cut])
        self.upper = nn.Sequential(*stages[cut:])
        self.scale = Standardised(self.width)
        self.dropout = nn.Dropout(opening.dropout)
        self.solves_head = True
        self._backbone, self._cut = backbone, cut
        _set_rates(self.upper, opening)

    def begin(self, batch: Mapping[str, torch.Tensor]) -> None:
        """Take the scale of the features from training rows."""
        names = list(batch)
        parts = zip(*(batch[name].split(_ROWS_AT_ONCE) for name in names), strict=True)  # type: ignore[no-untyped-call]
        self.scale.begin(torch.cat([self._features(dict(zip(names, part, strict=True))) for part in parts]))

    def take_over(self, inherited: Inherited) -> None:
        """Read the weights of the backbone from their file.

        Raises:
            ModelError: the file cannot be read, or is of another network.
        """
        if not isinstance(self.trunk, Trunk) and len(self.upper) == 0:
            return
        stages = _read_stages(self._backbone, Path(inherited.file), inherited.sha256)
        if not isinstance(self.trunk, Trunk):  # what it gives was computed before, so that it is not needed
            self.upper.load_state_dict(nn.Sequential(*stages[self._cut :]).state_dict())
            return
        self.trunk.stages.load_state_dict(nn.Sequential(*stages[: self._cut]).state_dict())
        self.upper.load_state_dict(nn.Sequential(*stages[self._cut :]).state_dict())

    def forward(self, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Map a batch of named inputs to features (B, width)."""
        features: torch.Tensor = self.dropout(self.scale(self._features(batch)))
        return features

    def _features(self, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        held = next((name for name in ("trunk", STEPS) if name in batch), "")
        given = batch[held] if held else self.trunk(batch)
        if given.ndim == 4:
            given = given.contiguous(memory_format=torch.channels_last)  # in which convolutions are fastest
        features: torch.Tensor = self.upper(given)
        return features


@cache
def _blank_stages(backbone: Backbone) -> list[nn.Module]:
    """The stages of a backbone with random weights, made once a process: a network may be built for every fold.

    What a seed rules is drawn after them, so they take nothing from its numbers.
    """
    stages = backbone.stages(make_model(backbone.library, backbone.model))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for stage in stages:
            _begin_weights(stage)
    return stages


@lru_cache(maxsize=2)
def _read_stages(backbone: Backbone, path: Path, sha256: str) -> list[nn.Module]:
    """The stages of a backbone with the weights of a file, read once a process."""
    del sha256  # another file of the same name is read anew
    return backbone.stages(load_model(backbone.library, backbone.model, path))


@cache
def _width_and_last(backbone: Backbone, shape: tuple[int, ...], dtype: torch.dtype) -> tuple[int, int]:
    """The width of the features, and the place of the last stage that gives maps or tokens.

    Args:
        shape, dtype: of what the first stage takes.
    """
    given = torch.zeros(shape, dtype=dtype, device="meta")
    last = 0
    with torch.no_grad():
        for place, stage in enumerate(backbone.stages(make_model(backbone.library, backbone.model))):
            given = stage(given)
            last = place if given.ndim > 2 else last
    if given.ndim != 2:
        raise TypeError(f"the stages of a backbone give features (B, D): found {tuple(given.shape)}")
    return given.shape[1], last


def _begin_weights(stage: nn.Module) -> None:
    """Give random numbers to a module, which may have none yet."""
    if any(tensor.is_meta for tensor in (*stage.parameters(), *stage.buffers())):
        stage.to_empty(device="cpu")
    with torch.no_grad():
        for module in stage.modules():
            if callable(getattr(module, "reset_parameters", None)):
                module.reset_parameters()  # type: ignore[operator]
                continue
            for parameter in module.parameters(recurse=False):
                parameter.normal_(std=0.02)
            for buffer in module.buffers(recurse=False):
                buffer.zero_()


def _set_rates(upper: nn.Sequential, opening: Opening) -> None:
    """Lower rates below, and normalisations that keep their statistics."""
    for depth, stage in enumerate(reversed(list(upper))):
        factor = opening.rate * opening.falls**depth
        for module in stage.modules():
            names = [name for name, _ in module.named_parameters(recurse=False)]
            if names:
                module.rate_factors = dict.fromkeys(names, factor)  # type: ignore[assignment]
            if isinstance(module, BATCH_NORMS):
                module.is_still = True  # type: ignore[assignment]
