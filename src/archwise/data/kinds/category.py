"""Categories: names and codes without an order, as whole numbers that an embedding can look up."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from archwise.data.hashed import N_BUCKETS, N_OWN, apply_hashed, fit_hashed
from archwise.data.missing import blank_missing, stripped
from archwise.records import Array, Batch, Guess, Json, Kind, Need, ReadCell, ReadCells, Scalar, Widths

NAME = "category"
RARE_CODE = 0  # of a level that training did not see, or too seldom to learn from
MISSING_CODE = 1
FIRST_CODE = 2  # of the most frequent level
FEWEST_ROWS = 3  # of training rows, for a level to get a code of its own
MOST_LEVELS = N_OWN + N_BUCKETS  # with a code each; of more, only the frequent keep one
_LARGEST_WHOLE = 2.0**53  # beyond it float64 does not hold every whole number
_WHOLE_WITH_POINT = r"^(-?\d+)\.0+$"
_OFTEN = 8  # rows of each distinct cell, from which on a table of what each is read as is the faster
_WRITTEN_WHOLE = re.compile(r"(-?[0-9]+)\.0+")


def sniff_category(values: pl.Series) -> Guess:
    """How surely the cells are names: text always may be, numbers only where the user says so."""
    cells = values.drop_nulls()
    is_text = values.dtype == pl.String or isinstance(values.dtype, (pl.Categorical, pl.Enum))
    if not is_text or cells.is_empty():
        return Guess(NAME, 0.0, "no names")
    told = f"{cells.n_unique():,} distinct values in {len(cells):,} cells"
    return Guess(NAME, 0.6 if values.dtype == pl.String else 0.95, told)


def parse_category(values: pl.Series) -> tuple[pl.Series, Array]:
    """Read cells as names; no cell is bad.

    A whole number is the same name however it is written: 1, 1.0 and "1.0" are all "1".
    """
    if values.dtype == pl.String:
        return _read_texts(values), np.zeros(len(values), dtype=bool)
    values = blank_missing(values)
    if values.dtype.is_float():
        is_whole = ((values == values.floor()) & (values.abs() < _LARGEST_WHOLE)).fill_null(False)
        whole = values.set(~is_whole, 0.0).cast(pl.Int64).cast(pl.String)
        names = whole.zip_with(is_whole, values.cast(pl.String))
    else:
        names = _read_texts(values) if values.dtype == pl.String else values.cast(pl.String)
    return names, np.zeros(len(values), dtype=bool)


def _read_texts(values: pl.Series) -> pl.Series:
    """Cells of text as names; where few differ, each of those is read once."""
    cells = values.drop_nulls().unique()
    if len(cells) * _OFTEN > len(values):
        return _read_each(values)
    return values.replace_strict(cells, _read_each(cells), default=None, return_dtype=pl.String)


def _read_each(values: pl.Series) -> pl.Series:
    return blank_missing(values).str.replace(_WHOLE_WITH_POINT, "$1")


def summarise_category(typed: pl.Series) -> dict[str, Scalar]:
    """How many levels there are, the most frequent of them and its share."""
    levels, counts = count_levels(typed)
    if not levels:
        return {}
    return {"levels": len(levels), "most": levels[0], "share": counts[0] / sum(counts)}


def count_levels(typed: pl.Series) -> tuple[list[str], list[int]]:
    """The levels and their counts, in order of falling count, then name."""
    counted = typed.drop_nulls().rename("level").value_counts(name="n").sort(["n", "level"], descending=[True, False])
    return counted["level"].to_list(), counted["n"].to_list()


def fit_category(typed: pl.Series, need: Need) -> dict[str, Json]:
    """Give a code to each level of at least 3 training rows; where they are many thousands, most share codes."""
    levels, counts = count_levels(typed)
    n_kept = sum(count >= FEWEST_ROWS for count in counts)
    kept, often = levels[:n_kept], counts[:n_kept]
    if n_kept <= MOST_LEVELS:
        return {"levels": kept}
    return fit_hashed(kept, often, n_missing=typed.null_count(), n_rare=sum(counts[n_kept:]), need=need)


def spec_category(state: Mapping[str, Json]) -> Widths:
    """One column of `codes`; where levels share codes, one of `numbers` too, the frequency of the level."""
    if "hashes" in state:
        return {"codes": (1, (FIRST_CODE + MOST_LEVELS,)), "numbers": (1, ())}
    return {"codes": (1, (FIRST_CODE + len(state["levels"]),))}


def apply_category(state: Mapping[str, Json], typed: pl.Series) -> Batch:
    """The codes, (N, 1) int64: 0 unseen or rare, 1 missing, 2 and on the levels; and the frequency, if it is read."""
    if "hashes" in state:
        places, frequency = apply_hashed(state, typed)
        codes = np.where(places == -1, RARE_CODE, np.where(places == -2, MISSING_CODE, places + FIRST_CODE))
        return {"codes": codes[:, None], **frequency}
    known = typed.cast(pl.Enum(state["levels"]), strict=False).to_physical().cast(pl.Int64)
    given = (known + FIRST_CODE).fill_null(RARE_CODE).set(typed.is_null(), MISSING_CODE)
    return {"codes": given.to_numpy().astype(np.int64)[:, None]}


def one_category(state: Mapping[str, Json]) -> ReadCell:
    """A function that reads one plain cell and finds its code in a table, which `apply_category` makes once."""
    names = pl.Series(["", *state["levels"]], dtype=pl.String)
    batch = apply_category(state, names.replace("", None))
    known: dict[str, Batch] = {
        name: {part: array[row : row + 1] for part, array in batch.items()} for row, name in enumerate(names)
    }

    def read(cell: object) -> Batch | None:
        name = read_name(cell)
        if name is None:
            return None
        return known.get(name) or apply_category(state, pl.Series([name]))

    return read


def many_categories(state: Mapping[str, Json]) -> ReadCells:
    """A function that reads the plain cells of N rows and finds their codes in a table, which is made once."""
    names = ["", *state["levels"]]
    batch = apply_category(state, pl.Series(names, dtype=pl.String).replace("", None))
    places = {name: place for place, name in enumerate(names)}

    def read(cells: Sequence[object]) -> Batch | None:
        named = [read_name(cell) for cell in cells]
        if None in named:
            return None
        rows = [places.get(name or "", -1) for name in named]
        if -1 in rows:
            return apply_category(state, pl.Series(named, dtype=pl.String).replace("", None))
        return {part: array[rows] for part, array in batch.items()}

    return read


def read_name(cell: object) -> str | None:
    """One plain cell as `parse_category` reads it, empty for missing; None where only that can tell."""
    if type(cell) is str:
        text = stripped(cell)
        if text and text.endswith("0") and "." in text:
            if not text.isascii():
                return None  # digits of other scripts
            whole = _WRITTEN_WHOLE.fullmatch(text)
            return whole[1] if whole else text
        return text
    if cell is None or cell != cell:
        return ""
    if type(cell) is bool:
        return "true" if cell else "false"
    if type(cell) is int or (type(cell) is float and cell.is_integer()):
        return str(int(cell)) if abs(cell) < _LARGEST_WHOLE else None
    return None


KIND = Kind(
    name=NAME,
    summary="a name or a code without an order",
    sniff=sniff_category,
    parse=parse_category,
    summarise=summarise_category,
    fit=fit_category,
    spec=spec_category,
    apply=apply_category,
    one=one_category,
    many=many_categories,
)
