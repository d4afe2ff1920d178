"""The rows that the trunks of networks are given: the open rows of a run, each once, in whatever way they are prepared.

A row is told by its content alone. So a picture that lies in a store is one row in all folds; and so is a text, which
every fold prepares anew, but for those that are cut where the texts of a fold are shorter.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np

from archwise.choice.folds import folds_of
from archwise.choice.run import PARTS, read_batch
from archwise.data.mapped import Picked
from archwise.data.padding import n_steps
from archwise.data.trunk_store import NAME_BYTES, row_names
from archwise.records import PADDED, Array, Need

FOLDER = "trunk"  # in the run folder
_STEPS_ALIKE = 16  # a row's bits must not depend on the rows beside it: it is computed in the next such number of steps


@dataclass(frozen=True)
class TrunkRows:
    """Rows that a trunk is given, each once.

    rows: (M, ...) an array, or pictures of a store. names: (M, NAME_BYTES) uint8, of their content. key: of the need.
    reads: the name of the input. is_padded: whether the rows are sequences, which end in padding.
    """

    rows: Array
    names: Array
    key: str
    reads: str

    @property
    def is_padded(self) -> bool:
        """Whether the rows are sequences, which end in padding."""
        return self.reads in PADDED

    @property
    def store(self) -> str:
        """What is put behind the name of a trunk that is kept: what it gives may be as long as the rows are."""
        return f"-{self.rows.shape[1]}" if self.is_padded else ""

    def name(self, place: int) -> bytes:
        """The name of a row."""
        return bytes(self.names[place])

    def steps(self) -> Array:
        """The steps in which each row is computed, (M,) int64; 0 of what is no sequence."""
        if not self.is_padded:
            return np.zeros(len(self.rows), np.int64)
        alike = -(-n_steps(self.rows) // _STEPS_ALIKE) * _STEPS_ALIKE
        return cast("Array", np.minimum(alike, self.rows.shape[1]))


def trunk_rows(folder: Path, need: Need, reads: str) -> TrunkRows | None:
    """All open rows under a need, each once; None where they are pictures that do not lie in one store."""
    key = f"{need.key}.{reads}"
    parts = [read_batch(folder, need, part).get(reads) for part in PARTS]
    if reads in PADDED:
        return _sequences(folder, need, key, reads)
    picked: list[Picked] = [part for part in cast("list[object]", parts) if isinstance(part, Picked)]
    if len(picked) < len(parts) or picked[0].file.resolve() != picked[1].file.resolve():
        return None
    every = replace(picked[0], rows=np.unique(np.concatenate([part.rows for part in picked])))
    return TrunkRows(cast("Array", every), _names_once(folder, key, cast("Array", every)), key, reads)


def places_among(rows: TrunkRows, part: Array) -> Array:
    """Where the rows of a part of a run, or of a fold, stand among all.

    Args:
        part: (N, ...) of the input that the trunk reads.

    Returns:
        (N,) int64.
    """
    if isinstance(part, Picked) and isinstance(rows.rows, Picked):
        return np.searchsorted(rows.rows.rows, part.rows)
    known = {name.tobytes(): place for place, name in enumerate(rows.names)}
    return np.array([known[name] for name in _names_of(part)], np.int64)


def _sequences(folder: Path, need: Need, key: str, reads: str) -> TrunkRows:
    """Sequences of a run and of its folds, each once, as one array that is written when it is first asked for."""
    path = _path(folder, key, "rows")
    if not path.exists():
        found: dict[bytes, Array] = {}
        for rows in _prepared(folder, need, reads):
            found.update(zip(_names_of(rows), rows, strict=True))
        longest = max(len(row) for row in found.values())
        whole = np.zeros((len(found), longest), np.int32)
        for place, row in enumerate(found.values()):
            whole[place, : len(row)] = row
        _save(_path(folder, key, "names"), np.frombuffer(b"".join(found), np.uint8).reshape(-1, NAME_BYTES))
        _save(path, whole)
    names = np.load(_path(folder, key, "names"), allow_pickle=False)
    return TrunkRows(np.load(path, mmap_mode="r", allow_pickle=False), names, key, reads)


def _prepared(folder: Path, need: Need, reads: str) -> Iterator[Array]:
    for place in dict.fromkeys([*(fold.place for fold in folds_of(folder)), folder]):
        for part in PARTS:
            yield read_batch(place, need, part)[reads]


def _names_of(rows: Array) -> Sequence[bytes]:
    """The names of sequences (N, T) by their content, whatever padding follows and in how many bytes numbers lie."""
    ends = n_steps(rows)
    return row_names([row[:end].astype(np.int64) for row, end in zip(rows, ends, strict=True)])


def _names_once(folder: Path, key: str, rows: Array) -> Array:
    """The names of pictures, read once for a run."""
    path = _path(folder, key, "names")
    if not path.exists():
        _save(path, np.array([list(name) for name in row_names(rows)], np.uint8))
    names: Array = np.load(path, allow_pickle=False)
    return names


def _path(folder: Path, key: str, what: str) -> Path:
    return folder / FOLDER / f"{key}.{what}.npy"


def _save(path: Path, array: Array) -> None:
    """Write an array whole or not at all, whoever else does too."""
    path.parent.mkdir(exist_ok=True)
    partial = path.with_name(f"{path.stem}.{os.getpid()}.partial.npy")
    np.save(partial, array, allow_pickle=False)
    os.replace(partial, path)


def sorted_places(places: Iterable[int], steps: Array) -> list[int]:
    """Places of rows with those of like length together, the longest first: so a slow trunk shows it at once."""
    return sorted(places, key=lambda place: (-int(steps[place]), place))
