"""Free text, and nested cells: recognised, and set aside in this release."""

from __future__ import annotations

import polars as pl

from archwise.data.aside import aside_kind
from archwise.records import Guess

NAME = "text"
_MEAN_WORDS = 3.0
_DISTINCT_SHARE = 0.5
_FEWEST_ROWS = 5


def sniff_text(values: pl.Series) -> Guess:
    """Whether the cells are texts of several words that seldom recur, or lists and the like."""
    if values.dtype.is_nested() or values.dtype in (pl.Binary, pl.Object):
        return Guess(NAME, 1.0, f"its cells are of the type {values.dtype}, which no kind reads yet")
    cells = values.drop_nulls()
    if values.dtype != pl.String or len(cells) < _FEWEST_ROWS:
        return Guess(NAME, 0.0, "no text, or too little")
    n_words = float(cells.str.count_matches(r"\S+").sum()) / len(cells)
    share = cells.n_unique() / len(cells)
    told = f"cells hold {n_words:.1f} words on average, and {100 * share:.3g} % of them differ"
    return Guess(NAME, 0.8 if n_words >= _MEAN_WORDS and share > _DISTINCT_SHARE else 0.0, told)


KIND = aside_kind(NAME, "sentences and other free text; set aside in this release", sniff_text)
