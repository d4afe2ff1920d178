"""How the service describes itself (OpenAPI): bodies and answers of each model, made from its own signature."""

from __future__ import annotations

from collections.abc import Mapping

from archwise.records import Json
from archwise.serve import body
from archwise.serve.guard import Limits
from archwise.serve.info import example_steps
from archwise.serve.place import Served
from archwise.serve.schema import Field, example_row, row_schema

_WHY = {
    400: "the body was cut off",
    401: "the token is missing or wrong",
    408: "the body came too slowly",
    413: "the body, or the number of rows, is too large",
    415: "the body is of a type that is not read here, or packed",
    422: "a field is missing or wrong: which, what it was and what it should be",
    501: "a part of archwise that is not installed is needed",
    503: "too much waits; Retry-After tells when to ask again",
}
_REFUSAL: dict[str, Json] = {
    "type": "object",
    "required": ["detail"],
    "properties": {
        "detail": {"type": "string"},
        "field": {"type": "string"},
        "found": {"type": "string"},
        "expected": {"type": "string"},
        "row": {"type": "integer"},
        "request_id": {"type": "string"},
    },
}
_HEAD: dict[str, Json] = {"model": {"type": "string"}, "version": {"type": "string"}}
_NOTES: dict[str, Json] = {"type": "array", "items": {"type": "string"}}
_NUMBER: dict[str, Json] = {"type": ["number", "null"]}


def answered(schema: Mapping[str, Json]) -> dict[int | str, dict[str, Json]]:
    """The responses of an operation: its answer, and every way to be refused."""
    refused: dict[int | str, dict[str, Json]] = {
        status: {"description": why, "content": {body.JSON: {"schema": _REFUSAL}}} for status, why in _WHY.items()
    }
    return {200: {"description": "answered", "content": {body.JSON: {"schema": dict(schema)}}}, **refused}


def body_of_one(served: Served) -> dict[str, Json]:
    """The body of `predict` and of `explain`."""
    content: dict[str, Json] = {body.JSON: {"schema": row_schema(served.fields)}}
    pictures = [field for field in served.fields if field.kind == "image"]
    if len(pictures) == 1:
        content |= _as_files(served.fields, pictures[0], several=False)
    return _body(content)


def body_of_many(served: Served, limits: Limits) -> dict[str, Json]:
    """The body of `batch_predict`: rows, columns, or a file."""
    row = row_schema(served.fields)
    rows = {"type": "array", "items": row, "description": f"up to {limits.rows:,} rows; more are refused as too large"}
    example = [example_row(served.fields)] * 2
    content: dict[str, Json] = {body.JSON: {"schema": {**rows, "example": example}}}
    pictures = [field for field in served.fields if field.kind == "image"]
    if len(pictures) == 1:
        content |= _as_files(served.fields, pictures[0], several=True)
    if not pictures:
        return _body({**content, **_as_table("the columns of a row")})
    content[body.PARQUET] = {"schema": {"type": "string", "format": "binary"}}
    return _body(content)


def body_of_forecast(served: Served) -> dict[str, Json]:
    """The body of `predict` where steps are forecast."""
    newer = "newer rows in the columns of training, of which the last steps are followed"
    cells = {"type": ["string", "number", "boolean", "null"]}
    row = {"type": "object", "additionalProperties": cells}
    columns = {"type": "object", "additionalProperties": {"type": "array", "items": cells}}
    schema = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "horizon": {"type": "integer", "minimum": 0, "description": "steps; as many as in training when 0"},
            "rows": {"type": "array", "items": row, "description": newer},
            "columns": {**columns, "description": f"the same as lists: {newer}"},
        },
        "example": example_steps(served),
    }
    return {**_body({body.JSON: {"schema": schema}, **_as_table(newer)}), "required": False}


def one_answer(served: Served) -> dict[str, Json]:
    """The answer to one row."""
    return {"type": "object", "required": ["model", "version", "prediction"], "properties": _properties(served)}


def many_answers(served: Served) -> dict[str, Json]:
    """The answers to many rows, in their order; a row that cannot be read has `error` in place of `prediction`."""
    each = {"type": "object", "properties": {**_answer(served), "error": {"type": "string"}}}
    answers = {"type": "array", "items": each}
    return {
        "type": "object",
        "required": ["model", "version", "answers"],
        "properties": {**_HEAD, "answers": answers, "notes": _NOTES},
    }


def forecast_answer() -> dict[str, Json]:
    """The steps that are forecast."""
    steps = {"type": "array", "items": {"type": "object"}}
    return {
        "type": "object",
        "required": ["model", "version", "forecast"],
        "properties": {**_HEAD, "forecast": steps, "notes": _NOTES},
    }


def explanation(served: Served) -> dict[str, Json]:
    """What moved an answer."""
    whole = {"type": "integer"}
    word = {"words": {"type": "string"}, "start": whole, "end": whole, "weight": _NUMBER}
    stretch = {"start": whole, "end": whole, "weight": _NUMBER}
    effect: dict[str, Json] = {"column": {"type": "string"}, "value": {}, "typical": {}, "effect": _NUMBER}
    return {
        "type": "object",
        "required": ["model", "version", "prediction", "of", "how"],
        "properties": {
            **_HEAD,
            "prediction": _answer(served)["prediction"],
            "of": {"type": "string", "description": "the class, the label or the number that is explained"},
            "how": {"type": "string", "description": "what was done, and in which unit"},
            "parts": {"type": "array", "items": {"type": "object", "properties": word}},
            "stretches": {"type": "array", "items": {"type": "object", "properties": stretch}},
            "effects": {"type": "array", "items": {"type": "object", "properties": effect}},
            "grid": {"type": "array", "items": {"type": "array", "items": _NUMBER}},
            "picture": {"type": "string", "description": "PNG with heat over the picture, in base64"},
        },
    }


def _properties(served: Served) -> dict[str, Json]:
    return {**_HEAD, **_answer(served), "notes": _NOTES}


def _answer(served: Served) -> dict[str, Json]:
    facts = served.model.facts
    if facts.task == "regress":
        return {"prediction": _NUMBER, "low": _NUMBER, "high": _NUMBER}
    if facts.task == "tag":
        words = {"type": "array", "items": {"type": ["string", "null"]}}
        return {"words": words, "prediction": words, "p": {"type": "array", "items": _NUMBER}}
    shares = {"type": "object", "additionalProperties": _NUMBER}
    return {"prediction": {"type": ["string", "null"]}, "probabilities": shares}


def _as_files(fields: tuple[Field, ...], picture: Field, *, several: bool) -> dict[str, Json]:
    file = {"type": "string", "format": "binary"}
    names = {field.name: {"type": "string"} for field in fields if field is not picture}
    held = {"type": "array", "items": file} if several else file
    form = {"type": "object", "properties": {**names, picture.name: held}, "required": [*names, picture.name]}
    content: dict[str, Json] = {body.FORM: {"schema": form}}
    return content if several else {**content, "image/*": {"schema": file}}


def _as_table(columns: str) -> dict[str, Json]:
    csv = {"type": "string", "description": f"a header line; {columns}"}
    return {body.CSV: {"schema": csv}, body.PARQUET: {"schema": {"type": "string", "format": "binary"}}}


def _body(content: Mapping[str, Json]) -> dict[str, Json]:
    return {"required": True, "content": dict(content)}
