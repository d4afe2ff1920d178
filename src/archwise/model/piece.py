"""A table in pieces, so that the pixels of only some rows stand in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from archwise.data.prepare import Preparation, inputs_of
from archwise.records import Table

MOST_HELD = 128_000_000  # bytes of pixels


def rows_at_once(preparation: Preparation) -> int | None:
    """The rows whose pixels may stand in memory together; None where a model reads no pictures."""
    widths = [spec.width for spec in inputs_of(preparation) if spec.dtype == "uint8"]
    return max(1, MOST_HELD // sum(widths)) if widths else None


def pieces_of(table: Table, n_rows: int | None) -> Iterator[Table]:
    """A table in pieces of so many rows, each with their numbers; whole for None, or where it has no more.

    Rows of the source that were set aside go with the piece before which they stand, those at the end with the last.
    """
    height = table.frame.height
    if n_rows is None or height <= n_rows:
        yield table
        return
    aside = np.array(table.set_aside, np.int64)
    places = np.setdiff1d(np.arange(height + len(aside)), aside)  # of each row among all rows of the source
    numbers = np.arange(height, dtype=np.int64) if table.rows is None else table.rows
    begin = 0
    for start in range(0, height, n_rows):
        stop = min(height, start + n_rows)
        end = height + len(aside) if stop == height else int(places[stop - 1]) + 1
        mine = aside[(aside >= begin) & (aside < end)] - begin
        findings = table.findings if start == 0 else ()
        rows = numbers[start:stop]
        yield replace(
            table, frame=table.frame[start:stop], findings=findings, set_aside=tuple(mine.tolist()), rows=rows
        )
        begin = end
