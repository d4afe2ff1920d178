"""Cells on two sides of the split that nearly repeat each other, such as one photo in two sizes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from archwise.data.kinds import kind as pick_kind
from archwise.records import Array, Finding, Split

NEAR = "near-copies"
N_SHOWN = 3


def find_near(
    typed: pl.DataFrame, cells: pl.DataFrame, *, split: Split, folder: Path, columns: Sequence[tuple[str, str]]
) -> tuple[Finding, ...]:
    """Findings for cells of the sealed rows, and of those that decide, that nearly repeat one that is learnt from.

    Args:
        typed: (N, D) all rows, as models read them; where cells are dear to read, their names in the store.
        cells: (N, ...) how such cells are named to the user.
        split: of the rows, not yet in folds.
        folder: of the store.
        columns: (name, kind).
    """
    findings: list[Finding] = []
    for name, kind_name in columns:
        alike = pick_kind(kind_name).alike
        if alike is None or not folder.exists():
            continue
        sides = (("sealed", split.test), ("validation", split.valid))
        for side, rows in sides:
            names = typed.get_column(name)
            pairs = alike(names.gather(rows), names.gather(split.train), folder)
            if len(pairs):
                findings.append(
                    _tell(cells.get_column(name), side, rows[pairs[:, 0]], split.train[pairs[:, 1]], len(rows))
                )
    return tuple(findings)


def _tell(cells: pl.Series, side: str, mine: Array, its: Array, n_rows: int) -> Finding:
    shown = ", ".join(
        f"{cells[int(a)]} and {cells[int(b)]}" for a, b in zip(mine[:N_SHOWN], its[:N_SHOWN], strict=True)
    )
    message = (
        f"column '{cells.name}': at least {len(mine):,} of {n_rows:,} {side} rows nearly repeat a training row (the "
        f"same picture in another size, light or compression), such as {shown}; the score on them flatters the model: "
        "leave one of each pair out, or keep what belongs together on one side with --group COLUMN"
    )
    return Finding(NEAR, "warning", message, str(cells.name), len(np.unique(mine)))
