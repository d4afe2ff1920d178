"""The one path of inference: rows → columns of their kinds → arrays → ONNX Runtime → answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import polars as pl

from archwise.data.ahead import AT_ONCE, work_ahead
from archwise.data.bad import counted, refuse_counted, refuse_too_many_bad
from archwise.data.finding import join_findings
from archwise.data.kinds.category import read_name
from archwise.data.open import MOST_ROWS, open_source
from archwise.data.prepare import Parsed, Preparation, load_batch, parse_columns
from archwise.data.row import RowReader, make_row_reader, plain_cells, read_row
from archwise.errors import ColumnError, ModelError, UsageError
from archwise.model.folder import COPY_AGAIN, ModelFacts, read_model
from archwise.model.piece import pieces_of, rows_at_once
from archwise.model.session import Session, n_cores, open_session, outputs
from archwise.model.tagged import by_word, find_unread, words_column
from archwise.model.unseen import find_unseen, name_columns, name_pictures, picture_column, series_as_rows
from archwise.records import FORECAST, Array, Batch, Finding, Json, Table, Task
from archwise.tasks import task


@dataclass(frozen=True)
class Model:
    """An opened model. verdict, trials: as verdict.json and trials.json hold them. row_reader: for single rows.

    stream: ONNX that reads a row in parts, empty where there is none.
    """

    facts: ModelFacts
    preparation: Preparation
    session: Session
    verdict: dict[str, Json]
    trials: list[dict[str, Json]]
    folder: Path
    row_reader: RowReader | None = None
    stream: bytes = b""


@dataclass(frozen=True)
class Predicted:
    """Answers, one row for each input row in its order, null where the row cannot be read; and what was found.

    answers: prediction, then p:<class> for each class, or low and high; last, where asked, set: a list of labels.
        Before them file, where the rows are files of pictures. Where words are tagged, lists: words, prediction and p.
    n_bad: rows that cannot be read.
    """

    answers: pl.DataFrame
    findings: tuple[Finding, ...]
    n_bad: int = 0


@dataclass(frozen=True)
class Answered:
    """A part that was answered before: its rows, how many of them cannot be read, and what was found."""

    n_rows: int
    n_bad: int
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class TableRows:
    """A table as the model reads it. is_bad: (N,) rows that cannot be read: of the table, then those set aside."""

    table: Table
    parsed: Parsed
    batch: Batch
    is_bad: Array
    findings: tuple[Finding, ...]


def load(folder: Path, *, threads: int = 1) -> Model:
    """Open a model folder; every file is checked against its hash.

    Args:
        folder: as `fit` wrote it.
        threads: of one prediction; 1 is fastest for single rows.

    Raises:
        ModelError: not a model folder, a file missing or changed, or another format.
    """
    opened = read_model(folder)
    session = open_session(opened.onnx, threads=threads)
    _check_outputs(session, opened.facts, folder)
    row_reader = make_row_reader(opened.preparation, opened.facts.columns)
    return Model(
        opened.facts, opened.preparation, session, opened.verdict, opened.trials, folder, row_reader, opened.stream
    )


def is_forecast(model: Model) -> bool:
    """Whether a model forecasts series."""
    return model.facts.task == FORECAST


def _check_outputs(session: Session, facts: ModelFacts, folder: Path) -> None:
    n_outputs = facts.signature.n_outputs
    if session.n_outputs not in (n_outputs, 3 * n_outputs):  # of a forecast the ends of intervals may be learnt too
        raise ModelError(
            f"{folder}: model.onnx gives {session.n_outputs:,} outputs and its facts tell of {n_outputs:,}, so it is "
            f"of another model; {COPY_AGAIN}"
        )


def predict(model: Model, source: object, *, sets: bool = False) -> Predicted:
    """Answer each row of a table, in order.

    Args:
        model: opened.
        source: a path, a list of paths of pictures, a frame, a dict of columns or an array; or one row, a dict from
            column to cell.
        sets: whether a last column `set` lists the labels that hold the truth of nine rows of ten.

    Raises:
        UsageError: the model has no label sets.
        SourceError: the source cannot be read.
        ColumnError: a column is missing.
        DataError: more than 5 % of the rows cannot be read.
    """
    row = _predict_row(model, source, sets=sets) if isinstance(source, Mapping) else None
    if row is not None:
        return row
    if isinstance(source, Mapping):
        source = series_as_rows(source, model.preparation)
    parts = list(predict_parts(model, source, sets=sets))
    if len(parts) == 1:
        return parts[0]
    findings = [finding for part in parts for finding in part.findings]
    return Predicted(pl.concat([part.answers for part in parts]), join_findings(findings))


def predict_parts(
    model: Model,
    source: object,
    *,
    sets: bool = False,
    most_rows: int = MOST_ROWS,
    before: Sequence[Answered] = (),
    tell: Callable[[int, int], None] = lambda n_done, n_all: None,
) -> Iterator[Predicted]:
    """Answer each row in order, a chunk at a time where there are more rows, or more pixels, than are held at once.

    Args:
        model: opened.
        source: as for `predict`.
        sets: as for `predict`.
        most_rows: that are held at once.
        before: the first parts, which were answered in an earlier sitting and are passed over.
        tell: told after each part how many rows are done, and how many there are, or somewhat more.

    Returns:
        one part, or one for each chunk; the rows in `findings` are those of the whole source.

    Raises:
        SourceError, ColumnError, DataError: as for `predict`; too many bad rows are only known after the last part.
    """
    if sets:
        _refuse_without_sets(model)
    opened = open_source(source, most_rows=most_rows)
    at_once = rows_at_once(model.preparation)
    if isinstance(opened, Table) and (at_once is None or opened.frame.height <= at_once):
        rows = read_table(model, opened, source)
        refuse_too_many_bad(rows.is_bad, rows.findings)
        yield _answer(model, rows, sets=sets)
        return
    n_all = opened.frame.height if isinstance(opened, Table) else opened.most_rows
    n_done = sum(part.n_rows for part in before)
    counts = [counted(part.n_rows, part.n_bad) for part in before]
    findings = [finding for part in before for finding in part.findings]
    tables = iter([opened]) if isinstance(opened, Table) else opened.chunks(None)
    pieces = islice((piece for table in tables for piece in pieces_of(table, at_once)), len(before), None)
    cores = max(1, n_cores() // AT_ONCE)

    for predicted in work_ahead(
        pieces, lambda piece: _answer(model, read_table(model, piece, source), sets=sets, cores=cores)
    ):
        counts.append(counted(predicted.answers.height, predicted.n_bad))
        findings += predicted.findings
        yield predicted
        n_done += predicted.answers.height
        tell(n_done, n_all)
    if any(part["bad"].sum() for part in counts):
        refuse_counted(counts, join_findings(findings))


def _predict_row(model: Model, row: Mapping[object, object], *, sets: bool) -> Predicted | None:
    """The answer to a row, or None where it has to be read as a table."""
    cells = plain_cells(row) if model.row_reader is not None else None
    batch = read_row(model.row_reader, cells) if model.row_reader is not None and cells is not None else None
    if cells is None or batch is None:
        return None
    if sets:
        _refuse_without_sets(model)
    unseen = find_unseen(model.preparation, lambda name, _: read_name(cells[name]), batch)
    return Predicted(_answers(model, batch, sets=sets), unseen)


def _answers(model: Model, batch: Batch, *, sets: bool, cores: int = 0) -> pl.DataFrame:
    given = outputs(model.session, batch, cores=cores)
    answers = pl.DataFrame(_task(model).answers(model.facts.target_state, model.facts.calibration, given))
    return answers.with_columns(_label_sets(model, given)) if sets else answers


def _answer(model: Model, rows: TableRows, *, sets: bool, cores: int = 0) -> Predicted:
    sentences = words_column(model.facts.columns) if _task(model).needs == "sequence" else ""
    findings = rows.findings
    if sentences:
        given = _task(model).answers(
            model.facts.target_state, model.facts.calibration, outputs(model.session, rows.batch, cores=cores)
        )
        answers = by_word(given, rows.parsed.frame[sentences], model.facts.target_state)
        findings = (*findings, *find_unread(answers, rows=rows.table.rows))
    else:
        answers = _answers(model, rows.batch, sets=sets, cores=cores)
    places = _places(rows)
    if places is not None:
        answers = answers.select(pl.all().gather(places))
    if rows.table.files:
        answers = answers.insert_column(0, _files(rows.table))
    return Predicted(answers, findings, int(rows.is_bad.sum()))


def _files(table: Table) -> pl.Series:
    """The file of each row of the source, null for those that were set aside."""
    names = table.frame.get_column(table.files).alias("file")
    if not table.set_aside:
        return names
    n_rows = len(names) + len(table.set_aside)
    places = np.full(n_rows, -1)
    places[np.setdiff1d(np.arange(n_rows), np.array(table.set_aside, np.int64))] = np.arange(len(names))
    found = pl.Series(places)
    return names.gather(found.set(found < 0, None))


def predict_rows(model: Model, rows: Sequence[Mapping[str, object]]) -> Predicted:
    """Answer rows that are given as mappings from column name to value.

    Args:
        model: opened.
        rows: a key that some rows lack is missing there; a key that all lack is a missing column.

    Raises:
        SourceError, ColumnError, DataError: as for `predict`.
    """
    if len(rows) == 1 and not any(isinstance(cell, list) for cell in rows[0].values()):
        return predict(model, rows[0])
    names = dict.fromkeys(name for row in rows for name in row)
    return predict(model, {name: [row.get(name) for row in rows] for name in names})


def _refuse_without_sets(model: Model) -> None:
    if _task(model).sets is None:
        raise UsageError(
            f"{model.folder}: label sets are for classes, and the task of this model is {model.facts.task}; "
            "its answers have what it knows: low and high, or a probability for each label"
        )
    if "set_floor" not in model.facts.calibration:
        raise UsageError(f"{model.folder} was written before there were label sets; fit again to have them")


def _label_sets(model: Model, given: Array) -> pl.Series:
    """The labels of each row's set, as a column of lists."""
    make, facts = _task(model).sets, model.facts
    assert make is not None  # refused before
    held = make(facts.target_state, facts.calibration, given)
    classes = np.array(facts.target_state["classes"], dtype=object)
    kinds, place = np.unique(held, axis=0, return_inverse=True)
    lists = pl.Series("set", [classes[row].tolist() for row in kinds], dtype=pl.List(pl.String))
    return lists.gather(place.ravel())


