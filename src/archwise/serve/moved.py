"""What moved an answer: marked words of a text, heat over a picture, and what each column of a table changes."""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from starlette.requests import Request
from starlette.responses import Response

from archwise.errors import ArchwiseError
from archwise.model.explain_text import explain_text, text_columns
from archwise.model.facts import plain
from archwise.model.together import answer_together
from archwise.records import Json
from archwise.serve import body
from archwise.serve.answer import Desk
from archwise.serve.place import Served
from archwise.serve.refusal import RefusedError, Told, of_error

MISSING_EXTRA, WRONG_USE = 6, 2  # exit codes of the command line
WORDS = (
    "each word was left out in turn; weight: by how much the answer falls without it, in log odds or in its own unit"
)
COLUMNS = (
    "each column was set to its typical value in turn, the others left; effect: by how much the answer falls then, in "
    "probability or in its own unit. It is no causal effect, and columns that go together hide each other"
)
HEAT = "Grad-CAM: red is where the network looked most"


async def explain(desk: Desk, request: Request) -> Response:
    """Explain the answer to one row."""
    sent, row = await body.read_one(request, desk.served.fields)
    del sent
    pictures = [field for field in desk.served.fields if field.kind == "image"]
    if pictures:
        content = row[pictures[0].name]
        if not isinstance(content, bytes) or len(desk.served.fields) > 1:
            raise RefusedError(422, "only a picture alone is explained, and there has to be one")
        told = await _heat(desk, content)
    elif text_columns(desk.served.model) and len(desk.served.fields) == 1:
        text = next((str(cell or "") for cell in row.values()), "")
        told = await desk.bench.do(lambda: _words(desk.served, text))
    elif any(field.typical is not None for field in desk.served.fields):
        told = await desk.bench.do(lambda: _columns(desk.served, row))
    else:
        raise RefusedError(422, "this model reads nothing that is explained: a text, a picture or a table of columns")
    return Told(desk.headed(plain(told)))


def _words(served: Served, text: str) -> dict[str, Json]:
    try:
        found = explain_text(served.model, text)
    except ArchwiseError as error:
        raise of_error(error) from None
    parts = [{"words": found.words_of(part), "start": part.start, "end": part.end, "weight": part.weight}
             for part in found.parts]  # fmt: skip
    return {"prediction": found.prediction, "of": found.of, "how": WORDS, "parts": parts}


def _columns(served: Served, row: Mapping[str, object]) -> dict[str, Json]:
    """How the answer changes when one column after the other has its typical value, the largest change first."""
    changed = [field for field in served.fields if field.typical is not None and row[field.name] != field.typical]
    rows = [row, *({**row, field.name: field.typical} for field in changed)]
    answers = answer_together(served.model, rows)
    given = []
    for each in answers:
        if isinstance(each, ArchwiseError):
            raise of_error(each)
        given.append(each)
    of = given[0]["prediction"]
    if isinstance(of, list) or (isinstance(of, str) and of not in given[0].get("probabilities", {})):
        raise RefusedError(422, "an answer of several labels or tags is not explained")

    def level(told: Mapping[str, Json]) -> float:
        return float(told["probabilities"][of] if isinstance(of, str) else told["prediction"])

    effects = [
        {
            "column": field.name,
            "value": row[field.name],
            "typical": field.typical,
            "effect": level(given[0]) - level(told),
        }
        for field, told in zip(changed, given[1:], strict=True)
    ]
    effects.sort(key=lambda effect: -abs(effect["effect"]))
    return {"prediction": of, "of": str(of), "how": COLUMNS, "effects": effects}


async def _heat(desk: Desk, content: bytes) -> dict[str, Json]:
    """Heat over a picture, by a process of its own: it needs torch, which this one never loads."""
    with TemporaryDirectory(prefix="archwise-") as folder:
        shown, heat = Path(folder) / "picture", Path(folder) / "heat.png"
        shown.write_bytes(content)
        call = ("explain", str(desk.served.model.folder), str(shown), "--out", str(heat), "--json")
        done = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "archwise", *call, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        try:
            printed, complaint = await asyncio.wait_for(done.communicate(), desk.limits.seconds)
        except TimeoutError:
            done.kill()
            raise RefusedError(503, f"there was no explanation within {desk.limits.seconds:g} s") from None
        if done.returncode:
            said = complaint.decode(errors="replace").strip().splitlines() or ["it cannot be explained"]
            sentence = said[-1].removeprefix("archwise: ").replace(str(shown), "the picture")
            raise RefusedError(501 if done.returncode == MISSING_EXTRA else 422, sentence)
        told = json.loads(printed)
        picture = base64.b64encode(heat.read_bytes()).decode()
    return {"prediction": told.get("prediction"), "of": str(told.get("explained", "")), "how": HEAT, "picture": picture}
