"""Runs the service: one process, or several that share a port and are started again when they die."""

from __future__ import annotations

import gc
import json
import os
import socket
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp
from uvicorn.supervisors import Multiprocess

from archwise.errors import UsageError
from archwise.serve.app import Settings, make_app
from archwise.serve.guard import LOOPBACK, Door, Limits
from archwise.serve.metrics import FOLDER
from archwise.serve.patience import PatientProtocol

TOKEN = "ARCHWISE_TOKEN"
GIVEN = "ARCHWISE_SERVE"  # how a worker process learns what it serves
SHORTEST_TOKEN = 16
MOST_CONNECTIONS = 2_048
GRACE_S = 30  # for answers that are on their way when the service is told to stop
GARBAGE = 20_000  # new objects more than were let go of, some ten of a request, between two searches for dead cycles


@dataclass(frozen=True)
class Service:
    """What is served, where and for whom."""

    folders: tuple[str, ...]
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    token: str = ""
    cors: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)


def serve(service: Service, tell: Callable[[str], None]) -> None:
    """Answer until told to stop; what is on its way is answered first.

    Args:
        tell: told where it answers, once it listens.

    Raises:
        UsageError: another address without a token, a token that is too short, or a port that is taken.
        ModelError: a folder is no model, or was changed.
    """
    _check(service)
    app = make_app([Path(folder) for folder in service.folders], _settings(service))  # refuses here, in one sentence
    held = _bind(service)
    host = f"[{service.host}]" if ":" in service.host else service.host
    tell(f"archwise serves at http://{host}:{held.getsockname()[1]}; Ctrl-C ends it")
    if service.workers == 1:
        _settle()
        with held:
            uvicorn.Server(_config(app)).run(sockets=[held])  # it ends by the signal that was sent: nothing comes after
        return
    with held, tempfile.TemporaryDirectory(prefix="archwise-counts-") as counts:
        os.environ[GIVEN] = json.dumps(asdict(service))
        os.environ[FOLDER] = counts
        config = _config("archwise.serve.run:make_given", workers=service.workers)
        Multiprocess(config, sockets=[held]).run()


def make_given() -> ASGIApp:
    """The application of a worker process, of what the first process was given."""
    given = json.loads(os.environ[GIVEN])
    service = Service(**{**given, "limits": Limits(**given["limits"])})
    app = make_app([Path(folder) for folder in service.folders], _settings(service))
    _settle()
    return app


def _settle() -> None:
    """Have the search for dead cycles pass over all that lives as long as the service, and look less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE)


def _settings(service: Service) -> Settings:
    hosts = LOOPBACK if service.host in LOOPBACK else ()
    return Settings(Door(service.token, hosts), service.limits, tuple(service.cors))


def _config(app: ASGIApp | str, *, workers: int = 1) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        factory=isinstance(app, str),
        workers=workers,
        http=PatientProtocol,
        ws="none",
        loop="auto",
        lifespan="on",
        access_log=False,
        log_level="warning",
        proxy_headers=False,
        server_header=False,
        date_header=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=GRACE_S,
    )


def _check(service: Service) -> None:
    if service.host not in LOOPBACK and not service.token:
        raise UsageError(
            f"--host {service.host} can be reached by others, so it needs a token: give --token, or {TOKEN} in the "
            "environment; without --host only this machine is served"
        )
    if service.token and (len(service.token) < SHORTEST_TOKEN or not service.token.isascii()):
        raise UsageError(
            f"the token is shorter than {SHORTEST_TOKEN} characters or not ASCII; make one with "
            'python -c "import secrets; print(secrets.token_urlsafe())"'
        )
    if service.workers < 1:
        raise UsageError(f"--workers {service.workers}: give 1 or more")


def _bind(service: Service) -> socket.socket:
    family = socket.AF_INET6 if ":" in service.host else socket.AF_INET
    held = socket.socket(family, socket.SOCK_STREAM)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        held.bind((service.host, service.port))
    except (OSError, OverflowError) as error:
        held.close()
        raise UsageError(
            f"{service.host} port {service.port} cannot be used ({error}); name another with --port"
        ) from None
    held.listen(MOST_CONNECTIONS)
    held.set_inheritable(True)
    return held
