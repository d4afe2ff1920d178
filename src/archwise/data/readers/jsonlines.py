"""Reads JSON lines: one JSON object a line."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl

from archwise.data.encoding import read_text
from archwise.data.header import refuse_names
from archwise.errors import SourceError
from archwise.records import Finding, Json, Reader, Table

SUFFIXES = (".jsonl", ".ndjson")
MOST_BROKEN = 0.05  # share of the lines that may be broken; they are set aside
_N_SHOWN = 5


def accepts_jsonlines(source: object) -> bool:
    """Whether the source is a path of JSON lines, by its suffix; .gz may follow it."""
    if not isinstance(source, (str, Path)):
        return False
    path = Path(source)
    suffix = Path(path.stem).suffix if path.suffix.lower() == ".gz" else path.suffix
    return suffix.lower() in SUFFIXES


def read_jsonlines(source: object, names: tuple[str, ...] = ()) -> Table:
    """Read JSON lines; a key that a line lacks is a missing cell.

    Raises:
        SourceError: too many lines are no JSON objects (the first is named), or names were given.
    """
    path = Path(str(source))
    refuse_names(names, str(path))
    content, findings = read_text(path)
    try:
        return Table(pl.read_ndjson(content, infer_schema_length=None), str(path), findings)
    except pl.exceptions.PolarsError:  # one line is broken, or types differ: read line by line to say which
        return _read_slowly(content, str(path), findings)


def _read_slowly(content: bytes, source: str, findings: tuple[Finding, ...]) -> Table:
    rows: list[dict[str, Json]] = []
    broken: list[tuple[int, str]] = []  # line, why
    set_aside = []
    for line, text in enumerate(content.decode("utf-8").split("\n"), start=1):
        if not text.strip():
            continue
        row, why = _parse_line(text)
        if row is None:
            set_aside.append(len(rows) + len(broken))
            broken.append((line, why))
        else:
            rows.append(row)
    if broken:
        n_lines = len(rows) + len(broken)
        told = f"{source}: line {broken[0][0]} is no JSON object: {broken[0][1]}; mend the line"
        if len(broken) > MOST_BROKEN * n_lines:
            raise SourceError(told + (f" ({len(broken):,} of {n_lines:,} lines are so)" if len(broken) > 1 else ""))
        shown = ", ".join(str(line) for line, _ in broken[:_N_SHOWN])
        message = f"{told}; set aside: {len(broken):,} of {n_lines:,} lines, at line {shown}"
        findings = (*findings, Finding("ragged", "warning", message, n_rows=len(broken)))
    frame = pl.from_dicts(rows, strict=False, infer_schema_length=None)
    return Table(frame, source, findings, tuple(set_aside))


def _parse_line(text: str) -> tuple[dict[str, Json] | None, str]:
    """The object of a line, or None and why it is none."""
    try:
        row = json.loads(text)
    except json.JSONDecodeError as error:
        return None, f"{error.msg} at character {error.pos + 1}"
    if not isinstance(row, dict):
        return None, f"it holds a {type(row).__name__}, where {{...}} is expected"
    return row, ""


READER = Reader("jsonlines", "JSON lines (.jsonl, .ndjson), also gzipped", accepts_jsonlines, read_jsonlines)
