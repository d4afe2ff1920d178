"""Arrays of pictures become a table: a column of pictures as bytes, and a column of labels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl

from archwise.data.column import column_of
from archwise.data.label_set import SEPARATOR
from archwise.data.picture import encode_arrays
from archwise.errors import SourceError
from archwise.records import Array, Finding, Table

IMAGE, LABEL = "image", "label"
_AT_ONCE = 1_000  # pictures whose numbers are changed at a time
_MOST_LEVEL = 255
_FULL_16_BIT = 4_096  # values that reach less leave hardly anything in the upper 8 bits
_ALPHA = 4  # channels


def picture_table(images: Array, labels: Any | None, *, source: str, target: str = LABEL) -> Table:
    """Make a table of pictures and their labels.

    Args:
        images: (N, H, W) or (N, H, W, C) with C of 1, 3 or 4, or (N, C, H, W); uint8, uint16 (the upper 8 bits are
            read), bool, whole numbers from 0 to 255, or floats from 0 to 1.
        labels: (N,) or (N, 1); (N, K) of 0 and 1, one 1 in each row for classes, any number for several labels a row;
            None where there are none.
        target: the name of the column of labels.

    Raises:
        SourceError: the shape or the numbers are not those of pictures, or there are more or fewer labels.
    """
    cells, findings = picture_column(images, source)
    columns = [cells]
    if labels is not None:
        columns.append(label_column(target, labels, n_rows=len(images), source=source))
    return Table(pl.DataFrame(columns), source, findings, target=target if labels is not None else "")


def picture_column(images: Array, source: str, *, name: str = IMAGE) -> tuple[pl.Series, tuple[Finding, ...]]:
    """Pictures as a column of bytes; shapes and errors as for `picture_table`."""
    images, findings = _channels_last(images, source)
    cells: list[bytes] = []
    for pixels in _in_bytes(images, source):
        cells += encode_arrays(_over_white(pixels) if pixels.shape[3:] == (_ALPHA,) else pixels)
    if images.dtype == np.uint16 and len(images) and int(images.max()) < _FULL_16_BIT:
        told = (
            f"{source}: pictures of 16 bits are read by their upper 8, and these reach {int(images.max()):,} of "
            "65,535, so that little is left of them; scale them to floats from 0 to 1 first"
        )
        findings.append(Finding("pictures", "warning", told, name, len(images)))
    return pl.Series(name, cells, dtype=pl.Binary), tuple(findings)


def label_column(name: str, labels: Any, *, n_rows: int, source: str, what: str = "pictures") -> pl.Series:
    """Labels as a column; shapes and errors as for `picture_table`, which name what there are labels of."""
    values = np.asarray(labels)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if len(values) != n_rows or values.ndim not in (1, 2):
        raise SourceError(
            f"{source}: there are {n_rows:,} {what}, but the labels have the shape {values.shape}; expected ({n_rows},)"
        )
    if values.ndim == 1:
        return column_of(name, values)
    if not np.isin(values, (0, 1)).all():
        raise SourceError(f"{source}: labels of the shape {values.shape} must be 0 and 1, one column a label")
    if (values.sum(axis=1) == 1).all():
        return column_of(name, values.argmax(axis=1))
    told = [SEPARATOR.join(str(place) for place in np.flatnonzero(row)) for row in values]
    return pl.Series(name, [f"{SEPARATOR}{each}{SEPARATOR}" if each else SEPARATOR for each in told])


def _channels_last(images: Array, source: str) -> tuple[Array, list[Finding]]:
    """The pictures as (N, H, W) or (N, H, W, C)."""
    shape = images.shape
    if images.ndim == 3 and shape[2] in (3, 4):
        raise SourceError(
            f"{source}: an array of the shape {shape} looks like one picture; pictures have the shape (N, H, W) or "
            "(N, H, W, C), so give picture[None]; series (N, T, C) are given as a frame with a column of lists"
        )
    if images.ndim == 4 and shape[3] not in (1, 3, _ALPHA) and shape[1] in (1, 3, _ALPHA):
        told = f"{source}: the shape {shape} is read as (N, C, H, W), with the channels first"
        return np.moveaxis(images, 1, 3), [Finding("pictures", "note", told, IMAGE, len(images))]
    if images.ndim not in (3, 4) or (images.ndim == 4 and shape[3] not in (1, 3, _ALPHA)) or 0 in shape[1:]:
        raise SourceError(
            f"{source}: an array of the shape {shape} holds no pictures; expected (N, H, W) or (N, H, W, C), with 1, 3 "
            "or 4 channels"
        )
    return images, []


def _in_bytes(images: Array, source: str) -> Iterator[Array]:
    """The pictures as uint8, some at a time."""
    for start in range(0, len(images), _AT_ONCE):
        pixels = images[start : start + _AT_ONCE]
        if pixels.dtype == np.uint8:
            yield pixels
        elif pixels.dtype == np.uint16:
            yield (pixels >> 8).astype(np.uint8)
        elif pixels.dtype == np.bool_:
            yield pixels.astype(np.uint8) * np.uint8(_MOST_LEVEL)
        elif pixels.dtype.kind in "iu":
            _check_range(pixels, _MOST_LEVEL, source)
            yield pixels.astype(np.uint8)
        elif pixels.dtype.kind == "f":
            _check_range(pixels, 1, source)
            yield np.rint(pixels.astype(np.float32) * _MOST_LEVEL).astype(np.uint8)
        else:
            raise SourceError(f"{source}: an array of {pixels.dtype} holds no pictures; expected uint8")


def _check_range(pixels: Array, most: int, source: str) -> None:
    low, high = float(pixels.min()), float(pixels.max())
    if not (low >= 0 and high <= most):
        raise SourceError(
            f"{source}: pictures of {pixels.dtype} must be numbers from 0 to {most}, and some lie from {low:g} to "
            f"{high:g}; scale them, or, if they are series, give a frame with a column of lists"
        )


def _over_white(pixels: Array) -> Array:
    """(N, H, W, 3) of (N, H, W, 4): where a picture is transparent it becomes white."""
    alpha = pixels[..., 3:].astype(np.float32) / _MOST_LEVEL
    return np.rint(pixels[..., :3] * alpha + _MOST_LEVEL * (1 - alpha)).astype(np.uint8)
