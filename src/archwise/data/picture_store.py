"""The store of pictures: each is decoded once, for all forms that are asked for, and kept for later fits.

A form has one file of pixels, (M, size, size, channels) uint8, to which rows are only ever added, and an index: the
hash of each picture's bytes, and its likeness. Row 0 is grey and stands for a missing picture. The files lie in a cache
that all runs share (`cache_folder`), those of one source together; a run folder holds links to them, so that it needs
neither the pictures nor the cache any more.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from archwise.data.growing import GrowingArray
from archwise.data.mapped import Picked, pick
from archwise.data.picture import LIKENESS_BYTES, decode, hushed, likeness, read_cell, to_pixels
from archwise.data.picture_cache import cache_folder, locked, make_room, most_bytes, size_of
from archwise.data.thread import in_threads
from archwise.errors import DataError, ModelError
from archwise.records import Array, ImageNeed

NAME_BYTES = 16  # of a picture's BLAKE2b
BATCH = 32  # pictures that a thread decodes at a time
MOST_HELD = 64_000_000  # bytes of pixels that wait to be written
GREY = 128  # of a missing picture
SAVED_S = 10.0  # after which what was decoded is saved, so that a kill loses no more
MOST_IDLE = 2  # times the pictures of a source that its place in a full cache may hold, before it is begun anew
_RECORD = NAME_BYTES + LIKENESS_BYTES
_MISSING = bytes(_RECORD)  # the record of row 0

Tell = Callable[[int, int], None]


@dataclass(frozen=True)
class Kept:
    """What came of one picture. name: of its content, "" where it cannot be read. why: it cannot, else ""."""

    name: str
    why: str = ""


@dataclass(frozen=True)
class Keeping:
    """What came of pictures, in their order.

    n_decoded: that were not in the cache before. place: of the cache. n_bytes: all forms there.
    """

    kept: list[Kept]
    n_decoded: int
    place: Path
    n_bytes: int


@dataclass(frozen=True)
class _Read:
    """One picture as read: its pixels in the forms that were missing."""

    kept: Kept
    likeness: bytes
    pixels: dict[ImageNeed, Array]


def name_of(content: bytes) -> str:
    """The name of a picture's bytes."""
    return hashlib.blake2b(content, digest_size=NAME_BYTES).hexdigest()


def group_of(source: str, first: str | bytes | None) -> str:
    """The name under which the pictures of a source lie in the cache.

    Args:
        source: its path; what is no path is told by its first picture.
        first: the first cell.
    """
    if isinstance(first, bytes) or not Path(source).exists():
        told = first if isinstance(first, bytes) else str(first).encode()
    else:
        place = Path(source).resolve()
        told = str(place if place.is_dir() else place.parent).encode()
    return name_of(told)[:16]


def keep_pictures(
    cells: pl.Series, needs: Sequence[ImageNeed], folder: Path, *, group: str, tell: Tell | None = None
) -> Keeping:
    """Decode the pictures that are not in the cache yet, and link the cache into a folder.

    Args:
        cells: paths or bytes, null for missing.
        needs: the forms that are asked for.
        folder: of the run.
        group: of the source, as `group_of` names it.
        tell: told after each batch how many are done, and of how many.

    Returns:
        what came of each; the name of a missing one is "" and there is no reason.

    Raises:
        DataError: the cache cannot be written.
    """
    place = cache_folder() / group
    try:
        folder.mkdir(parents=True, exist_ok=True)
        place.parent.mkdir(parents=True, exist_ok=True)
        with locked(place):
            place.mkdir(exist_ok=True)
            keeping = _keep_in(place, cells, needs, tell)
            for need in needs:
                _link(place / need.key, folder / need.key)
        make_room(cache_folder(), spare=group)
    except OSError as error:
        raise DataError(
            f"the store of pictures in {error.filename or place} cannot be written ({error.strerror or error}); make "
            "room, or name another folder with ARCHWISE_CACHE"
        ) from None
    return keeping


def _keep_in(place: Path, cells: pl.Series, needs: Sequence[ImageNeed], tell: Tell | None) -> Keeping:
    held = {need: _known(place / need.key) for need in needs}
    if size_of(place) > most_bytes() and any(len(names) > MOST_IDLE * len(cells) for names in held.values()):
        for path in place.iterdir():  # pictures that change day by day would fill it without end
            path.unlink()
        held = {need: {} for need in needs}
    kept: list[Kept] = []
    n_decoded = 0
    with ExitStack() as closing:
        files = {need: _open_form(place / need.key, need, held[need], closing) for need in needs}
        saved = time.monotonic()
        for batch in _read_ahead(cells, held):
            for one in batch:
                kept.append(one.kept)
                name = one.kept.name
                is_new = False
                for need, values in one.pixels.items():
                    if name not in held[need]:
                        held[need][name] = one.likeness
                        files[need].append(values[None])
                        is_new = True
                n_decoded += is_new
            if time.monotonic() - saved > SAVED_S:
                for need, file in files.items():
                    file.save()
                    _write_index(place / need.key, held[need])
                saved = time.monotonic()
            if tell is not None:
                tell(len(kept), len(cells))
    n_bytes = sum(path.stat().st_size for path in place.iterdir())
    return Keeping(kept, n_decoded, place, n_bytes)


def _open_form(stem: Path, need: ImageNeed, held: dict[str, bytes], closing: ExitStack) -> GrowingArray:
    """The file of a form, to which rows are added; at the end its index is written, whatever happens."""
    path = _pixels_of(stem)
    if not held:
        path.unlink(missing_ok=True)  # a run folder may hold a link to it
    file = GrowingArray(path, n_kept=len(held))
    closing.callback(_write_index, stem, held)
    closing.callback(file.close)
    if not held:
        held[""] = _MISSING[NAME_BYTES:]
        file.append(np.full((1, need.size, need.size, need.channels), GREY, np.uint8))
    return file


