"""What a model asks of a row, field by field: for the check at the door, for OpenAPI and for the page."""

from __future__ import annotations

import base64
import datetime as dt
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from archwise.data.kinds import kind as pick_kind
from archwise.data.kinds.category import read_name
from archwise.errors import nearest, shorten
from archwise.records import Json

if TYPE_CHECKING:
    from archwise.model.predict import Model

MOST_LEVELS = 500  # that are listed for people; of more the most frequent
A_DATE = "2026-03-31"
NUMBER = r"^\s*([+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,2})?)?\s*$"  # a number written as a text, or blank
YES_OR_NO = r"^\s*([Tt](rue|RUE)?|[Ff](alse|ALSE)?|[Yy](es|ES)?|[Nn][Oo]?|[01])?\s*$"  # as a text, or blank
BASE64 = r"^[A-Za-z0-9+/]*={0,2}$"
SHRUNK = 16.0  # by which quantiles and centres are kept smaller, so that no difference of two overflows
_NUMBER, _YES_OR_NO = re.compile(NUMBER), re.compile(YES_OR_NO)
_WORDS_OF_KIND = {
    "number": "a number",
    "boolean": "true or false",
    "category": "a name or a code",
    "date": f"a date, such as {A_DATE}",
    "image": "a picture in base64",
    "series": "a list of numbers, of which some may be null",
    "words": "a sentence",
}


@dataclass(frozen=True)
class Field:
    """One column that a model reads.

    low, high: of the training rows, where it is a number and they are known; first, last where it is a date. levels:
    that training saw, the most frequent first. typical: the median or the most frequent level, None where it is not
    known. example: a cell. known: all levels of training, None where they are not told. n_channels: of a series.
    """

    name: str
    kind: str
    low: float | None = None
    high: float | None = None
    first: str = ""
    last: str = ""
    levels: tuple[str, ...] = ()
    known: frozenset[str] | None = None
    typical: Json = None
    example: Json = None
    n_channels: int = 1


@dataclass(frozen=True)
class Fault:
    """What is wrong with a field: where, what it was and what it should be."""

    field: str
    found: str
    expected: str
    hint: str = ""

    @property
    def sentence(self) -> str:
        """All of it as one line."""
        place = f"'{self.field}': " if self.field else ""
        return f"{place}{self.found}; it should be {self.expected}{self.hint}"


def fields_of(model: Model) -> tuple[Field, ...]:
    """The columns that a model reads, in their order, with what it knows of their values."""
    told, example = model.facts.profile.get("columns", {}), model.facts.profile.get("example", {})
    fields = []
    for column in model.preparation.columns:
        field = _field(column.name, column.kind, column.state, told.get(column.name, {}))
        cell = example.get(column.name)
        if field.kind == "series" and field.n_channels == 1 and isinstance(cell, list) and len(cell) == 1:
            cell = cell[0]  # tables hold a list for each channel
        is_told = cell is not None and _CHECKS[field.kind](field, cell)
        fields.append(replace(field, example=cell) if is_told else field)
    return tuple(fields)


def _field(name: str, kind: str, state: Mapping[str, Json], told: Mapping[str, Json]) -> Field:
    like = kind if kind == "words" else pick_kind(kind).like or kind
    if like == "number":
        low, usual, high = _range_of(state)
        low, high = told.get("min", low), told.get("max", high)
        marks = state.get("marks", ())
        typical = told.get("median", 0.0 if 0.0 in marks else usual)  # a mark is a value of many rows
        example = 0 if typical is None else typical
        return Field(name, like, low=low, high=high, typical=typical, example=example)
    if like == "category":
        levels = tuple(state.get("levels", ()))[:MOST_LEVELS]
        typical = levels[0] if levels else told.get("most")
        example = typical or "a"
        known = frozenset(levels) if 0 < len(levels) < MOST_LEVELS else None
        return Field(name, like, levels=levels, known=known, typical=typical, example=example)
    if like == "boolean":
        is_usual = told.get("true", 1.0) >= 0.5
        return Field(name, like, typical=is_usual, example=is_usual)
    if like == "date":
        begin, end = str(told.get("first", ""))[:10], str(told.get("last", ""))[:10]
        middle = _middle(begin, end) or A_DATE
        return Field(name, like, first=begin, last=end, typical=middle, example=middle)
    if like == "series":
        shape = pick_kind(kind).spec(state).get("series", ((8, 1), ()))[0]
        n_steps, n_channels = shape if isinstance(shape, tuple) else (shape, 1)
        steps: Json = [round(float(np.sin(step / 4)), 3) for step in range(n_steps)]
        return Field(name, like, example=steps if n_channels == 1 else [steps] * n_channels, n_channels=n_channels)
    examples = {
        "image": _grey_picture(),
        "words": "Ada Lovelace lived in London .",
    }
    return Field(name, like, example=examples.get(like, "A text such as this one."))


