"""What moved the answers of a table: how much worse the score gets when the cells of one column are shuffled.

Sources: Breiman 2001 (permutation importance); Fisher, Rudin & Dominici 2019.
"""

from __future__ import annotations

import numpy as np

from archwise.model.session import outputs
from archwise.records import FORECAST, Array, Json
from archwise.report.rows import Rows, inputs_of_typed
from archwise.report.time_left import Allowed

MOST_ROWS = 2_000
MOST_COLUMNS = 200
N_TIMES = 5  # that each column is shuffled, where there is time
MOST_SHOWN = 20


def permutation_importance(rows: Rows, allowed: Allowed) -> dict[str, Json] | None:
    """Shuffle each column in turn; every column once before any is shuffled again.

    Args:
        allowed: when it must be done.

    Returns:
        metric, score before; n_rows, n_times; columns: name, mean and spread (standard deviation over the times) of
        what the score loses, the most important first; None of what has fewer than two columns, and of forecasts.
    """
    names = [column.name for column in rows.judged.typed.get_columns()][:MOST_COLUMNS]
    if rows.task.name == FORECAST or len(names) < 2 or "image" in dict(rows.model.facts.columns).values():
        return None
    rows = rows.sample(MOST_ROWS, seed=1)
    score = _score(rows, rows.judged.outputs)
    lost: dict[str, list[float]] = {name: [] for name in names}
    rng, took = np.random.default_rng(0), 0.0
    for _ in range(N_TIMES):
        for name in names:
            if allowed.left() <= took:
                break
            began = allowed.clock()
            order = rng.permutation(rows.n_rows)
            typed = rows.judged.typed.with_columns(rows.judged.typed[name][order])
            worse = rows.metric.sign * (score - _score(rows, outputs(rows.model.session, inputs_of_typed(rows, typed))))
            lost[name].append(worse)
            took = allowed.clock() - began
    if not any(lost.values()):
        return None
    found: list[dict[str, Json]] = [
        {"name": name, "mean": float(np.mean(held)), "spread": float(np.std(held, ddof=1)) if len(held) > 1 else None,
         "times": len(held)}
        for name, held in lost.items()
        if held
    ]  # fmt: skip
    return {
        "metric": rows.metric.name,
        "score": score,
        "n_rows": rows.n_rows,
        "n_times": min(each["times"] for each in found),
        "columns": sorted(found, key=lambda each: -each["mean"]),
        "n_left": len(names) - len(found),
    }


def _score(rows: Rows, given: Array) -> float:
    served = rows.task.served(rows.model.facts.calibration, given, rows.metric)
    return float(rows.metric.score(rows.judged.targets, served, np.ones((1, rows.n_rows)))[0])
