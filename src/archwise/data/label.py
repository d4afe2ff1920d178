"""Labels that differ from the known ones in no more than case, blanks and punctuation at their ends."""

from __future__ import annotations

import numpy as np
import polars as pl

from archwise.data.kinds.category import parse_category
from archwise.records import Array, Finding

_ENDS = " \t.,;:!'\"`"
_N_SHOWN = 3


def read_alike(cells: pl.Series, classes: tuple[str, ...]) -> tuple[pl.Series, Array, tuple[Finding, ...]]:
    """Read labels as the known classes: as they are written, or as the one class that is written almost so.

    Args:
        cells: (N,) of the target.
        classes: that training knows.

    Returns:
        (N,) String labels; a (N,) bool mask of the rows whose label is of no known class; and what was found.
    """
    labels, _ = parse_category(cells)
    unknown = [name for name in labels.unique().drop_nulls().sort().to_list() if name not in classes]
    alike = _only_alike(classes)
    mended = {name: alike[_core(name)] for name in unknown if _core(name) in alike}
    read = labels.replace(mended) if mended else labels
    is_strange: Array = (read.is_not_null() & ~read.is_in(classes)).to_numpy()
    findings = []
    if mended:
        n_rows = int(labels.is_in(list(mended)).sum())
        shown = ", ".join(f"'{name}' as '{known}'" for name, known in list(mended.items())[:_N_SHOWN])
        more = f" and {len(mended) - _N_SHOWN} more" if len(mended) > _N_SHOWN else ""
        message = (
            f"target '{cells.name}': {n_rows:,} labels differ from the known ones only in punctuation, case or blanks, "
            f"and are read as those: {shown}{more}"
        )
        findings.append(Finding("labels", "note", message, str(cells.name), n_rows))
    if is_strange.any():
        n_strange, first = int(is_strange.sum()), int(np.argmax(is_strange))
        message = (
            f"target '{cells.name}': {n_strange:,} of {len(cells):,} rows are of a class that the training data lack, "
            f"such as '{labels[first]}' in row {first + 1}; they are left out, for no model could answer it"
        )
        findings.append(Finding("labels", "warning", message, str(cells.name), n_strange))
    return read, is_strange, tuple(findings)


def _core(label: str) -> str:
    return " ".join(label.casefold().strip(_ENDS).split())


def _only_alike(classes: tuple[str, ...]) -> dict[str, str]:
    """What remains of each class -> the class, where no other leaves the same."""
    cores = [_core(name) for name in classes]
    return {core: name for core, name in zip(cores, classes, strict=True) if core and cores.count(core) == 1}