def _middle(first: str, last: str) -> str:
    """The day in the middle of two, "" where they are none."""
    try:
        begin, end = dt.date.fromisoformat(first), dt.date.fromisoformat(last)
    except ValueError:
        return ""
    return str(begin + (end - begin) / 2)


def _range_of(state: Mapping[str, Json]) -> tuple[float | None, float | None, float | None]:
    """The least, the middle and the greatest value of training, as far as the scale of a column tells them."""
    if state.get("how") == "quantile" and len(state["knots"]):
        knots = state["knots"] * SHRUNK
        ends = [*knots[[0, -1]], *state.get("marks", ())]  # values that stand apart are no knots
        return float(min(ends)), _rounded(np.interp(0.0, state["scores"], knots)), float(max(ends))
    if state.get("how") == "standard":
        return None, _rounded(state["mean"]), None
    if state.get("how") == "robust":
        return None, _rounded(state["centre"] * SHRUNK), None
    return None, None, None


def _rounded(value: float) -> float:
    """To four digits, which is enough for a beginning."""
    return float(f"{value:.4g}")


def _grey_picture() -> str:
    from PIL import Image

    held = io.BytesIO()
    Image.new("L", (8, 8), 128).save(held, "PNG")
    return base64.b64encode(held.getvalue()).decode()


# ---------------------------------------------------------------- the check at the door


def check_row(fields: tuple[Field, ...], row: object) -> Fault | None:
    """What is wrong with a row that came as JSON: the first fault, or None."""
    if type(row) is not dict:
        return Fault("", f"a row is {_tell(row)}", "a JSON object from column to value")
    for field in fields:
        if field.name not in row:
            return Fault(field.name, "it is missing", _expected(field), nearest(field.name, _strangers(fields, row)))
        cell = row[field.name]
        is_missing = cell is None and field.kind != "series"  # not every model of series answers without one
        if not is_missing and not _CHECKS[field.kind](field, cell):
            return Fault(field.name, f"it is {_tell(cell)}", _expected(field))
    return None


def _strangers(fields: tuple[Field, ...], row: Mapping[str, object]) -> list[str]:
    known = {field.name for field in fields}
    return [name for name in row if name not in known]


def _is_number(_: Field, cell: object) -> bool:
    if type(cell) is str:
        return len(cell) < 400 and _NUMBER.match(cell) is not None
    return type(cell) is int or type(cell) is float


def _is_name(_: Field, cell: object) -> bool:
    return type(cell) in (str, int, float, bool)


def _is_text(_: Field, cell: object) -> bool:
    return type(cell) is str


def _is_yes_or_no(_: Field, cell: object) -> bool:
    if type(cell) is str:
        return _YES_OR_NO.match(cell) is not None
    return type(cell) is bool or (type(cell) is int and cell in (0, 1))


def _is_series(field: Field, cell: object) -> bool:
    if type(cell) is not list or not cell:
        return False
    if field.n_channels == 1:
        return _are_steps(cell)
    return len(cell) == field.n_channels and all(type(channel) is list and _are_steps(channel) for channel in cell)


