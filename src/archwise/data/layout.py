"""The layout of a delimited text: its delimiter and quote, and where its rows begin and end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from archwise.records import Array

DELIMITERS = ("\t", ";", "|", ",")  # the rarer in running text first: on a tie the first wins
NO_DELIMITER = "\x1f"  # for a text of one column
_SAMPLE = 262_144
_LEAST_SHARE = 0.5  # of the rows with the usual number of cells, for a delimiter to count
_SURE_SHARE = 0.95  # the same where the first row does not hold the delimiter
_NEWLINE = 10


@dataclass(frozen=True)
class Layout:
    """How cells are set apart (delimiter) and held together (quote, None where there is none)."""

    delimiter: str
    quote: str | None


@dataclass(frozen=True)
class Rows:
    """Where the rows of a text stand.

    starts, ends: (R,) int64 byte positions, the newline left out. n_cells: (R,) int64 cells of each row.
    lines: (R,) int64 line number, counted from 1, at which each row begins.
    is_clean: whether every quote opens at the start of a cell and closes at the end of one, so that
    every reader agrees on the cells.
    """

    starts: Array
    ends: Array
    n_cells: Array
    lines: Array
    is_clean: bool


def find_layout(content: bytes) -> Layout:
    """Find the delimiter under which most rows, the first among them, have the same number of cells.

    Args:
        content: UTF-8 text with line feeds; its first part is looked at.
    """
    sample = _whole_rows(content)
    quote = _find_quote(sample)
    best, best_score = Layout(NO_DELIMITER, quote), 0.0
    for delimiter in DELIMITERS:
        rows = scan_rows(sample, Layout(delimiter, quote))
        counts = rows.n_cells[rows.ends > rows.starts]
        usual = int(np.bincount(counts).argmax()) if len(counts) else 1
        share = float((counts == usual).mean()) if usual > 1 else 0.0
        if share < (_SURE_SHARE if counts[:1] == 1 else _LEAST_SHARE):
            continue
        score = share + (counts[0] == usual)
        if score > best_score:
            best, best_score = Layout(delimiter, quote), score
    if best.delimiter == NO_DELIMITER and sample.split(b"\n", 1)[0].count(b",") > 0:
        return Layout(",", quote)  # ragged throughout: the reader names the row
    return best


def scan_rows(content: bytes, layout: Layout) -> Rows:
    """Find the rows of a text and count their cells, without reading the cells.

    Args:
        content: UTF-8 text with line feeds.
        layout: its delimiter and quote.
    """
    codes = np.frombuffer(content, dtype=np.uint8)
    is_newline = codes == _NEWLINE
    newlines = np.flatnonzero(is_newline)
    is_delimiter = codes == ord(layout.delimiter)
    is_clean = True
    if layout.quote is not None and layout.quote.encode() in content:
        is_quote = codes == ord(layout.quote)
        inside = np.bitwise_xor.accumulate(is_quote.view(np.uint8)).view(bool)
        is_clean = _quotes_are_clean(codes, is_quote, inside, layout)
        is_newline &= ~inside
        is_delimiter &= ~inside
    ends = np.flatnonzero(is_newline)
    if len(codes) and (len(ends) == 0 or ends[-1] != len(codes) - 1):
        ends = np.append(ends, len(codes))
    starts = np.concatenate([np.zeros(min(1, len(ends)), dtype=ends.dtype), ends[:-1] + 1])
    delimiters = np.flatnonzero(is_delimiter)
    n_cells = 1 + np.searchsorted(delimiters, ends) - np.searchsorted(delimiters, starts)
    lines = 1 + np.searchsorted(newlines, starts)
    return Rows(starts, ends, n_cells, lines, is_clean)


def _quotes_are_clean(codes: Array, is_quote: Array, inside: Array, layout: Layout) -> bool:
    """Whether quotes open after a delimiter, newline or quote, and close before one."""
    if inside[-1]:
        return False
    edges = np.array([ord(layout.delimiter), _NEWLINE, ord(layout.quote or "")], dtype=np.uint8)
    opening = np.flatnonzero(is_quote & inside)
    closing = np.flatnonzero(is_quote & ~inside)
    before = codes[opening[opening > 0] - 1]
    after = codes[closing[closing < len(codes) - 1] + 1]
    return bool(np.isin(before, edges).all() and np.isin(after, edges).all())


def _find_quote(sample: bytes) -> str:
    """The double quote, or the single quote where that holds cells together."""
    if b'"' in sample:
        return '"'
    if sample.count(b"'") >= 2:
        for delimiter in DELIMITERS:
            rows = scan_rows(sample, Layout(delimiter, "'"))
            if rows.is_clean and len(rows.n_cells) and rows.n_cells[0] > 1:
                return "'"
    return '"'


def _whole_rows(content: bytes) -> bytes:
    if len(content) <= _SAMPLE:
        return content
    cut = content.rfind(b"\n", 0, _SAMPLE)
    return content[: cut + 1] if cut > 0 else content[:_SAMPLE]
