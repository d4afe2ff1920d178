"""Reads a folder of class folders: one row a picture, its path and the name of its folder."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from archwise.data.picture import SUFFIXES
from archwise.errors import SourceError
from archwise.records import Finding, Reader, Table

IMAGE, LABEL = "image", "label"


def accepts_image_folder(source: object) -> bool:
    """Whether the source is the path of a folder with a folder in it."""
    return isinstance(source, (str, Path)) and Path(source).is_dir()


def read_image_folder(source: object, names: tuple[str, ...] = ()) -> Table:
    """Read the pictures of class folders, in the order of their names.

    Raises:
        SourceError: there is no picture in any folder, or names were given.
    """
    folder = Path(str(source))
    if names:
        raise SourceError(
            f"{folder}: the columns of a folder of pictures are '{IMAGE}' and '{LABEL}'; leave out --names"
        )
    rows: list[tuple[str, str]] = []
    aside: list[tuple[str, str]] = []
    for place in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
        for path in sorted(place.rglob("*")):
            if path.is_file() and not path.name.startswith("."):
                (rows if path.suffix.lower() in SUFFIXES else aside).append((str(path), place.name))
    if not rows:
        raise SourceError(f"{folder}: no picture in a class folder; expected {folder}/CLASS/picture.jpg")
    findings = []
    if aside:
        told = (
            f"{folder}: {len(aside):,} files are no pictures by their suffix, such as {aside[0][0]}; they are left out"
        )
        findings.append(Finding("bad-cells", "warning", told, n_rows=len(aside)))
    frame = pl.DataFrame(rows, schema={IMAGE: pl.String, LABEL: pl.String}, orient="row")
    return Table(frame, str(folder), tuple(findings))


READER = Reader(
    "image folder",
    "folders of class folders of pictures (cats/1.jpg, dogs/2.jpg)",
    accepts_image_folder,
    read_image_folder,
)
