"""What moved an answer over HTTP: marked words, stretches of a series, heat over a picture, and columns of a table."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import Response

from archwise.errors import ArchwiseError
from archwise.model.cover import N_FIELDS, cover
from archwise.model.explain_picture import draw, read_pixels
from archwise.model.explain_text import explain_text, text_columns
from archwise.model.facts import plain
from archwise.model.moved import flat, grey_picture, put_aside, stretches_of
from archwise.records import Json
from archwise.serve import body
from archwise.serve.answer import Desk
from archwise.serve.info import why_unexplained
from archwise.serve.place import Served
from archwise.serve.refusal import RefusedError, Told, of_error
from archwise.serve.schema import Field

T = TypeVar("T")
LONGEST = 20_000  # letters of a text, or steps of a series, that are explained
WORDS = (
    "each word was left out in turn; weight: by how much the answer falls without it, in log odds or in its own unit"
)
COLUMNS = (
    "each column was set to what is typical in turn, the others left; effect: by how much the answer falls then, in "
    "probability or in its own unit. It is no causal effect, and columns that go together hide each other"
)
STEPS = (
    "each stretch was made a straight line in turn, the others left; weight: by how much the answer falls then, in log "
    "odds or in its own unit"
)
HEAT = (
    f"each of {N_FIELDS} x {N_FIELDS} places was covered by the mean colour in turn; grid: by how much the answer "
    "falls then, in log odds or in its own unit; red is where it falls most, blue where it does not"
)


async def explain(desk: Desk, request: Request) -> Response:
    """Explain the answer to one row."""
    served = desk.served
    why_not = why_unexplained(served)
    if why_not:
        raise RefusedError(422, why_not)
    _, row = await body.read_one(request, served.fields)
    _refuse_long(row)
    alone = served.fields[0].kind if len(served.fields) == 1 else ""
    way = _WAYS.get("text" if alone and text_columns(served.model) else alone, _columns)
    return Told(desk.headed(plain(await desk.bench.do(lambda _: _read(way, served, row)))))


def _refuse_long(row: Mapping[str, object]) -> None:
    """Refuse what is so long that hundreds of variants of it would fill the memory.

    Raises:
        RefusedError: a text or a series is.
    """
    for name, cell in row.items():
        if isinstance(cell, str | list):
            n_parts = sum(len(part) if isinstance(part, list) else 1 for part in cell)
            if n_parts > LONGEST:
                told = f"'{name}': what moved an answer is told of up to {LONGEST:,} letters or steps, and there are"
                raise RefusedError(413, f"{told} {n_parts:,}")


def _read(way: Callable[[Served, Mapping[str, object]], T], served: Served, row: Mapping[str, object]) -> T:
    try:
        return way(served, row)
    except ArchwiseError as error:
        raise of_error(error) from None


def _words(served: Served, row: Mapping[str, object]) -> dict[str, Json]:
    found = explain_text(served.model, next((str(cell or "") for cell in row.values()), ""))
    parts = [{"words": found.words_of(part), "start": part.start, "end": part.end, "weight": part.weight}
             for part in found.parts]  # fmt: skip
    return {"prediction": found.prediction, "of": found.of, "how": WORDS, "parts": parts}


def _steps(served: Served, row: Mapping[str, object]) -> dict[str, Json]:
    ((name, cell),) = row.items()
    assert isinstance(cell, list)  # as the door checks
    pairs, cells = stretches_of(cell)
    moved = put_aside(served.model, row, [{name: each} for each in cells])
    told = [{"start": start, "end": end, "weight": weight}
            for (start, end), weight in zip(pairs, moved.weights, strict=True)]  # fmt: skip
    return {"prediction": moved.prediction, "of": _of(served, moved.of), "how": STEPS, "stretches": told}


def _pixels(served: Served, row: Mapping[str, object]) -> dict[str, Json]:
    ((name, cell),) = row.items()
    if not isinstance(cell, bytes):
        raise RefusedError(422, f"'{name}': it is null; it should be a picture")
    covered = cover(served.model, {"image": read_pixels(served.model, cell)[None]})
    drawn = io.BytesIO()
    draw(covered.explained).save(drawn, "PNG")
    picture = base64.b64encode(drawn.getvalue()).decode()
    of, grid = _of(served, covered.of or None), covered.weights.tolist()
    return {"prediction": covered.prediction, "of": of, "how": HEAT, "grid": grid, "picture": picture}


def _columns(served: Served, row: Mapping[str, object]) -> dict[str, Json]:
    """How the answer changes when one column after the other is what is typical, the largest change first."""
    typical = {field.name: _typical(field, row[field.name]) for field in served.fields}
    changed = [name for name, cell in typical.items() if cell is not None and row[name] != cell]
    moved = put_aside(served.model, row, [{name: typical[name]} for name in changed])
    effects = [
        {"column": name, "value": _shown(row[name]), "typical": _shown(typical[name]), "effect": effect}
        for name, effect in zip(changed, moved.effects, strict=True)
    ]
    effects.sort(key=lambda effect: -abs(effect["effect"]))
    return {"prediction": moved.prediction, "of": _of(served, moved.of), "how": COLUMNS, "effects": effects}


def _typical(field: Field, cell: object) -> Json | bytes:
    """What stands in for a cell: the usual value, no words, a flat line, grey; None where nothing is known."""
    if field.kind == "text":
        return ""
    if field.kind == "image":
        return grey_picture()
    if field.kind == "series":
        return flat(cell) if isinstance(cell, list) else None
    return field.typical


def _shown(cell: object) -> Json:
    return "a picture" if isinstance(cell, bytes) else f"a series of {len(cell)}" if isinstance(cell, list) else cell


def _of(served: Served, of: str | None) -> str:
    return served.model.facts.target if of is None else of


_WAYS = {"text": _words, "series": _steps, "image": _pixels}
