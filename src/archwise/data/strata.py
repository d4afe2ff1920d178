"""Draws the sides of a split at random, stratum by stratum."""

from __future__ import annotations

import numpy as np
import polars as pl

from archwise.records import Array

FEWEST_IN_STRATUM = 3  # rows; of a smaller class every row trains
_N_BINS = 10  # of equal size, for a target that is a number
_MOST_OFF = 0.05  # of the rows, that a side may differ from its share before groups are dealt out one by one


def stratum_of(target: pl.Series) -> Array:
    """The stratum of each row: its class, or the tenth of the values that its number falls in.

    Returns:
        (N,) int64 from 0.
    """
    ranks = target.rank("dense").fill_null(0).to_numpy().astype(np.int64)
    if target.dtype == pl.String:
        classes: Array = np.unique(ranks, return_inverse=True)[1].astype(np.int64)
        return classes
    order = target.rank("average").fill_null(0.0).to_numpy()
    bins: Array = np.minimum((order - 1) * _N_BINS / len(order), _N_BINS - 1).astype(np.int64)
    return bins


def draw_sides(units: Array, strata: Array, *, shares: tuple[float, float], seed: int) -> Array:
    """Draw a side for every unit: 2 (test) and 1 (valid) to the shares wanted in each stratum, and 0 (train).

    Args:
        units: (N,) int64 from 0, rows of one unit stay together.
        strata: (N,) int64 from 0.
        shares: of the rows, for test and valid.
        seed: of the draw.

    Returns:
        (N,) int64 side of each row.
    """
    sizes = np.bincount(units)
    random = np.random.default_rng(seed)
    luck = random.permutation(len(sizes))
    of_unit = _main_stratum(units, strata)
    order = np.lexsort((luck, of_unit))  # unit numbers, stratum by stratum
    ordered_strata = of_unit[order]
    stratum_rows = np.bincount(of_unit, weights=sizes)
    until = np.cumsum(sizes[order])
    stratum_start = np.cumsum(stratum_rows) - stratum_rows
    middle = until - sizes[order] / 2 - stratum_start[ordered_strata]  # of the unit, in rows of its stratum
    position = middle / stratum_rows[ordered_strata]
    test, valid = shares
    drawn = np.where(position < test, 2, np.where(position < test + valid, 1, 0))
    drawn[stratum_rows[ordered_strata] < FEWEST_IN_STRATUM] = 0
    sides = np.empty(len(sizes), dtype=np.int64)
    sides[order] = drawn
    if _is_off(sides, sizes, shares):
        sides = _deal(sizes, luck, shares)
    return sides[units]


def _main_stratum(units: Array, strata: Array) -> Array:
    """(U,) int64: the commonest stratum of each unit."""
    if len(units) == int(units.max()) + 1:  # every row a unit of its own
        of_unit = np.empty_like(strata)
        of_unit[units] = strata
        return of_unit
    n_strata = int(strata.max()) + 1
    pairs, counts = np.unique(units * n_strata + strata, return_counts=True)
    pair_units, pair_strata = np.divmod(pairs, n_strata)
    order = np.lexsort((counts, pair_units))
    is_last = np.append(np.diff(pair_units[order]) != 0, True)
    main: Array = pair_strata[order][is_last]
    return main


def _is_off(sides: Array, sizes: Array, shares: tuple[float, float]) -> bool:
    """Whether a side is empty, or far from the share it should have."""
    test, valid = shares
    found = np.bincount(sides, weights=sizes, minlength=3) / sizes.sum()
    return bool((found == 0).any() or np.abs(found - [1 - test - valid, valid, test]).max() > _MOST_OFF)


def _deal(sizes: Array, luck: Array, shares: tuple[float, float]) -> Array:
    """(U,) int64 sides: units from the largest down, each to the side that lacks most of its share."""
    test, valid = shares
    wanted = np.array([1 - test - valid, valid, test]) * sizes.sum()
    lacking = wanted.copy()
    sides = np.zeros(len(sizes), dtype=np.int64)
    for n_left, unit in zip(range(len(sizes), 0, -1), np.lexsort((luck, -sizes)), strict=True):
        empty = np.flatnonzero(lacking == wanted)
        open_sides = empty if len(empty) >= n_left else np.arange(3)  # the last units fill sides still empty
        side = int(open_sides[np.argmax((lacking / wanted)[open_sides])])
        sides[unit] = side
        lacking[side] -= sizes[unit]
    return sides
