"""Splits a timeline: of every series first what trains, then what decides, then what is sealed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl

from archwise.data.timeline.frequency import number_from, stamps_at
from archwise.data.timeline.grid import Timeline, ranges
from archwise.errors import DataError, UsageError
from archwise.records import Array

FEWEST_UNITS = 20  # independent blocks of time from which evidence speaks (evidence.py)
MOST_CELLS = 20_000_000  # of the answers on validation or sealed origins: 80 MB a candidate
FEWEST_TRAIN = 8  # origins
NO_CALENDAR = "where series share no calendar, cut each at its own end: name a column of whole numbers with --time"


@dataclass(frozen=True)
class SplitTimes:
    """How a timeline is split, as the user says.

    valid, test: shares of the steps. valid_from, test_from, until: stamps that win over them, or "".
    """

    valid: float
    test: float
    valid_from: str = ""
    test_from: str = ""
    until: str = ""


@dataclass(frozen=True)
class Cuts:
    """Of each series the number of steps before the validation, before the seal, and in all, (S,) int64 each."""

    valid_from: Array
    test_from: Array
    until: Array
    how: str


@dataclass(frozen=True)
class Origins:
    """Where forecasts begin, (N,) int64 places among all steps of the timeline, of each part.

    groups: (N,) int64 of all origins, part after part: the block of time that each is of. widening: by how much the
    errors of differences are to be widened, where blocks are shorter than the horizon.
    """

    train: Array
    valid: Array
    test: Array
    groups: Array
    widening: float
    how: str


def cut_times(timeline: Timeline, rule: SplitTimes, *, horizon: int, given: Array | None = None) -> Cuts:
    """Find where the parts meet.

    Stamps that the user names hold for every series. Shares are of the whole time where stamps are moments, else of
    every series; each part gets the steps of one forecast, and of few series as many as 20 origins need, if there are.

    Args:
        given: (S,) steps before the sealed ones, where those are a source of their own.

    Raises:
        DataError: no series is long enough. UsageError: the stamps are not in order.
    """
    lengths = np.diff(timeline.begins)
    until = _counts(timeline, rule.until) if rule.until else lengths
    test_from = given if given is not None else _counts(timeline, rule.test_from) if rule.test_from else None
    valid_from = _counts(timeline, rule.valid_from) if rule.valid_from else None
    if valid_from is not None and test_from is not None and (valid_from > test_from).any():
        raise UsageError("--valid-from comes after the sealed steps; name an earlier stamp")
    extra = FEWEST_UNITS - 1 if timeline.n_series < FEWEST_UNITS else 0
    if test_from is None:
        test_from = _from_share(timeline, until, rule.test, horizon, extra)
    if valid_from is None:
        share = rule.valid / max(0.1, 1.0 - (rule.test if not rule.test_from and given is None else 0.0))
        valid_from = _from_share(timeline, np.minimum(test_from, until), share, horizon, extra)
    cuts = Cuts(
        np.minimum(valid_from, until), np.minimum(test_from, until), until, _how(timeline, valid_from, test_from)
    )
    _refuse_short(timeline, cuts, horizon)
    return cuts


def _counts(timeline: Timeline, stamp: str) -> Array:
    """Of each series the steps before a stamp."""
    number = number_from(timeline.frequency, stamp)
    return np.asarray(np.clip(number - timeline.first, 0, np.diff(timeline.begins)))


def _from_share(timeline: Timeline, until: Array, share: float, horizon: int, extra: int) -> Array:
    """Of each series the steps before a part that is a share of what it has until then."""
    n_wanted = np.maximum(np.round(share * until).astype(np.int64), horizon + extra)
    too_many = n_wanted > until // 3
    n_wanted = np.where(too_many, np.maximum(np.round(share * until).astype(np.int64), horizon), n_wanted)
    counts = np.maximum(until - n_wanted, 0)
    if timeline.frequency.unit == "row" or timeline.n_series == 1:
        return np.asarray(counts)
    cut = int(np.median(timeline.first + counts))  # one moment for all, so that none learns from another's future
    return np.asarray(np.clip(cut - timeline.first, 0, until))


def _refuse_short(timeline: Timeline, cuts: Cuts, horizon: int) -> None:
    parts = {
        "to train on": cuts.valid_from - 1,
        "to decide on": cuts.test_from - cuts.valid_from,
        "to be sealed": cuts.until - cuts.test_from,
    }
    for what, steps in parts.items():
        if steps.max(initial=0) < horizon:
            longest = int(np.diff(timeline.begins).max(initial=0))
            apart = "" if timeline.n_series == 1 or timeline.frequency.unit == "row" else f"; {NO_CALENDAR}"
            raise DataError(
                f"a forecast of {horizon:,} steps needs {horizon:,} steps {what}, and the longest series has "
                f"{max(0, int(steps.max(initial=0))):,} there ({longest:,} in all); give longer series, a shorter "
                f"--horizon, or other stamps to --valid-from and --test-from{apart}"
            )


def _how(timeline: Timeline, valid_from: Array, test_from: Array) -> str:
    if timeline.n_series > 1 and timeline.frequency.unit == "row":
        return "in time: of every series the last steps are the test, those before them the validation"
    numbers = [int(np.median(timeline.first + counts)) for counts in (valid_from, test_from)]
    first, second = stamps_at(timeline.frequency, np.array(numbers), name="stamp").cast(pl.String).to_list()
    return f"in time: the validation begins at {_short(first)}, the test at {_short(second)}"


def _short(stamp: str) -> str:
    return stamp.removesuffix(".000000").removesuffix(" 00:00:00")


def place_origins(timeline: Timeline, cuts: Cuts, *, horizon: int, past: int, n_targets: int) -> Origins:
    """Find every step from which the whole horizon lies inside one part, with the past that is needed before it.

    The past of an origin may reach back into an earlier part; its targets never leave their own. Where answers would be
    more cells than are kept, origins are drawn evenly from those that decide and those that are sealed.

    Args:
        horizon: H. past: L, the most that any architecture reads. n_targets: M, the first channels.

    Raises:
        DataError: there are too few origins to train on.
    """
    known = ~np.isnan(timeline.values[:, :n_targets]).all(axis=1)
    seen = np.concatenate([[0], np.cumsum(known)])
    begins = timeline.begins[:-1]
    sides = {
        "train": (np.full_like(cuts.valid_from, past), cuts.valid_from),
        "valid": (np.maximum(cuts.valid_from, past), cuts.test_from),
        "test": (np.maximum(cuts.test_from, past), cuts.until),
    }
    found = {}
    told = []
    for name, (start, stop) in sides.items():
        last = np.maximum(stop - horizon + 1, start)
        origins = ranges(begins + start, begins + last)
        origins = origins[seen[origins + horizon] > seen[origins]]
        n_cells = horizon * n_targets
        most = max(1, MOST_CELLS // n_cells)
        if name != "train" and len(origins) > most:
            told.append(f"{most:,} of {len(origins):,} {'validation' if name == 'valid' else name} origins, evenly")
            origins = origins[np.linspace(0, len(origins) - 1, most).round().astype(np.int64)]
        found[name] = origins
    if len(found["train"]) < FEWEST_TRAIN or not len(found["valid"]) or not len(found["test"]):
        counts = ", ".join(f"{len(origins):,} {name}" for name, origins in found.items())
        raise DataError(
            f"there are too few origins from which {horizon:,} steps could be forecast after {past:,} steps of the "
            f"past: {counts}; give longer series or a shorter --horizon"
        )
    groups, widening, words = _blocks(timeline, found["valid"], horizon)
    every = np.concatenate(list(found.values()))
    how = "; ".join([cuts.how, *told, words])
    return Origins(found["train"], found["valid"], found["test"], groups(every), widening, how)


def overlap_widening(horizon: int, size: int, n_steps: int) -> float:
    """By how much errors from resampled blocks of origins are to be widened, for the targets of neighbours overlap.

    Two origins k steps apart share all but k of their H steps, so that their losses are correlated by about 1 - k / H,
    if steps on their own are not. The mean of N such losses has the variance H / N of one; of that, independent blocks
    of n origins see what their own sums have, and nothing of what neighbouring blocks share. Where few horizons follow
    each other, what is seen is itself uncertain, as Student's t is with as few values, and too little by what is spent
    on the mean.

    Args:
        horizon: H. size: n. n_steps: from the first origin to the last.

    Returns:
        the root of the true variance over the seen one: 1 for a horizon of 1, 1.22 for blocks as long as the horizon,
        and more where there are few horizons.
    """
    lags = np.arange(1, min(size, horizon))
    seen = 1.0 + 2.0 * float(((1.0 - lags / size) * (1.0 - lags / horizon)).sum())
    if horizon == 1:
        return 1.0
    n_horizons = max(3.0, n_steps / horizon)
    return float((horizon / seen * n_horizons / (n_horizons - 2.0)) ** 0.5)


def _blocks(timeline: Timeline, valid: Array, horizon: int) -> tuple[Callable[[Array], Array], float, str]:
    """How origins are grouped for the evidence, told from those that decide.

    Returns:
        from origins to their groups; by how much errors are to be widened; both in words.
    """
    owner, numbers = timeline.owner, timeline.numbers

    def in_blocks(size: int) -> Callable[[Array], Array]:
        return lambda origins: np.unique(numbers[origins] // size, return_inverse=True)[1].astype(np.int64)

    shares_time = timeline.n_series == 1 or timeline.frequency.unit != "row"
    has_blocks = shares_time and len(np.unique(in_blocks(horizon)(valid))) >= FEWEST_UNITS
    if timeline.n_series >= FEWEST_UNITS and not has_blocks:
        words = "evidence draws whole series" + (", as if they were independent of each other" if shares_time else "")
        return lambda origins: owner[origins].astype(np.int64), 1.0, words
    size = horizon
    while size > 1 and len(np.unique(in_blocks(size)(valid))) < FEWEST_UNITS:
        size -= 1
    widening = overlap_widening(horizon, size, int(np.ptp(numbers[valid])) + 1)
    words = f"evidence draws blocks of {size:,} steps"
    if widening > 1.0:
        words += f", errors widened {widening:.3g} times since targets of neighbours overlap"
    return in_blocks(size), widening, words
