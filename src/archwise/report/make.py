"""Makes the report of a written model again: from the facts in its folder, or for other labelled rows."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from archwise.data.open import open_table
from archwise.errors import ModelError, UsageError
from archwise.model.backtest import backtest, judge_origins
from archwise.model.folder import add_files, hashes_of, read_file, read_json
from archwise.model.judged import Judged, read_judged
from archwise.model.labelled import Labelled, evaluate, read_labelled
from archwise.model.predict import Model, is_forecast
from archwise.model.session import outputs
from archwise.records import Json
from archwise.report.event import read_events
from archwise.report.facts import FORMAT, RunFacts, gather, of_rows, without_rows
from archwise.report.job import EVENTS, FACTS, JUDGED, PAGE, UNHURRIED_S, to_json
from archwise.report.page import can_draw, page
from archwise.report.rows import Rows, inputs
from archwise.report.time_left import allow

N_COMPARED = 16  # rows whose answers tell whether a run is that of a model


def report_facts(model: Model, source: object | None = None, *, run: Path | None = None) -> dict[str, Json]:
    """The facts of a report: those in the model folder, or what can be told of an older model without them.

    Args:
        source: labelled rows that the model has not seen, in the place of those it was judged on; None for these.
        run: the folder of the run that made the model, from whose sealed rows all is told anew, without haste.

    Raises:
        ModelError: the facts in the folder were changed, or are of another archwise; or the run is of another model,
            or was not brought to its end.
        UsageError: both other rows and a run are named.
        DataError: as for `evaluate`, of `source`.
    """
    if run is not None:
        if source is not None:
            raise UsageError("a report tells either of other rows or of the sealed ones of a run; leave one out")
        return _of_run(model, run)
    facts = _kept(model)
    if source is None and facts is None and FACTS in hashes_of(model.folder):
        raise ModelError(
            f"{model.folder}/{FACTS} was written by an older archwise, and its page stands as it was made; to make it "
            "anew name the folder of the run with --run, or labelled rows with --data"
        )
    if source is None:
        return facts if facts is not None else gather(model, None, None, allow(UNHURRIED_S))
    facts = without_rows(model, facts)
    return {
        **facts,
        **of_rows(Rows(model, judged_rows(model, source)), allow(UNHURRIED_S)),
        "given": _scored(model, source),
    }


def _of_run(model: Model, run: Path) -> dict[str, Json]:
    """All that a report tells, from the sealed rows that the end of a run left in its folder."""
    if not (run / JUDGED / "facts.json").is_file():
        raise ModelError(
            f"{run} holds no sealed rows that were answered; name the folder of a run that came to its end"
        )
    judged, known = read_judged(run / JUDGED)
    if judged.store is not None and not judged.store.is_dir():  # the folder was moved, or is named from elsewhere
        judged = replace(judged, store=run / judged.store.name)
    rows = Rows(model, judged)
    if known["sealed_sha256"] != model.facts.sealed or not _are_its_answers(rows.sample(N_COMPARED)):
        raise ModelError(f"{run} is not the run that made {model.folder}; name its own, or leave --run out")
    told = RunFacts(known, list(read_events(run / EVENTS)), is_at_fit=False)
    facts, kept = gather(model, rows, told, allow(UNHURRIED_S)), _kept(model)
    if kept is not None and kept["repeat"]["is_of_fit"]:  # versions and hashes as they were then
        facts |= {name: kept[name] for name in ("repeat", "origin")}
    facts["race"]["notes"] = [note for note in facts["race"]["notes"] if "archwise report" not in note]  # here it is
    return facts


def _are_its_answers(rows: Rows) -> bool:
    """Whether the outputs beside some rows are those of the model."""
    given, kept = outputs(rows.model.session, inputs(rows)), rows.judged.outputs
    if given.ndim == kept.ndim == 3:  # of every step: sentences are padded to the longest beside them
        n_steps = min(given.shape[1], kept.shape[1])
        given, kept = given[:, :n_steps], kept[:, :n_steps]
    return given.shape == kept.shape and np.allclose(given, kept, rtol=1e-3, atol=1e-3, equal_nan=True)


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
    """The facts that the end of the run left in the model folder; None of an older form, or where there are none."""
    facts = read_json(model.folder, FACTS)
    if facts is None:
        return None
    if facts["format"] > FORMAT:
        raise ModelError(f"{model.folder}/{FACTS} is of a newer archwise; upgrade with pip install -U archwise")
    if facts["format"] < FORMAT:
        return None
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
    group = str(tomllib.loads((model.folder / "run.toml").read_text(encoding="utf-8")).get("group", ""))
    told = _told(source, labelled, group)
    return Judged(
        labelled.typed, labelled.targets, labelled.outputs, name=name, n_left_out=labelled.n_left_out,
        told=told, grouped_by="" if told["group"].null_count() == told.height else group,
    )  # fmt: skip


def _told(source: object, labelled: Labelled, group: str) -> pl.DataFrame:
    """How labelled rows are named: by their place in the source, and by their group where it holds the column."""
    n_rows = len(labelled.places)
    groups = pl.Series("group", [None] * n_rows, dtype=pl.String)
    if group:
        frame = open_table(source).frame
        if group in frame.columns:
            groups = frame.get_column(group).cast(pl.String).gather(labelled.places).alias("group")
    file = pl.Series("file", [None] * n_rows, dtype=pl.String)
    return pl.DataFrame([pl.Series("row", labelled.places + 1, dtype=pl.Int64), file, groups])


def _scored(model: Model, source: object) -> dict[str, Json]:
    return backtest(model, source) if is_forecast(model) else evaluate(model, source)