def take_pictures(names: pl.Series, need: ImageNeed, folder: Path) -> Picked:
    """The pixels of pictures by their names, (N, size, size, channels) uint8, from the folder of a run.

    Args:
        names: (N,) as `keep_pictures` gives them; null or "" for a missing one, which is grey.

    Raises:
        ModelError: the folder does not hold them.
    """
    stored, _ = _read_index(folder / need.key)
    return pick(_pixels_of(folder / need.key), _rows_of(names, stored, folder))


def take_likeness(names: pl.Series, folder: Path) -> Array:
    """The likeness of pictures by their names, (N,) uint64, from the folder of a run.

    Raises:
        ModelError: the folder does not hold them.
    """
    stored, alike = _read_index(_smallest(folder))
    return alike[_rows_of(names, stored, folder)]


def take_places(names: pl.Series, folder: Path) -> Array:
    """The rows of pictures in the smallest form of a run folder by their names, (N,) int64; 0 for a missing one.

    Raises:
        ModelError: the folder does not hold them.
    """
    stored, _ = _read_index(_smallest(folder))
    return _rows_of(names, stored, folder)


def smallest_form(folder: Path) -> Array:
    """The pixels of all pictures of a run folder in the smallest form, (M, size, size, channels) uint8, mapped."""
    pixels: Array = np.load(_pixels_of(_smallest(folder)), mmap_mode="r", allow_pickle=False)
    return pixels


def _smallest(folder: Path) -> Path:
    return min(folder.glob("*.npy"), key=lambda path: (path.stat().st_size, path.name)).with_suffix("")


def _rows_of(names: pl.Series, stored: pl.Series, folder: Path) -> Array:
    """(N,) int64, the row of each name."""
    known = pl.DataFrame({"name": stored, "row": np.arange(len(stored), dtype=np.int64)})
    found = names.fill_null("").to_frame("name").join(known, on="name", how="left", maintain_order="left")["row"]
    if found.null_count():
        lost = names[int(found.is_null().arg_max() or 0)]
        raise ModelError(f"{folder}: the store lacks the picture {lost}; fit again")
    return found.to_numpy()


def _read(cell: str | bytes | None, missing: Callable[[str], Sequence[ImageNeed]]) -> _Read:
    if cell is None:
        return _Read(Kept(""), b"", {})
    try:
        content = read_cell(cell)
        name = name_of(content)
        forms = missing(name)
        if not forms:
            return _Read(Kept(name), b"", {})
        picture = decode(content)
        return _Read(Kept(name), likeness(picture), {need: to_pixels(picture, need) for need in forms})
    except DataError as error:
        return _Read(Kept("", str(error)), b"", {})


def _read_ahead(cells: pl.Series, held: dict[ImageNeed, dict[str, bytes]]) -> Iterator[list[_Read]]:
    """The pictures in batches, in order, decoded by threads ahead of the one that writes, but not far ahead."""

    def missing(name: str) -> list[ImageNeed]:
        return [need for need, names in held.items() if name not in names]

    a_picture = sum(need.size * need.size * need.channels for need in held)
    size = max(1, min(BATCH, MOST_HELD // max(1, 4 * a_picture)))
    batches = (cells[at : at + size].to_list() for at in range(0, len(cells), size))
    with hushed():
        yield from in_threads(lambda batch: [_read(cell, missing) for cell in batch], batches)


def _pixels_of(stem: Path) -> Path:
    return stem.with_name(stem.name + ".npy")


def _known(stem: Path) -> dict[str, bytes]:
    """The likeness of each picture of a form by its name, in the order of the rows."""
    names, alike = _read_index(stem)
    records = alike.astype(">u8").tobytes()
    return {
        name: records[LIKENESS_BYTES * row : LIKENESS_BYTES * (row + 1)] for row, name in enumerate(names.to_list())
    }


def _read_index(stem: Path) -> tuple[pl.Series, Array]:
    """The name and the likeness of each row, of as many rows as there are: (M,) String and (M,) uint64."""
    path, pixels = stem.with_name(stem.name + ".index"), _pixels_of(stem)
    n_rows = 0
    if path.exists() and pixels.exists():
        try:
            n_rows = len(np.load(pixels, mmap_mode="r", allow_pickle=False))
        except (ValueError, EOFError):
            n_rows = 0  # a kill left it without a header
    content = path.read_bytes()[: _RECORD * n_rows] if n_rows else b""
    records = np.frombuffer(content[: len(content) // _RECORD * _RECORD], np.uint8).reshape(-1, _RECORD)
    whole = records[:, :NAME_BYTES].tobytes().hex()
    width = 2 * NAME_BYTES
    names = ["" if row == 0 else whole[row * width : (row + 1) * width] for row in range(len(records))]
    alike: Array = np.frombuffer(records[:, NAME_BYTES:].tobytes(), ">u8").astype(np.uint64)
    return pl.Series("name", names, dtype=pl.String), alike


def _write_index(stem: Path, held: dict[str, bytes]) -> None:
    path = stem.with_name(stem.name + ".index")
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(
        b"".join((bytes.fromhex(name) or _MISSING[:NAME_BYTES]) + alike for name, alike in held.items())
    )
    os.replace(partial, path)


def _link(source: Path, target: Path) -> None:
    """Make the files of a form stand in a run folder too, by a link where the file system can."""
    for name in (".npy", ".index"):
        mine, its = target.with_name(target.name + name), source.with_name(source.name + name)
        mine.unlink(missing_ok=True)
        try:
            os.link(its, mine)
        except OSError:
            shutil.copyfile(its, mine)
