"""The routes of the service: every model under its name, the first also without one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp

from archwise import __version__
from archwise.errors import DataError
from archwise.model.forecast import forecast
from archwise.serve import page
from archwise.serve.answer import Bench, Desk, newer_steps
from archwise.serve.body import read_row
from archwise.serve.guard import Door, Guard, Limits
from archwise.serve.info import example_steps
from archwise.serve.metrics import Metrics
from archwise.serve.place import Served, open_models
from archwise.serve.refusal import RefusedError, answer_refusal
from archwise.serve.route import add_routes
from archwise.serve.schema import example_row
from archwise.serve.swift import Swift

WARM_CALLS = 5


@dataclass(frozen=True)
class Settings:
    """How a service is set up. cors: origins whose pages may read answers."""

    door: Door = field(default_factory=Door)
    limits: Limits = field(default_factory=Limits)
    cors: tuple[str, ...] = ()


def make_app(folders: Sequence[Path], settings: Settings) -> ASGIApp:
    """The service as an ASGI application; it is ready when its start-up is over.

    Raises:
        ModelError, UsageError: as for `open_models`.
    """
    metrics, limits = Metrics(), settings.limits
    served = open_models(folders, most_waiting=limits.waiting, metrics=metrics)
    bench = Bench(seconds=limits.seconds)
    desks = {name: Desk(each, limits, metrics, bench) for name, each in served.items()}

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        for each in served.values():
            await _warm_up(each, limits)
            metrics.model(each.name, each.version)
        app.state.ready = True
        yield
        app.state.ready = False
        bench.close()
        for each in served.values():
            each.queue.close()

    app = FastAPI(
        title="archwise", version=__version__, lifespan=life, docs_url=None, redoc_url=None, openapi_url="/openapi.json"
    )
    app.state.ready = False
    app.add_exception_handler(RefusedError, _refuse)
    app.add_exception_handler(HTTPException, _refuse_path)
    app.add_exception_handler(Exception, _own_fault)
    page.add_routes(app)
    add_routes(app, desks, metrics)
    inner: ASGIApp = Swift(app, _swift_paths(desks))
    if settings.cors:
        inner = CORSMiddleware(inner, allow_origins=settings.cors, allow_methods=["GET", "POST"], allow_headers=["*"])
    return Guard(inner, door=settings.door, limits=limits, metrics=metrics)


def _swift_paths(desks: Mapping[str, Desk]) -> dict[str, Desk]:
    """The paths at which one row of JSON is answered."""
    paths = {f"/models/{name}/predict": desk for name, desk in desks.items()}
    first = next(iter(desks.values()))
    return {path: desk for path, desk in {"/predict": first, **paths}.items() if not desk.served.forecasts}


async def _warm_up(served: Served, limits: Limits) -> None:
    """Let a model answer a few times, so that no asker waits for what only the first answer needs."""
    if served.forecasts:
        horizon, newer = newer_steps(example_steps(served), limits)
        with suppress(DataError):  # what has to be known ahead cannot be made up without stamps
            await asyncio.to_thread(forecast, served.model, newer, horizon=horizon)
        return
    row = read_row(served.fields, example_row(served.fields))
    served.queue.warm_up(row, n_calls=WARM_CALLS)


# ---------------------------------------------------------------- what goes wrong


def _with_number(request: Request, refused: RefusedError) -> Response:
    refused.told["request_id"] = request.scope.get("state", {}).get("request_id", "")
    return answer_refusal(refused)


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, RefusedError)
    return _with_number(request, error)


async def _refuse_path(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    path = request.url.path[:200]
    told = {
        404: f"there is no {path} here; see /openapi.json for what there is",
        405: f"{request.method[:20]} is not answered at {path}; see /openapi.json for what is",
    }
    detail = told.get(error.status_code, str(error.detail))
    return _with_number(request, RefusedError(error.status_code, detail, headers=error.headers))


async def _own_fault(request: Request, _: Exception) -> Response:
    return _with_number(request, RefusedError(500, "a fault of archwise itself; its log tells more under this number"))
