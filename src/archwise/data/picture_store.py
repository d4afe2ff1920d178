"""The store of pictures: each is decoded once, for all forms that are asked for, and kept for later fits.

A form has one file of pixels, (M, size, size, channels) uint8, to which rows are only ever added, and an index from the
hash of a picture's bytes to its row. They lie in a cache that all runs share (`ARCHWISE_CACHE`, else
~/.cache/archwise); a run folder holds links to them, so that it needs neither the pictures nor the cache any more.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from archwise.data.growing import GrowingArray
from archwise.data.mapped import Picked, pick
from archwise.data.picture import decode, read_cell, to_pixels
from archwise.errors import DataError, ModelError
from archwise.records import Array, ImageNeed

NAME_BYTES = 16  # of a picture's BLAKE2b
CHUNK = 256  # pictures that are decoded before they are written


def cache_folder() -> Path:
    """Where pixels are kept from one fit to the next."""
    named = os.environ.get("ARCHWISE_CACHE")
    return (Path(named) if named else Path.home() / ".cache" / "archwise") / "pictures"


@dataclass(frozen=True)
class Kept:
    """What came of one picture. name: of its content, "" where it cannot be read. why: it cannot, else ""."""

    name: str
    why: str = ""


def name_of(content: bytes) -> str:
    """The name of a picture's bytes."""
    return hashlib.blake2b(content, digest_size=NAME_BYTES).hexdigest()


def keep_pictures(cells: Sequence[str | bytes | None], needs: Sequence[ImageNeed], folder: Path) -> list[Kept]:
    """Decode the pictures that are not in the cache yet, and link the cache into a folder.

    Args:
        cells: paths or bytes, None for missing.
        needs: the forms that are asked for.
        folder: of the run.

    Returns:
        what came of each, in order; the name of a missing one is "" and there is no reason.
    """
    folder.mkdir(parents=True, exist_ok=True)
    cache = cache_folder()
    cache.mkdir(parents=True, exist_ok=True)
    with _locked(cache / "lock"), ThreadPoolExecutor() as threads:
        indices = {need: _read_index(cache / need.key) for need in needs}
        files = {need: GrowingArray(_pixels_of(cache / need.key), n_kept=len(indices[need])) for need in needs}
        kept: list[Kept] = []
        try:
            waiting = iter(cells)
            while chunk := list(islice(waiting, CHUNK)):
                for one, pixels in threads.map(lambda cell: _keep(cell, indices), chunk):
                    kept.append(one)
                    for need, values in pixels.items():
                        if one.name not in indices[need]:
                            indices[need][one.name] = files[need].n_rows
                            files[need].append(values[None])
        finally:
            for need in needs:
                files[need].close()
                _write_index(cache / need.key, indices[need])
        for need in needs:
            _link(cache / need.key, folder / need.key)
    return kept


def take_pictures(names: Sequence[str], need: ImageNeed, folder: Path) -> Picked:
    """The pixels of pictures by their names, (N, size, size, channels) uint8, from the folder of a run.

    Raises:
        ModelError: the folder does not hold them.
    """
    index = _read_index(folder / need.key)
    try:
        rows = np.array([index[name] for name in names], dtype=np.int64)
    except KeyError as missing:
        raise ModelError(f"{folder}: the store lacks the picture {missing}; fit again") from None
    return pick(_pixels_of(folder / need.key), rows)


def _keep(cell: str | bytes | None, indices: dict[ImageNeed, dict[str, int]]) -> tuple[Kept, dict[ImageNeed, Array]]:
    """One picture, decoded where a form of it is missing."""
    if cell is None:
        return Kept(""), {}
    try:
        content = read_cell(cell)
        name = name_of(content)
        missing = [need for need, index in indices.items() if name not in index]
        if not missing:
            return Kept(name), {}
        picture = decode(content)
        return Kept(name), {need: to_pixels(picture, need) for need in missing}
    except DataError as error:
        return Kept("", str(error)), {}


def _pixels_of(stem: Path) -> Path:
    return stem.with_name(stem.name + ".npy")


def _read_index(stem: Path) -> dict[str, int]:
    """The row of each name, of as many rows as there are."""
    path = stem.with_name(stem.name + ".index")
    if not path.exists() or not _pixels_of(stem).exists():
        return {}
    n_rows = len(np.load(_pixels_of(stem), mmap_mode="r", allow_pickle=False))
    content = path.read_bytes()[: NAME_BYTES * n_rows]
    names = [content[at : at + NAME_BYTES].hex() for at in range(0, len(content), NAME_BYTES)]
    return {name: row for row, name in enumerate(names)}


def _write_index(stem: Path, index: dict[str, int]) -> None:
    path = stem.with_name(stem.name + ".index")
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(b"".join(bytes.fromhex(name) for name in index))
    os.replace(partial, path)


def _link(source: Path, target: Path) -> None:
    """Make the files of a form stand in a run folder too, by a link where the file system can."""
    for name in (".npy", ".index"):
        mine, its = target.with_name(target.name + name), source.with_name(source.name + name)
        if not its.exists():
            continue
        mine.unlink(missing_ok=True)
        try:
            os.link(its, mine)
        except OSError:
            shutil.copyfile(its, mine)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One process at a time adds to the cache."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
