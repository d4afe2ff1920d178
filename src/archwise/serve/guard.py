"""The door of the service: who may come in, how much may be brought in and how long that may take."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import itertools
import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from archwise.errors import UsageError, nearest
from archwise.serve.metrics import Metrics
from archwise.serve.patience import IS_WHOLE
from archwise.serve.refusal import RefusedError, answer_refusal, busy

REQUEST_ID = b"x-request-id"
OPEN = frozenset(
    {"/", "/page.css", "/page.js", "/answer.js", "/v2/health/live", "/v2/health/ready"}
)  # hold nothing of a model
LOOPBACK = ("127.0.0.1", "localhost", "::1")
_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")


@dataclass(frozen=True)
class Limits:
    """What a request may bring and take.

    body_mb: of a body, as it is sent; packed bodies are refused. memory_mb: that a Parquet body takes when it is read,
    and that all bodies that are on their way take together. rows: of one request. seconds: for the body to come in, and
    again for the answer. waiting: rows that may wait for a model.
    """

    body_mb: float = 16.0
    memory_mb: float = 256.0
    rows: int = 10_000
    seconds: float = 30.0
    waiting: int = 1_024

    @property
    def body_bytes(self) -> int:
        """The most bytes of a body."""
        return int(self.body_mb * 1e6)

    @property
    def memory_bytes(self) -> int:
        """The most bytes that bodies take in memory."""
        return int(self.memory_mb * 1e6)


def read_limits(given: Mapping[str, str]) -> Limits:
    """The limits with those that were given in words.

    Raises:
        UsageError: there is no such limit, or it is no number above nought.
    """
    known = {"body_mb": float, "memory_mb": float, "rows": int, "seconds": float, "waiting": int}
    limits = Limits()
    for name, text in given.items():
        if name not in known:
            raise UsageError(f"--limit {name}: there is no such limit.{nearest(name, known)}")
        try:
            value = known[name](text)
        except ValueError:
            value = 0
        if not 0 < value < 1e9:
            raise UsageError(f"--limit {name}={text}: give a number above 0")
        limits = replace(limits, **{name: value})
    return limits


@dataclass(frozen=True)
class Door:
    """Who may come in. token: "" for everyone. hosts: names by which the service may be called; empty for any."""

    token: str = ""
    hosts: tuple[str, ...] = LOOPBACK


class Guard:
    """An ASGI application before another: checks, bounds and counts every request, and gives it a number."""

    def __init__(self, app: ASGIApp, *, door: Door, limits: Limits, metrics: Metrics) -> None:
        self._app, self._limits, self._metrics = app, limits, metrics
        self._n_held = 0  # bytes of all bodies that are on their way
        self._first, self._count = secrets.token_hex(6).encode(), itertools.count(1)
        self._hosts = frozenset(door.hosts)
        self._token = _digest(door.token.encode()) if door.token else b""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        headers = dict(scope["headers"])
        given = headers.get(REQUEST_ID, b"")
        number = given if _ID.fullmatch(given) else b"%s-%x" % (self._first, next(self._count))
        state = scope.setdefault("state", {})
        state["request_id"] = number.decode()
        status, n_own = 500, 0

        def hold(n_bytes: int) -> None:
            nonlocal n_own
            n_own += n_bytes
            self._n_held += n_bytes
            if n_own > self._limits.body_bytes:
                raise _too_large(self._limits)
            if self._n_held > self._limits.memory_bytes:
                raise busy(
                    f"the bodies on their way are more than {self._limits.memory_mb:g} MB; try again in a second"
                )

        async def tell(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (REQUEST_ID, number)]
            await send(message)

        try:
            self._check(scope["path"], headers)
            await self._app(scope, _bounded(receive, state, self._limits.seconds, hold), tell)
        except RefusedError as refused:
            refused.told["request_id"] = number.decode()
            await answer_refusal(refused)(scope, receive, tell)
        finally:
            self._n_held -= n_own
            route = scope.get("route")
            path = getattr(route, "path", None) or scope.get("told_path", "other")
            self._metrics.request(path, status, time.perf_counter() - started)

    def _check(self, path: str, headers: dict[bytes, bytes]) -> None:
        """Refuse who may not come in, and what is too large or packed.

        Raises:
            RefusedError: 401, 413, 415 or 421.
        """
        if self._hosts:  # a page of another name that leads here by its own DNS is not from here
            host = headers.get(b"host", b"").decode("latin-1")
            name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
            if name.strip("[]").lower() not in self._hosts:
                raise RefusedError(421, f"this service is not called '{host[:100]}'; ask it as 127.0.0.1 or localhost")
        if self._token and path not in OPEN:
            kind, _, token = headers.get(b"authorization", b"").partition(b" ")
            is_right = hmac.compare_digest(_digest(token.strip()), self._token)  # of one length whatever was given
            if not is_right or kind.lower() != b"bearer":
                raise RefusedError(
                    401,
                    "the token is missing or wrong; send it as Authorization: Bearer TOKEN",
                    headers={"WWW-Authenticate": "Bearer"},
                )
        if headers.get(b"content-encoding", b"identity").lower() not in (b"identity", b""):
            raise RefusedError(415, "packed bodies are not read; send it as it is, without Content-Encoding")
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length[:20]) > self._limits.body_bytes:
            raise _too_large(self._limits)


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()


def _too_large(limits: Limits) -> RefusedError:
    return RefusedError(413, f"the body is larger than {limits.body_mb:g} MB; send fewer rows at a time")


def refuse_many(n_rows: int, limits: Limits) -> None:
    """Refuse more rows than may be.

    Raises:
        RefusedError: there are more.
    """
    if n_rows > limits.rows:
        raise RefusedError(413, f"there are {n_rows:,} rows; this service reads up to {limits.rows:,} at a time")


def _bounded(receive: Receive, state: Mapping[str, object], seconds: float, hold: Callable[[int], None]) -> Receive:
    """The same, but none that comes too late; hold: told the bytes that came, which may be too many."""
    deadline, is_whole = 0.0, False

    async def bounded() -> Message:
        nonlocal deadline, is_whole
        if is_whole:  # what is waited for now is that the asker leaves
            return await receive()
        if IS_WHOLE in state:  # a timer would cost more than what is left to do
            message = await receive()
        else:
            deadline = deadline or asyncio.get_running_loop().time() + seconds
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                told = f"the body did not come within {seconds:g} s; send it again"
                raise RefusedError(408, told, headers={"Connection": "close"}) from None
        if message["type"] == "http.request":
            is_whole = not message.get("more_body", False)
            hold(len(message.get("body", b"")))
        return message

    return bounded
