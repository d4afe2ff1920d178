"""What is wrong with columns and rows, as findings: missing cells, sentinels, duplicate rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from archwise.data.kinds.identifier import is_key_name
from archwise.data.kinds.number import number_array
from archwise.records import ColumnProfile, Finding

SENTINELS = (-99.0, -999.0, -9999.0, -99999.0, -999999.0, 999.0, 9999.0, 99999.0, 999999.0, 9999999.0)
_MOSTLY_MISSING = 0.5
_COUNTED = ("({:,} such cells)", ": {:,} cells hold a ")  # where a message counts what was found


def find_missing(column: ColumnProfile, n_rows: int) -> tuple[Finding, ...]:
    """A finding where cells of a column are missing; a warning where most of them are."""
    if column.n_missing == 0:
        return ()
    share = column.n_missing / n_rows
    if column.n_missing == n_rows:
        message = f"column '{column.name}': every cell is missing; it is set aside"
        return (Finding("all-missing", "warning", message, column.name, n_rows),)
    message = f"column '{column.name}': {column.n_missing:,} of {n_rows:,} cells are missing ({100 * share:.2g} %)"
    return (
        Finding(
            "missing",
            "warning" if share > _MOSTLY_MISSING else "note",
            message,
            column.name,
            column.n_missing,
        ),
    )


def find_set_aside(column: ColumnProfile, n_rows: int) -> tuple[Finding, ...]:
    """A finding where a column is an identifier, a constant or free text, and so is set aside."""
    if column.use or column.kind not in ("identifier", "constant", "text") or column.n_missing == n_rows:
        return ()
    mend = f"if that is wrong, say what it is, as in --kind {column.name}=category"
    message = f"column '{column.name}' is set aside as {_article(column.kind)}: {column.because}; {mend}"
    return (Finding(column.kind, "note", message, column.name, n_rows),)


def find_key(column: ColumnProfile) -> tuple[Finding, ...]:
    """A finding where a column that is read has the name of a key: its rows may belong together."""
    if not column.use or not is_key_name(column.name):
        return ()
    message = (
        f"column '{column.name}' has the name of a key, but its values recur "
        f"({column.n_distinct:,} distinct); if its rows belong together, keep them on one side with "
        f"--group {column.name}, or leave it out with --drop {column.name}"
    )
    return (Finding("identifier", "warning", message, column.name),)


def find_sentinel(typed: pl.Series) -> tuple[Finding, ...]:
    """A finding where a column of numbers holds a value such as -999 repeatedly, far from all others."""
    values = number_array(typed.drop_nulls())
    if len(values) == 0:
        return ()
    for edge in {float(values.min()), float(values.max())}:
        if edge not in SENTINELS:
            continue
        is_edge = values == edge
        others = values[~is_edge]
        if is_edge.sum() < 2 or len(others) == 0:
            continue
        gap = float(np.abs(others - edge).min())
        if gap > float(np.ptp(others)):
            message = (
                f"column '{typed.name}': {edge:.0f} stands in {int(is_edge.sum()):,} cells, far from "
                f"the others ({others.min():.4g} to {others.max():.4g}); if it marks a missing value, "
                "leave those cells empty"
            )
            return (Finding("sentinel", "warning", message, typed.name, int(is_edge.sum())),)
    return ()


def find_duplicates(frame: pl.DataFrame) -> tuple[Finding, ...]:
    """A finding where whole rows recur."""
    plain = frame.select(column for column in frame.get_columns() if column.dtype != pl.Object)
    n_repeats = frame.height - plain.n_unique() if plain.width else 0
    if n_repeats == 0:
        return ()
    message = (
        f"{n_repeats:,} of {frame.height:,} rows repeat another row in every column; "
        "rows of equal inputs are kept on one side of the split"
    )
    return (Finding("duplicate-rows", "warning", message, n_rows=n_repeats),)


def join_findings(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Findings of many chunks of one table: those of one code and column become one, their rows counted together."""
    first: dict[tuple[str, str | None], Finding] = {}
    n_rows: Counter[tuple[str, str | None]] = Counter()
    for finding in findings:
        key = (finding.code, finding.column)
        first.setdefault(key, finding)
        n_rows[key] += finding.n_rows
    return tuple(_recount(finding, n_rows[key]) for key, finding in first.items())


def _recount(finding: Finding, n_rows: int) -> Finding:
    if n_rows == finding.n_rows:
        return finding
    message = finding.message
    for counted in _COUNTED:
        message = message.replace(counted.format(finding.n_rows), counted.format(n_rows))
    if message == finding.message:
        message += f" ({n_rows:,} rows in all)"
    return replace(finding, message=message, n_rows=n_rows)


def _article(kind: str) -> str:
    return {"identifier": "an identifier", "constant": "a constant"}.get(kind, "free text")
