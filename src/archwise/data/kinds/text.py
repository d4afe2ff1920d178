"""Texts: sentences and longer, whose words are read in their order, or counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from archwise.data.encoder import FEWEST_READ, find_encoder, read_encoder, read_tokenizer
from archwise.data.missing import blank_missing, stripped
from archwise.data.terms import apply_terms, fit_terms, n_numbers, number_terms
from archwise.data.word_vectors import find_vectors, read_vectors
from archwise.data.words import PADDING, encode, fit_pieces, fit_words, pad, vocabulary, vocabulary_size
from archwise.records import Array, Batch, Guess, Json, Kind, Need, ReadCell, Scalar, TextNeed, Widths

NAME = "text"
MOST_WORDS = 512  # of a text that are read, unless a setting asks for more
NEARLY_ALL = 0.99  # of the training texts are read whole
_MEAN_WORDS = 3.0
_DISTINCT_SHARE = 0.5
_FEWEST_ROWS = 5
_MOST_SEEN = 20_000  # texts, evenly over the column, from which figures are told
_WORD = r"\S+"
_BETWEEN = " "  # the texts of a row


def sniff_text(values: pl.Series) -> Guess:
    """Whether the cells are texts of several words that seldom recur."""
    cells = values.drop_nulls()
    if values.dtype != pl.String or len(cells) < _FEWEST_ROWS:
        return Guess(NAME, 0.0, "no text, or too little")
    n_words = float(cells.str.count_matches(_WORD).sum()) / len(cells)
    share = cells.n_unique() / len(cells)
    told = f"cells hold {n_words:.1f} words on average, and {100 * share:.3g} % of them differ"
    return Guess(NAME, 0.8 if n_words >= _MEAN_WORDS and share > _DISTINCT_SHARE else 0.0, told)


def parse_text(values: pl.Series) -> tuple[pl.Series, Array]:
    """Read cells as texts; no cell is bad."""
    return blank_missing(values.cast(pl.String)), np.zeros(len(values), dtype=bool)


def summarise_text(typed: pl.Series) -> dict[str, Scalar]:
    """Words of a text on average, that nearly all have at most, and of the longest, and how many have more than these.

    Of texts drawn evenly, where they are many.
    """
    cells = typed.drop_nulls()
    cells = cells.gather_every(max(1, -(-len(cells) // _MOST_SEEN)))
    if cells.is_empty():
        return {}
    counts = cells.str.count_matches(_WORD).to_numpy()
    usual = _usual(counts, MOST_WORDS)
    return {
        "words": float(counts.mean()),
        "usual": usual,
        "longest": int(counts.max()),
        "cut": float((counts > usual).mean()),
    }


def _usual(counts: Array, most: int) -> int:
    """The length that nearly all have at most."""
    return max(1, min(most, int(np.quantile(counts, NEARLY_ALL, method="higher"))))


def fit_text(typed: pl.Series, need: Need) -> dict[str, Json]:
    """Learn the vocabulary and the length from the training texts, in the form that the need asks for.

    Returns:
        of tokens the tokenizer, size, longest and, where they are asked for, the words' vectors, or the padding of the
        encoder whose own tokenizer it is; of terms what `fit_terms` gives; nothing where no texts are asked.
    """
    if need.text is None:
        return {}
    texts = _texts(typed.drop_nulls())
    if need.text.encoder:
        return _fit_encoder(texts, need.text)
    if need.text.form == "terms":
        return fit_terms(texts, need.text)
    return _fit_tokens(texts, need.text)


def _fit_tokens(texts: Sequence[str], form: TextNeed) -> dict[str, Json]:
    fit = fit_pieces if form.unit == "subword" else fit_words
    tokenizer = fit(texts, size=form.size)
    counts = np.array([len(ids) for ids in encode(tokenizer, texts)] or [1])
    longest = form.longest or _usual(counts, MOST_WORDS)
    size = vocabulary_size(tokenizer)
    state = {"form": "tokens", "tokenizer": tokenizer, "size": size, "longest": longest}
    if form.vectors:
        state["vectors"] = read_vectors(find_vectors(form.vectors), vocabulary(tokenizer))
    return state


def _fit_encoder(texts: Sequence[str], form: TextNeed) -> dict[str, Json]:
    """The tokenizer of a published encoder; the training texts only say how much of a text is read."""
    encoder = read_encoder(find_encoder(form.encoder))
    whole = read_tokenizer(encoder, encoder.longest)
    counts = np.array([len(ids) for ids in encode(whole, texts)] or [1])
    longest = min(encoder.longest, max(FEWEST_READ, form.longest or _usual(counts, MOST_WORDS)))
    tokenizer = read_tokenizer(encoder, longest)  # it cuts a text before it puts its special tokens around it
    return {
        "form": "tokens",
        "tokenizer": tokenizer,
        "size": encoder.size,
        "longest": longest,
        "padding": encoder.padding,
    }


def _numbers(state: Mapping[str, Json], texts: Sequence[str]) -> Array:
    return pad(
        list(encode(state["tokenizer"], texts)), int(state["longest"]), padding=int(state.get("padding", PADDING))
    )


def spec_text(state: Mapping[str, Json]) -> Widths:
    """One input `tokens`, or the pair `terms` and `term_weights`; nothing where no texts are asked."""
    if not state:
        return {}
    longest = int(state["longest"])
    if state["form"] == "terms":
        return {"terms": (longest, (n_numbers(state),)), "term_weights": (longest, ())}
    return {"tokens": ((longest,), (int(state["size"]),))}


def apply_text(state: Mapping[str, Json], typed: pl.Series) -> Batch:
    """The numbers of the words, (N, T) int64 and 0 behind the last, or the terms; a missing text is an empty one."""
    if not state:
        return {}
    texts = _texts(typed.fill_null(""))
    if state["form"] == "terms":
        return apply_terms(state, texts, number_terms(state))
    return {"tokens": _numbers(state, texts)}


def _texts(cells: pl.Series) -> list[str]:
    return cells.cast(pl.String).to_list()


def one_text(state: Mapping[str, Json]) -> ReadCell:
    """A function that reads one plain cell of text as `parse_text` and `apply_text` do."""
    known = number_terms(state) if state.get("form") == "terms" else {}

    def read(cell: object) -> Batch | None:
        text = "" if cell is None else stripped(cell) if type(cell) is str else None
        if text is None or not state:
            return None if state else {}
        if state["form"] == "terms":
            return apply_terms(state, [text], known)
        return {"tokens": _numbers(state, [text])}

    return read


def join_texts(columns: Sequence[pl.Series]) -> pl.Series:
    """The texts of each row one after the other, (N,) String, named as the last; null where all are missing."""
    joined = pl.select(pl.concat_str(list(columns), separator=_BETWEEN, ignore_nulls=True)).to_series()
    return joined.set(joined == "", None).alias(columns[-1].name)


def join_text_cells(cells: Sequence[object]) -> str | None:
    """The texts of one row as `join_texts` joins them; None where a cell is of another type, or strangely blank."""
    texts = ["" if cell is None else stripped(cell) if type(cell) is str else None for cell in cells]
    known = [text for text in texts if text is not None]
    return _BETWEEN.join(filter(None, known)) if len(known) == len(texts) else None


KIND = Kind(
    name=NAME,
    summary="sentences and longer texts",
    sniff=sniff_text,
    parse=parse_text,
    summarise=summarise_text,
    fit=fit_text,
    spec=spec_text,
    apply=apply_text,
    one=one_text,
    join=join_texts,
    join_cells=join_text_cells,
)
