"""Answers written as they come, part by part, so that a file of any length can be answered."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

import polars as pl

from archwise.data.finding import join_findings
from archwise.model.predict import Predicted
from archwise.records import Finding

NDJSON = (".jsonl", ".ndjson")


def write_parts(parts: Iterable[Predicted], path: Path, *, as_json: bool) -> tuple[int, tuple[Finding, ...]]:
    """Write the answers of every part to one file: whole, or not at all.

    Args:
        parts: in the order of the rows.
        path: CSV, or Parquet or JSON lines by its suffix.
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
                told = _hand_on(parts, _text_writer(file.write, as_json=as_json or path.suffix.lower() in NDJSON))
        os.replace(whole, path)
    return told


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
        write(answers.write_ndjson() if as_json else _flat(answers).write_csv(include_header=next(is_first, False)))

    return add


def _flat(answers: pl.DataFrame) -> pl.DataFrame:
    """Answers as CSV can hold them: a list of labels as JSON in one cell, moments without empty fractions."""
    for column in answers.get_columns():
        if isinstance(column.dtype, pl.Datetime):
            form = "%Y-%m-%d %H:%M:%S%.f" + ("%:z" if column.dtype.time_zone else "")
            answers = answers.with_columns(column.dt.to_string(form))
    if "set" not in answers.columns:
        return answers
    told = [None if held is None else json.dumps(held.to_list(), ensure_ascii=False) for held in answers["set"]]
    return answers.with_columns(pl.Series("set", told))
