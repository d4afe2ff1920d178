"""Column names: whether a first line holds them, and how they become unique."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import polars as pl

from archwise.data.missing import MISSING_MARKS
from archwise.errors import SourceError
from archwise.records import Finding

_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?")
_SURE_SHARE = 0.9  # of a column's cells that are numbers, before its first cell says anything
_N_SHOWN = 5


def weigh_header(first: Sequence[str | None], below: pl.DataFrame) -> int:
    """Weigh whether a first line holds names rather than data.

    A column of numbers under a word speaks for names, under a number against them; a cell that recurs in the
    column below it speaks against them, and one that does not recur among recurring cells speaks for them.

    Args:
        first: the cells of the first line.
        below: the lines under it, text columns in the same order.

    Returns:
        Votes for names minus votes for data; 0 where nothing speaks.
    """
    if list(first) == [str(position) for position in range(len(first))] and len(first) > 2:
        return 1  # what pandas writes for columns without names
    votes = 0
    for cell, column in zip(first, below.get_columns(), strict=True):
        cells = column.drop_nulls()
        if not cell:
            continue
        above_numbers = cells.is_empty() or _number_share(cells) >= _SURE_SHARE
        if cell in MISSING_MARKS or (_reads_as_number(cell) and above_numbers):
            votes -= 1
        elif above_numbers and not cells.is_empty():
            votes += 1
        elif (cells == cell).any():
            votes -= 1
        elif 2 * cells.n_unique() <= len(cells):
            votes += 1
    return votes


def make_unique(names: Sequence[str | None], source: str) -> tuple[tuple[str, ...], tuple[Finding, ...]]:
    """Give every column a name of its own: an empty name becomes column_k, a repeated one name_2.

    Returns:
        The names, and a finding where any had to change.
    """
    wanted = [name or f"column_{position}" for position, name in enumerate(names, start=1)]
    repeated = [name for name, count in Counter(wanted).items() if count > 1]
    taken = set(wanted)
    seen: set[str] = set()
    unique = []
    for name in wanted:
        chosen = name if name not in seen else _free_name(name, taken)
        seen.add(chosen)
        taken.add(chosen)
        unique.append(chosen)
    findings = []
    if repeated:
        shown = ", ".join(f"'{name}'" for name in repeated[:_N_SHOWN])
        message = f"{source}: the column name {shown} stands more than once; the later ones end in _2, _3 and so on"
        findings.append(Finding("header", "warning", message, n_rows=0))
    n_empty = sum(not name for name in names)
    if n_empty:
        message = f"{source}: {n_empty} columns have no name; each is now called column_ and its position"
        findings.append(Finding("header", "note", message, n_rows=0))
    return tuple(unique), tuple(findings)


def number_names(n_columns: int) -> tuple[str, ...]:
    """The names column_1 to column_n, for a source without a header line."""
    return tuple(f"column_{position}" for position in range(1, n_columns + 1))


def refuse_names(names: tuple[str, ...], source: str) -> None:
    """Refuse the user's column names where the source has its own.

    Raises:
        SourceError: names were given.
    """
    if names:
        raise SourceError(
            f"{source}: names were given ({', '.join(names[:_N_SHOWN])}), but the source names its "
            "columns itself; leave the names out, or rename the columns in the source"
        )


def _reads_as_number(cell: str) -> bool:
    return _NUMBER.fullmatch(cell) is not None


def _number_share(cells: pl.Series) -> float:
    share = cells.str.contains(f"^(?:{_NUMBER.pattern})$").mean()
    return float(share) if isinstance(share, float) else 0.0


def _free_name(name: str, taken: set[str]) -> str:
    position = 2
    while f"{name}_{position}" in taken:
        position += 1
    return f"{name}_{position}"
