"""Reads .npz files of arrays as Keras (x_train, y_train, …) and MedMNIST (train_images, …) lay them out."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from archwise.data.header import refuse_names
from archwise.data.picture_array import LABEL, picture_table
from archwise.data.readers.array import read_array
from archwise.data.series_array import holds_series, series_table
from archwise.errors import SourceError
from archwise.records import Array, Parts, Reader, Table

_SIDES = {"train": ("train",), "valid": ("val", "valid"), "test": ("test",)}
_LAYOUTS = (("x_{}", "y_{}"), ("X_{}", "y_{}"), ("{}_images", "{}_labels"))
_WHOLE = (("x", "y"), ("X", "y"), ("images", "labels"), ("image", "label"), ("data", "labels"))
_PICTURE_AXES = (3, 4)


@dataclass(frozen=True)
class NpzPart:
    """A part of a file: the names of its arrays. labels: "" for none."""

    path: Path
    images: str
    labels: str

    @property
    def told(self) -> str:
        """How to name it to the user."""
        return f"{self.path.name} ({self.images})"


def accepts_npz(source: object) -> bool:
    """Whether the source is the path of an .npz file, or a part of one."""
    return isinstance(source, NpzPart) or (isinstance(source, (str, Path)) and Path(source).suffix.lower() == ".npz")


def read_npz(source: object, names: tuple[str, ...] = ()) -> Table:
    """Read the arrays of a part, or of a file without parts.

    Raises:
        SourceError: the file is broken, holds no arrays that are known by their names, or labels of another length.
    """
    part = source if isinstance(source, NpzPart) else _whole(Path(str(source)))
    told = str(part.path.with_name(part.told))
    images = _read(part.path, part.images)
    labels = _read(part.path, part.labels) if part.labels else None
    if images.ndim not in _PICTURE_AXES:
        return read_array(images if labels is None else (images, labels), names)
    refuse_names(names, str(part.path))
    if holds_series(images):
        return series_table(images, labels, source=told, target=LABEL)
    return picture_table(images, labels, source=told, target=LABEL)


def parts_of_npz(source: object) -> Parts | None:
    """The parts of a file, by the names of its arrays; None where none is called train.

    Raises:
        SourceError: the file is broken.
    """
    if isinstance(source, NpzPart):
        return None
    path = Path(str(source))
    held = _names(path)
    for images, labels in _LAYOUTS:
        parts = {
            side: NpzPart(path, images.format(word), labels.format(word) if labels.format(word) in held else "")
            for side, words in _SIDES.items()
            for word in words
            if images.format(word) in held
        }
        if "train" in parts:
            return Parts(parts["train"], test=parts.get("test"), valid=parts.get("valid"))
    return None


def _whole(path: Path) -> NpzPart:
    held = _names(path)
    for images, labels in _WHOLE:
        if images in held:
            return NpzPart(path, images, labels if labels in held else "")
    if len(held) == 1:
        return NpzPart(path, held[0], "")
    raise SourceError(
        f"{path}: it holds {', '.join(held) or 'no arrays'}; expected x_train and y_train, train_images and "
        "train_labels, or x and y"
    )


def _names(path: Path) -> list[str]:
    try:
        with np.load(path, allow_pickle=False) as held:
            return list(held.files)
    except (OSError, ValueError, zipfile.BadZipFile, EOFError, AttributeError, TypeError) as error:
        raise SourceError(f"{path}: not a whole .npz file ({error}); write the file again") from None


def _read(path: Path, name: str) -> Array:
    try:
        with np.load(path, allow_pickle=False) as held:
            array: Array = held[name]
    except (OSError, ValueError, zipfile.BadZipFile, EOFError, KeyError) as error:
        raise SourceError(f"{path}: the array '{name}' cannot be read ({error}); write the file again") from None
    return array


READER = Reader(
    "npz",
    ".npz files of arrays, as Keras (x_train, y_train, …) and MedMNIST (train_images, train_labels, …) have them",
    accepts_npz,
    read_npz,
    parts=parts_of_npz,
)
