"""Images: cells that name a picture's file, or hold the bytes of one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import numpy as np
import polars as pl

from archwise.data.missing import blank_missing
from archwise.data.picture import (
    STARTS,
    SUFFIXES,
    Glance,
    decode,
    glance,
    hushed,
    picture_pixels,
    read_cell,
    to_pixels,
)
from archwise.data.picture_store import GREY, keep_pictures, take_pictures
from archwise.data.picture_twin import find_alike
from archwise.data.thread import in_threads
from archwise.errors import DataError
from archwise.records import (
    Array,
    Batch,
    Finding,
    Guess,
    ImageNeed,
    Json,
    Kind,
    Need,
    ReadCell,
    Scalar,
    Store,
    Stored,
    Widths,
)

NAME = "image"
N_SEEN = 200  # pictures, evenly over the column, from which sizes and colours are told
_ENDS = r"\.(" + "|".join(end[1:] for end in SUFFIXES) + ")$"


def sniff_image(values: pl.Series) -> Guess:
    """Whether nearly all cells name files with the suffix of a picture, or begin as the bytes of one do."""
    cells = values.drop_nulls()
    if cells.is_empty() or values.dtype not in (pl.String, pl.Binary):
        return Guess(NAME, 0.0, "no pictures")
    if values.dtype == pl.Binary:
        share = sum(cell.startswith(STARTS) for cell in cells) / len(cells)
        return Guess(NAME, 1.0 if share > 0.5 else 0.0, f"{share:.0%} of its cells begin as pictures do")
    share = int(cells.str.to_lowercase().str.contains(_ENDS).sum()) / len(cells)
    return Guess(NAME, 0.95 if share > 0.9 else 0.0, f"{share:.0%} of its cells name files of pictures")


def parse_image(values: pl.Series) -> tuple[pl.Series, Array]:
    """Read cells as paths or bytes; whether a picture is whole is seen when it is decoded."""
    cells = values if values.dtype == pl.Binary else blank_missing(values.cast(pl.String))
    return cells, np.zeros(len(values), dtype=bool)


def summarise_image(typed: pl.Series) -> dict[str, Scalar]:
    """Figures of pictures drawn evenly, N_SEEN or all if they are fewer.

    The middle width and height, the least and the most of the shorter sides, and the share of colour; where some
    cannot be read also of how many they are, how many, and why.
    """
    cells = typed.drop_nulls()
    drawn = cells.gather(np.arange(min(N_SEEN, len(cells))) * len(cells) // max(1, min(N_SEEN, len(cells))))
    with hushed():
        seen = list(in_threads(_look, drawn))
    shown = [each for each in seen if isinstance(each, Glance)]
    broken = Counter(each for each in seen if isinstance(each, str))
    bad: dict[str, Scalar] = {}
    if broken:
        why = ", ".join(f"{count:,}: {reason}" for reason, count in broken.most_common())
        bad = {"seen": len(seen), "unreadable": broken.total(), "reasons": why}
    if not shown:
        return bad
    widths, heights = np.array([(each.width, each.height) for each in shown]).T
    shorter = np.minimum(widths, heights)
    return {
        "width": int(np.median(widths)),
        "height": int(np.median(heights)),
        "least": int(shorter.min()),
        "most": int(shorter.max()),
        "colour": sum(each.is_coloured for each in shown) / len(shown),
        **bad,
    }


def _look(cell: str | bytes) -> Glance | str:
    """What a picture looks like, or why it cannot be read."""
    try:
        return glance(read_cell(cell))
    except DataError as error:
        return str(error)


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
    """The pixels, (N, size, size, channels) uint8; a missing picture is grey all over.

    Raises:
        DataError: a picture cannot be read.
    """
    batch, why = load_image(state, typed)
    if why.null_count() < len(why):
        row = int(why.is_not_null().arg_max() or 0)
        raise DataError(f"column '{typed.name}', row {row + 1}: {why[row]}")
    return batch


def load_image(state: Mapping[str, Json], typed: pl.Series) -> tuple[Batch, pl.Series]:
    """What `apply_image` gives, grey too where a picture cannot be read; and why it cannot."""
    if not state:
        return {}, pl.Series("why", [None] * len(typed), dtype=pl.String)
    form = ImageNeed(**state)
    pixels = np.full((len(typed), form.size, form.size, form.channels), GREY, np.uint8)

    def read(row: int) -> str | None:
        cell = typed[row]
        if cell is None:
            return None
        try:
            pixels[row] = to_pixels(decode(read_cell(cell)), form)
        except DataError as error:
            return str(error)
        return None

    with hushed():
        why = list(in_threads(read, range(len(typed))))
    return {"image": pixels}, pl.Series("why", why, dtype=pl.String)


def one_image(state: Mapping[str, Json]) -> ReadCell:
    """A function that reads the bytes of one picture, or none, which is grey; a file, or a broken one, it leaves."""
    form = ImageNeed(**state) if state else None

    def read(cell: object) -> Batch | None:
        if form is None:
            return {}
        if cell is None:
            return {"image": np.full((1, form.size, form.size, form.channels), GREY, np.uint8)}
        if type(cell) is not bytes:
            return None
        try:
            return {"image": picture_pixels(cell, form)[None]}
        except DataError:
            return None  # as a table it is told which cell is broken, and why

    return read


def store_image(cells: pl.Series, store: Store) -> Stored:
    """Decode every picture once, for all forms that are asked for."""
    forms = list(dict.fromkeys(need.image for need in store.needs if need.image is not None))
    keeping = keep_pictures(cells, forms, store.folder, group=store.group or "unnamed", tell=store.tell)
    names = pl.Series(cells.name, [one.name or None for one in keeping.kept], dtype=pl.String)
    why = pl.Series("why", [one.why or None for one in keeping.kept], dtype=pl.String)
    n_read = len(names) - names.null_count()
    told = (
        f"{n_read:,} pictures lie decoded in {keeping.place} ({keeping.n_bytes / 1e6:,.1f} MB with all that lies "
        f"there); {keeping.n_decoded:,} of them were decoded now"
    )
    return Stored(names, why, (Finding("store", "note", told, str(cells.name), n_read),))


def take_image(state: Mapping[str, Json], names: pl.Series, folder: Path) -> Batch:
    """What `apply_image` gives for pictures of those names, read from the store when it is asked for."""
    if not state:
        return {}
    return {"image": cast("Array", take_pictures(names, ImageNeed(**state), folder))}


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
    alike=find_alike,
    load=load_image,
    one=one_image,
)
