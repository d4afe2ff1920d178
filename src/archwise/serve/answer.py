"""The answers of one model over HTTP: one row, many rows, a forecast, and what moved an answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import polars as pl
from starlette.requests import Request
from starlette.responses import Response

from archwise.errors import ArchwiseError, nearest
from archwise.model.forecast import forecast
from archwise.model.predict import predict_parts
from archwise.model.together import answer_together, tell
from archwise.records import Json
from archwise.serve import body
from archwise.serve.guard import Limits, refuse_many
from archwise.serve.metrics import Metrics
from archwise.serve.place import Served
from archwise.serve.queue import Answer, FullError
from archwise.serve.refusal import RefusedError, Told, busy, of_error
from archwise.serve.schema import notes_on

T = TypeVar("T")
MOST_BATCHES = 8  # requests of many rows that may wait for each other
SWIFT_ROWS, SLOW_ROWS = 512, 16  # that are answered before it is seen whether somebody waits still


class Bench:
    """Where what takes long is done, one after the other, so that single rows need not wait for it."""

    def __init__(self, *, seconds: float) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="batch")
        self._seconds = seconds
        self._n_waiting = 0

    async def do(self, work: Callable[[Callable[[], None]], T]) -> T:
        """Do it in turn.

        Args:
            work: is given a function to call now and then, which ends it when nobody waits for it any more.

        Raises:
            RefusedError: too many wait, or it took too long.
        """
        if self._n_waiting >= MOST_BATCHES:
            raise busy(f"{MOST_BATCHES} requests of many rows wait already; try again in a second")
        self._n_waiting += 1
        until = time.monotonic() + self._seconds

        def go_on() -> None:
            if time.monotonic() > until:
                raise _late(self._seconds)

        done = asyncio.get_running_loop().run_in_executor(self._thread, work, go_on)
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
        raise _late(seconds) from None


def _late(seconds: float) -> RefusedError:
    return busy(f"there was no answer within {seconds:g} s; try again, with fewer rows")


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
        told = await desk.bench.do(lambda go_on: _answer_table(desk, content, kind, go_on))
    else:
        rows = await body.read_many(request, served.fields, desk.limits)
        answers = await desk.bench.do(lambda go_on: in_turns(served, rows, go_on))
        told = {"answers": [_or_error(each) for each in answers]}
    desk.metrics.rows(served.name, len(told["answers"]))
    return Told(desk.headed(told))


def in_turns(served: Served, rows: list[dict[str, object]], go_on: Callable[[], None]) -> list[Answer]:
    """The answers to rows, some at a time, so that single rows find the processor free between them."""
    answers: list[Answer] = []
    n_rows = SWIFT_ROWS if served.queue.is_swift else SLOW_ROWS
    for start in range(0, len(rows), n_rows):
        go_on()
        answers += answer_together(served.model, rows[start : start + n_rows])
    return answers


def _or_error(answer: Answer) -> dict[str, Json]:
    return {"error": str(answer)} if isinstance(answer, ArchwiseError) else answer


def _answer_table(desk: Desk, content: bytes, kind: str, go_on: Callable[[], None]) -> dict[str, Json]:
    answers: list[Json] = []
    notes: list[str] = []
    with body.table_of(content, kind, desk.served.fields, desk.limits) as table:
        try:
            for part in predict_parts(desk.served.model, table):
                go_on()
                answers += tell(part.answers)
                notes += [_named(finding.message, table) for finding in part.findings]
        except ArchwiseError as error:
            raise RefusedError(422, _named(str(error), table)) from None
    return {"answers": answers, "notes": notes} if notes else {"answers": answers}


def _named(sentence: str, table: object) -> str:
    """A sentence of a reader in words of who asked, who knows neither our file nor how we hold the rows."""
    ours = str(table) if isinstance(table, Path) else "the frame" if isinstance(table, pl.DataFrame) else "the dict"
    return sentence.replace(ours, "the table")


# ---------------------------------------------------------------- forecasts


async def predict_steps(desk: Desk, request: Request) -> Response:
    """Forecast the steps after the last known, of the model's own data or of newer rows that were sent."""
    if body.is_table(request):
        content, kind = await body.read_bytes(request), body.media_type(request)
        return Told(desk.headed(await desk.bench.do(lambda _: _forecast_table(desk, content, kind))))
    sent = await body.read_bytes(request)
    asked = body.parse_json(sent) if sent else {}
    if not isinstance(asked, dict):
        raise RefusedError(422, 'the body is no object; send {"horizon": 12}, {"rows": [...]} or {"columns": {...}}')
    horizon, newer = newer_steps(asked, desk.limits)
    return Told(desk.headed(await desk.bench.do(lambda _: _forecast(desk.served, newer, horizon))))


async def refuse_rows(desk: Desk, _: Request) -> Response:
    """Say where a forecast is asked for."""
    raise RefusedError(422, f"'{desk.served.name}' forecasts; ask /models/{desk.served.name}/predict")


def newer_steps(asked: Mapping[str, Json], limits: Limits) -> tuple[int, dict[str, list[Json]] | None]:
    """The horizon, 0 for that of training, and the columns of newer rows, None for none.

    Raises:
        RefusedError: they are neither, or too many.
    """
    horizon = asked.get("horizon", 0)
    if type(horizon) is not int or horizon < 0:
        raise RefusedError(422, f"'horizon' is {str(horizon)[:60]}; it should be a whole number of steps")
    known = ("horizon", "rows", "columns")
    for name in asked:
        if name not in known:
            raise RefusedError(422, f"'{name[:60]}' is not asked for.{nearest(name[:60], known)}")
    newer = asked.get("rows", asked.get("columns"))
    if newer is None:
        return horizon, None
    rows = body.rows_of(newer)
    refuse_many(len(rows), limits)
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise RefusedError(422, "'rows' is no list of objects; give an object from column to value for each row")
    names = dict.fromkeys(name for row in rows for name in row)
    return horizon, {name: [row.get(name) for row in rows] for name in names}


def _forecast_table(desk: Desk, content: bytes, kind: str) -> dict[str, Json]:
    with body.table_of(content, kind, (), desk.limits) as table:
        return _forecast(desk.served, table, 0)


def _forecast(served: Served, newer: object, horizon: int) -> dict[str, Json]:
    try:
        predicted = forecast(served.model, newer, horizon=horizon)
    except ArchwiseError as error:
        raise of_error(error, told=_named(str(error), newer)) from None
    except (pl.exceptions.PolarsError, TypeError) as error:  # cells of several types in one column
        raise RefusedError(422, f"the rows are no table ({str(error).splitlines()[0]})") from None
    told: dict[str, Json] = {"forecast": tell(predicted.answers)}
    notes = [_named(finding.message, newer) for finding in predicted.findings]
    return {**told, "notes": notes} if notes else told
