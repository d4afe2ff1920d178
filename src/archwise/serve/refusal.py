"""How the service says no: one sentence with its status, and which field, what it was and what it should be."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
from starlette.responses import Response

from archwise.errors import ArchwiseError, DataError, MissingExtraError, UsageError
from archwise.records import Json
from archwise.serve.schema import Fault

RETRY_S = 1  # after which who found the queue full may ask again


class RefusedError(Exception):
    """A request that is not answered. status: of HTTP. told: the body, `detail` first. headers: of the response."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        told: Mapping[str, Json] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.told: dict[str, Json] = {"detail": detail, **(told or {})}
        self.headers = dict(headers or {})


def of_fault(fault: Fault, *, row: int | None = None) -> RefusedError:
    """A field that is wrong, of the row of that number (from 0) where there are several."""
    place = {} if row is None else {"row": row}
    sentence = fault.sentence if row is None else f"row {row}: {fault.sentence}"
    told = {"field": fault.field, "found": fault.found, "expected": fault.expected, **place}
    return RefusedError(422, sentence, told=told)


def of_error(error: ArchwiseError, *, told: str = "") -> RefusedError:
    """What archwise itself refused: 422 where the data or what is asked cannot be, 501 where a part is missing.

    Args:
        told: the sentence, where it is not that of the error.
    """
    is_asked = isinstance(error, DataError | UsageError)
    status = 422 if is_asked else 501 if isinstance(error, MissingExtraError) else 500
    return RefusedError(status, told or str(error))


def busy(detail: str) -> RefusedError:
    """More is asked than can be answered now."""
    return RefusedError(503, detail, headers={"Retry-After": str(RETRY_S)})


class Told(Response):
    """JSON, strict and fast: no NaN, and dates as they are written."""

    media_type = "application/json"

    def render(self, content: Json) -> bytes:
        """The body."""
        return orjson.dumps(content, option=orjson.OPT_NON_STR_KEYS)


def answer_refusal(refused: RefusedError) -> Response:
    """The response of a request that is refused."""
    return Told(refused.told, status_code=refused.status, headers=refused.headers)