def _task(model: Model) -> Task:
    return task(model.facts.task)


def read_table(model: Model, table: Table, source: object) -> TableRows:
    """Read a table, or a part of one, as a model reads it; source: what the table was read from."""
    table = name_pictures(table, model.facts.columns, target=model.facts.target)
    if picture_column(model.facts.columns) not in table.frame.columns:
        table = name_columns(table, model.facts.layout, target=model.facts.target, source=source)
    try:
        parsed = parse_columns(table.frame, model.facts.columns, rows=table.rows)
    except ColumnError as error:
        raise ColumnError(f"{table.source}: {error.found}") from None
    batch, parsed = load_batch(model.preparation, parsed, rows=table.rows)
    unseen = find_unseen(model.preparation, lambda name, row: parsed.frame[name][row], batch, rows=table.rows)
    is_bad = np.concatenate([parsed.bad, np.ones(len(table.set_aside), bool)])
    findings = (*parsed.findings, *table.findings, *unseen)
    return TableRows(table, parsed, batch, is_bad, tuple(finding.of_written_model() for finding in findings))


def _places(rows: TableRows) -> pl.Series | None:
    """For each row of the source, the row of the table that answers it; None where that is every row in order."""
    is_bad, aside = rows.parsed.bad, rows.table.set_aside
    if not aside and not is_bad.any():
        return None
    n_rows = len(is_bad) + len(aside)
    read = np.setdiff1d(np.arange(n_rows), np.array(aside, np.int64))
    places = np.full(n_rows, -1)
    places[read] = np.where(is_bad, -1, np.arange(len(is_bad)))
    found = pl.Series(places)
    return found.set(found < 0, None)