def _are_steps(cells: list[object]) -> bool:
    """Numbers, some of which may be missing, but not all."""
    kinds = {type(cell) for cell in cells}
    return kinds <= {int, float, type(None)} and bool(kinds & {int, float})


_CHECKS = {
    "number": _is_number,
    "category": _is_name,
    "boolean": _is_yes_or_no,
    "date": _is_text,
    "text": _is_text,
    "words": _is_text,
    "image": _is_text,
    "series": _is_series,
}


def _expected(field: Field) -> str:
    told = _WORDS_OF_KIND.get(field.kind, "a text")
    if field.low is not None and field.high is not None:
        return f"{told}, in training from {field.low:g} to {field.high:g}"
    if field.first:
        return f"{told}, in training from {field.first} to {field.last}"
    if field.levels and len(field.levels) <= 12:
        return f"{told}, in training one of {', '.join(field.levels)}"
    if field.levels:
        return f"{told}, such as {field.levels[0]}"
    if field.n_channels > 1:
        return f"a list of {field.n_channels} lists of numbers, one for each channel"
    return told


def _tell(cell: object) -> str:
    """A value as an error shows it, with what it is."""
    if cell is None:
        return "null"
    if isinstance(cell, str):
        return f"the text '{shorten(cell)}'"
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, int | float):
        return f"the number {shorten(cell)}"
    if isinstance(cell, list):
        return f"a list of {len(cell):,}"
    return "an object"


def notes_on(fields: tuple[Field, ...], row: Mapping[str, Json]) -> list[str]:
    """What a row has that training rows had not, in sentences: unknown levels, numbers outside of the range."""
    notes = []
    for field in fields:
        cell = row.get(field.name)
        if cell is None:
            continue
        if field.known is not None:
            name = read_name(cell)
            if name and name not in field.known:
                told = f"training saw '{shorten(name)}' in too few rows or never; it is answered as unknown"
                notes.append(f"'{field.name}': {told}")
        elif field.low is not None and field.high is not None and type(cell) in (int, float):
            if field.low <= cell <= field.high:
                continue
            notes.append(f"'{field.name}': {cell} lies outside of training's {field.low:g} to {field.high:g}")
    return notes


# ---------------------------------------------------------------- as JSON Schema


def row_schema(fields: tuple[Field, ...]) -> dict[str, Json]:
    """The JSON Schema of a row, with an example that the model answers."""
    return {
        "type": "object",
        "properties": {field.name: _schema(field) for field in fields},
        "required": [field.name for field in fields],
        "example": example_row(fields),
    }


def example_row(fields: tuple[Field, ...]) -> dict[str, Json]:
    """A row that the model answers."""
    return {field.name: field.example for field in fields}


def _schema(field: Field) -> dict[str, Json]:
    told: dict[str, Json] = {
        "description": f"{field.kind}: {_expected(field)}. null where it is not known, if it may be."
    }
    steps = {"type": "array", "items": {"type": ["number", "null"]}, "contains": {"type": "number"}}
    if field.kind == "number":
        kinds: list[Json] = [{"type": "number"}, {"type": "string", "pattern": NUMBER}]
    elif field.kind == "category":
        kinds = [{"type": "string"}, {"type": "number"}, {"type": "boolean"}]
    elif field.kind == "boolean":
        kinds = [{"type": "boolean"}, {"type": "string", "pattern": YES_OR_NO}, {"type": "integer", "enum": [0, 1]}]
    elif field.kind == "date":
        kinds = [{"type": "string", "format": "date"}]
    elif field.kind == "image":
        kinds = [{"type": "string", "format": "byte", "pattern": BASE64}]
    elif field.kind == "series" and field.n_channels == 1:
        kinds = [steps]
    elif field.kind == "series":
        kinds = [{"type": "array", "items": steps, "minItems": field.n_channels, "maxItems": field.n_channels}]
    else:
        kinds = [{"type": "string"}]
    missing = [] if field.kind == "series" else [{"type": "null"}]
    return {**told, "anyOf": [*kinds, *missing], "examples": [field.example]}
