"""Reads a folder of pictures: its class folders, or a table of labels in it or beside it, or the pictures alone."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from archwise.data.counted import counted
from archwise.data.idx import holds_idx
from archwise.data.part_folder import parts_in_folders
from archwise.data.picture import SUFFIXES
from archwise.data.picture_array import IMAGE, LABEL
from archwise.data.picture_labels import find_labels, read_labels
from archwise.data.text_files import holds_texts
from archwise.errors import SourceError
from archwise.records import Finding, Parts, Reader, Table


def accepts_image_folder(source: object) -> bool:
    """Whether the source is the path of a folder, and not of one of idx files or of texts."""
    if not isinstance(source, (str, Path)) or not Path(source).is_dir():
        return False
    return not holds_idx(Path(source)) and not holds_texts(Path(source))


def read_image_folder(source: object, names: tuple[str, ...] = ()) -> Table:
    """Read the pictures of a folder, in the order of their names.

    Where a table in the folder names the pictures, they are its rows; else the folders in it are classes; else
    the pictures come without labels. Where there is nothing but pictures, a table beside the folder is looked for.

    Raises:
        SourceError: there is no picture, a table of labels cannot be read, or names were given.
    """
    folder = Path(str(source))
    if names:
        raise SourceError(
            f"{folder}: the columns of a folder of pictures are '{IMAGE}' and '{LABEL}'; leave out --names"
        )
    pictures, aside = _files_in(folder)
    if not pictures:
        raise SourceError(f"{folder}: no picture in it; expected {folder}/CLASS/picture.jpg")
    classes = [path.relative_to(folder).parts[0] for path in pictures if path.parent != folder]
    labels = find_labels(folder)
    if labels is not None and (labels.parent == folder or not classes):
        return read_labels(folder, labels, pictures)
    findings = []
    if not classes:
        frame = pl.DataFrame({IMAGE: [str(path) for path in pictures]})
        return Table(frame, str(folder), _tell_aside(folder, aside), files=IMAGE)
    inside = [path for path in pictures if path.parent != folder]
    loose = [path for path in pictures if path.parent == folder]
    if loose:
        told = counted(len(loose), "picture lies in no class folder", "pictures lie in no class folder")
        told = f"{folder}: {told}, such as {loose[0].name}; left out"
        findings.append(Finding("labels", "warning", told, n_rows=len(loose)))
    frame = pl.DataFrame({IMAGE: [str(path) for path in inside], LABEL: classes})
    return Table(frame, str(folder), (*findings, *_tell_aside(folder, aside)), target=LABEL, files=IMAGE)


def parts_of_folder(source: object) -> Parts | None:
    """The parts of a folder that holds train/ beside val/ or test/, each with labels of its own; None of any other."""
    return parts_in_folders(Path(str(source)), _has_labels)


def _has_labels(place: Path) -> bool:
    has_classes = any(path.is_dir() and not path.name.startswith(".") for path in place.iterdir())
    return has_classes or find_labels(place) is not None


def _files_in(folder: Path) -> tuple[list[Path], list[Path]]:
    """The pictures of a folder and of the folders in it, by their suffix, and the files that are none."""
    pictures: list[Path] = []
    aside: list[Path] = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts):
            (pictures if path.suffix.lower() in SUFFIXES else aside).append(path)
    return pictures, [path for path in aside if path.parent != folder]


def _tell_aside(folder: Path, aside: list[Path]) -> tuple[Finding, ...]:
    if not aside:
        return ()
    told = counted(len(aside), "file is no picture by its suffix", "files are no pictures by their suffix")
    told = f"{folder}: {told}, such as {aside[0]}; left out"
    return (Finding("unreadable", "warning", told, n_rows=len(aside)),)


READER = Reader(
    "image folder",
    "folders of pictures: class folders (cats/1.jpg, dogs/2.jpg), with or without train/, val/ and test/, or pictures "
    "with a table of labels",
    accepts_image_folder,
    read_image_folder,
    parts=parts_of_folder,
)
