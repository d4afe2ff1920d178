"""Reads a folder of texts: one .txt file a text, in class folders, or without labels."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from archwise.data.counted import counted
from archwise.data.part_folder import parts_in_folders
from archwise.data.text_files import holds_texts, read_texts, text_files
from archwise.errors import SourceError
from archwise.records import Finding, Parts, Reader, Table

TEXT, LABEL = "text", "label"


def accepts_text_folder(source: object) -> bool:
    """Whether the source is the path of a folder that holds texts."""
    return isinstance(source, (str, Path)) and Path(source).is_dir() and holds_texts(Path(source))


def read_text_folder(source: object, names: tuple[str, ...] = ()) -> Table:
    """Read the texts of a folder, in the order of their names; the folders in it are classes.

    Raises:
        SourceError: no file can be read, or names were given.
    """
    folder = Path(str(source))
    if names:
        raise SourceError(f"{folder}: the columns of a folder of texts are '{TEXT}' and '{LABEL}'; leave out --names")
    paths = text_files(folder)
    inside = [path for path in paths if path.parent != folder]
    findings: list[Finding] = []
    if inside and len(inside) < len(paths):
        loose = next(path for path in paths if path.parent == folder)
        n_loose = len(paths) - len(inside)
        told = counted(n_loose, "text lies in no class folder", "texts lie in no class folder")
        message = f"{folder}: {told}, such as {loose.name}; left out"
        findings.append(Finding("labels", "warning", message, n_rows=n_loose))
    texts, unread = read_texts(inside or paths)
    columns = {TEXT: pl.Series(texts, dtype=pl.String)}
    if inside:
        columns[LABEL] = pl.Series([path.relative_to(folder).parts[0] for path in inside], dtype=pl.String)
    frame = pl.DataFrame(columns).filter(pl.col(TEXT).is_not_null())
    if frame.is_empty():
        raise SourceError(f"{folder}: no text in it; expected {folder}/CLASS/text.txt")
    aside = tuple(place for place, text in enumerate(texts) if text is None)
    return Table(frame, str(folder), (*findings, *unread), aside, target=LABEL if inside else "")


def parts_of_text_folder(source: object) -> Parts | None:
    """The parts of a folder that holds train/ beside val/ or test/, each of class folders; None of any other."""
    return parts_in_folders(Path(str(source)), lambda place: any(path.is_dir() for path in place.iterdir()))


READER = Reader(
    "text folder",
    "folders of texts: class folders (good/1.txt, bad/2.txt), with or without train/, val/ and test/",
    accepts_text_folder,
    read_text_folder,
    parts=parts_of_text_folder,
)
