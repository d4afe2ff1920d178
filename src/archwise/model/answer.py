"""Answers as text: CSV, JSON lines or CoNLL, by the suffix of a file, or printed as they come."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import polars as pl

from archwise.data.finding import join_findings
from archwise.errors import UsageError
from archwise.model.predict import Predicted
from archwise.model.tagged import CONLL, as_conll, flat
from archwise.records import Finding

NDJSON = (".jsonl", ".ndjson")
TextForm = Literal["csv", "json", "conll"]


def form_of(path: Path, *, as_json: bool) -> TextForm:
    """The form in which a file of a suffix holds answers."""
    if path.suffix.lower() in CONLL:
        return "conll"
    return "json" if as_json or path.suffix.lower() in NDJSON else "csv"


def text_of(answers: pl.DataFrame, form: TextForm, *, is_first: bool) -> str:
    """Answers as text; above the first of CSV stand the names of the columns.

    Raises:
        UsageError: CoNLL is asked of answers that are no tags.
    """
    if form == "json":
        return answers.write_ndjson()
    if form == "csv":
        return flat(answers).write_csv(include_header=is_first)
    if "words" not in answers.columns:
        raise UsageError("CoNLL is for words that are tagged; name a file of CSV, Parquet or JSON lines")
    return as_conll(answers)


def print_parts(parts: Iterable[Predicted], *, as_json: bool) -> tuple[int, tuple[Finding, ...]]:
    """Print the answers as CSV or JSON lines.

    Returns:
        the number of rows, and what was found in them.

    Raises:
        DataError: as the parts come.
    """
    n_rows = 0
    findings: list[Finding] = []
    for number, part in enumerate(parts):
        sys.stdout.write(text_of(part.answers, "json" if as_json else "csv", is_first=number == 0))
        n_rows += part.answers.height
        findings += part.findings
    return n_rows, join_findings(findings)
