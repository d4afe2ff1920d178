"""What more rows would bring where folds decide, by simulation: does the interval of the gain hold the true gain?

    python benchmarks/growth.py --tables 200

Simulated tables, learners that are fitted in closed form in every fold on parts of the rows, as choice/subset.py fits
candidates, and the rules of choice/growth.py on their joined outputs. The true gain is the mean over fresh tables.
Results: benchmarks/results/growth.json and a table.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from archwise.choice.growth import Part, cut_parts, grow
from archwise.evidence import bootstrap_scores, of_folds
from archwise.records import Metric
from archwise.tasks import scores

HERE = Path(__file__).parent
Array = np.ndarray[Any, np.dtype[Any]]
Rows = tuple[Array, Array]  # (N, D) columns and (N,) numbers
ACCURACY = Metric("accuracy", True, scores.accuracy)
RMSE = Metric("rmse", False, partial(scores.root_mean_squared_error, scale=1.0), "units")
N_FOLDS, N_FRESH, N_TRUE, N_RESAMPLES = 5, 5_000, 3_000, 500
TAILS = (0.025, 0.975)


@dataclass(frozen=True)
class World:
    """Tables of a linear signal in noise. hidden: 0 for a ridge, whose error falls as 1 / n; else a ridge on so many
    random features, drawn anew for each fit, whose error is soon flat: its features are few, and no power law fits."""

    metric: Metric
    n_open: int
    width: int
    hidden: int = 0


@dataclass(frozen=True)
class Found:
    """Shares of tables: the interval of the gain by twice the rows holds the true gain, lies below or above it, a gain
    is told, the interval of the score on all rows holds the true score. width: of the interval of the gain, on average.
    """

    metric: str
    n_open: int
    width: int
    hidden: int
    n_tables: int
    gain: float
    holds: float
    below: float
    above: float
    told: float
    point: float
    interval: float


WORLDS = (
    *(World(metric, *size) for metric in (RMSE, ACCURACY) for size in ((320, 10), (1_500, 40))),
    *(World(metric, *size, hidden=24) for metric in (RMSE, ACCURACY) for size in ((320, 10), (1_000, 20))),
)


def draw(n: int, width: int, rng: np.random.Generator) -> Rows:
    """Rows with their numbers."""
    rows = rng.normal(size=(n, width))
    return rows, rows.sum(axis=1) / np.sqrt(width) + 0.7 * rng.normal(size=n)


def fit(world: World, rows: Array, numbers: Array, rng: np.random.Generator) -> Callable[[Array], Array]:
    """Fit a learner: a function from rows to predictions."""
    basis = rng.normal(size=(rows.shape[1], world.hidden)) / np.sqrt(rows.shape[1])
    features = (lambda given: np.tanh(given @ basis)) if world.hidden else (lambda given: given)
    target = numbers if world.metric is RMSE else np.sign(numbers)
    design = features(rows)
    weights = np.linalg.solve(design.T @ design + np.eye(design.shape[1]), design.T @ target)
    return lambda given: features(given) @ weights


def outputs_of(world: World, predicted: Array, numbers: Array) -> Array:
    """What the metric takes, against a truth of noughts: an error (N, 1), or the right class as class 0 (N, 2)."""
    if world.metric is RMSE:
        return (predicted - numbers)[:, None]
    right = (np.sign(predicted) == np.sign(numbers)).astype(np.float64)
    return np.stack([right, 1.0 - right], axis=1)


def true_score(world: World, n: int, fresh: Rows, rng: np.random.Generator) -> float:
    """The mean score of fits on n rows."""
    found = []
    for _ in range(N_TRUE):
        predicted = fit(world, *draw(n, world.width, rng), rng)(fresh[0])
        found.append(_score(world, outputs_of(world, predicted, fresh[1])))
    return float(np.mean(found))


def _score(world: World, outputs: Array) -> float:
    truth = np.zeros(len(outputs), dtype=np.int64)
    return float(world.metric.score(truth, outputs, np.ones((1, len(outputs))))[0])


def joined(world: World, given: Rows, cut: Array, part: Part, rng: np.random.Generator) -> tuple[Array, float]:
    """The outputs of a part's fits for the rows that each left out, and the mean of their rows."""
    rows, numbers = given
    outputs = np.empty((len(numbers), 1 if world.metric is RMSE else 2))
    learnt = [part.rows[cut[part.rows] != fold] for fold in range(N_FOLDS)]
    for fold, own in enumerate(learnt):
        out = cut == fold
        predicted = fit(world, rows[own], numbers[own], rng)(rows[out])
        outputs[out] = outputs_of(world, predicted, numbers[out])
    return outputs, float(np.mean([len(own) for own in learnt]))


def simulate(world: World, n_tables: int, rng: np.random.Generator) -> Found:
    """Hold the intervals of many tables against the truth."""
    n_fit, fresh = world.n_open * (N_FOLDS - 1) // N_FOLDS, draw(N_FRESH, world.width, rng)
    now, doubled = (true_score(world, n, fresh, rng) for n in (n_fit, 2 * n_fit))
    gain, lines = world.metric.sign * (doubled - now), []
    truth, whole = np.zeros(world.n_open, dtype=np.int64), Part("whole", 1, np.arange(world.n_open))
    for table in range(n_tables):
        given, cut = draw(world.n_open, world.width, rng), rng.permutation(world.n_open) % N_FOLDS
        parts = [*cut_parts([cut], seed=table, n_fit=n_fit), whole]
        outputs, n_rows = zip(*(joined(world, given, cut, part, rng) for part in parts), strict=True)
        found = bootstrap_scores(truth, outputs, world.metric, seed=table, n_resamples=N_RESAMPLES)
        growth = grow(of_folds(found, N_FOLDS), [part.size for part in parts], n_rows, seed=table)
        low, high = np.quantile(growth.gains[:, 0], TAILS)
        least, most = np.quantile(growth.resampled[:, -1], TAILS)
        lines.append((low <= gain <= high, high < gain, low > gain, low > 0.0, least <= now <= most, high - low))
    means = (float(mean) for mean in np.mean(np.asarray(lines, dtype=np.float64), axis=0))
    return Found(world.metric.name, world.n_open, world.width, world.hidden, n_tables, gain, *means)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=int, default=200)
    n_tables = parser.parse_args().tables
    print("metric    rows width hidden   gain     holds  below  above  told   point  interval")
    every = []
    for number, world in enumerate(WORLDS):
        found = simulate(world, n_tables, np.random.default_rng(number))
        every.append(asdict(found))
        shares = "  ".join(f"{each:.3f}" for each in (found.holds, found.below, found.above, found.told, found.point))
        print(
            f"{found.metric:8} {found.n_open:5,} {found.width:5} {found.hidden:6}   {found.gain:.5f}  {shares}"
            f"  {found.interval:.5f}",
            flush=True,
        )
    (HERE / "results" / "growth.json").write_text(json.dumps(every, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
