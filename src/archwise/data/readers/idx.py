"""Reads a folder of MNIST idx files; those of train and test are its parts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from archwise.data.header import refuse_names
from archwise.data.idx import find_pictures, holds_idx, labels_beside, read_idx
from archwise.data.picture_array import picture_table
from archwise.errors import SourceError
from archwise.records import Parts, Reader, Table

_SIDES = {"train": ("train",), "valid": ("valid", "val"), "test": ("t10k", "test")}


@dataclass(frozen=True)
class IdxPart:
    """The pictures of a part, a file."""

    pictures: Path

    @property
    def told(self) -> str:
        """How to name it to the user."""
        return self.pictures.name


def accepts_idx(source: object) -> bool:
    """Whether the source is a folder of idx files, or a part of one."""
    return isinstance(source, IdxPart) or (
        isinstance(source, (str, Path)) and Path(source).is_dir() and holds_idx(Path(source))
    )


def read_idx_folder(source: object, names: tuple[str, ...] = ()) -> Table:
    """Read the pictures and labels of a part, or of a folder that holds one file of pictures.

    Raises:
        SourceError: a file cannot be read, there are more or fewer labels than pictures, or names were given.
    """
    if isinstance(source, IdxPart):
        path = source.pictures
    else:
        found = find_pictures(Path(str(source)))
        if len(found) != 1:
            told = ", ".join(path.name for path in found)
            raise SourceError(f"{source}: several files of pictures, of which none is called train ({told})")
        path = found[0]
    refuse_names(names, str(path))
    labels = labels_beside(path)
    return picture_table(read_idx(path), None if labels is None else read_idx(labels), source=str(path))


def parts_of_idx(source: object) -> Parts | None:
    """The parts of a folder of idx files, by their names; None where no file is called train.

    Raises:
        SourceError: two files are of one part.
    """
    if isinstance(source, IdxPart):
        return None
    parts: dict[str, IdxPart] = {}
    for path in find_pictures(Path(str(source))):
        side = next((side for side, words in _SIDES.items() if any(word in path.name.lower() for word in words)), None)
        if side in parts:
            raise SourceError(f"{source}: {parts[side].pictures.name} and {path.name} are both of {side}; keep one set")
        if side is not None:
            parts[side] = IdxPart(path)
    return Parts(parts["train"], test=parts.get("test"), valid=parts.get("valid")) if "train" in parts else None


READER = Reader(
    "idx",
    "folders of MNIST idx files (train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-…), also gzipped",
    accepts_idx,
    read_idx_folder,
    parts=parts_of_idx,
)
