"""Regress: which number a row has, with an interval that holds nine of ten."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from math import log
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from archwise.errors import TargetError
from archwise.records import Array, Json, Metric, Task
from archwise.tasks import scores
from archwise.tasks.conformal import COVERAGE, half_width_of, half_widths, offset
from archwise.tasks.loss import loss_of

if TYPE_CHECKING:
    import torch

OF_COUNTS, OF_AMOUNTS = "poisson", "mean_squared_log"  # losses that ask for targets of 0 or more, and above 0
_BEYOND = 10.0  # times the largest training target, that an answer through a logarithm may be
_TENTH_BELOW = 1.43  # softplus of it is 1.645, the distance of a normal's 5 % quantile


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


def aim(state: Mapping[str, Json], loss: str, classes: tuple[str, ...]) -> dict[str, Json]:
    """Prepare the target state for counts and for positive amounts.

    Args:
        state: from `encode_fit`.
        loss: of the networks.
        classes: none.

    Returns:
        the state; for these losses with zero, what the target's nought is among standardised targets, and is_open,
        whether every target must lie above it.
    """
    del classes  # of a number there are none
    if loss not in (OF_COUNTS, OF_AMOUNTS):
        return dict(state)
    return {**state, "zero": -state["mean"] / state["scale"], "is_open": loss == OF_AMOUNTS}


def encode(state: Mapping[str, Json], values: pl.Series) -> Array:
    """Standardise the target by the training rows' mean and scale.

    Args:
        state: from `encode_fit`.
        values: (N,) numbers, in the target's units.

    Returns:
        (N,) float32.

    Raises:
        TargetError: a value is missing, infinite or not a number, or none that the loss can learn; the first row is
            named.
    """
    numbers = _numbers(values)
    if "zero" in state:
        bad = numbers <= 0 if state["is_open"] else numbers < 0
        if bad.any():
            row = int(bad.argmax())
            allowed = "above 0" if state["is_open"] else "of 0 or more"
            raise TargetError(
                f"the target '{values.name}', row {row + 1}: {numbers[row]:g} is not {allowed}, as the loss needs it "
                f"(so {int(bad.sum())} of {len(numbers)} rows); choose --loss mean_squared"
            )
    standardised: Array = ((numbers - state["mean"]) / state["scale"]).astype(np.float32)
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
    """A linear head whose answer before training is near the mean, with the link that the loss asks for.

    Args:
        width: D of the features.
        state: from `encode_fit` and `aim`; loss, the name of the loss.
    """
    from archwise.blocks.head import LinearHead
    from archwise.blocks.link import LogLink, QuantileLink

    loss = state.get("loss", "")
    if loss == "quantiles":
        return LinearHead(width, (0.0, _TENTH_BELOW, _TENTH_BELOW), link=QuantileLink())
    if loss not in (OF_COUNTS, OF_AMOUNTS):
        return LinearHead(width, (0.0,))  # the standardised target has mean 0
    most = log(_BEYOND * state["high"] / state["scale"])
    link = LogLink(state["zero"], most=most, is_smeared=loss == OF_AMOUNTS)
    return LinearHead(width, (log(-state["zero"]),), link=link)


def metrics(state: Mapping[str, Json]) -> tuple[Metric, ...]:
    """Every metric of the task, in the target's own units, the root mean squared error first."""
    scale = float(state["scale"])
    of_any = (
        Metric("rmse", False, partial(scores.root_mean_squared_error, scale=scale)),
        Metric("mae", False, partial(scores.mean_absolute_error, scale=scale)),
        Metric("r2", True, scores.r_squared),
    )
    if "zero" not in state:
        return of_any
    zero = float(state["zero"])
    return (
        *of_any,
        Metric("poisson_deviance", False, partial(scores.poisson_deviance, zero=zero, scale=scale)),
        Metric("rmsle", False, partial(scores.root_mean_squared_log_error, zero=zero, scale=scale)),
    )


