"""Makes the report of a written model again: from the facts in its folder, or for other labelled rows."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from archwise.errors import ModelError
from archwise.model.backtest import backtest, judge_origins
from archwise.model.folder import add_files, hashes_of, read_file, read_json
from archwise.model.forecast import is_forecast
from archwise.model.judged import Judged
from archwise.model.labelled import evaluate, read_labelled
from archwise.model.predict import Model
from archwise.records import Json
from archwise.report.facts import FORMAT, gather, of_rows, without_rows
from archwise.report.job import FACTS, PAGE, UNHURRIED_S, to_json
from archwise.report.page import can_draw, page
from archwise.report.rows import Rows
from archwise.report.time_left import allow


def report_facts(model: Model, source: object | None = None) -> dict[str, Json]:
    """The facts of a report: those in the model folder, or what can be told of an older model without them.

    Args:
        source: labelled rows that the model has not seen, in the place of those it was judged on; None for these.

    Raises:
        ModelError: the facts in the folder were changed, or written by a newer archwise.
        DataError: as for `evaluate`, of `source`.
    """
    facts = _kept(model)
    if source is None:
        return facts if facts is not None else gather(model, None, None, allow(UNHURRIED_S))
    facts = without_rows(model, facts)
    return {
        **facts,
        **of_rows(Rows(model, judged_rows(model, source)), allow(UNHURRIED_S)),
        "given": _scored(model, source),
    }


def write_report(model: Model, facts: dict[str, Json], out: Path | None) -> Path:
    """Write the page of facts.

    Args:
        out: where to; the model's own folder when None.

    Returns:
        the file that was written.

    Raises:
        MissingExtraError: what draws is not installed.
    """
    if not can_draw() and PAGE in hashes_of(model.folder) and facts["given"] is None:
        return _as_written(model, out)
    text = page(facts).encode()
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(text)
        return out
    add_files(model.folder, {FACTS: to_json(facts).encode(), PAGE: text})
    return model.folder / PAGE


def _as_written(model: Model, out: Path | None) -> Path:
    """The page that the end of the run left, where nothing is installed that draws it anew."""
    if out is None:
        return model.folder / PAGE
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(read_file(model.folder, PAGE) or b"")
    return out


def _kept(model: Model) -> dict[str, Json] | None:
    """The facts that the end of the run left in the model folder; None in one that was written without."""
    facts = read_json(model.folder, FACTS)
    if facts is not None and facts["format"] > FORMAT:
        raise ModelError(f"{model.folder}/{FACTS} is of a newer archwise; upgrade with pip install -U archwise")
    return facts


def judged_rows(model: Model, source: object) -> Judged:
    """Labelled rows with what the model answers them.

    Raises:
        DataError: as for `evaluate`.
    """
    name = f"rows of {Path(source).name}" if isinstance(source, str | Path) else "rows that were given"
    if is_forecast(model):
        found = judge_origins(model, source)
        return Judged(
            pl.DataFrame(), found.targets, found.outputs, name=name, timeline=found.timeline, origins=found.origins
        )
    labelled = read_labelled(model, source)
    return Judged(labelled.typed, labelled.targets, labelled.outputs, name=name, n_left_out=labelled.n_left_out)


def _scored(model: Model, source: object) -> dict[str, Json]:
    return backtest(model, source) if is_forecast(model) else evaluate(model, source)
