"""What the trunk of a network gives for each picture or text: computed once, kept for later fits.

A trunk has a few files of rows, each with the names of its rows, to which rows are only ever added; a row is found by
the hash of what the trunk was given. They lie in the cache that all runs share, and a run folder holds a copy of what
its own rows need, so that it needs the cache no more.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from archwise.data.growing import GrowingArray
from archwise.data.picture_cache import cache_folder, locked
from archwise.records import Array

N_SHARDS = 4  # files of a trunk, so that workers may each add to one
NAME_BYTES = 16
BATCH = 8  # rows at once, always: what a row gives must not depend on how many more there are
Give = Callable[[list[int]], Array]  # places of B rows to what the trunk gives for them, (B, ...) float32


def row_names(rows: Array | Sequence[Array], *, at_once: int = 64) -> list[bytes]:
    """The names of N rows by their content."""
    return [
        hashlib.blake2b(np.ascontiguousarray(row).data, digest_size=NAME_BYTES).digest()
        for at in range(0, len(rows), at_once)
        for row in rows[at : at + at_once]
    ]


def shard_of(name: bytes) -> int:
    """The file of a trunk in which a row lies."""
    return name[0] % N_SHARDS


def trunk_folder(trunk: str) -> Path:
    """Where the outputs of a trunk are kept from one fit to the next."""
    return cache_folder().parent / "trunks" / trunk


def add_rows(trunk: str, shard: int, names: Sequence[bytes], give: Give) -> int:
    """Compute what a shard lacks, a batch at a time, one process at a time; what is done stays, whatever comes then.

    Args:
        names: of the rows that are wanted, all of this shard.
        give: computes a batch of BATCH rows at most, told by their places in `names`; it may raise to end early.

    Returns:
        how many rows were computed.
    """
    folder = trunk_folder(trunk)
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / f"{shard}"):
        known = _read_names(folder, shard)
        lacks = [
            place for name, place in {name: place for place, name in enumerate(names)}.items() if name not in known
        ]
        if not lacks:
            return 0
        file = GrowingArray(folder / f"{shard}.npy", n_kept=len(known))
        with (folder / f"{shard}.names").open("r+b" if known else "wb") as index:
            index.truncate(NAME_BYTES * len(known))
            index.seek(0, os.SEEK_END)
            try:
                for at in range(0, len(lacks), BATCH):
                    some = lacks[at : at + BATCH]
                    file.append(give(some))
                    index.write(b"".join(names[place] for place in some))
            finally:
                file.close()
    return len(lacks)


def gather_rows(trunk: str, names: Sequence[bytes], path: Path) -> bool:
    """Write the outputs of a trunk for rows, in their order, as a .npy file; a reader finds it whole or not at all.

    Returns:
        whether the store has all of them.
    """
    folder = trunk_folder(trunk)
    places: list[tuple[int, int]] = []
    indices = [_read_names(folder, shard) for shard in range(N_SHARDS)]
    for name in names:
        place = indices[shard_of(name)].get(name)
        if place is None:
            return False
        places.append((shard_of(name), place))
    shards = {
        shard: np.load(folder / f"{shard}.npy", mmap_mode="r", allow_pickle=False) for shard in {s for s, _ in places}
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    file = GrowingArray(partial)
    for shard, place in places:
        file.append(shards[shard][place][None])
    file.close()
    os.replace(partial, path)
    return True


def _read_names(folder: Path, shard: int) -> dict[bytes, int]:
    """The row of each name, of as many as are whole in both files."""
    names, rows = folder / f"{shard}.names", folder / f"{shard}.npy"
    if not names.exists() or not rows.exists():
        return {}
    content = names.read_bytes()
    try:
        n_rows = len(np.load(rows, mmap_mode="r", allow_pickle=False))
    except (ValueError, EOFError):
        return {}  # its process was killed before the first row was whole
    n_rows = min(n_rows, len(content) // NAME_BYTES)
    return {content[NAME_BYTES * at : NAME_BYTES * (at + 1)]: at for at in range(n_rows)}
