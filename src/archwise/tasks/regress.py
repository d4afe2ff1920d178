"""Regress: which number a row has, with an interval that holds nine of ten."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from archwise.errors import TargetError
from archwise.records import Array, Json, Metric, Task
from archwise.tasks import scores
from archwise.tasks.conformal import half_width_of, half_widths

if TYPE_CHECKING:
    import torch


def encode_fit(values: pl.Series) -> dict[str, Json]:
    """Learn the place and the spread of the training rows' target.

    Args:
        values: (N,) numbers.

    Returns:
        mean and scale (standard deviation) of the target, in its units, and low and high, its range.

    Raises:
        TargetError: a value is missing, infinite or not a number, or all are equal.
    """
    numbers = _numbers(values)
    scale = float(numbers.std()) if len(numbers) else 0.0
    if scale == 0.0 or numbers.min() == numbers.max():
        found = f"is {numbers[0]:g} in every training row" if len(numbers) else "has no training row"
        raise TargetError(f"the target '{values.name}' {found}; at least two different values are needed to learn")
    return {
        "mean": float(numbers.mean()),
        "scale": scale,
        "low": float(numbers.min()),
        "high": float(numbers.max()),
    }


def encode(state: Mapping[str, Json], values: pl.Series) -> Array:
    """Standardise the target by the training rows' mean and scale.

    Args:
        state: from `encode_fit`.
        values: (N,) numbers, in the target's units.

    Returns:
        (N,) float32.

    Raises:
        TargetError: a value is missing, infinite or not a number; the first row is named.
    """
    standardised: Array = ((_numbers(values) - state["mean"]) / state["scale"]).astype(np.float32)
    return standardised


def _numbers(values: pl.Series) -> Array:
    numbers: Array = values.cast(pl.Float64, strict=False).to_numpy()
    bad = ~np.isfinite(numbers)
    if bad.any():
        row = int(bad.argmax())
        raise TargetError(
            f"the target '{values.name}', row {row + 1}: '{values[row]}' is not a finite number "
            f"(so {int(bad.sum())} of {len(numbers)} rows); mend the value or leave these rows out"
        )
    return numbers


def n_outputs(state: Mapping[str, Json]) -> int:
    """One output: the standardised target."""
    del state  # the same for every target
    return 1


def head(width: int, state: Mapping[str, Json]) -> torch.nn.Module:
    """A linear head whose answer before training is near the mean.

    Args:
        width: D of the features.
        state: from `encode_fit`.
    """
    from archwise.blocks.head import LinearHead

    del state  # the standardised target has mean 0
    return LinearHead(width, (0.0,))


def _mean_squared(outputs: torch.Tensor, targets: torch.Tensor, options: Mapping[str, Json]) -> torch.Tensor:
    from archwise.blocks.loss import mean_squared

    return mean_squared(outputs, targets, options)


def _mean_absolute(outputs: torch.Tensor, targets: torch.Tensor, options: Mapping[str, Json]) -> torch.Tensor:
    from archwise.blocks.loss import mean_absolute

    return mean_absolute(outputs, targets, options)


def _huber(outputs: torch.Tensor, targets: torch.Tensor, options: Mapping[str, Json]) -> torch.Tensor:
    from archwise.blocks.loss import huber

    return huber(outputs, targets, options)


def metrics(state: Mapping[str, Json]) -> tuple[Metric, ...]:
    """Every metric of the task, in the target's own units, the root mean squared error first."""
    scale = float(state["scale"])
    return (
        Metric("rmse", False, partial(scores.root_mean_squared_error, scale=scale)),
        Metric("mae", False, partial(scores.mean_absolute_error, scale=scale)),
        Metric("r2", True, scores.r_squared),
    )


def calibrate(state: Mapping[str, Json], outputs: Array, targets: Array) -> dict[str, Json]:
    """Find the half widths that hold nine of ten rows, from the distances on the validation rows.

    Args:
        state: from `encode_fit`.
        outputs: (N, 1) standardised.
        targets: (N,) standardised.

    Returns:
        what `half_widths` finds, the widths in the target's units, the ranges standardised.
    """
    if not len(targets):
        return {}
    predictions = outputs[:, 0].astype(np.float64)
    return half_widths(predictions, np.abs(predictions - targets) * state["scale"])


def check(
    state: Mapping[str, Json], calibration: Mapping[str, Json], outputs: Array, targets: Array
) -> dict[str, Json]:
    """Hold the intervals against rows that the calibration has not seen.

    Args:
        state: from `encode_fit`.
        calibration: from `calibrate`.
        outputs: (N, 1) standardised.
        targets: (N,) standardised.

    Returns:
        coverage: what the intervals are made for; n_held: rows whose truth they hold; size: their mean width, in the
        target's units; ranges: how many ranges of the prediction have a width of their own.
    """
    predictions = outputs[:, 0].astype(np.float64)
    widths = half_width_of(calibration, predictions)
    return {
        "coverage": calibration["coverage"],
        "n_held": int((np.abs(predictions - targets) * state["scale"] <= widths).sum()),
        "size": float(2.0 * widths.mean()),
        "ranges": len(calibration.get("half_widths", [0.0])),
    }


def answers(state: Mapping[str, Json], calibration: Mapping[str, Json], outputs: Array) -> dict[str, Array]:
    """Read outputs as numbers in the target's units.

    Args:
        state: from `encode_fit`.
        calibration: from `calibrate`, or empty for none.
        outputs: (N, 1) standardised.

    Returns:
        prediction: (N,) float64; and, where calibrated, low and high, the ends of the interval.
    """
    numbers: Array = state["mean"] + state["scale"] * outputs[:, 0].astype(np.float64)
    if "half_width" not in calibration:
        return {"prediction": numbers}
    widths = half_width_of(calibration, outputs[:, 0].astype(np.float64))
    return {"prediction": numbers, "low": numbers - widths, "high": numbers + widths}


TASK = Task(
    name="regress",
    summary="which number a row has, with an interval that holds nine of ten",
    needs="vector",
    stratify=False,
    encode_fit=encode_fit,
    encode=encode,
    n_outputs=n_outputs,
    head=head,
    losses={"mean_squared": _mean_squared, "mean_absolute": _mean_absolute, "huber": _huber},
    metrics=metrics,
    calibrate=calibrate,
    answers=answers,
    check=check,
)
