"""The window of a forecast: each target on its own, scaled by its own level, beside the covariates."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from archwise.records import Scalar, Signature

_LEAST_SPREAD = 1e-2  # of a window, in scaled units: below it a flat window would blow up its noise


class WindowBody(nn.Module):
    """A body of forecasts: every target of a window goes through one network of its own.

    Args:
        signature: input `window` (L, C), whose first M channels are the targets; `future`, `calendar` (H, F).
        inner: from (B M, L, 1 + P) to (B M, width), with an int attribute `width`.
        settings: level, calendar, covariates.
    """

    def __init__(self, signature: Signature, inner: nn.Module, settings: Mapping[str, Scalar]) -> None:
        super().__init__()
        self.n_targets, self.level = signature.n_targets, str(settings["level"])
        self.reads_covariates = n_channels(signature, settings) > 1
        self.inner = inner
        self.width = int(inner.width)  # type: ignore[arg-type]  # a body has an int width
        names = ("future", "calendar") if settings["calendar"] == "read" else ("future",)
        specs = [spec for name in names if (spec := signature.input(name)) is not None]
        self.ahead_names = tuple(spec.name for spec in specs)
        self.ahead = _Ahead(sum(spec.row[1] for spec in specs), self.n_targets) if specs else None

    def forward(self, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Map a batch of named inputs to features (B, M, width + 2 [+ H])."""
        series = batch["window"]
        targets = series[..., : self.n_targets].transpose(1, 2)  # (B, M, L)
        level, spread = self._level(targets)
        scaled = ((targets - level) / spread).unsqueeze(-1)  # (B, M, L, 1)
        if self.reads_covariates:
            beside = series[..., self.n_targets :].unsqueeze(1).expand(-1, self.n_targets, -1, -1)
            scaled = torch.cat([scaled, beside], dim=-1)
        features = self.inner(scaled.flatten(0, 1)).unflatten(0, (-1, self.n_targets))  # (B, M, width)
        parts = [features, level, spread]
        if self.ahead is not None:
            parts.append(self.ahead(torch.cat([batch[name] for name in self.ahead_names], dim=-1)))
        return torch.cat(parts, dim=-1)

    def _level(self, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Level and spread of each window (B, M, L), (B, M, 1) each."""
        last = targets[..., -1:]
        if self.level == "last":
            return last, torch.ones_like(last)
        if self.level == "mean":
            level = targets.mean(dim=-1, keepdim=True)
            spread = (targets - level).square().mean(dim=-1, keepdim=True).sqrt()
            return level, spread.clamp(min=_LEAST_SPREAD)
        return torch.zeros_like(last), torch.ones_like(last)


class _Ahead(nn.Module):
    """What is known of each step ahead adds to that step alone; nothing before training.

    Args:
        width: F of the known columns. n_targets: M.
    """

    def __init__(self, width: int, n_targets: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(width, 32)
        self.out = nn.Linear(32, n_targets)
        nn.init.normal_(self.out.weight, std=1e-3)
        nn.init.zeros_(self.out.bias)

    def forward(self, known: torch.Tensor) -> torch.Tensor:
        """Map (B, H, F) to (B, M, H)."""
        added: torch.Tensor = self.out(torch.relu(self.hidden(known)))
        return added.transpose(1, 2)


def n_channels(signature: Signature, settings: Mapping[str, Scalar]) -> int:
    """How many channels a target is read with: itself, and the covariates where they are read."""
    window = signature.input("window")
    if window is None or settings["covariates"] == "none":
        return 1
    return 1 + window.row[1] - signature.n_targets


def n_past(signature: Signature) -> int:
    """L, how many steps a window has."""
    window = signature.input("window")
    return 0 if window is None else window.row[0]
