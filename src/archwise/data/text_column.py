"""Which column of texts a table is read by, and what of its texts is not read."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import polars as pl

from archwise.data.kinds.text import NAME
from archwise.records import ColumnProfile, Finding

TEXT = NAME  # of the kind
FEW_WORDS = 6.0  # on average, below which the texts beside other columns are taken for names
_WORD = r"\S+"


def one_text(
    columns: tuple[ColumnProfile, ...], frame: pl.DataFrame, *, asked: Collection[str] = ()
) -> tuple[ColumnProfile, ...]:
    """The columns with all texts but one set aside: that with the most words, or that which was asked for.

    Texts of few words beside other columns are names, of people or of things, which say little that would hold for
    another row: they are set aside unless they are asked for.

    Args:
        columns: of a table. asked: those whose kind the user named.
    """
    found = [column.name for column in columns if column.use and column.kind == TEXT]
    if not found:
        return columns
    words = {name: _mean_words(frame.get_column(name)) for name in found}
    read = max(found, key=lambda name: (name in asked, words[name]))
    is_alone = all(not column.use or column.name in found for column in columns)
    if words[read] < FEW_WORDS and read not in asked and not is_alone:
        told = f"its cells hold {words[read]:.1f} words on average, as names do, and other columns can be read"
        return tuple(_set_aside(column, told) if column.name in found else column for column in columns)
    told = f"one text a row is read, which is '{read}'; to read this one, --drop that"
    return tuple(
        _set_aside(column, told) if column.name in found and column.name != read else column for column in columns
    )


def find_cut(column: ColumnProfile) -> tuple[Finding, ...]:
    """A note where some texts are longer than what is read of them."""
    share = float(column.summary.get("cut", 0.0))
    if not column.use or column.kind != TEXT or share == 0.0:
        return ()
    usual, longest = int(column.summary["usual"]), int(column.summary["longest"])
    message = (
        f"column '{column.name}': {100 * share:.2g} % of its texts have more than {usual:,} words, up to {longest:,}; "
        f"networks read about the first {usual:,} of a text (to read more, as in --set lstm.longest={2 * usual})"
    )
    return (Finding("cut", "note", message, column.name),)


def _mean_words(values: pl.Series) -> float:
    cells = values.drop_nulls().cast(pl.String)
    cells = cells.gather_every(max(1, len(cells) // 10_000))
    return float(cells.str.count_matches(_WORD).sum()) / max(1, len(cells))


def _set_aside(column: ColumnProfile, because: str) -> ColumnProfile:
    return replace(column, use=False, because=because)
