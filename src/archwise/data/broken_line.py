"""Broken lines of a text that holds a row a line: how many are set aside, and how they are named."""

from __future__ import annotations

from collections.abc import Sequence

from archwise.errors import SourceError
from archwise.records import Finding

MOST_BROKEN = 0.05  # share of the lines that may be broken; they are set aside
_N_SHOWN = 5


def tell_broken(whys: Sequence[str | None], lines: Sequence[int], source: str) -> tuple[Finding, ...]:
    """A finding that names the broken lines; none where all are whole.

    Args:
        whys: (N,) why each line is broken, None where it is not. lines: (N,) their numbers in the source.

    Raises:
        SourceError: more than 5 % of the lines are broken, or all.
    """
    broken = [(line, why) for line, why in zip(lines, whys, strict=True) if why is not None]
    if not broken:
        return ()
    told = f"{source}: line {broken[0][0]} {broken[0][1]}; mend the line"
    if len(broken) > MOST_BROKEN * len(whys) or len(broken) == len(whys):
        raise SourceError(f"{told} ({len(broken):,} of {len(whys):,} lines are broken)")
    shown = ", ".join(str(line) for line, _ in broken[:_N_SHOWN])
    more = f"; set aside: {len(broken):,} of {len(whys):,} lines, at line {shown}"
    return (Finding("ragged", "warning", told + more, n_rows=len(broken)),)
