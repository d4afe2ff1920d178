"""The side of the split on which a row stands, told from the row alone, so that no table need be whole in memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from archwise.data.missing import blank_missing
from archwise.data.split import TEST, TRAIN, VALID, SplitRule, moment_cuts, stamps_of
from archwise.errors import DataError
from archwise.records import Array

MOST_JUDGED = 100_000  # rows that decide, and rows that are sealed; the rest trains
_MIX = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


@dataclass(frozen=True)
class SideRule:
    """How a side is told. valid, test: shares of the rows. cuts: moments from which rows decide and are sealed."""

    valid: float
    test: float
    seed: int
    group: str = ""
    time: str = ""
    cuts: tuple[float, float] = (np.inf, np.inf)

    @property
    def how(self) -> str:
        """The rule in words."""
        if self.time and self.test == 0.0:
            return f"in time by '{self.time}': the last rows are the validation"
        if self.time:
            return f"in time by '{self.time}': the last rows are the test, those before them the validation"
        groups = f", rows of one '{self.group}' on one side" if self.group else ""
        return f"random by seed {self.seed}{groups}; rows of equal inputs were not looked for"


def make_side_rule(rule: SplitRule, sample: pl.DataFrame, *, n_rows: int) -> SideRule:
    """Make the rule for a table of n_rows, of which a sample is at hand.

    Args:
        rule: as the user wants it; of more rows than MOST_JUDGED are held out, shares are smaller. With a share of 0
            for test no row is sealed.

    Raises:
        DataError: groups and time are wanted together.
        ColumnError: the time column holds what is no time.
    """
    if rule.group and rule.time:
        raise DataError(
            f"{n_rows:,} rows are more than are held at once, and groups in time need all at once; "
            f"leave out --group {rule.group} or --time {rule.time}"
        )
    valid, test = (min(share, MOST_JUDGED / n_rows) for share in (rule.valid, rule.test))
    cuts = (np.inf, np.inf)
    if rule.time:
        moments, counts = np.unique(stamps_of(sample.get_column(rule.time)), return_counts=True)
        cuts = moment_cuts(moments, counts, rule.time, shares=(valid, test) if test else (valid / 2, valid / 2))
        cuts = cuts if test else (cuts[0], np.inf)
    return SideRule(valid, test, rule.seed, rule.group, rule.time, cuts)


def sides_of(rule: SideRule, frame: pl.DataFrame, rows: Array) -> tuple[Array, Array | None]:
    """The side of each row: 0 train, 1 valid, 2 test.

    Args:
        frame: (N, ...) a part of the table, as it was read.
        rows: (N,) int64 numbers of its rows in the table.

    Returns:
        (N,) int64 sides, and the (N,) int64 group of each row where rows are grouped, else None.

    Raises:
        ColumnError: the time column holds what is no time.
    """
    if rule.time:
        stamps = stamps_of(frame.get_column(rule.time), rows=rows)
        return np.where(stamps >= rule.cuts[1], TEST, np.where(stamps >= rule.cuts[0], VALID, TRAIN)), None
    keys = rows.astype(np.uint64)
    groups = None
    if rule.group:
        column = blank_missing(frame.get_column(rule.group))
        keys = np.where(column.is_null().to_numpy(), keys, column.hash(seed=0).to_numpy())
        groups = keys.view(np.int64)
    luck = _luck(keys, rule.seed)
    return np.where(luck < rule.test, TEST, np.where(luck < rule.test + rule.valid, VALID, TRAIN)), groups


def _luck(keys: Array, seed: int) -> Array:
    """(N,) float64 from 0 to 1, as good as random, of each key under a seed.

    Source: Steele, Lea & Flood 2014 (SplitMix64), with the seed mixed in first.
    """
    start = np.random.default_rng(seed).integers(2**63, size=1, dtype=np.uint64)
    mixed = keys * _MIX[0] + start  # whole numbers modulo 2**64, as they should
    mixed = (mixed ^ (mixed >> np.uint64(30))) * _MIX[1]
    mixed = (mixed ^ (mixed >> np.uint64(27))) * _MIX[2]
    luck: Array = ((mixed ^ (mixed >> np.uint64(31))) >> np.uint64(11)) * 2.0**-53
    return luck
