"""What a request brings becomes rows: JSON, forms with files, CSV, Parquet, pictures as they are."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson
import polars as pl
from starlette.datastructures import UploadFile
from starlette.requests import ClientDisconnect, Request

from archwise.records import Json
from archwise.serve.guard import Limits, refuse_many
from archwise.serve.parquet import read_parquet
from archwise.serve.refusal import RefusedError, of_fault
from archwise.serve.schema import Fault, Field, check_row

JSON, FORM, CSV, PARQUET = "application/json", "multipart/form-data", "text/csv", "application/vnd.apache.parquet"
_PARQUETS = (PARQUET, "application/x-parquet", "application/parquet")
_PICTURE = "image/"
MOST_FIELDS = 1_000  # of a form


def media_type(request: Request) -> str:
    """What the body is said to be, JSON where nothing is said."""
    return request.headers.get("content-type", JSON).partition(";")[0].strip().lower()


async def read_bytes(request: Request) -> bytes:
    """The body.

    Raises:
        RefusedError: it is too large or too slow, or the asker left.
    """
    try:
        return await request.body()
    except ClientDisconnect:
        raise RefusedError(400, "the body was cut off") from None


async def read_json(request: Request) -> Json:
    """The body as strict JSON.

    Raises:
        RefusedError: it is none.
    """
    return parse_json(await read_bytes(request))


def parse_json(content: bytes) -> Json:
    """Bytes as strict JSON.

    Raises:
        RefusedError: they are none.
    """
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise RefusedError(422, f"the body is not JSON ({error}); send an object from column to value") from None


async def read_one(request: Request, fields: tuple[Field, ...]) -> tuple[dict[str, Json], dict[str, object]]:
    """The one row of a request.

    Returns:
        the row as it was sent, and as the model reads it.

    Raises:
        RefusedError: it is of another type, or a field is wrong.
    """
    kind = media_type(request)
    if kind == JSON:
        row = await read_json(request)
    elif kind == FORM:
        sent = await _read_form(request, fields)
        if len(sent) != 1:
            raise RefusedError(422, f"there are {len(sent)} files; send one, or several to batch_predict")
        return sent[0]
    elif kind.startswith(_PICTURE):
        return {}, {_only_picture(fields).name: await read_bytes(request)}
    else:
        raise RefusedError(415, f"'{kind[:60]}' is not read here; send {JSON}, {FORM} or a picture")
    return row, read_row(fields, row)


def read_row(fields: tuple[Field, ...], row: object, *, number: int | None = None) -> dict[str, object]:
    """A row of JSON as the model reads it: pictures as bytes, and no column that it does not read.

    Args:
        number: of the row among others, from 0.

    Raises:
        RefusedError: a field is missing or wrong.
    """
    fault = check_row(fields, row)
    if fault is not None:
        raise of_fault(fault, row=number)
    assert isinstance(row, Mapping)  # as it was just checked
    return {field.name: _cell(field, row[field.name], number) for field in fields}


def _cell(field: Field, cell: object, number: int | None) -> object:
    if field.kind != "image" or not isinstance(cell, str):
        return cell
    try:
        return base64.b64decode(cell.partition(",")[2] if cell.startswith("data:") else cell, validate=True)
    except (binascii.Error, ValueError):
        raise of_fault(Fault(field.name, "it is no base64", "a picture in base64"), row=number) from None


def _only_picture(fields: tuple[Field, ...]) -> Field:
    """The one column of pictures, of which a file is the cell."""
    found = [field for field in fields if field.kind == "image"]
    if len(found) != 1:
        names = ", ".join(field.name for field in fields[:8])
        raise RefusedError(415, f"this model does not read files of pictures; send JSON with {names}")
    return found[0]


async def _read_form(request: Request, fields: tuple[Field, ...]) -> list[tuple[dict[str, Json], dict[str, object]]]:
    """The rows of a form: one for each file of a picture, each with the other fields. File names are not used."""
    picture = _only_picture(fields)
    try:
        form = await request.form(max_files=MOST_FIELDS, max_fields=MOST_FIELDS)
    except ClientDisconnect:
        raise RefusedError(400, "the body was cut off") from None
    others = {name: value for name, value in form.multi_items() if isinstance(value, str) and name != picture.name}
    files = [value for _, value in form.multi_items() if isinstance(value, UploadFile)]
    rest = tuple(field for field in fields if field is not picture)
    cells = read_row(rest, others)
    rows = [(others, {**cells, picture.name: await file.read()}) for file in files]
    await form.close()
    if not rows:
        raise of_fault(Fault(picture.name, "there is no file", "a file of a picture"))
    return rows


async def read_many(request: Request, fields: tuple[Field, ...], limits: Limits) -> list[dict[str, object]]:
    """The rows of a request of JSON or of files.

    Raises:
        RefusedError: as for `read_one`, or there are too many.
    """
    if media_type(request) == FORM:
        files = [row for _, row in await _read_form(request, fields)]
        refuse_many(len(files), limits)
        return files
    rows = rows_of(await read_json(request))
    refuse_many(len(rows), limits)
    return [read_row(fields, row, number=number) for number, row in enumerate(rows)]


def rows_of(told: Json) -> Sequence[Json]:
    """A list of rows, or an object of columns turned into rows.

    Raises:
        RefusedError: it is neither, or its columns are of different lengths.
    """
    if isinstance(told, dict) and isinstance(told.get("rows"), list):
        told = told["rows"]
    if isinstance(told, list):
        return told
    if not isinstance(told, dict) or not told or not all(isinstance(cells, list) for cells in told.values()):
        raise RefusedError(422, "the body is neither a list of rows nor an object from column to a list of cells")
    lengths = {len(cells) for cells in told.values()}
    if len(lengths) > 1:
        shown = ", ".join(f"'{name[:40]}' {len(cells):,}" for name, cells in list(told.items())[:8])
        raise RefusedError(422, f"the columns have different lengths: {shown}; give each a cell for every row")
    return [dict(zip(told, cells, strict=True)) for cells in zip(*told.values(), strict=True)]


def is_table(request: Request) -> bool:
    """Whether the body is a file of a table."""
    kind = media_type(request)
    return kind == CSV or kind in _PARQUETS


@contextmanager
def table_of(content: bytes, kind: str, fields: tuple[Field, ...], limits: Limits) -> Iterator[Path | pl.DataFrame]:
    """A table as something to answer: CSV in a file of a name that is ours, in a folder of its own that is then gone.

    Raises:
        RefusedError: it has too many rows, takes too much memory, is broken, or names files of pictures.
    """
    pictures = [field.name for field in fields if field.kind == "image"]
    if kind != CSV:
        frame = read_parquet(content, limits)
        for name in pictures:
            if frame.schema.get(name) not in (None, pl.Binary):
                told = f"column '{name}' holds {frame.schema[name]}; give the bytes of the pictures themselves"
                raise RefusedError(422, told)
        yield frame
        return
    if pictures:
        raise RefusedError(415, "a table of names of files is not read: they are not here; send the files as a form")
    n_rows = max(content.count(b"\n"), content.count(b"\r"))
    refuse_many(n_rows - 1, limits)  # one line is the header
    with TemporaryDirectory(prefix="archwise-") as folder:
        place = Path(folder) / "rows.csv"
        place.write_bytes(content)
        yield place
