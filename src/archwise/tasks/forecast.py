"""Forecast: how series go on for the next steps, with an interval for each that holds nine of ten."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from archwise.errors import UsageError
from archwise.records import Array, Json, Metric, Task
from archwise.tasks import forecast_scores as scores
from archwise.tasks.conformal import COVERAGE

if TYPE_CHECKING:
    import torch

QUANTILES = "quantiles"  # the loss for which a network also learns the ends of the intervals


def encode_fit(values: pl.Series) -> dict[str, Json]:
    """Refuse: the targets of a forecast are windows of series, which `data/timeline` prepares.

    Raises:
        UsageError: always.
    """
    raise UsageError(f"to forecast '{values.name}', say how many steps: --horizon 24")


def encode(state: Mapping[str, Json], values: pl.Series) -> Array:
    """As `encode_fit`."""
    del state
    return encode_fit(values)  # type: ignore[return-value]  # which raises


def n_outputs(state: Mapping[str, Json]) -> int:
    """The steps of every target: those of the first, then of the next."""
    return int(state["horizon"]) * len(state["targets"])


def head(width: int, state: Mapping[str, Json]) -> torch.nn.Module:
    """A linear map from the features of each target to its steps, put back to the level of its window.

    Args:
        width: D of the features.
        state: horizon, targets, and loss, the name of the loss.
    """
    from archwise.blocks.forecast_head import ForecastHead

    n_answers = 3 if state.get("loss") == QUANTILES else 1
    return ForecastHead(width, len(state["targets"]), int(state["horizon"]), n_answers=n_answers)


def _loss_of(name: str) -> Callable[..., torch.Tensor]:
    def loss(outputs: torch.Tensor, targets: torch.Tensor, options: Mapping[str, Json]) -> torch.Tensor:
        from archwise.blocks import forecast_loss

        found: torch.Tensor = getattr(forecast_loss, name)(outputs, targets, options)
        return found

    return loss


def metrics(state: Mapping[str, Json]) -> tuple[Metric, ...]:
    """Every metric; the squared error of scaled data first where there is one series, MASE where there are several.

    Series of different sizes and of different ease are weighed alike by MASE, and by no other of these.
    """
    shape = scores.Shape(len(state["targets"]), int(state["horizon"]), tuple(state.get("logs", ())))
    found = {
        "mse": Metric("mse", False, shape.mean_squared_error),
        "mase": Metric("mase", False, shape.mean_absolute_scaled_error),
        "mae": Metric("mae", False, shape.mean_absolute_error),
        "rmse": Metric("rmse", False, shape.root_mean_squared_error),
        "smape": Metric("smape", False, shape.symmetric_percentage_error, "%"),
        "pinball": Metric("pinball", False, shape.pinball_loss),
        "coverage": Metric("coverage", True, shape.coverage),
    }
    first = "mase" if int(state["n_series"]) > 1 else "mse"
    return (found.pop(first), *found.values())


def calibrate(state: Mapping[str, Json], outputs: Array, targets: Array) -> dict[str, Json]:
    """Find how far the truth lies from the answers, step by step, on the validation origins.

    Args:
        state: horizon and targets.
        outputs: (N, M H) scaled answers; or (N, 3 M H), then the low and the high ends.
        targets: (N, M H + 4 M).

    Returns:
        low, high: (M H,) what is added to the answer, or to the ends that were learnt; coverage: the share of truths
        that is to lie between. With too few origins for the guarantee, the farthest truths.

    Source:
        Stankeviciute, Alaa & van der Schaar 2021: conformal intervals by step of the horizon.
    """
    n_steps = n_outputs(state)
    _, low, high = _ends(outputs, n_steps)
    truth = targets[:, :n_steps].astype(np.float64)
    below, above = _farthest(low - truth), _farthest(truth - high)
    return {"low": (-below).tolist(), "high": above.tolist(), "coverage": COVERAGE}


def _ends(outputs: Array, n_steps: int) -> tuple[Array, Array, Array]:
    """Answers and the ends they have before calibration, (N, M H) float64 each."""
    given = outputs.astype(np.float64)
    if given.shape[1] == n_steps:
        return given, given, given
    return given[:, :n_steps], given[:, n_steps : 2 * n_steps], given[:, 2 * n_steps :]


def _farthest(distances: Array) -> Array:
    """Of each step the distance above which half of the misses lie, (K,); nought where none is known.

    Of N known distances it is the ceil((N + 1) (1 - risk / 2))-th smallest, or the largest where there are too few.

    Args:
        distances: (N, K), NaN where unknown.
    """
    known = np.count_nonzero(~np.isnan(distances), axis=0)
    places = np.minimum(known, np.ceil((known + 1) * (1.0 + COVERAGE) / 2).astype(np.int64)) - 1
    found = np.take_along_axis(np.sort(distances, axis=0), np.maximum(places, 0)[None], axis=0)[0]  # unknown ones last
    return np.where(known > 0, found, 0.0)


def served(calibration: Mapping[str, Json], outputs: Array, metric: Metric | None) -> Array:
    """Outputs with their calibrated ends, (N, 3 M H): answers, low ends, high ends."""
    del metric  # the same for all
    if "low" not in calibration:
        return outputs
    n_steps = len(calibration["low"])
    point, low, high = _ends(outputs, n_steps)
    low = np.minimum(low + np.array(calibration["low"]), point)
    high = np.maximum(high + np.array(calibration["high"]), point)
    return np.concatenate([point, low, high], axis=1)


def answers(state: Mapping[str, Json], calibration: Mapping[str, Json], outputs: Array) -> dict[str, Array]:
    """Read outputs as the scaled answers of each target and step.

    `model/forecast.py` puts them back into the units of each series.

    Args:
        state: horizon and targets.
        calibration: from `calibrate`, or empty for none.
        outputs: (N, M H) or (N, 3 M H).

    Returns:
        TARGET+STEP: (N,) float64; and, where calibrated, TARGET+STEP:low and TARGET+STEP:high.
    """
    given = served(calibration, outputs, None).astype(np.float64)
    names = [f"{target}+{step}" for target in state["targets"] for step in range(1, int(state["horizon"]) + 1)]
    found = {name: given[:, place] for place, name in enumerate(names)}
    if given.shape[1] == 3 * len(names):
        for part, end in ((1, "low"), (2, "high")):
            found |= {f"{name}:{end}": given[:, part * len(names) + place] for place, name in enumerate(names)}
    return found


def check(
    state: Mapping[str, Json], calibration: Mapping[str, Json], outputs: Array, targets: Array
) -> dict[str, Json]:
    """Hold the intervals against origins that the calibration has not seen.

    Returns:
        coverage: what they are made for; n_held and n_judged: truths that they hold, and truths in all; size: their
        mean width, in scaled units; by_step: the share held at the first, the middle and the last step.
    """
    n_steps, horizon = n_outputs(state), int(state["horizon"])
    given = served(calibration, outputs, None)
    truth = targets[:, :n_steps].astype(np.float64)
    known = ~np.isnan(truth)
    is_held = known & (given[:, n_steps : 2 * n_steps] - 1e-6 <= truth) & (truth <= given[:, 2 * n_steps :] + 1e-6)
    of_step = [is_held.reshape(-1, horizon)[:, step].sum() for step in (0, horizon // 2, horizon - 1)]
    judged = [max(1, int(known.reshape(-1, horizon)[:, step].sum())) for step in (0, horizon // 2, horizon - 1)]
    return {
        "coverage": calibration["coverage"],
        "n_held": int(is_held.sum()),
        "n_judged": int(known.sum()),
        "size": float((given[:, 2 * n_steps :] - given[:, n_steps : 2 * n_steps]).mean()),
        "by_step": [float(held / count) for held, count in zip(of_step, judged, strict=True)],
    }


TASK = Task(
    name="forecast",
    summary="how series go on for the next steps, with an interval for each that holds nine of ten (--horizon)",
    needs="window",
    stratify=False,
    encode_fit=encode_fit,
    encode=encode,
    n_outputs=n_outputs,
    head=head,
    losses={
        "mean_squared": _loss_of("mean_squared"),
        "mean_absolute": _loss_of("mean_absolute"),
        "huber": _loss_of("huber"),
        QUANTILES: _loss_of("quantiles"),
    },
    metrics=metrics,
    calibrate=calibrate,
    answers=answers,
    served=served,
    check=check,
    grows=False,
    refits=True,
)
