"""A Parquet body as a frame, once it is known how much memory it takes: a kilobyte can unpack to gigabytes.

What its columns unpack to is summed up from the heads of their pages before one is read, for the totals that the file
tells are not what a reader goes by. Dictionaries are read without being multiplied, so their cells are counted after.
Source: https://parquet.apache.org/docs/file-format/ and the compact protocol of Apache Thrift.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import polars as pl

from archwise.serve.guard import Limits, refuse_many
from archwise.serve.refusal import RefusedError

_MAGIC = b"PAR1"
_CELL = 16  # bytes that a cell takes beside its own, as Polars holds texts and lists
_MOST_FOOTER = 4_000_000  # bytes that tell where the columns stand
_MOST_PAGES = 100_000  # of a body: every one is walked
_DEEPEST = 32  # structures in each other
_FIXED_BYTES, _PREFIXED = 7, 7  # a physical type; the encoding that tells each text by what it shares with the last
_Struct = dict[int, Any]


class _BrokenError(Exception):
    """It is no Parquet."""


def read_parquet(content: bytes, limits: Limits) -> pl.DataFrame:
    """The table of a Parquet body.

    Raises:
        RefusedError: it has too many rows, takes more memory than it may, or is broken.
    """
    try:
        _refuse_large(content, limits)
        frame = pl.read_parquet(io.BytesIO(content))
    except (_BrokenError, IndexError, OverflowError):
        raise RefusedError(422, "the body is not whole Parquet; write it again") from None
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        told = (str(error).splitlines() or ["it is broken"])[0]
        raise RefusedError(422, f"the body is not Parquet that can be read ({told})") from None
    n_bytes = 0
    for column in frame.get_columns():
        n_bytes += _bytes_of(column)
        _refuse_beyond(n_bytes, column.name, limits)
    return frame


def _refuse_large(content: bytes, limits: Limits) -> None:
    if len(content) < 12 or content[-4:] != _MAGIC:
        raise _BrokenError
    length = int.from_bytes(content[-8:-4], "little")
    if length > min(_MOST_FOOTER, len(content) - 12):
        raise _BrokenError
    footer = _Thrift(content, len(content) - 8 - length).struct()
    groups = _list(footer, 4)
    n_rows = max(_number(footer, 3), sum(_number(group, 3) for group in groups))
    refuse_many(n_rows, limits)
    width = max((_number(element, 2) for element in _list(footer, 2)), default=0)
    n_bytes, n_pages = 0, 0
    for column in (column for group in groups for column in _list(group, 1)):
        told = _struct(column, 3)
        name = next((part.decode(errors="replace") for part in _list(told, 3) if isinstance(part, bytes)), "")
        for size, n_cells, encoding in _pages(content, told):
            cell = max(_CELL, width) if told.get(1) == _FIXED_BYTES else _CELL
            n_bytes += size + n_cells * (cell + (size if encoding == _PREFIXED else 0))
            n_pages += 1
            _refuse_beyond(n_bytes, name, limits)
            if n_pages > _MOST_PAGES:
                raise RefusedError(413, f"there are more than {_MOST_PAGES:,} pages; write it with larger ones")


def _pages(content: bytes, column: _Struct) -> Iterator[tuple[int, int, int]]:
    """Of each page of a column the bytes and the cells that it unpacks to, and their encoding."""
    place = _number(column, 11) or _number(column, 9)
    end = place + _number(column, 7)
    if not 4 <= place <= end <= len(content):
        raise _BrokenError
    while place < end:
        thrift = _Thrift(content, place)
        head = thrift.struct()
        size, packed = _number(head, 2), _number(head, 3)
        cells = _struct(head, next((field for field in (5, 7, 8) if field in head), 5))  # of values, or a dictionary
        yield size, _number(cells, 1), _number(cells, 4 if 8 in head else 2)
        place = thrift.place + packed


def _bytes_of(column: pl.Series) -> int:
    """What the cells of a column take once each has its own."""
    if isinstance(column.dtype, pl.Struct):
        return sum(_bytes_of(part) for part in column.struct.unnest().get_columns())
    if isinstance(column.dtype, pl.List | pl.Array):
        return _CELL * len(column) + _bytes_of(column.explode())
    sizes = pl.Series([0])
    if column.dtype == pl.String:
        sizes = column.str.len_bytes()
    elif column.dtype == pl.Binary:
        sizes = column.bin.size()
    elif isinstance(column.dtype, pl.Categorical | pl.Enum):
        sizes = column.cat.len_bytes()
    return _CELL * len(column) + int(sizes.cast(pl.UInt64).sum())


def _refuse_beyond(n_bytes: int, column: str, limits: Limits) -> None:
    if n_bytes > limits.memory_bytes:
        raise RefusedError(
            413,
            f"up to its column '{column[:60]}' the table unpacks to more than {limits.memory_mb:g} MB; send fewer rows "
            "at a time, and only the columns that the model reads",
        )


def _number(struct: Any, field: int) -> int:
    value = struct.get(field, 0) if isinstance(struct, dict) else None
    if not isinstance(value, int) or value < 0:
        raise _BrokenError
    return value


def _struct(struct: Any, field: int) -> _Struct:
    value = struct.get(field, {}) if isinstance(struct, dict) else None
    if not isinstance(value, dict):
        raise _BrokenError
    return value


def _list(struct: Any, field: int) -> list[Any]:
    value = struct.get(field, []) if isinstance(struct, dict) else None
    if not isinstance(value, list):
        raise _BrokenError
    return value


class _Thrift:
    """Reads structures of the compact protocol from a place in some bytes: number of a field -> its value."""

    def __init__(self, content: bytes, place: int) -> None:
        self._content, self.place, self._depth = content, place, 0

    def struct(self) -> _Struct:
        """The structure that begins here."""
        self._depth += 1
        if self._depth > _DEEPEST:
            raise _BrokenError
        found: _Struct = {}
        field = 0
        while (head := self._byte()) != 0:
            field = field + (head >> 4) if head >> 4 else self._signed()
            kind = head & 15
            found[field] = kind == 1 if kind in (1, 2) else self._value(kind)
        self._depth -= 1
        return found

    def _byte(self) -> int:
        self.place += 1
        return self._content[self.place - 1]

    def _varint(self) -> int:
        value = shift = 0
        while shift < 70:
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7
        raise _BrokenError

    def _signed(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)

    def _value(self, kind: int) -> Any:
        if kind in (1, 2, 3):  # in a list a truth value is a byte too
            return self._byte()
        if kind in (4, 5, 6):
            return self._signed()
        if kind in (7, 8, 13):
            size = {7: 8, 13: 16}.get(kind) or self._varint()
            self.place += size
            if self.place > len(self._content):
                raise _BrokenError
            return self._content[self.place - size : self.place]
        if kind in (9, 10):
            return self._items()
        if kind == 12:
            return self.struct()
        raise _BrokenError  # maps, which Parquet has none of

    def _items(self) -> list[Any]:
        head = self._byte()
        n_items = head >> 4 if head >> 4 < 15 else self._varint()
        self._depth += 1
        if n_items > len(self._content) or self._depth > _DEEPEST:  # an item takes a byte at least
            raise _BrokenError
        items = [self._value(head & 15) for _ in range(n_items)]
        self._depth -= 1
        return items
