"""New rows held against those that a model learnt from: columns, cells, and distributions."""

from __future__ import annotations

import polars as pl

from archwise.data.drift import find_shifts
from archwise.data.open import open_source, sample_stream
from archwise.data.prepare import parse_columns
from archwise.data.sketch import measure, rows_of
from archwise.errors import UsageError
from archwise.model.folder import SKETCH, read_json
from archwise.model.predict import Model, predict
from archwise.model.unseen import name_columns, name_pictures
from archwise.records import Json, Stream
from archwise.tasks import task

FEWEST_ROWS = 100  # below which no shift is told


def check(model: Model, source: object) -> dict[str, Json]:
    """Tell in what new rows differ from the training rows of a model, by more than chance and by much.

    Args:
        source: as for `predict`, labelled or not; of a file with more rows than are held at once, rows drawn evenly.

    Returns:
        n_rows; missing and new, names of columns; unread, rows that cannot be read; shifts, each with its column, its
        size from 0 to 1 and words, the largest first; unmeasured, columns whose distribution is not known; notes,
        what was found in cells, in sentences; differs, whether anything of this asks for a look.

    Raises:
        UsageError: the model forecasts, or was written before models kept a sketch of their rows.
        DataError: the source cannot be read.
    """
    if task(model.facts.task).needs == "window":
        raise UsageError(f"{model.folder} forecasts; how it does on newer steps is told by evaluate")
    sketch = read_json(model.folder, SKETCH)
    if sketch is None:
        raise UsageError(f"{model.folder} has no {SKETCH}: it was written by an older archwise; fit again to have it")
    opened = open_source(source)
    table = sample_stream(opened, seed=0) if isinstance(opened, Stream) else opened
    table = name_pictures(table, model.facts.columns, target=model.facts.target)
    table = name_columns(table, model.facts.layout, target=model.facts.target, source=source)
    frame = table.frame
    there = tuple((name, kind) for name, kind in model.facts.columns if name in frame.columns)
    missing = [name for name, _ in model.facts.columns if name not in frame.columns]
    parsed = parse_columns(frame, there, rows=table.rows)
    measured = measure(parsed.frame, [(name, kind) for name, kind in there if name in sketch])
    known = rows_of({name: sketch[name] for name in measured.columns})
    shifts = find_shifts(known, measured) if measured.width else []
    findings = [*table.findings, *parsed.findings]
    if not missing and not parsed.bad.all():
        findings += predict(model, frame.filter(pl.Series(~parsed.bad))).findings
    notes = [finding.of_written_model().message for finding in findings]
    if frame.height < FEWEST_ROWS:
        notes.append(f"{frame.height:,} rows are too few to tell a shift from chance; {FEWEST_ROWS} are needed")
    unread = int(parsed.bad.sum()) + len(table.set_aside)
    return {
        "n_rows": frame.height + len(table.set_aside),
        "missing": missing,
        "new": [name for name in frame.columns if name not in model.facts.layout],
        "unread": unread,
        "shifts": [{"column": shift.name, "size": round(shift.size, 4), "told": shift.told} for shift in shifts],
        "unmeasured": [name for name, _ in there if name not in sketch],
        "notes": notes,
        "differs": bool(missing or unread or shifts),
    }
