"""The statistics of the choice by simulation: do intervals cover, and are equal candidates told apart too often?

    python benchmarks/evidence.py --splits 500

Simulated tables, models that are fitted in closed form, the rules of archwise.evidence on their outputs; no race.
Results: benchmarks/results/evidence.json and a table. tests/test_evidence_of_folds.py runs a small part of it.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from archwise.evidence import BootstrapScores, bootstrap_scores, compare, interval, of_folds
from archwise.records import Metric
from archwise.tasks import scores

HERE = Path(__file__).parent
Array = np.ndarray[Any, np.dtype[Any]]
ACCURACY = Metric("accuracy", True, scores.accuracy)
RMSE = Metric("rmse", False, partial(scores.root_mean_squared_error, scale=1.0), "units")
N_FRESH = 10_000  # rows on which a fitted model's true score is measured
N_FOLDS = 5
N_RACERS = 8  # the first half are references, the others networks


@dataclass(frozen=True)
class World:
    """Tables whose rows have as many blocks of columns as there are racers, all alike.

    learner: "linear" reads its own block, so that racers are equal by symmetry; "random" is a ridge on random tanh
    features of all columns, drawn anew for each fit, so that racers are networks that differ by their seed alone.
    noise: degrees of freedom of Student's t, 0 for normal.
    """

    name: str
    metric: Metric
    n_open: int
    n_test: int
    learner: str = "linear"
    width: int = 5
    noise: int = 0
    n_repeats: int = 1


@dataclass(frozen=True)
class Found:
    """Shares of the simulated tables, of one way to decide.

    fixed: the validation interval of one racer holds its true score (in folds: that of its final fit).
    mean: the same for the mean true score of the models fitted in the folds (of one split: as fixed).
    chosen_valid: the same for the racer that looks best. sealed: its sealed interval holds its true score.
    pair_false: a network is said to beat a reference, both equal. race_false: the best of four the best of four.
    width: mean width of the validation interval of one racer.
    """

    world: str
    way: str
    n_tables: int
    fixed: float
    mean: float
    chosen_valid: float
    sealed: float
    pair_false: float
    race_false: float
    width: float


def draw(world: World, n: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Rows (n, N_RACERS * width) and their numbers (n,)."""
    rows = rng.normal(size=(n, N_RACERS * world.width))
    noise = rng.normal(size=n) if not world.noise else rng.standard_t(world.noise, size=n)
    signal = rows.sum(axis=1) / np.sqrt(rows.shape[1])
    return rows, signal + 0.7 * noise + 0.3 * np.tanh(2 * signal)


def fit(world: World, racer: int, rows: Array, numbers: Array, rng: np.random.Generator) -> Any:
    """Fit a racer: a function from rows to predictions."""
    if world.learner == "linear":
        block = slice(racer * world.width, (racer + 1) * world.width)
        features = lambda given: given[:, block]  # noqa: E731
    else:
        hidden = rng.normal(size=(rows.shape[1], 24)) / np.sqrt(rows.shape[1]) * 1.5
        features = lambda given: np.tanh(given @ hidden)  # noqa: E731
    target = numbers if world.metric is RMSE else np.sign(numbers)
    design = features(rows)
    mean, middle = target.mean(), design.mean(axis=0)
    centred = design - middle
    weights = np.linalg.solve(centred.T @ centred + np.eye(design.shape[1]), centred.T @ (target - mean))
    return lambda given: (features(given) - middle) @ weights + mean


def errors(world: World, predicted: Array, numbers: Array) -> Array:
    """What the metric needs, against a truth of noughts: the error of each row, or whether it is right."""
    if world.metric is RMSE:
        return predicted - numbers
    return (np.sign(predicted) == np.sign(numbers)).astype(np.float64)


def true_score(world: World, each: Array) -> float:
    return float(np.sqrt(np.mean(each**2)) if world.metric is RMSE else each.mean())


def simulate(world: World, rng: np.random.Generator) -> dict[str, Array]:
    """One table, both ways. Columns of errors (N, racers) on the deciding rows and on the sealed, and true scores."""
    n = world.n_open
    rows, numbers = draw(world, n, rng)
    sealed, fresh = draw(world, world.n_test, rng), draw(world, N_FRESH, rng)
    n_train = n * 3 // 4
    found: dict[str, list[Array]] = {key: [] for key in ("split", "split_sealed", "folds", "folds_sealed")}
    true: dict[str, list[float]] = {"split_true": [], "folds_true": [], "split_mean": [], "folds_mean": []}
    cuts = [rng.permutation(n) % N_FOLDS for _ in range(world.n_repeats)]
    for racer in range(N_RACERS):
        split = fit(world, racer, rows[:n_train], numbers[:n_train], rng)
        whole = fit(world, racer, rows, numbers, rng)
        for way, model in (("split", split), ("folds", whole)):
            found[f"{way}_sealed"].append(errors(world, model(sealed[0]), sealed[1]))
            true[f"{way}_true"].append(true_score(world, errors(world, model(fresh[0]), fresh[1])))
        found["split"].append(errors(world, split(rows[n_train:]), numbers[n_train:]))
        true["split_mean"].append(true["split_true"][-1])
        joined, fitted = np.zeros((len(cuts), n)), []
        for repeat, cut in enumerate(cuts):
            for fold in range(N_FOLDS):
                out = cut == fold
                model = fit(world, racer, rows[~out], numbers[~out], rng)
                joined[repeat, out] = model(rows[out])
                fitted.append(true_score(world, errors(world, model(fresh[0]), fresh[1])))
        found["folds"].append(errors(world, joined, numbers).ravel())
        true["folds_mean"].append(float(np.mean(fitted)))
    return {**{k: np.stack(v, axis=1) for k, v in found.items()}, **{k: np.array(v) for k, v in true.items()}}


