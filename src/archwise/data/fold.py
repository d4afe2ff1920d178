"""Cuts the rows of a small table into folds, so that every row that is not sealed both trains and decides."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from archwise.data.split import SplitRule
from archwise.data.strata import FEWEST_IN_STRATUM, stratum_of
from archwise.records import Array, Split

FEWEST_VALID = 500  # validation rows; of 500 the 95 % interval of an accuracy of 85 % is 6 points wide, of 150 it is 11
N_FOLDS = 5
TWICE_BELOW, THRICE_BELOW = 500, 200  # open rows; what one cut of few rows says depends on the cut
FEWEST_UNITS_A_FOLD = 2
NEVER = -1  # the fold of a row that always trains


@dataclass(frozen=True)
class Folding:
    """How the rows that are not sealed train and decide: in n_folds, n_repeats times."""

    n_folds: int
    n_repeats: int


def folding_of(n_open: int, n_valid: int, *, is_dear: bool = False) -> Folding | None:
    """Find whether folds decide, by a rule of the rows alone, never of a clock; None for one split.

    Args:
        is_dear: as in `SplitRule`; the time of a second cut is better spent on another candidate.
    """
    if n_valid >= FEWEST_VALID:
        return None
    if is_dear:
        return Folding(N_FOLDS, 1)
    return Folding(N_FOLDS, 3 if n_open < THRICE_BELOW else 2 if n_open < TWICE_BELOW else 1)


def cut_small(split: Split, target: pl.Series, rule: SplitRule) -> Split:
    """Turn a split that would decide on few rows into folds over all rows that are not sealed; leave others alone.

    Rows of one unit leave together. A row always trains where its class is too rare to be parted, or where a cut would
    leave out all rows of its class at once. The sealed rows stay as they are. A split in time stays one split, for a
    fold would be judged by rows that come before those it learnt from; so does one of too few groups.

    Args:
        split: three sides, as `rule` made them.
        target: (N,) String or Float64.

    Returns:
        with `folds`: all open rows as `train`, and as `valid` those that are ever left out, once for each repeat; with
        repeats a row is a group, for it decides more than once. An average over repeats would flatter: it is the answer
        of an ensemble, and what is handed over is one model.
    """
    rows = np.sort(np.concatenate([split.train, split.valid]))
    folding = None if rule.time else folding_of(len(rows), len(split.valid), is_dear=rule.is_dear)
    units = np.unique(rows if split.groups is None else split.groups[rows], return_inverse=True)[1].astype(np.int64)
    if folding is None or int(units.max()) + 1 < FEWEST_UNITS_A_FOLD * folding.n_folds:
        return split
    strata = stratum_of(target.gather(rows)) if rule.stratify else np.zeros(len(rows), dtype=np.int64)
    random = np.random.default_rng([rule.seed, 1])  # not the draw of the sides
    folds = np.stack([deal_folds(units, strata, folding.n_folds, random) for _ in range(folding.n_repeats)])
    always = np.isin(units, units[_must_train(folds, strata)])
    if always.all():
        return split
    folds[:, always] = NEVER
    judged = rows[~always]
    how = f"{split.how}; {folding_words(folding, len(judged))}"
    valid, groups = np.tile(judged, folding.n_repeats), split.groups
    if groups is None and folding.n_repeats > 1:
        groups = np.arange(len(target), dtype=np.int64)
    return replace(split, train=rows, valid=valid, how=how, folds=folds, groups=groups)


def deal_folds(units: Array, strata: Array, n_folds: int, random: np.random.Generator) -> Array:
    """Deal units to folds, stratum by stratum, each to the fold that has fewest rows of its stratum.

    Args:
        units: (N,) int64 from 0; rows of one unit stay together.
        strata: (N,) int64 from 0; of a unit the commonest counts.

    Returns:
        (N,) int64 fold of each row.
    """
    sizes = np.bincount(units)
    held = np.zeros((len(sizes), int(strata.max()) + 1), dtype=np.int64)
    np.add.at(held, (units, strata), 1)
    of_unit = held.argmax(axis=1)
    of_fold = np.zeros(len(sizes), dtype=np.int64)
    rows_of, stratum_rows = np.zeros(n_folds), np.zeros((held.shape[1], n_folds))
    for unit in np.lexsort((random.permutation(len(sizes)), -sizes, of_unit)):
        mine = stratum_rows[of_unit[unit]]
        fold = int(np.lexsort((rows_of, mine))[0])
        of_fold[unit] = fold
        mine[fold] += sizes[unit]
        rows_of[fold] += sizes[unit]
    return of_fold[units]


def _must_train(folds: Array, strata: Array) -> Array:
    """(N,) bool: rows of a stratum that is too small, or of which a cut leaves all rows out at once."""
    must = np.bincount(strata)[strata] < FEWEST_IN_STRATUM
    if len(np.unique(strata)) == 1:
        return must
    for stratum in np.unique(strata):
        of_stratum = strata == stratum
        if any(len(np.unique(cut[of_stratum])) == 1 for cut in folds):
            must |= of_stratum
    return must


def folding_words(folding: Folding, n_rows: int) -> str:
    """The folds in words, such as "5 folds, twice, over 614 rows"."""
    times = {1: "once", 2: "twice"}.get(folding.n_repeats, f"{folding.n_repeats} times")
    return f"{folding.n_folds} folds, {times}, over {n_rows:,} rows"
