"""The answers of one model over HTTP: one row, many rows, a forecast, and what moved an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import polars as pl
from starlette.requests import Request
from starlette.responses import Response

from archwise.errors import ArchwiseError
from archwise.model.forecast import forecast
from archwise.model.predict import predict_parts
from archwise.model.together import answer_together, tell
from archwise.records import Json
from archwise.serve import body
from archwise.serve.guard import Limits
from archwise.serve.metrics import Metrics
from archwise.serve.place import Served
from archwise.serve.queue import MOST_AT_ONCE, Answer, FullError
from archwise.serve.refusal import RefusedError, Told, busy, of_error
from archwise.serve.schema import notes_on

T = TypeVar("T")
MOST_BATCHES = 8  # requests of many rows that may wait for each other


class Bench:
    """Where what takes long is done, one after the other, so that single rows need not wait for it."""

    def __init__(self, *, seconds: float) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="batch")
        self._seconds = seconds
        self._n_waiting = 0

    async def do(self, work: Callable[[], T]) -> T:
        """Do it in turn.

        Raises:
            RefusedError: too many wait, or it took too long.
        """
        if self._n_waiting >= MOST_BATCHES:
            raise busy(f"{MOST_BATCHES} requests of many rows wait already; try again in a second")
        self._n_waiting += 1
        done = asyncio.get_running_loop().run_in_executor(self._thread, work)
        done.add_done_callback(self._left)
        return await within(done, self._seconds)

    def _left(self, _: object) -> None:
        self._n_waiting -= 1

    def close(self) -> None:
        """End the thread when it is done."""
        self._thread.shutdown()


@dataclass(frozen=True)
class Desk:
    """A model with all that it takes to answer for it."""

    served: Served
    limits: Limits
    metrics: Metrics
    bench: Bench

    def headed(self, told: Mapping[str, Json]) -> dict[str, Json]:
        """An answer with the name and the version of the model before it."""
        return {"model": self.served.name, "version": self.served.version, **told}


async def within(awaited: asyncio.Future[T], seconds: float) -> T:
    """What is awaited, or a refusal when it takes too long."""
    try:
        return await asyncio.wait_for(awaited, seconds)
    except TimeoutError:
        raise busy(f"there was no answer within {seconds:g} s; try again, with fewer rows") from None


async def predict_one(desk: Desk, request: Request) -> Response:
    """Answer one row."""
    sent, row = await body.read_one(request, desk.served.fields)
    return Told(desk.headed(await answer_row(desk, sent, row)))


async def answer_row(desk: Desk, sent: Mapping[str, Json], row: Mapping[str, object]) -> dict[str, Json]:
    """The answer to a row, together with those that wait.

    Raises:
        RefusedError: the queue is full, it takes too long, or the row cannot be read.
    """
    try:
        asked = desk.served.queue.ask(row)
    except FullError:
        desk.metrics.refused(desk.served.name)
        raise busy(f"{desk.limits.waiting:,} rows wait already; try again in a second") from None
    given = await (asked if desk.served.queue.is_swift else within(asked, desk.limits.seconds))
    if isinstance(given, ArchwiseError):
        raise of_error(given)
    notes = notes_on(desk.served.fields, sent)
    return {**given, "notes": notes} if notes else given


async def predict_many(desk: Desk, request: Request) -> Response:
    """Answer many rows: JSON, a form of files, CSV or Parquet."""
    served = desk.served
    if body.is_table(request):
        content, kind = await body.read_bytes(request), body.media_type(request)
        told = await desk.bench.do(lambda: _answer_table(desk, content, kind))
    else:
        rows = await body.read_many(request, served.fields, desk.limits)
        told = await desk.bench.do(lambda: {"answers": [_or_error(each) for each in in_turns(served, rows)]})
    desk.metrics.rows(served.name, len(told["answers"]))
    return Told(desk.headed(told))


def in_turns(served: Served, rows: list[dict[str, object]]) -> list[Answer]:
    """The answers to rows, some at a time, so that single rows find the processor free between them."""
    answers: list[Answer] = []
    for start in range(0, len(rows), MOST_AT_ONCE * 8):
        answers += answer_together(served.model, rows[start : start + MOST_AT_ONCE * 8])
    return answers


def _or_error(answer: Answer) -> dict[str, Json]:
    return {"error": str(answer)} if isinstance(answer, ArchwiseError) else answer


def _answer_table(desk: Desk, content: bytes, kind: str) -> dict[str, Json]:
    served = desk.served
    with body.table_file(content, kind, served.fields, desk.limits) as place:
        try:
            parts = list(predict_parts(served.model, place))
        except ArchwiseError as error:
            raise RefusedError(422, str(error).replace(str(place), "the table")) from None
    told: dict[str, Json] = {"answers": [row for part in parts for row in tell(part.answers)]}
    notes = [finding.message for part in parts for finding in part.findings]
    return {**told, "notes": [note.replace(str(place), "the table") for note in notes]} if notes else told


# ---------------------------------------------------------------- forecasts


async def predict_steps(desk: Desk, request: Request) -> Response:
    """Forecast the steps after the last known, of the model's own data or of newer rows that were sent."""
    if body.is_table(request):
        content, kind = await body.read_bytes(request), body.media_type(request)
        with body.table_file(content, kind, (), desk.limits) as place:
            told = await desk.bench.do(lambda: _forecast(desk.served, place, 0))
        return Told(desk.headed(told))
    sent = await body.read_bytes(request)
    asked = body.parse_json(sent) if sent else {}
    if not isinstance(asked, dict):
        raise RefusedError(422, 'the body is no object; send {"horizon": 12}, {"rows": [...]} or {"columns": {...}}')
    horizon, newer = _newer_steps(asked, desk.limits)
    return Told(desk.headed(await desk.bench.do(lambda: _forecast(desk.served, newer, horizon))))


def _newer_steps(asked: Mapping[str, Json], limits: Limits) -> tuple[int, dict[str, list[Json]] | None]:
    """The horizon, 0 for that of training, and the columns of newer rows, None for none."""
    horizon = asked.get("horizon", 0)
    if type(horizon) is not int or horizon < 0:
        raise RefusedError(422, f"'horizon' is {str(horizon)[:60]}; it should be a whole number of steps")
    newer = asked.get("rows") or asked.get("columns")
    if newer is None:
        return horizon, None
    rows = body.rows_of(newer)
    if len(rows) > limits.rows:
        raise RefusedError(413, f"there are {len(rows):,} rows; this service reads up to {limits.rows:,} at a time")
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise RefusedError(422, "'rows' is no list of objects; give an object from column to value for each row")
    names = dict.fromkeys(name for row in rows for name in row)
    return horizon, {name: [row.get(name) for row in rows] for name in names}


def _forecast(served: Served, newer: object, horizon: int) -> dict[str, Json]:
    try:
        predicted = forecast(served.model, newer, horizon=horizon)
    except ArchwiseError as error:
        raise of_error(error) from None
    except (pl.exceptions.PolarsError, TypeError) as error:  # cells of several types in one column
        raise RefusedError(422, f"the rows are no table ({str(error).splitlines()[0]})") from None
    told: dict[str, Json] = {"forecast": tell(predicted.answers)}
    notes = [finding.message for finding in predicted.findings]
    return {**told, "notes": notes} if notes else told
