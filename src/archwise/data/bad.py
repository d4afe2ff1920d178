"""Rows that cannot be read: a few are set aside and the run goes on, many end it, for every kind of data."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from archwise.errors import DataError
from archwise.records import Array, Finding

MOST_BAD = 0.05  # share of the rows, or of the rows of a class, that may hold unreadable cells


def refuse_too_many_bad(
    bad: Array, findings: Sequence[Finding], *, share: float = MOST_BAD, classes: pl.Series | None = None
) -> None:
    """Go on with a few bad rows, but not with many: where classes are known not with many of one class.

    Args:
        bad: (N,) bool.
        findings: what is bad.
        share: of the rows, from 0 to 1, that may be bad; one of several always may, and one of each class.
        classes: (N,) String, the class of each row, null where it is unknown; None where rows have none.

    Raises:
        DataError: more rows are bad.
    """
    if bad.any():
        refuse_counted([count_bad(bad, classes)], findings, share=share)


def count_bad(bad: Array, classes: pl.Series | None = None) -> pl.DataFrame:
    """Count rows and bad rows by class: columns class (null where it is unknown), rows and bad."""
    named = pl.Series("class", [None] * len(bad), dtype=pl.String) if classes is None else classes.alias("class")
    return _sum(pl.DataFrame([named, pl.Series("bad", bad, dtype=pl.UInt32)]).with_columns(rows=pl.lit(1, pl.UInt32)))


def counted(n_rows: int, n_bad: int) -> pl.DataFrame:
    """What `count_bad` gives of rows without classes of which the numbers are known."""
    named = pl.Series("class", [None], dtype=pl.String)
    return pl.DataFrame([named, pl.Series("rows", [n_rows], pl.UInt32), pl.Series("bad", [n_bad], pl.UInt32)])


def refuse_counted(counts: Sequence[pl.DataFrame], findings: Sequence[Finding], *, share: float = MOST_BAD) -> None:
    """The same for rows that were counted part by part, with `count_bad`.

    Raises:
        DataError: as for `refuse_too_many_bad`.
    """
    summed = _sum(pl.concat(counts))
    told = next((finding.message for finding in findings if finding.severity != "note"), "cells cannot be read")
    for name, n_rows, n_bad in summed.select("class", "rows", "bad").iter_rows():
        if name is not None and n_bad > max(1, share * n_rows):
            raise DataError(
                f"{told} ({n_bad:,} of {n_rows:,} rows of the class '{name}' are bad, more than {100 * share:g} %)"
            )
    n_rows, n_bad = int(summed["rows"].sum()), int(summed["bad"].sum())
    is_by_class = bool(summed["class"].is_not_null().any())
    always = len(summed) if is_by_class else int(n_rows > 1)
    if n_bad > max(share * n_rows, always):
        raise DataError(f"{told} ({n_bad:,} of {n_rows:,} rows are bad, more than {100 * share:g} %)")


def _sum(parts: pl.DataFrame) -> pl.DataFrame:
    summed = parts.group_by("class", maintain_order=True).agg(pl.col("rows").sum(), pl.col("bad").sum())
    return summed.select("class", "rows", "bad")
