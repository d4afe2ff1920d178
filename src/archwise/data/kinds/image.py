"""Images: cells that name a picture's file, or hold the bytes of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import numpy as np
import polars as pl

from archwise.data.missing import blank_missing
from archwise.data.picture import NPY, SUFFIXES, decode, picture_pixels, read_cell
from archwise.data.picture_store import keep_pictures, take_pictures
from archwise.errors import DataError
from archwise.records import Array, Batch, Guess, ImageNeed, Json, Kind, Need, Scalar, Stored, Widths

NAME = "image"
N_SEEN = 200  # pictures, evenly over the column, from which sizes and colours are told
_ENDS = r"\.(" + "|".join(end[1:] for end in SUFFIXES) + ")$"
_STARTS = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"RIFF", b"II*\0", b"MM\0*", b"P5", b"P6", NPY)


def sniff_image(values: pl.Series) -> Guess:
    """Whether nearly all cells name files with the suffix of a picture, or begin as the bytes of one do."""
    cells = values.drop_nulls()
    if cells.is_empty() or values.dtype not in (pl.String, pl.Binary):
        return Guess(NAME, 0.0, "no pictures")
    if values.dtype == pl.Binary:
        share = sum(cell.startswith(_STARTS) for cell in cells) / len(cells)
        return Guess(NAME, 1.0 if share > 0.5 else 0.0, f"{share:.0%} of its cells begin as pictures do")
    share = int(cells.str.to_lowercase().str.contains(_ENDS).sum()) / len(cells)
    return Guess(NAME, 0.95 if share > 0.9 else 0.0, f"{share:.0%} of its cells name files of pictures")


def parse_image(values: pl.Series) -> tuple[pl.Series, Array]:
    """Read cells as paths or bytes; whether a picture is whole is seen when it is decoded."""
    cells = values if values.dtype == pl.Binary else blank_missing(values.cast(pl.String))
    return cells, np.zeros(len(values), dtype=bool)


def summarise_image(typed: pl.Series) -> dict[str, Scalar]:
    """The middle width and height, the least and the most of the shorter sides, and the share of colour."""
    cells = typed.drop_nulls()
    sizes, n_colour = [], 0
    for cell in cells.gather_every(max(1, len(cells) // N_SEEN)):
        try:
            picture = decode(read_cell(cell))
        except DataError:
            continue  # told with its reason when all are read
        sizes.append(picture.size)
        n_colour += picture.mode == "RGB" and _is_coloured(np.asarray(picture))
    if not sizes:
        return {}
    widths, heights = np.array(sizes).T
    shorter = np.minimum(widths, heights)
    return {
        "width": int(np.median(widths)),
        "height": int(np.median(heights)),
        "least": int(shorter.min()),
        "most": int(shorter.max()),
        "colour": n_colour / len(sizes),
    }


def _is_coloured(pixels: Array) -> bool:
    return bool((pixels != pixels[:, :, :1]).any())


def fit_image(typed: pl.Series, need: Need) -> dict[str, Json]:
    """The form that the need asks for; nothing is learnt from pixels here."""
    del typed
    if need.image is None:
        return {}
    form = need.image
    return {
        "size": form.size, "channels": form.channels, "fit": form.fit, "share": form.share, "resample": form.resample
    }  # fmt: skip


def spec_image(state: Mapping[str, Json]) -> Widths:
    """One input `image`, (size, size, channels), where the architecture reads pictures."""
    return {"image": ((state["size"], state["size"], state["channels"]), ())} if state else {}


def apply_image(state: Mapping[str, Json], typed: pl.Series) -> Batch:
    """The pixels, (N, size, size, channels) uint8; a missing picture is grey all over."""
    if not state:
        return {}
    form = ImageNeed(**state)
    rows = [_missing(form) if cell is None else picture_pixels(cell, form) for cell in typed]
    return {"image": np.stack(rows) if rows else np.empty((0, *_missing(form).shape), np.uint8)}


def _missing(form: ImageNeed) -> Array:
    return np.full((form.size, form.size, form.channels), 128, np.uint8)


def store_image(cells: pl.Series, needs: Sequence[Need], folder: Path) -> Stored:
    """Decode every picture once, for all forms that are asked for."""
    forms = list(dict.fromkeys(need.image for need in needs if need.image is not None))
    kept = keep_pictures(cells.to_list(), forms, folder)
    names = pl.Series(cells.name, [one.name or None for one in kept], dtype=pl.String)
    why = pl.Series("why", [one.why or None for one in kept], dtype=pl.String)
    return Stored(names, why)


def take_image(state: Mapping[str, Json], names: pl.Series, folder: Path) -> Batch:
    """What `apply_image` gives for pictures of those names, read from the store when it is asked for."""
    if not state:
        return {}
    return {"image": cast("Array", take_pictures(names.to_list(), ImageNeed(**state), folder))}


KIND = Kind(
    name=NAME,
    summary="a picture: the path of its file, or its bytes",
    sniff=sniff_image,
    parse=parse_image,
    summarise=summarise_image,
    fit=fit_image,
    spec=spec_image,
    apply=apply_image,
    store=store_image,
    take=take_image,
)
