"""Answers written as they come, part by part, so that a file of any length can be answered."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import polars as pl

from archwise.data.finding import join_findings
from archwise.errors import UsageError
from archwise.model.predict import Predicted
from archwise.model.tagged import CONLL, as_conll, flat
from archwise.records import Finding

NDJSON = (".jsonl", ".ndjson")


def write_parts(parts: Iterable[Predicted], path: Path, *, as_json: bool) -> tuple[int, tuple[Finding, ...]]:
    """Write the answers of every part to one file: whole, or not at all.

    Args:
        parts: in the order of the rows.
        path: CSV, or Parquet or JSON lines by its suffix, or CoNLL where words are tagged.
        as_json: JSON lines whatever the suffix, Parquet excepted.

    Returns:
        the number of rows, and what was found in them.

    Raises:
        DataError: as the parts come; then nothing is left on disk.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-") as name:
        whole = Path(name) / "answers"
        if path.suffix.lower() == ".parquet":
            slices: list[Path] = []

            def add_slice(answers: pl.DataFrame) -> None:
                slices.append(whole.with_name(f"{len(slices)}.arrow"))
                answers.write_ipc(slices[-1])

            told = _hand_on(parts, add_slice)
            pl.scan_ipc(slices).sink_parquet(whole)
        else:
            with whole.open("w", encoding="utf-8", newline="") as file:
                told = _hand_on(parts, _writer_for(path, file.write, as_json=as_json))
        os.replace(whole, path)
    return told


def _writer_for(path: Path, write: Callable[[str], object], *, as_json: bool) -> Callable[[pl.DataFrame], None]:
    """A function that writes answers as text in the form of a file's suffix."""
    if path.suffix.lower() not in CONLL:
        return _text_writer(write, as_json=as_json or path.suffix.lower() in NDJSON)

    def add(answers: pl.DataFrame) -> None:
        if "words" not in answers.columns:
            raise UsageError(f"{path}: CoNLL is for words that are tagged; name a file of CSV, Parquet or JSON lines")
        write(as_conll(answers))

    return add


def print_parts(parts: Iterable[Predicted], *, as_json: bool) -> tuple[int, tuple[Finding, ...]]:
    """Print the answers as CSV or JSON lines; returns and raises as `write_parts`."""
    return _hand_on(parts, _text_writer(sys.stdout.write, as_json=as_json))


def _hand_on(parts: Iterable[Predicted], write: Callable[[pl.DataFrame], None]) -> tuple[int, tuple[Finding, ...]]:
    n_rows = 0
    findings: list[Finding] = []
    for part in parts:
        write(part.answers)
        n_rows += part.answers.height
        findings += part.findings
    return n_rows, join_findings(findings)


def _text_writer(write: Callable[[str], object], *, as_json: bool) -> Callable[[pl.DataFrame], None]:
    """A function that writes answers, and above the first of CSV the names of the columns."""
    is_first = iter((True,))

    def add(answers: pl.DataFrame) -> None:
        write(answers.write_ndjson() if as_json else flat(answers).write_csv(include_header=next(is_first, False)))

    return add
