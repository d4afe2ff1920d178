"""Which columns of texts a table is read by, and what of its texts is not read."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import polars as pl

from archwise.data.kinds.text import NAME, join_texts, summarise_text
from archwise.records import ColumnProfile, Finding

TEXT = NAME  # of the kind
FEW_WORDS = 6.0  # on average, below which the texts beside other columns are taken for names
_WORD = r"\S+"


def settle_texts(
    columns: tuple[ColumnProfile, ...], frame: pl.DataFrame, *, asked: Collection[str] = ()
) -> tuple[ColumnProfile, ...]:
    """The columns with those texts set aside that are none to be read; the others are read one after the other, as one.

    Texts of few words beside other columns are names, of people or of things, which say little that would hold for
    another row: they are set aside unless they are asked for.

    Args:
        columns: of a table. asked: those whose kind the user named.
    """
    found = [column.name for column in columns if column.use and column.kind == TEXT]
    words = {name: _mean_words(frame.get_column(name)) for name in found}
    is_alone = all(not column.use or column.name in found for column in columns)
    read = [name for name in found if is_alone or name in asked or words[name] >= FEW_WORDS]
    settled = []
    for column in columns:
        if column.name in found and column.name not in read:
            told = (
                f"its cells hold {words[column.name]:.1f} words on average, as names do, and other columns can be read"
            )
            settled.append(replace(column, use=False, because=told))
        elif column.name in read[1:]:
            before = read[read.index(column.name) - 1]
            settled.append(replace(column, because=f"{column.because}; read behind '{before}', as one text"))
        else:
            settled.append(column)
    return tuple(settled)


def find_cut(columns: Sequence[ColumnProfile], typed: pl.DataFrame) -> tuple[Finding, ...]:
    """A note where some texts are longer than what is read of them.

    Args:
        columns: of a table. typed: its columns that are read.
    """
    texts = [column for column in columns if column.use and column.kind == TEXT]
    if not texts:
        return ()
    told = texts[0].summary
    if len(texts) > 1:
        told = summarise_text(join_texts([typed.get_column(column.name) for column in texts]))
    share = float(told.get("cut", 0.0))
    if share == 0.0:
        return ()
    usual, longest = int(told["usual"]), int(told["longest"])
    names = ", ".join(f"'{column.name}'" for column in texts)
    message = (
        f"column{'s' if len(texts) > 1 else ''} {names}: {100 * share:.2g} % of {'their' if len(texts) > 1 else 'its'} "
        f"texts have more than {usual:,} words, up to {longest:,}; networks read about the first {usual:,} of a text "
        f"(to read more, as in --set lstm.longest={2 * usual})"
    )
    return (Finding("cut", "note", message, texts[0].name),)


def _mean_words(values: pl.Series) -> float:
    cells = values.drop_nulls().cast(pl.String)
    cells = cells.gather_every(max(1, len(cells) // 10_000))
    return float(cells.str.count_matches(_WORD).sum()) / max(1, len(cells))
