"""Ridge regression on windows: the weighted sum of the past that is best in squares, found at once."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from archwise.architectures.window_graph import at_level, solved_by, windows_of
from archwise.architectures.window_plan import PAST, distinct, facts_of, need_past, pasts, told
from archwise.records import Architecture, Array, Batch, Profile, Scalar, Setting, Signature, Solved, Suits

MOST_CELLS = 40_000_000  # of the windows that are read, drawn evenly: some seconds
SPACE = (
    PAST,
    Setting(
        "penalty", 1e-3, "squared penalty on the weights, of a mean window's squares", low=1e-6, high=10.0, log=True
    ),
)


def _suits(profile: Profile) -> Suits:
    facts = facts_of(profile)
    return Suits(0.6, f"{told(facts)}: a weighted sum of the past, solved at once, is hard to beat where seasons hold")


def _variants(profile: Profile) -> tuple[dict[str, Scalar], ...]:
    """Middling and long pasts, more or less held down; a short past is a long one whose far weights are nought."""
    _, middle, long = pasts(facts_of(profile))
    found: list[dict[str, Scalar]] = [
        {"past": middle},
        {"past": long, "penalty": 0.1},
        {"past": long},
        {"past": middle, "penalty": 0.1},
        {"past": long, "penalty": 1.0},
    ]
    return distinct(found, SPACE)


def _solve(
    signature: Signature, settings: Mapping[str, Scalar], batch: Batch, targets: Array, _task: str, _seed: int
) -> Solved:
    n_past, horizon, n_targets = int(settings["past"]), signature.horizon, signature.n_targets
    most = max(1, MOST_CELLS // (n_past * n_targets))
    rows = np.arange(len(targets))
    if len(rows) > most:
        rows = np.linspace(0, len(rows) - 1, most).round().astype(np.int64)
    gram, cross, n_seen, place = np.zeros((n_past, n_past)), np.zeros((n_past, horizon)), 0, 0
    for windows in windows_of(batch, n_targets, rows=rows):  # (N, M, L)
        some = rows[place : place + len(windows)]
        place += len(windows)
        ahead = np.asarray(targets[some])[:, : n_targets * horizon].astype(np.float64).reshape(-1, horizon)
        past = windows.reshape(-1, n_past)
        kept = ~np.isnan(ahead).any(axis=1)
        level = past[kept, -1:]
        past, ahead = past[kept] - level, ahead[kept] - level
        gram += past.T @ past
        cross += past.T @ ahead
        n_seen += len(past)
    penalty = float(settings["penalty"]) * max(np.trace(gram) / n_past, 1e-12)
    weights = np.linalg.solve(gram + penalty * np.eye(n_past), cross)
    return solved_by(signature, at_level(weights)[None], n_parameters=weights.size)


ARCHITECTURE = Architecture(
    name="window-ridge",
    family="reference",
    summary="Ridge regression on windows: each step ahead a weighted sum of the past above its last value.",
    source="Hoerl & Kennard 1970; Toner & Darlow 2024 (linear forecasts have a closed form that matches trained ones)",
    reads=("timeline",),
    gives=("window",),
    tasks=("forecast",),
    suits=_suits,
    space=SPACE,
    variants=_variants,
    need=need_past,
    solve=_solve,
)
