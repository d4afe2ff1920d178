"""What moved the answers: how much worse the score gets when something that the model reads is changed.

Of a table the cells of one column are shuffled, a picture or a text as a whole; `stretches.py` and `neighbours.py` tell
of what lies inside of series, forecasts and sentences.
Sources: Breiman 2001 (permutation importance); Fisher, Rudin & Dominici 2019.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from archwise.data.prepare import apply_preparation
from archwise.model.session import outputs
from archwise.records import FORECAST, Array, Batch, Json
from archwise.report.rows import Rows, inputs, inputs_of_typed
from archwise.report.time_left import Allowed

MOST_ROWS, FEWEST_ROWS = 2_000, 200
MOST_BYTES = 150_000_000  # of inputs that are held at once
MOST_COLUMNS = 200
N_TIMES = 5  # that each column is shuffled, where there is time
N_TRIED = 32  # rows by which the time of all is told
SPENT = 0.8  # of the time, in which every change is to be made once


@dataclass(frozen=True)
class Change:
    """Something that is changed in all rows. make: the inputs with it changed. times: that it is made, at the most."""

    name: str
    make: Callable[[np.random.Generator], Batch]
    times: int = N_TIMES


def permutation_importance(rows: Rows, allowed: Allowed) -> dict[str, Json] | None:
    """Shuffle each column in turn; every column once before any is shuffled again.

    Args:
        allowed: when it must be done; of a slow model so many rows are drawn that each column has its turn.

    Returns:
        metric, score before; n_rows, n_times; columns: name, mean and spread (standard deviation over the times) of
        what the score loses, the most important first; n_left: columns that had no time; unread: columns that the
        chosen does not read. None of what has fewer than two columns, and of forecasts.
    """
    every = [column.name for column in rows.judged.typed.get_columns()][:MOST_COLUMNS]
    if rows.task.name == FORECAST or len(every) < 2 or allowed.left() <= 0:
        return None
    unread = _unread(rows)
    names = [name for name in every if name not in unread]
    rows = affordable(rows, max(1, len(names)), allowed)
    held = inputs(rows)
    found = of_score(rows, [Change(name, partial(_shuffled, rows, held, name)) for name in names], allowed)
    return None if found is None else {**found, "unread": unread}


def _unread(rows: Rows) -> list[str]:
    """The columns of kinds that the chosen does not read, such as pictures beside numbers."""
    columns = rows.model.preparation.columns
    read = {column.kind for column in columns if column.state}  # of columns read as one only the last has a state
    return [column.name for column in columns if column.kind not in read]


def _shuffled(rows: Rows, held: Batch, name: str, rng: np.random.Generator) -> Batch:
    """The inputs with the cells of a column shuffled; pictures are shuffled as they were read, for they are dear."""
    order = rng.permutation(rows.n_rows)
    kinds, preparation = dict(rows.model.facts.columns), rows.model.preparation
    if kinds[name] == "image":
        return {**held, "image": np.asarray(held["image"])[order]} if "image" in held else held
    typed = rows.judged.typed.with_columns(rows.judged.typed[name][order])
    if "image" not in kinds.values():
        return inputs_of_typed(rows, typed)
    others = replace(preparation, columns=tuple(each for each in preparation.columns if each.kind != "image"))
    return {**held, **apply_preparation(others, typed)}


def affordable(rows: Rows, n_changes: int, allowed: Allowed) -> Rows:
    """As many rows, drawn by a fixed seed, as go through the model in time once for every change."""
    few = rows.sample(N_TRIED, seed=1)
    began = allowed.clock()
    batch = inputs(few)
    outputs(rows.model.session, batch)
    a_row = (allowed.clock() - began) / few.n_rows
    n_bytes = sum(4 * math.prod(array.shape[1:]) for array in batch.values())
    most = min(MOST_ROWS, max(FEWEST_ROWS, MOST_BYTES // max(1, n_bytes)))
    if math.isfinite(allowed.left()) and a_row > 0:
        most = min(most, max(FEWEST_ROWS, int(SPENT * max(0.0, allowed.left()) / (a_row * n_changes))))
    return rows.sample(most, seed=1)


def of_score(rows: Rows, changes: Sequence[Change], allowed: Allowed) -> dict[str, Json] | None:
    """What the deciding metric loses by each change, as `permutation_importance` tells it; None without time."""
    score = _score(rows, rows.judged.outputs)

    def lost(batch: Batch) -> float:
        return rows.metric.sign * (score - _score(rows, outputs(rows.model.session, batch)))

    found = measure(changes, lost, allowed)
    return None if found is None else {"metric": rows.metric.name, "score": score, "n_rows": rows.n_rows, **found}


def measure(changes: Sequence[Change], lost: Callable[[Batch], float], allowed: Allowed) -> dict[str, Json] | None:
    """Make every change once before any is made again, and tell what is lost by each.

    Returns:
        n_times, that each was made; columns: name, mean, spread and times, the most important first; n_left: changes
        that had no time. None where none had.
    """
    held: dict[str, list[float]] = {change.name: [] for change in changes}
    rng, took = np.random.default_rng(0), 0.0
    for time in range(N_TIMES):
        for change in changes:
            if allowed.left() <= took:
                break
            if time >= change.times:
                continue
            began = allowed.clock()
            held[change.name].append(lost(change.make(rng)))
            took = allowed.clock() - began
    found: list[dict[str, Json]] = [
        {"name": name, "mean": float(np.mean(each)), "spread": float(np.std(each, ddof=1)) if len(each) > 1 else None,
         "times": len(each)}
        for name, each in held.items()
        if each
    ]  # fmt: skip
    if not found:
        return None
    return {
        "n_times": min(each["times"] for each in found),
        "columns": sorted(found, key=lambda each: -each["mean"]),
        "n_left": len(changes) - len(found),
    }


def _score(rows: Rows, given: Array) -> float:
    served = rows.task.served(rows.model.facts.calibration, given, rows.metric)
    return float(rows.metric.score(rows.judged.targets, served, np.ones((1, rows.n_rows)))[0])