def calibrate(state: Mapping[str, Json], outputs: Array, targets: Array) -> dict[str, Json]:
    """Find what makes intervals hold nine of ten rows, from the distances on the validation rows.

    Args:
        state: from `encode_fit` and `aim`.
        outputs: (N, 1) standardised; or (N, 3), with the low and the high quantile.
        targets: (N,) standardised.

    Returns:
        what `half_widths` finds, the widths in the target's units, the ranges standardised; or, of quantiles, offset,
        by which both are moved outwards, in the target's units, and coverage. floor: the least standardised answer,
        of counts and amounts.
    """
    floor = {"floor": state["zero"]} if "zero" in state else {}
    if not len(targets):
        return floor
    given = served(floor, outputs, None).astype(np.float64)
    if given.shape[1] == 3:
        beyond = np.maximum(given[:, 1] - targets, targets - given[:, 2]) * state["scale"]
        return {"offset": offset(beyond), "coverage": COVERAGE, **floor}
    return {**half_widths(given[:, 0], np.abs(given[:, 0] - targets) * state["scale"]), **floor}


def served(calibration: Mapping[str, Json], outputs: Array, metric: Metric | None) -> Array:
    """Outputs as they are answered: of counts and amounts none below nought."""
    del metric  # the same for all
    return np.maximum(outputs, calibration["floor"]) if "floor" in calibration else outputs


def check(
    state: Mapping[str, Json], calibration: Mapping[str, Json], outputs: Array, targets: Array
) -> dict[str, Json]:
    """Hold the intervals against rows that the calibration has not seen.

    Args:
        state: from `encode_fit` and `aim`.
        calibration: from `calibrate`.
        outputs: (N, 1) or (N, 3) standardised.
        targets: (N,) standardised.

    Returns:
        coverage: what the intervals are made for; n_held: rows whose truth they hold; size: their mean width, in the
        target's units; ranges: how many ranges of the prediction have a width of their own.
    """
    answered = answers(state, calibration, outputs)
    truth = state["mean"] + state["scale"] * targets.astype(np.float64)
    slack = 1e-6 * state["scale"]  # of float32, in which targets are kept
    is_held = (answered["low"] - slack <= truth) & (truth <= answered["high"] + slack)
    return {
        "coverage": calibration["coverage"],
        "n_held": int(is_held.sum()),
        "size": float((answered["high"] - answered["low"]).mean()),
        "ranges": len(calibration.get("half_widths", [0.0])),
    }


def answers(state: Mapping[str, Json], calibration: Mapping[str, Json], outputs: Array) -> dict[str, Array]:
    """Read outputs as numbers in the target's units.

    Args:
        state: from `encode_fit` and `aim`.
        calibration: from `calibrate`, or empty for none.
        outputs: (N, 1) standardised; or (N, 3), with the low and the high quantile.

    Returns:
        prediction: (N,) float64; and, where calibrated or learnt, low and high, the ends of the interval, between
        which the prediction lies.
    """
    given = served(calibration, outputs, None).astype(np.float64)
    numbers: Array = state["mean"] + state["scale"] * given
    if "floor" in calibration:
        numbers = np.maximum(numbers, 0.0)
    prediction = numbers[:, 0]
    if given.shape[1] == 3:
        by = float(calibration.get("offset", 0.0))
        low, high = np.minimum(numbers[:, 1] - by, prediction), np.maximum(numbers[:, 2] + by, prediction)
    elif "half_width" in calibration:
        widths = half_width_of(calibration, given[:, 0])
        low, high = prediction - widths, prediction + widths
    else:
        return {"prediction": prediction}
    if "floor" in calibration:  # what lies below nought holds no truth
        low = np.maximum(low, 0.0)
    return {"prediction": prediction, "low": low, "high": high}


TASK = Task(
    name="regress",
    summary="which number a row has, with an interval that holds nine of ten",
    needs="vector",
    stratify=False,
    encode_fit=encode_fit,
    encode=encode,
    n_outputs=n_outputs,
    head=head,
    losses={
        "mean_squared": loss_of("mean_squared"),
        "mean_absolute": loss_of("mean_absolute"),
        "huber": loss_of("huber"),
        "quantile": loss_of("quantile"),
        "quantiles": loss_of("quantiles"),
        OF_COUNTS: loss_of("poisson"),
        OF_AMOUNTS: loss_of("mean_squared_log"),
    },
    metrics=metrics,
    calibrate=calibrate,
    answers=answers,
    served=served,
    check=check,
    aim=aim,
    metric_of_loss={"mean_absolute": "mae", "quantile": "mae", "quantiles": "mae"},
)
