"""A table of labels that lies in a folder of pictures, or beside it: which column names the pictures, and where."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from archwise.data.counted import counted
from archwise.data.open import open_table
from archwise.data.picture_array import IMAGE
from archwise.data.target import USUAL_NAMES
from archwise.errors import SourceError
from archwise.records import Finding, Table

TABLES = (".csv", ".tsv", ".parquet", ".pq", ".jsonl", ".ndjson", ".arrow", ".feather")
_FEWEST_CLASSES = 2


def find_labels(folder: Path) -> Path | None:
    """The table of labels of a folder: the one in it, else one beside it that has its name or is called labels.

    Raises:
        SourceError: there are several tables in the folder, and none of them is called labels.
    """
    inside = sorted(path for path in folder.iterdir() if _is_table(path))
    named = [path for path in inside if path.stem.lower() == "labels"]
    if len(inside) > 1 and len(named) != 1:
        told = ", ".join(path.name for path in inside)
        raise SourceError(f"{folder}: several tables lie among the pictures ({told}); give the one with the labels")
    if inside:
        return (named or inside)[0]
    name = folder.resolve().name
    stems = (name, f"{name}_labels", f"{name}-labels", "labels")
    beside = [folder.resolve().parent / f"{stem}{suffix}" for stem in stems for suffix in TABLES]
    return next((path for path in beside if path.is_file()), None)


def read_labels(folder: Path, labels: Path, pictures: Sequence[Path]) -> Table:
    """Read a table of labels, with the paths of the pictures in a column `image` in the place of their names.

    Args:
        folder: of the pictures.
        labels: the file of the table.
        pictures: all that lie in the folder.

    Raises:
        SourceError: the table cannot be read, or none of its columns names the pictures.
    """
    table = open_table(str(labels))
    known = _names_of(folder, labels, pictures)
    cells = {column.name: _as_names(column) for column in table.frame.get_columns()}
    shares = {name: int(column.is_in(list(known)).sum()) / max(1, len(column)) for name, column in cells.items()}
    name = max(shares, key=lambda name: shares[name])
    if shares[name] == 0.0:
        raise SourceError(
            f"{labels}: no column names the pictures in {folder}, such as {pictures[0].name}; expected a column of "
            "file names or of paths"
        )
    paths = [None if cell is None else str(known.get(cell) or _elsewhere(folder, labels, cell)) for cell in cells[name]]
    frame = table.frame.with_columns(pl.Series(name, paths, dtype=pl.String))
    is_other = [path is not None and path not in known.values() and Path(path).is_file() for path in paths]
    frame = frame.filter(~pl.Series(is_other, dtype=pl.Boolean))  # a table for several folders names pictures of others
    if IMAGE not in frame.columns:
        frame = frame.rename({name: IMAGE})
        name = IMAGE
    target = _target_in(frame, name, folder)
    findings = [*table.findings, *_tell(folder, labels, frame[name], pictures)]
    return Table(frame, str(folder), tuple(findings), table.set_aside, target=target, files=name)


def _is_table(path: Path) -> bool:
    return path.is_file() and path.suffix.lower() in TABLES and not path.name.startswith(".")


def _as_names(column: pl.Series) -> pl.Series:
    """Cells as names of files are written."""
    if column.dtype.is_nested() or column.dtype in (pl.Binary, pl.Object):
        return pl.Series(column.name, [None] * len(column), dtype=pl.String)
    text = column.cast(pl.String, strict=False).str.strip_chars().str.replace_all("\\", "/", literal=True)
    return text.str.strip_prefix("./")


def _names_of(folder: Path, labels: Path, pictures: Sequence[Path]) -> dict[str, str]:
    """Every way in which a table may name a picture, and its path; what could mean two pictures names none."""
    names: Counter[str] = Counter()
    paths: dict[str, str] = {}
    above = labels.resolve().parent
    for path in pictures:
        ways = {str(path), path.relative_to(folder).as_posix(), path.name, path.stem}
        ways.add(path.relative_to(folder).with_suffix("").as_posix())
        if path.resolve().is_relative_to(above):
            ways.add(path.resolve().relative_to(above).as_posix())
        names.update(ways)
        paths.update(dict.fromkeys(ways, str(path)))
    return {way: path for way, path in paths.items() if names[way] == 1}


def _elsewhere(folder: Path, labels: Path, cell: str) -> Path:
    """Where a picture that is not in the folder would lie."""
    beside = labels.parent / cell
    return beside if beside.is_file() else folder / cell


def _target_in(frame: pl.DataFrame, name: str, folder: Path) -> str:
    """The column of labels, where there is no doubt: it has a usual name, or is the only one beside the paths.

    Where the pictures lie in several folders these may be the classes, so that a lone column with a name of its own is
    in doubt: it may be a patient.
    """
    others = [column for column in frame.columns if column != name]
    usual = [column for column in others if column.lower() in USUAL_NAMES]
    if len(usual) == 1:
        return usual[0]
    places = {Path(path).parent for path in frame[name].drop_nulls()} - {folder}
    return others[0] if len(others) == 1 and len(places) < _FEWEST_CLASSES else ""


def _tell(folder: Path, labels: Path, paths: pl.Series, pictures: Sequence[Path]) -> list[Finding]:
    told = f"{folder}: the pictures are those that {labels.name} names in its column '{paths.name}'"
    findings = [Finding("labels", "note", told)]
    named = set(paths.drop_nulls())
    left = [path for path in pictures if str(path) not in named]
    if left:
        told = counted(len(left), "picture has no row", "pictures have no row")
        told = f"{folder}: {told} in {labels.name}, such as {left[0].name}; left out"
        findings.append(Finding("labels", "warning", told, n_rows=len(left)))
    return findings