def score(metric: Metric, columns: Array, *, n_rows: int, n_resamples: int, n_folds: int = 1) -> BootstrapScores:
    """All racers of all tables at once, on the same resamples; the copies of a row that repeats give are a group."""
    if metric is RMSE:
        outputs = [column[:, None] for column in columns.T]
    else:
        outputs = [np.stack([column, 1.0 - column], axis=1) for column in columns.T]
    truth, groups = np.zeros(len(columns), dtype=np.int64), np.tile(np.arange(n_rows), len(columns) // n_rows)
    scored = bootstrap_scores(truth, outputs, metric, seed=7, groups=groups, n_resamples=n_resamples)
    return of_folds(scored, n_folds)


def part(scored: BootstrapScores, racers: list[int]) -> BootstrapScores:
    assert scored.left_out is not None
    return replace(
        scored,
        point=scored.point[racers],
        resampled=scored.resampled[:, racers],
        left_out=scored.left_out[:, racers],
    )


def judge(world: World, tables: list[dict[str, Array]], way: str, *, n_resamples: int) -> Found:
    """The shares of one way to decide over all tables."""
    metric = world.metric
    stacked = np.concatenate([table[way] for table in tables], axis=1)
    sealed_all = np.concatenate([table[f"{way}_sealed"] for table in tables], axis=1)
    scored = score(
        metric,
        stacked,
        n_rows=world.n_open if way == "folds" else len(stacked),
        n_resamples=n_resamples,
        n_folds=N_FOLDS if way == "folds" else 1,
    )
    sealed = score(metric, sealed_all, n_rows=world.n_test, n_resamples=n_resamples)
    tally = []
    for number, table in enumerate(tables):
        racers = list(range(number * N_RACERS, (number + 1) * N_RACERS))
        race, true = part(scored, racers), table[f"{way}_true"]
        best = int(np.argmax(metric.sign * race.point))
        ends, own = interval(race, 0), interval(race, best)
        of_sealed = interval(part(sealed, racers), best)
        tally.append(
            (
                ends[0] <= true[0] <= ends[1],
                ends[0] <= table[f"{way}_mean"][0] <= ends[1],
                own[0] <= true[best] <= own[1],
                of_sealed[0] <= true[best] <= of_sealed[1],
                beats(part(scored, [racers[0], racers[-1]]), 1),
                beats(race, N_RACERS // 2),
                ends[1] - ends[0],
            )
        )
    return Found(world.name, way, len(tables), *(float(value) for value in np.mean(tally, axis=0)))


def beats(race: BootstrapScores, n_references: int) -> bool:
    """Whether the best network is said to beat the best reference."""
    merit = race.sign * race.point
    reference = int(np.argmax(merit[:n_references]))
    network = n_references + int(np.argmax(merit[n_references:]))
    labels = [str(place) for place in range(len(race.point))]
    return compare(race, labels, [(network, reference)])[0].low > 0


WORLDS = (
    World("rmse, linear", RMSE, 600, 150),
    World("rmse, linear, 16 columns a racer", RMSE, 600, 150, width=16),
    World("rmse, heavy tails", RMSE, 600, 150, noise=5),
    World("rmse, random networks", RMSE, 600, 150, learner="random"),
    World("rmse, random networks, twice", RMSE, 300, 100, learner="random", n_repeats=2),
    World("accuracy, linear", ACCURACY, 600, 150),
    World("accuracy, random networks", ACCURACY, 600, 150, learner="random"),
    World("accuracy, random networks, twice", ACCURACY, 300, 100, learner="random", n_repeats=2),
)


def main() -> None:
    """Simulate every world and write the shares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--splits", type=int, default=500)
    parser.add_argument("--resamples", type=int, default=1_000)
    arguments = parser.parse_args()
    rows = []
    for number, world in enumerate(WORLDS):
        rng = np.random.default_rng([11, number])
        tables = [simulate(world, rng) for _ in range(arguments.splits)]
        for way in ("split", "folds"):
            found = judge(world, tables, way, n_resamples=arguments.resamples)
            rows.append(asdict(found))
            told = " ".join(f"{key} {value:.3f}" for key, value in rows[-1].items() if isinstance(value, float))
            print(f"{world.name:36s} {way:6s} {told}", flush=True)
    (HERE / "results" / "evidence.json").write_text(
        json.dumps({"splits": arguments.splits, "resamples": arguments.resamples, "rows": rows}, indent=1)
    )


if __name__ == "__main__":
    main()
