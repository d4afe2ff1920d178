"""The short way for what is asked most: one row of JSON, answered with nothing between the protocol and the queue.

FastAPI's routing, its request and its response take longer than the answer of a small model; they stay for all else,
and for the description of this path too.
"""

from __future__ import annotations

from collections.abc import Mapping

import orjson
from starlette.types import ASGIApp, Receive, Scope, Send

from archwise.serve.answer import Desk, answer_row
from archwise.serve.body import parse_json, read_row
from archwise.serve.refusal import RefusedError

_JSON = b"application/json"


class Swift:
    """An ASGI application before another, which answers single rows itself."""

    def __init__(self, app: ASGIApp, desks: Mapping[str, Desk]) -> None:
        """Take some paths.

        Args:
            desks: path -> who answers there.
        """
        self._app, self._desks = app, desks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request.

        Raises:
            RefusedError: as for `answer_row`.
        """
        desk = self._desks.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if desk is None or not _is_json(scope):
            await self._app(scope, receive, send)
            return
        scope["told_path"] = scope["path"]
        sent = parse_json(await _body(receive))
        row = read_row(desk.served.fields, sent)
        answer = orjson.dumps(desk.headed(await answer_row(desk, sent, row)))
        headers = [(b"content-type", _JSON), (b"content-length", b"%d" % len(answer))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})


def _is_json(scope: Scope) -> bool:
    for name, value in scope["headers"]:
        if name == b"content-type":
            return bool(value.partition(b";")[0].strip().lower() == _JSON)
    return True


async def _body(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RefusedError(400, "the body was cut off")
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)
