"""Rows that arrive one by one and are answered together: each as it would be alone, to the last bit.

The preparation is exact row by row; ONNX Runtime sums one row by another kernel than two or more, so that a row that
is alone here is answered as two of the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import isfinite

import numpy as np
import polars as pl

from archwise.data.picture import decode
from archwise.data.row import plain_cells, read_row, read_rows
from archwise.errors import ArchwiseError, DataError
from archwise.model.predict import Model, predict_rows
from archwise.model.session import outputs
from archwise.model.tagged import words_column
from archwise.records import Batch, Json
from archwise.tasks import task

Told = dict[str, Json]  # a row's answer, as JSON holds it
SHARE = "p:"  # what stands before a class in the name of the column of its probability


def answer_together(model: Model, rows: Sequence[Mapping[str, object]]) -> list[Told | ArchwiseError]:
    """Answer rows of several askers at once; what is wrong with one does not touch the others.

    Args:
        model: opened; no forecast.
        rows: column name -> cell. A picture is bytes, a series is a list.

    Returns:
        for each row `prediction` with `probabilities`, or low and high, or words and p; and notes where there are any.
        Or the error that it would raise alone.
    """
    reader = model.row_reader
    if reader is None or words_column(model.facts.columns):
        return [_alone(model, row) for row in rows]
    cells = [plain_cells(row) for row in rows]
    plain = [row for row in cells if row is not None]
    batch = read_rows(reader, plain) if len(plain) == len(rows) else None
    if batch is not None:
        return list(_told(model, batch, len(rows)))
    batches = [None if row is None else read_row(reader, row) for row in cells]
    read = [each for each in batches if each is not None]
    joined = {name: np.concatenate([each[name] for each in read]) for name in read[0]} if read else {}
    answers = _told(model, joined, len(read)) if read else iter(())
    return [_alone(model, row) if each is None else next(answers) for row, each in zip(rows, batches, strict=True)]


def tell(answers: pl.DataFrame) -> list[Told]:
    """The answers of a frame, row by row, as `answer_together` tells them; a row that cannot be read has nulls."""
    columns = {name: answers.get_column(name).to_list() for name in answers.columns}
    return list(_by_row(columns, answers.height))


def _alone(model: Model, row: Mapping[str, object]) -> Told | ArchwiseError:
    try:
        for name, cell in row.items():
            if isinstance(cell, bytes):
                _check_picture(name, cell)
        predicted = predict_rows(model, [row])
    except ArchwiseError as error:
        return error
    return tell(predicted.answers)[0]


def _check_picture(name: str, content: bytes) -> None:
    """Refuse what is no picture, in words that fit a single one."""
    try:
        decode(content)
    except DataError as error:
        raise DataError(f"'{name}': {error}; give another picture") from None


def _told(model: Model, batch: Batch, n_rows: int) -> Iterator[Told]:
    if n_rows == 1 and "image" not in batch:  # a picture costs too much to be answered twice
        batch = {name: np.concatenate([array, array]) for name, array in batch.items()}
    facts = model.facts
    answers = task(facts.task).answers(facts.target_state, facts.calibration, outputs(model.session, batch)[:n_rows])
    return _by_row({name: array.tolist() for name, array in answers.items()}, n_rows)


def _by_row(columns: Mapping[str, list[Json]], n_rows: int) -> Iterator[Told]:
    shares = {name.removeprefix(SHARE): cells for name, cells in columns.items() if name.startswith(SHARE)}
    others = {name: cells for name, cells in columns.items() if not name.startswith(SHARE)}
    for row in range(n_rows):
        told: Told = {name: _plain(cells[row]) for name, cells in others.items()}
        if shares:
            told["probabilities"] = {name: _plain(cells[row]) for name, cells in shares.items()}
        yield told


def _plain(cell: Json) -> Json:
    return None if isinstance(cell, float) and not isfinite(cell) else cell
