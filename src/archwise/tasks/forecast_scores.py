"""Figures of merit of forecasts in NumPy, under many weightings of the origins at once.

Truth is (N, M H + 4 M): the scaled steps of every target, NaN where unknown, then of each target mean and scale of what
is read of its series, and its naive distance and its deviation in its units. Outputs are (N, M H), or (N, 3 M H) with
the low and the high ends. Unknown steps count nowhere. Outputs that are not finite get the worst value, never an
exception. A figure on scaled data is one in units of the deviation in training.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from archwise.records import Array

ENDS = (0.05, 0.95)  # the quantiles that the ends of an interval stand for
_MEAN, _SCALE, _NAIVE, _SPREAD = range(4)  # what stands behind the steps
_MOST_LOG = 80.0  # that is put back from a logarithm


@dataclass(frozen=True)
class Shape:
    """M targets and H steps. logs: (M,) whether the logarithm of a target is what is scaled."""

    n_targets: int
    horizon: int
    logs: tuple[bool, ...] = ()

    @property
    def n_steps(self) -> int:
        """M H."""
        return self.n_targets * self.horizon

    def mean_squared_error(self, truth: Array, outputs: Array, weights: Array) -> Array:
        """Mean squared distance on scaled data, (R,)."""
        return self._mean((self._errors(truth, outputs) / self._of_series(truth, _SPREAD)) ** 2, outputs, weights)

    def mean_absolute_error(self, truth: Array, outputs: Array, weights: Array) -> Array:
        """Mean distance in the units of the targets, (R,)."""
        return self._mean(np.abs(self._errors(truth, outputs)), outputs, weights)

    def root_mean_squared_error(self, truth: Array, outputs: Array, weights: Array) -> Array:
        """Root of the mean squared distance in the units of the targets, (R,)."""
        roots: Array = np.sqrt(self._mean(self._errors(truth, outputs) ** 2, outputs, weights))
        return roots

    def mean_absolute_scaled_error(self, truth: Array, outputs: Array, weights: Array) -> Array:
        """Mean distance in units of the naive one: of a step from the one a season before, in the training steps, (R,).

        Source:
            Hyndman & Koehler 2006.
        """
        shares = np.abs(self._errors(truth, outputs)) / self._of_series(truth, _NAIVE)
        return self._mean(shares, outputs, weights)

    def symmetric_percentage_error(self, truth: Array, outputs: Array, weights: Array) -> Array:
        """Mean of 200 |answer - truth| / (|answer| + |truth|), (R,) from 0 to 200; 0 where both are nought.

        Source:
            Makridakis 1993, as in the M4 competition.
        """
        answered, true = self._units(truth, outputs), self._units(truth, truth)
        size = np.abs(answered) + np.abs(true)
        shares = np.divide(200.0 * np.abs(answered - true), size, out=np.zeros_like(size), where=size > 0)
        shares[np.isnan(true)] = np.nan
        return self._mean(shares, outputs, weights, worst=200.0)

    def pinball_loss(self, truth: Array, outputs: Array, weights: Array) -> Array:
        """Mean pinball loss of the answer as median and of the ends as 5 and 95 % quantiles, on scaled data, (R,).

        Source:
            Koenker & Bassett 1978.
        """
        parts = [(0, 0.5)] if outputs.shape[1] == self.n_steps else [(0, 0.5), (1, ENDS[0]), (2, ENDS[1])]
        spread = self._of_series(truth, _SPREAD)
        losses = []
        for part, level in parts:
            apart = -self._errors(truth, outputs, part=part) / spread
            losses.append(np.maximum(level * apart, (level - 1.0) * apart))
        return self._mean(np.mean(losses, axis=0), outputs, weights)

    def coverage(self, truth: Array, outputs: Array, weights: Array) -> Array:
        """Share of the truths between the ends, (R,); no number where there are no ends."""
        if outputs.shape[1] != 3 * self.n_steps:
            return np.full(len(weights), np.nan)
        true = truth[:, : self.n_steps].astype(np.float64)
        low, high = outputs[:, self.n_steps : 2 * self.n_steps], outputs[:, 2 * self.n_steps :]
        held = ((low - 1e-6 <= true) & (true <= high + 1e-6)).astype(np.float64)
        held[np.isnan(true)] = np.nan
        return self._mean(held, outputs, weights, worst=0.0)

    def _errors(self, truth: Array, outputs: Array, *, part: int = 0) -> Array:
        """Answers, or low or high ends, less truth, in the units of the targets, (N, M H)."""
        errors: Array = self._units(truth, outputs, part=part) - self._units(truth, truth)
        return errors

    def _units(self, truth: Array, scaled: Array, *, part: int = 0) -> Array:
        """Scaled steps in the units of the targets, (N, M H) float64."""
        steps = scaled[:, part * self.n_steps : (part + 1) * self.n_steps].astype(np.float64)
        found: Array = steps * self._of_series(truth, _SCALE) + self._of_series(truth, _MEAN)
        for target in np.flatnonzero(self.logs):
            own = slice(target * self.horizon, (target + 1) * self.horizon)
            found[:, own] = np.exp(np.minimum(found[:, own], _MOST_LOG))
        return found

    def _of_series(self, truth: Array, what: int) -> Array:
        """Something of the series of each target, (N, M H)."""
        start = self.n_steps + what * self.n_targets
        of_targets = truth[:, start : start + self.n_targets].astype(np.float64)
        return np.repeat(of_targets, self.horizon, axis=1)

    def _mean(self, values: Array, outputs: Array, weights: Array, *, worst: float = np.inf) -> Array:
        """Weighted mean of the known of (N, M H) values for each of the (R, N) weights."""
        if not np.isfinite(outputs).all():
            return np.full(len(weights), worst)
        known = ~np.isnan(values)
        sums = np.where(known, values, 0.0).sum(axis=1)
        counts = known.sum(axis=1).astype(np.float64)
        held = weights @ counts
        means: Array = np.divide(weights @ sums, held, out=np.zeros(len(weights)), where=held > 0)
        return means
