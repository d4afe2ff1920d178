"""Exponential smoothing (Holt-Winters): level, damped trend and season, each a fading mean of the past.

statsmodels fits the fading on the training series. With the fading fixed the recursion is linear in the window, so it
is unrolled into one matrix, which is what is written: the same forecasts, in one product.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from archwise.architectures.window_graph import ahead_of, solved_by, windows_of
from archwise.architectures.window_plan import PAST, facts_of, need_past, pasts, told, without_defaults
from archwise.data.timeline.windows import Windows
from archwise.records import Architecture, Array, Batch, Profile, Scalar, Setting, Signature, Solved, Suits

MOST_FITTED, MOST_STEPS = 6, 1_200  # series, and of each the last steps, on which the fading is fitted
MOST_JUDGED = 400  # windows on which the forms are held against each other
LONGEST_SEASON = 400
SPACE = (
    PAST,
    Setting("season", 0, "steps after which it repeats, 0 for none", low=0, high=LONGEST_SEASON, searched=False),
)


@dataclass(frozen=True)
class Fading:
    """How fast the past fades. level, trend, season: shares of each new step, 0 to 1. damping: of the trend a step.

    n_season: steps of a season, 0 for none.
    """

    level: float
    trend: float = 0.0
    season: float = 0.0
    damping: float = 0.0
    n_season: int = 0


def unroll(fading: Fading, n_past: int, horizon: int) -> Array:
    """The recursion as weights (L, H) of a window.

    It begins with the mean of the first season as its level, what is left of that season as the season, and the
    difference of the first two seasons as its trend; without a season with the first step and the mean slope.

    Source:
        Holt 1957, Winters 1960, Gardner & McKenzie 1985 (damping); the errors' form of Hyndman et al. 2008.
    """
    one, season = np.eye(n_past), fading.n_season
    if season:
        level = one[:season].mean(axis=0)
        of_season = [one[step] - level for step in range(season)]
        trend = (one[season : 2 * season].mean(axis=0) - level) / season if 2 * season <= n_past else 0.0 * level
        begin = season
        level = level + trend * (season - 1) / 2.0
    else:
        level, begin = one[0], 1
        n_slope = min(n_past - 1, 10)
        trend = (one[n_slope] - one[0]) / n_slope if n_slope else 0.0 * level
        of_season = []
    if fading.damping == 0.0:
        trend = 0.0 * trend
    for step in range(begin, n_past):
        expected = level + fading.damping * trend
        at = step % season if season else 0
        apart = one[step] - (of_season[at] if season else 0.0)
        before, level = level, fading.level * apart + (1.0 - fading.level) * expected
        if season:
            of_season[at] = fading.season * (one[step] - expected) + (1.0 - fading.season) * of_season[at]
        trend = fading.trend * (level - before) + (1.0 - fading.trend) * fading.damping * trend
    weights, reach = [], 0.0
    for ahead in range(1, horizon + 1):
        reach += fading.damping**ahead
        weights.append(level + reach * trend + (of_season[(n_past + ahead - 1) % season] if season else 0.0))
    return np.stack(weights, axis=1)


def fit_fading(series: Array, *, season: int, with_trend: bool) -> Fading:
    """Fit the fading of a series by statsmodels; of one that does not vary, the last value."""
    from statsmodels.tools.sm_exceptions import ConvergenceWarning
    from statsmodels.tsa.holtwinters import ExponentialSmoothing

    if np.ptp(series) == 0.0:
        return Fading(1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", RuntimeWarning)
        model = ExponentialSmoothing(
            series,
            trend="add" if with_trend else None,
            damped_trend=with_trend,
            seasonal="add" if season else None,
            seasonal_periods=season or None,
            initialization_method="heuristic" if len(series) >= 2 * season + 10 else "simple",
        )
        found = model.fit(optimized=True).params
    shares = [found[name] for name in ("smoothing_level", "smoothing_trend", "smoothing_seasonal", "damping_trend")]
    level, trend, of_season, damping = (float(np.nan_to_num(share)) for share in shares)
    return Fading(level, trend, of_season, damping if with_trend else 0.0, season)


def _runs(batch: Batch, n_targets: int) -> list[Array]:
    """The series that the windows were cut from, (T, M) each, the longest first."""
    windows = batch["window"]
    if isinstance(windows, Windows):
        starts, n_steps = windows.starts, windows.n_steps
        cuts = np.flatnonzero(np.diff(starts) != 1) + 1
        ends = np.concatenate([cuts, [len(starts)]]) - 1
        begins = np.concatenate([[0], cuts])
        found = [
            np.asarray(windows.source[starts[begin] : starts[end] + n_steps, :n_targets], np.float64)
            for begin, end in zip(begins, ends, strict=True)
        ]
    else:
        held = np.asarray(windows)[:, :, :n_targets].astype(np.float64)
        found = [np.concatenate([held[0], held[1:, -1]])]
    return sorted(found, key=len, reverse=True)


def _solve(
    signature: Signature, settings: Mapping[str, Scalar], batch: Batch, targets: Array, _task: str, _seed: int
) -> Solved:
    n_past, horizon, n_targets = int(settings["past"]), signature.horizon, signature.n_targets
    season = int(settings["season"])
    season = season if 2 <= season <= n_past // 2 else 0
    runs = _runs(batch, n_targets)
    runs = runs[:: max(1, len(runs) // MOST_FITTED)][:MOST_FITTED]
    rows = np.linspace(0, len(targets) - 1, min(len(targets), MOST_JUDGED)).round().astype(np.int64)
    windows = np.concatenate(list(windows_of(batch, n_targets, rows=rows)))  # (N, M, L)
    truth = np.asarray(targets[rows])[:, : n_targets * horizon].astype(np.float64).reshape(-1, n_targets, horizon)
    forms = [(each, with_trend) for each in dict.fromkeys((season, 0)) for with_trend in (False, True)]
    weights = np.zeros((n_targets, n_past, horizon))
    for target in range(n_targets):
        tried = []
        for each, with_trend in forms:
            fitted = [fit_fading(run[-MOST_STEPS:, target], season=each, with_trend=with_trend) for run in runs]
            held = unroll(_median(fitted), n_past, horizon)
            ahead = ahead_of(windows[:, target : target + 1], held[None])
            tried.append((float(np.nanmean((ahead - truth[:, target]) ** 2)), held))
        weights[target] = min(tried, key=lambda pair: pair[0])[1]
    return solved_by(signature, weights, n_parameters=(4 + season) * n_targets)


def _median(fitted: list[Fading]) -> Fading:
    """The median of each share, with the season of the first."""
    shares = np.median([[each.level, each.trend, each.season, each.damping] for each in fitted], axis=0)
    level, trend, season, damping = (float(share) for share in shares)
    return Fading(level, trend, season, damping, max(each.n_season for each in fitted))


def _suits(profile: Profile) -> Suits:
    return Suits(0.4, f"{told(facts_of(profile))}: level, trend and season as fading means of the past")


def _variants(profile: Profile) -> tuple[dict[str, Scalar], ...]:
    facts = facts_of(profile)
    seasons = [season for season in facts.seasons if season <= LONGEST_SEASON]
    season = seasons[0] if seasons else 0
    _, middle, long = pasts(facts)
    past = max(middle, min(long, 4 * season))
    return (without_defaults({"past": past, "season": season}, SPACE),)


ARCHITECTURE = Architecture(
    name="smoothing",
    family="reference",
    summary="Exponential smoothing (Holt-Winters): level, damped trend and season as fading means of the past.",
    source="Holt 1957; Winters 1960; Gardner & McKenzie 1985; statsmodels",
    reads=("timeline",),
    gives=("window",),
    tasks=("forecast",),
    suits=_suits,
    space=SPACE,
    variants=_variants,
    need=need_past,
    solve=_solve,
)
