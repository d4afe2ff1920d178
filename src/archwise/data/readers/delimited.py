"""Reads delimited text: CSV, TSV and their kin, with whatever delimiter, quoting and encoding they have."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from archwise.data.encoding import read_part, read_text
from archwise.data.header import make_unique, number_names, weigh_header
from archwise.data.layout import Layout, find_layout, scan_rows
from archwise.data.missing import MISSING_MARKS, blank_missing
from archwise.errors import SourceError
from archwise.records import Array, Finding, Reader, Stream, Table

SUFFIXES = (".csv", ".tsv", ".txt", ".data", ".tab")
MOST_COLUMNS = 100_000
MOST_RAGGED = 0.05  # share of the rows that may have another number of cells; they are set aside
_DECIMAL_COMMA = r"^([+-]?\d+),(\d+)$"
_N_WEIGHED = 1_000  # rows that are weighed against the first line
_N_SHOWN = 5
_BLOCK = 8_388_608  # bytes of a file that are read at once, where it is read in chunks; two chunks are held
_MOST_TRIES = 1_000  # line ends that may stand inside one quoted cell


@dataclass(frozen=True)
class _Rows:
    """The rows of a text that are not blank.

    n_cells, lines: (R,) cells of each row, and the line at which it begins.
    cells(which): the cells of the rows of a (R,) bool mask, which all have as many, as text columns.
    """

    n_cells: Array
    lines: Array
    cells: Callable[[Array], pl.DataFrame]


def accepts_delimited(source: object) -> bool:
    """Whether the source is a path of delimited text, by its suffix; .gz may follow it."""
    if not isinstance(source, (str, Path)):
        return False
    path = Path(source)
    suffix = Path(path.stem).suffix if path.suffix.lower() == ".gz" else path.suffix
    return suffix.lower() in SUFFIXES


def read_delimited(source: object, names: tuple[str, ...] = ()) -> Table:
    """Read delimited text into text columns; empty cells and missing marks become null.

    Args:
        source: the path.
        names: column names where the file has no header line, else ().

    Raises:
        SourceError: the file is empty, binary, has no rows below its header line, more than 100,000 columns,
            or too many rows with another number of cells than the first.
    """
    path = Path(str(source))
    content, encoding_findings = read_text(path)
    layout = find_layout(content)
    rows = _find_rows(content, layout, str(path))
    n_columns = len(names) or int(rows.n_cells[0])
    if n_columns > MOST_COLUMNS:
        raise SourceError(
            f"{path}: the first line holds {n_columns:,} cells, more than the {MOST_COLUMNS:,} columns "
            "that are read; keep the columns that matter, or turn the table on its side"
        )
    is_whole = rows.n_cells == n_columns
    ragged_finding = _judge_ragged(rows, is_whole, str(path), names=names)
    frame = rows.cells(is_whole)
    first_is_header = bool(is_whole[0]) and _first_is_header(frame, names)
    set_aside = tuple(int(position) - first_is_header for position in np.flatnonzero(~is_whole))
    columns, name_findings = _name_columns(frame, names, first_is_header, str(path))
    data = frame.slice(int(first_is_header)).rename(dict(zip(frame.columns, columns, strict=True)))
    if data.height == 0:
        raise SourceError(f"{path}: a header line and no rows below it; expected rows of data")
    data, cell_findings = _clean_cells(data, layout, str(path))
    return Table(data, str(path), (*encoding_findings, *ragged_finding, *name_findings, *cell_findings), set_aside)


def stream_delimited(source: object, names: tuple[str, ...] = ()) -> Stream | None:
    """Read delimited text in chunks of some megabytes, cut between two rows; None where it is gzipped.

    The cells are those of `read_delimited`, but missing marks stay: every kind reads them as missing.
    """
    path = Path(str(source))
    if path.suffix.lower() == ".gz":
        return None
    try:
        with path.open("rb") as file:
            n_lines = 1 + sum(block.count(b"\n") for block in iter(partial(file.read, _BLOCK), b""))
    except OSError:
        return None  # `read_delimited` says why
    return Stream(str(path), n_lines, partial(_read_chunks, path, names))


def _read_chunks(path: Path, names: tuple[str, ...], picked: Array | None) -> Iterator[Table]:
    columns: tuple[str, ...] = ()
    name_findings: tuple[Finding, ...] = ()
    n_rows = n_lines = 0
    for content, layout in _blocks(path):
        rows = _find_rows(content, layout, str(path))
        rows = replace(rows, lines=rows.lines + n_lines)
        is_whole = rows.n_cells == (len(columns or names) or rows.n_cells[0])
        findings = _judge_ragged(rows, is_whole, str(path), names=columns or names)
        n_header = 0
        if not columns:
            head = rows.cells(is_whole & (np.cumsum(is_whole) <= _N_WEIGHED))
            n_header = int(bool(is_whole[0]) and _first_is_header(head, names))
            named, name_findings = _name_columns(head, names, bool(n_header), str(path))
            columns = tuple(named)
        which = np.flatnonzero(is_whole)[n_header:]
        numbers = np.arange(n_rows, n_rows + len(which), dtype=np.int64)
        wanted = slice(None) if picked is None else np.searchsorted(numbers, _within(picked, numbers))
        mask = np.zeros(len(is_whole), dtype=bool)
        mask[which[wanted]] = True
        frame = _cells_of(rows, mask, columns, layout, is_sample=picked is not None)
        aside = tuple(int(position) - n_header for position in np.flatnonzero(~is_whole))
        yield Table(
            frame, str(path), (*findings, *name_findings), aside, numbers[wanted], 0 if picked is None else len(numbers)
        )
        n_rows += len(which)
        n_lines += content.count(b"\n")


def _within(picked: Array, numbers: Array) -> Array:
    """The picked row numbers that are among the numbers of a chunk; both rise."""
    if len(numbers) == 0:
        return picked[:0]
    return picked[np.searchsorted(picked, numbers[0]) : np.searchsorted(picked, numbers[-1], side="right")]


def _cells_of(rows: _Rows, mask: Array, columns: tuple[str, ...], layout: Layout, *, is_sample: bool) -> pl.DataFrame:
    """The cells of some rows of a chunk; of a sample they are cleaned, for people to look at."""
    if not mask.any():
        return pl.DataFrame(schema=dict.fromkeys(columns, pl.String))
    frame = rows.cells(mask)
    frame = frame.rename(dict(zip(frame.columns, columns, strict=True)))
    if layout.delimiter == ";":
        frame = frame.with_columns(pl.all().str.strip_chars().str.replace(_DECIMAL_COMMA, "$1.$2"))
    return frame.select(blank_missing(column) for column in frame.get_columns()) if is_sample else frame


def _blocks(path: Path) -> Iterator[tuple[bytes, Layout]]:
    """The text in parts of whole rows, and its layout, which the first part tells."""
    layout, rest = None, b""
    with path.open("rb") as file:
        for raw in iter(partial(file.read, _BLOCK), b""):
            content = rest + raw
            if layout is None:
                layout = find_layout(read_part(content[: content.rfind(b"\n") + 1] or content, str(path)))
            end = _end_of_rows(content, (layout.quote or "").encode())
            rest = content[end:]
            if content[:end].strip():
                yield read_part(content[:end], str(path)), layout
    if layout is not None and rest.strip():
        yield read_part(rest, str(path)), layout


def _end_of_rows(content: bytes, quote: bytes) -> int:
    """Where the last whole row ends: after a line end that stands outside of quotes; 0 where there is none."""
    last = content.rfind(b"\n")
    if not quote or last < 0:
        return last + 1
    n_quotes, end = content.count(quote, 0, last), last
    for _ in range(_MOST_TRIES):
        if n_quotes % 2 == 0:
            return end + 1
        before = content.rfind(b"\n", 0, end)
        if before < 0:
            break
        n_quotes -= content.count(quote, before, end)
        end = before
    return last + 1  # quotes are plain letters here


def _find_rows(content: bytes, layout: Layout, source: str) -> _Rows:
    """The rows, found at the speed of NumPy where the quotes are clean, and by the csv module where not."""
    scanned = scan_rows(content, layout)
    if not scanned.is_clean:
        return _find_rows_slowly(content, layout, source)
    is_blank = np.zeros(len(scanned.starts), dtype=bool)
    for row in np.flatnonzero(scanned.n_cells == 1):
        is_blank[row] = not content[scanned.starts[row] : scanned.ends[row]].strip()
    kept = np.flatnonzero(~is_blank)
    if scanned.n_cells[kept[0]] == 1:  # a table of one column: a blank line is a missing cell, but not at its ends
        kept = np.arange(kept[0], kept[-1] + 1)
    starts, ends = scanned.starts[kept], scanned.ends[kept]

    def cells(which: Array) -> pl.DataFrame:
        text = content
        if len(kept) != len(scanned.starts) or not which.all():
            spans = zip(starts[which].tolist(), ends[which].tolist(), strict=True)
            text = b"\n".join(content[start:end] for start, end in spans) + b"\n"
        return pl.read_csv(
            text,
            has_header=False,
            infer_schema=False,
            separator=layout.delimiter,
            quote_char=layout.quote,
            raise_if_empty=False,
        )

    return _Rows(scanned.n_cells[kept], scanned.lines[kept], cells)


def _find_rows_slowly(content: bytes, layout: Layout, source: str) -> _Rows:
    """The rows as the csv module sees them, or with quotes as plain letters where fewer are ragged then."""
    text = content.decode("utf-8")
    quoted = _split_rows(text, layout, csv.QUOTE_MINIMAL)
    plain = _split_rows(text, layout, csv.QUOTE_NONE)
    n_ragged = [
        sum(len(cells) != len(rows[0][1]) for _, cells in rows) if rows else len(plain) for rows in (quoted, plain)
    ]
    found = quoted if n_ragged[0] <= n_ragged[1] else plain
    if not found:
        raise SourceError(f"{source}: a quote is opened and never closed; close it, or take it out")

    def cells(which: Array) -> pl.DataFrame:
        whole = [found[row][1] for row in np.flatnonzero(which)]
        schema = {f"column_{position}": pl.String for position in range(1, len(whole[0]) + 1)} if whole else {}
        return pl.DataFrame(whole, schema=schema, orient="row")

    lines = np.array([line for line, _ in found])
    return _Rows(np.array([len(cells) for _, cells in found]), lines, cells)


def _split_rows(text: str, layout: Layout, quoting: int) -> list[tuple[int, list[str]]]:
    """(line, cells) of every row that is not blank; none where a cell is larger than csv allows."""
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=layout.delimiter,
        quotechar=layout.quote,
        quoting=quoting,  # type: ignore[arg-type]  # typeshed lists the constants one by one
        skipinitialspace=layout.delimiter != "\t",
    )
    rows, line = [], 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append((line, cells))
            line = reader.line_num + 1
    except csv.Error:
        return []
    return rows


def _judge_ragged(rows: _Rows, is_whole: Array, source: str, *, names: tuple[str, ...]) -> tuple[Finding, ...]:
    """A finding that lists the rows with another number of cells; an error where they are too many."""
    ragged = np.flatnonzero(~is_whole)
    if len(ragged) == 0:
        return ()
    n_expected = len(names) or int(rows.n_cells[0])
    usual = int(np.bincount(rows.n_cells).argmax())
    if usual != n_expected and (rows.n_cells == usual).mean() > 1 - MOST_RAGGED - 1 / len(rows.n_cells):
        what = f"{n_expected} names were given" if names else f"line {rows.lines[0]} holds {n_expected} cells"
        raise SourceError(f"{source}: {what}, but the rows hold {usual}; give each column one name")
    first = int(ragged[0])
    told = (
        f"{source}: line {rows.lines[first]} holds {rows.n_cells[first]} cells where {n_expected} are "
        "expected; mend the line: a cell that holds the delimiter or a line end stands in quotes"
    )
    if len(ragged) > MOST_RAGGED * len(is_whole):
        more = f" ({len(ragged):,} of {len(is_whole):,} lines are so)" if len(ragged) > 1 else ""
        raise SourceError(told + more)
    shown = ", ".join(str(line) for line in rows.lines[ragged[:_N_SHOWN]])
    lines = f"; set aside: {len(ragged):,} of {len(is_whole):,} rows, at line {shown}"
    return (Finding("ragged", "warning", told + lines, n_rows=len(ragged)),)


def _first_is_header(frame: pl.DataFrame, names: tuple[str, ...]) -> bool:
    first = _first_cells(frame)
    if names and tuple(first) == names:
        return True
    below = frame.slice(1, _N_WEIGHED)
    votes = weigh_header(first, below.select(blank_missing(column) for column in below.get_columns()))
    return votes > 0 if names else votes >= 0


def _first_cells(frame: pl.DataFrame) -> list[str]:
    return [(cell or "").strip() for cell in frame.row(0)]


def _name_columns(
    frame: pl.DataFrame, names: tuple[str, ...], first_is_header: bool, source: str
) -> tuple[Sequence[str], tuple[Finding, ...]]:
    first = _first_cells(frame)
    if not first_is_header:
        if names:
            return make_unique(names, source)
        found = f"{source}: the first line looks like data, so the columns are called column_1 to column_{len(first)}"
        at_fit = "; give their names with --names where they have any"
        return number_names(len(first)), (Finding("header", "note", found + at_fit, at_fit=at_fit),)
    if not names or tuple(first) == names:
        return make_unique(first, source)
    unique, findings = make_unique(names, source)
    message = f"{source}: the names given replace the header line, which begins with '{first[0]}'"
    return unique, (Finding("header", "warning", message, n_rows=0), *findings)


def _clean_cells(frame: pl.DataFrame, layout: Layout, source: str) -> tuple[pl.DataFrame, tuple[Finding, ...]]:
    """Strip every cell, make missing marks null and read decimal commas; with findings for the last two."""
    columns, marked, n_commas = [], [], 0
    marks: set[str] = set()
    for column in frame.get_columns():
        stripped = column.str.strip_chars()
        is_mark = stripped.is_in(MISSING_MARKS)
        if is_mark.any():
            marked.append(f"{column.name} ({is_mark.sum():,})")
            marks |= set(stripped.filter(is_mark).unique())
        cleaned = blank_missing(stripped)
        if layout.delimiter == ";" and (is_decimal := cleaned.str.contains(_DECIMAL_COMMA)).any():
            n_commas += int(is_decimal.sum())
            cleaned = cleaned.str.replace(_DECIMAL_COMMA, "$1.$2")
        columns.append(cleaned)
    findings = []
    if marked:
        shown = ", ".join(marked[:_N_SHOWN]) + (f" and {len(marked) - _N_SHOWN} more" if len(marked) > _N_SHOWN else "")
        what = ", ".join(f"'{mark}'" for mark in sorted(marks))
        findings.append(Finding("missing", "note", f"{source}: {what} is read as a missing cell, in {shown}"))
    if n_commas:
        message = f"{source}: {n_commas:,} cells such as 1,5 are read with the comma as the decimal point"
        findings.append(Finding("decimal-comma", "note", message))
    return pl.DataFrame(columns), tuple(findings)


READER = Reader(
    name="delimited",
    summary="CSV, TSV and other delimited text, also gzipped (.csv, .tsv, .txt, .data)",
    accepts=accepts_delimited,
    read=read_delimited,
    stream=stream_delimited,
)
