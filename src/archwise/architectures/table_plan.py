"""How networks are trained on tables of different sizes, and the facts that decide whether they suit."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from archwise.records import Plan, Profile

_STEPS = 6_000  # of a whole training, where the rows allow it
_EPOCHS = (12, 200)  # fewest and most


@dataclass(frozen=True)
class TableFacts:
    """What a table has: rows, columns that may be read, the share of them that are numbers, and of missing cells."""

    n_rows: int
    n_columns: int
    number_share: float
    missing_share: float


def table_facts(profile: Profile) -> TableFacts:
    """Count what a table has."""
    used = profile.used
    n_cells = max(1, profile.n_rows * len(used))
    return TableFacts(
        profile.n_rows,
        len(used),
        sum(column.kind == "number" for column in used) / max(1, len(used)),
        sum(column.n_missing for column in used) / n_cells,
    )


def table_plan(profile: Profile, *, rate: float, average: float) -> Plan:
    """Plan the training of a network on a table.

    The batch is about a two-hundredth of the rows, a power of two from 32 to 2048; the epochs give about 6,000
    steps, 12 to 200 of them; patience is a sixth of the epochs.

    Args:
        profile: of the whole table.
        rate: peak learning rate.
        average: decay a step of the weight average, 0 for none.
    """
    batch = 32
    while batch < 2048 and batch * 200 < profile.n_rows:
        batch *= 2
    steps_an_epoch = max(1, profile.n_rows // batch)
    epochs = min(_EPOCHS[1], max(_EPOCHS[0], ceil(_STEPS / steps_an_epoch)))
    return Plan(epochs=epochs, batch=batch, rate=rate, patience=max(4, epochs // 6), average=average)
