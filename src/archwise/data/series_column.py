"""What the series of a column have that the user should know: gaps, lengths that are cut, lines that never change."""

from __future__ import annotations

from collections.abc import Iterator

from archwise.data.counted import counted
from archwise.data.kinds.series import NAME
from archwise.data.series_shape import MOST_STEPS, coarseness
from archwise.errors import DataError
from archwise.records import ColumnProfile, Finding

SERIES = NAME  # of the kind


def find_series(column: ColumnProfile) -> tuple[Finding, ...]:
    """Findings of a column of series: what of it is not read as it stands, and what tells nothing.

    Raises:
        DataError: series have different numbers of channels.
    """
    if not column.use or column.kind != SERIES:
        return ()
    return tuple(_findings(column))


def _findings(column: ColumnProfile) -> Iterator[Finding]:
    told, name = column.summary, f"column '{column.name}'"
    if told.get("odd"):
        raise DataError(
            f"{name}: {int(told['odd']):,} series have another number of channels than {int(told['channels'])}; give "
            "each series the same channels"
        )
    if told.get("gaps"):
        message = (
            f"{name}: {counted(int(told['gaps']), 'value', 'values')} inside of {int(told['gap_rows']):,} series "
            f"{'is' if told['gaps'] == 1 else 'are'} missing, and filled on the straight line between the values "
            "before and after"
        )
        yield Finding("gaps", "note", message, column.name, int(told["gap_rows"]))
    usual, most = int(told.get("usual", 0)), int(told.get("most", 0))
    if told.get("cut"):
        message = (
            f"{name}: {100 * float(told['cut']):.2g} % of its series have more than {usual:,} steps, up to {most:,}; "
            f"of each the first {usual:,} are read"
        )
        yield Finding("cut", "warning", message, column.name)
    if coarseness(usual) > 1:
        message = (
            f"{name}: series of up to {usual:,} steps are read {coarseness(usual)} steps at a time, as their mean, so "
            f"that none has more than {MOST_STEPS:,}"
        )
        yield Finding("coarse", "warning", message, column.name)
    if told.get("still"):
        still = counted(int(told["still"]), "series never changes", "series never change")
        message = f"{name}: {still}, so only the level can tell such series apart"
        yield Finding("still", "warning", message, column.name, int(told["still"]))
