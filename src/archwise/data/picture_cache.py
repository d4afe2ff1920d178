"""The cache of decoded pictures: where it lies, who may write to it, and how it is kept from growing without end.

Each source has a folder of its own in it. After a fit the folders that were not used for longest are removed until all
together are within `most_bytes`, but never the one just used, and never one that a fit is writing to. That one is begun
anew where it alone is beyond the size and more than half of it is not asked for. A run folder holds links to the files,
so nothing is lost to it.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from archwise.errors import UsageError

FOLDER, LIMIT = "ARCHWISE_CACHE", "ARCHWISE_CACHE_GB"  # of the environment
MOST_GB = 20.0


def cache_folder() -> Path:
    """Where pixels are kept from one fit to the next: under ARCHWISE_CACHE, else ~/.cache/archwise."""
    named = os.environ.get(FOLDER)
    return (Path(named) if named else Path.home() / ".cache" / "archwise") / "pictures"


def most_bytes() -> float:
    """The size that the cache keeps to: ARCHWISE_CACHE_GB, else 20 GB.

    Raises:
        UsageError: it is no size.
    """
    named = os.environ.get(LIMIT, "")
    try:
        size = float(named) if named else MOST_GB
    except ValueError:
        size = -1.0
    if not size >= 0.0:
        raise UsageError(f"{LIMIT}={named}: expected a size in GB, such as {MOST_GB:g}")
    return size * 1e9


@contextmanager
def locked(place: Path) -> Iterator[None]:
    """Let one process at a time add to a folder of the cache; that it was used is noted."""
    with _lock_of(place).open("a") as file:
        _lock(file, wait=True)
        os.utime(file.fileno() if os.utime in os.supports_fd else _lock_of(place))
        yield


def make_room(cache: Path, *, spare: str) -> list[str]:
    """Remove the folders that were not used for longest, until the cache is within its size.

    Args:
        spare: the folder that is kept.

    Returns:
        the names of those removed.
    """
    sizes = {place: size_of(place) for place in cache.iterdir() if place.is_dir()}
    left, removed = sum(sizes.values()), []
    for place in sorted(sizes, key=_last_used):
        if left <= most_bytes():
            break
        if place.name != spare and _remove(place):
            left -= sizes[place]
            removed.append(place.name)
    return removed


def _remove(place: Path) -> bool:
    """Remove a folder of the cache; not where a fit is writing to it."""
    with _lock_of(place).open("a") as file:
        if not _lock(file, wait=False):
            return False
        shutil.rmtree(place, ignore_errors=True)
        return not place.exists()


def size_of(place: Path) -> int:
    """The bytes of the files of a folder of the cache."""
    total = 0
    for path in place.glob("*"):
        try:
            total += path.stat().st_size
        except FileNotFoundError:
            continue  # another process removed it meanwhile
    return total


def _last_used(place: Path) -> float:
    try:
        return _lock_of(place).stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _lock_of(place: Path) -> Path:
    return place.with_name(place.name + ".lock")


def _lock(file: IO[str], *, wait: bool) -> bool:
    """Hold a file until it is closed; whether it could be had."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        if wait:
            raise
        return False
    return True
