"""Reads whole series with their class, as the tables of the UCR archive hold them: a row a series, the class first.

1<TAB>-0.64<TAB>-0.63<TAB>NaN     name_TRAIN.tsv, name_TEST.tsv; NaN for missing, and behind the end
  1.0000000e+00  -6.4e-01 …       the older name_TRAIN.txt: blanks or commas, the class as a float
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import polars as pl

from archwise.data.broken_line import tell_broken
from archwise.data.encoding import read_text
from archwise.data.missing import MISSING_MARKS
from archwise.data.part_file import has_part_name, parts_by_name
from archwise.data.readers.delimited import read_delimited
from archwise.data.readers.ts import CLASS, SERIES
from archwise.data.series_cells import BETWEEN_STEPS, series_of
from archwise.records import Finding, Reader, Table

SUFFIXES = (".tsv", ".txt", "")
FEWEST_STEPS = 10  # of a series; the shortest of the archive has 15
MOST_CLASSES = 100  # the archive has 60 at most
_FEW_CLASSES = 24  # that need not recur: one series of each is a training file there
_SNIFFED = 4_194_304  # bytes, from whose lines classes are told
_N_LINES = 20  # whose every cell is looked at
_BETWEEN = {"\t": r" *\t *", ",": r" *, *", " ": r" +"}  # cells, by what is found in the first line
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_LARGEST_CLASS = 1e6
_MISSING_AT_END = rf"(?:{BETWEEN_STEPS}\?)+$"


def accepts_ucr(source: object) -> bool:
    """Whether the source is a file called name_TRAIN or name_TEST whose rows are a class and a series.

    Its cells are all numbers, without a header line; a row has 10 steps or more; and the first cells are few whole
    numbers that recur. Every other file of such a name is a table.
    """
    if not isinstance(source, (str, Path)):
        return False
    path = Path(source)
    if path.suffix.lower() not in SUFFIXES or not has_part_name(path) or not path.is_file():
        return False
    with path.open("rb") as file:
        begin = file.read(_SNIFFED + 1)
    lines = begin.decode("utf-8-sig", errors="replace").replace("\r", "\n").split("\n")
    if len(begin) > _SNIFFED:
        lines = lines[:-1]
    return _looks_like_series([line.strip(" ") for line in lines if line.strip()])


def _looks_like_series(lines: list[str]) -> bool:
    between = _between(lines)
    cells = [re.split(between, line) for line in lines[:_N_LINES]]
    if not cells or any(len(row) <= FEWEST_STEPS for row in cells) or not all(_is_number(c) for r in cells for c in r):
        return False
    names = [_class_of(re.split(between, line, maxsplit=1)[0]) for line in lines]
    n_names = len(set(names))
    return None not in names and n_names <= min(MOST_CLASSES, max(_FEW_CLASSES, len(names) // 2))


def _between(lines: list[str]) -> str:
    """The pattern of what stands between two cells."""
    return next((pattern for mark, pattern in _BETWEEN.items() if lines and mark in lines[0]), r" +")


def _is_number(cell: str) -> bool:
    return cell in MISSING_MARKS or _NUMBER.fullmatch(cell) is not None


def _class_of(cell: str) -> str | None:
    """A class, written as a whole number or as a float, as a whole number; None for anything else."""
    number = float(cell) if _NUMBER.fullmatch(cell) else 0.5
    return str(int(number)) if number.is_integer() and abs(number) < _LARGEST_CLASS else None


def read_ucr(source: object, names: tuple[str, ...] = ()) -> Table:
    """Read the series into a column `series` of lists, and the first cells into `class`, as of a .ts file.

    Lines that are broken are set aside, and named.

    Args:
        source: the path.
        names: of the columns, by which the file is read as a table all the same.

    Raises:
        SourceError: more than 5 % of the lines are broken, or the file is no text.
    """
    if names:
        return read_delimited(source, names)
    path = Path(str(source))
    content, findings = read_text(path)
    rows = content.decode("utf-8").split("\n")
    numbered = [(number, row.strip(" ")) for number, row in enumerate(rows, start=1) if row.strip()]
    lines = [row for _, row in numbered]
    whole = pl.Series(SERIES, lines, dtype=pl.String).str.replace_all(_between(lines), BETWEEN_STEPS)
    parts = whole.str.splitn(BETWEEN_STEPS, 2).struct
    first, cells = parts.field("field_0"), parts.field("field_1").fill_null("")
    cells = cells.str.replace_all(r"(?i)\bnan\b", "?").str.replace(_MISSING_AT_END, "")
    typed, is_word = series_of(cells.alias(SERIES))
    classes = [_class_of(cell) for cell in first]
    whys = [_why_broken(*told) for told in zip(first, classes, is_word, strict=True)]
    broken = tell_broken(whys, [number for number, _ in numbered], str(path))
    kept = np.array([why is None for why in whys])
    known = [name for name, keep in zip(classes, kept, strict=True) if keep and name is not None]
    told = pl.Series(CLASS, known, dtype=pl.Enum(sorted(set(known), key=int)))
    aside = tuple(int(position) for position in np.flatnonzero(~kept))
    message = (
        f"{path}: read as series, of which each row is one with its class first, as in the UCR archive; a table of "
        "that name is read as such where --names names its columns"
    )
    found = (*findings, Finding("series", "note", message), *broken)
    return Table(pl.DataFrame([typed.filter(pl.Series(kept)), told]), str(path), found, aside, target=CLASS)


def _why_broken(first: str, name: str | None, is_word: bool) -> str | None:
    if name is None:
        return f"begins with '{first[:20]}', which is no class"
    return "holds what is no number" if is_word else None


READER = Reader(
    "ucr",
    "name_TRAIN.tsv and .txt of the UCR archive, a series a row with its class first; name_TEST beside it is its test "
    "part",
    accepts_ucr,
    read_ucr,
    parts=parts_by_name,
    by_content=True,
)
