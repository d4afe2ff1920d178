"""What is wrong with columns and rows, as findings: missing cells, values apart, duplicate rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from archwise.data.kinds.identifier import is_key_name
from archwise.data.kinds.number import number_array
from archwise.data.mark import Mark, find_marks, is_heavy
from archwise.records import ColumnProfile, Finding

_MOSTLY_MISSING = 0.5
_COUNTED = (
    "({:,} such cells)",
    ": {:,} cells hold a ",
    ": set aside {:,} of its cells",
)  # where a message counts what was found


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
    """A finding where a column is an identifier, a constant, a text beside others or nested, and so is set aside."""
    if column.use or column.kind not in ("identifier", "constant", "text", "nested") or column.n_missing == n_rows:
        return ()
    instead = "text" if column.kind == "text" else "category"
    mend = f"if that is wrong, say what it is, as in --kind {column.name}={instead}"
    message = f"column '{column.name}' is set aside as {_article(column.kind)}: {column.because}; {mend}"
    return (Finding(column.kind, "note", message, column.name, n_rows),)


def find_unreadable(column: ColumnProfile) -> tuple[Finding, ...]:
    """A warning where some of the cells that were drawn for a look, such as pictures, cannot be read."""
    if not column.use or "unreadable" not in column.summary:
        return ()
    n_bad, n_seen = int(column.summary["unreadable"]), int(column.summary["seen"])
    message = (
        f"column '{column.name}': of {n_seen:,} cells drawn evenly {n_bad:,} cannot be read "
        f"({column.summary['reasons']}); fit reads them all, sets those aside and lists them"
    )
    return (Finding("unreadable", "warning", message, column.name, n_bad),)


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


def find_apart(typed: pl.Series) -> tuple[Finding, ...]:
    """Findings for values that a column of numbers sets apart from its scale, and for a tail that reaches far."""
    values = number_array(typed.drop_nulls())
    marks = find_marks(values)
    findings = [_tell_mark(str(typed.name), mark, int((values == mark.value).sum())) for mark in marks]
    rest = values[~np.isin(values, [mark.value for mark in marks])]
    if is_heavy(rest):
        low, median, high = (f"{value:,.5g}" for value in np.quantile(rest, [0.01, 0.5, 0.99]))
        message = (
            f"column '{typed.name}' has tails that reach far: 98 % of its values lie from {low} to {high} about the "
            f"median {median}, the others reach {rest.min():,.5g} and {rest.max():,.5g}; models that weigh "
            "standardised numbers get it bent as well"
        )
        findings.append(Finding("heavy-tail", "note", message, str(typed.name)))
    return tuple(findings)


def _tell_mark(name: str, mark: Mark, n_cells: int) -> Finding:
    value, others = f"{mark.value:.10g}", f"{mark.low:,.5g} to {mark.high:,.5g}"
    found = f"column '{name}': {value} stands in {n_cells:,} cells ({100 * mark.share:.3g} %)"
    keep = f"to read it as any other value: --kind {name}=plain"
    if mark.why == "sentinel":
        message = (
            f"{found}, far outside the others ({others}), as marks of a missing or of a capped value do; networks read "
            f"it as missing, under a flag of its own; {keep}"
        )
        return Finding("sentinel", "warning", message, name, n_cells)
    if mark.why == "zero":
        message = (
            f"{found}, far below the others ({others}); it has a flag of its own, and where 0 cannot be, those cells "
            f"are missing: leave them empty; {keep}"
        )
        return Finding("zero", "warning", message, name, n_cells)
    message = f"{found}, the others spread from {mark.low:,.5g} to {mark.high:,.5g}; it has a flag of its own; {keep}"
    return Finding("spike", "note", message, name, n_cells)


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
    first: dict[tuple[str, str | None, str], Finding] = {}
    n_rows: Counter[tuple[str, str | None, str]] = Counter()
    for finding in findings:
        key = (finding.code, finding.column, finding.detail)
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
    return {"identifier": "an identifier", "constant": "a constant", "nested": "nested"}.get(kind, "free text")
