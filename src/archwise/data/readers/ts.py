"""Reads whole series with their class or number, as .ts files of the UEA and UCR archives hold them.

# a comment
@univariate false
@equalLength false
@classLabel true up down          a number in place of the class: @targetLabel true
@data
1.0,2.5,3.0:0.1,?,0.3:up          channels between colons, values between commas, the class last
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from archwise.data.broken_line import tell_broken
from archwise.data.encoding import read_text
from archwise.data.header import refuse_names
from archwise.data.marked_header import Said, read_marked_header, said_flag, said_number
from archwise.data.missing import blank_missing
from archwise.data.part_file import parts_by_name
from archwise.data.series_cells import BETWEEN_CHANNELS, channel_counts, n_values, series_of
from archwise.errors import SourceError
from archwise.records import Array, Reader, Table

SERIES, CLASS, NUMBER = "series", "class", "target"  # names of the columns
_SUFFIX = ".ts"
_KNOWN = ("problemname", "timestamps", "missing", "univariate", "dimensions", "dimension", "equallength",
          "serieslength", "classlabel", "targetlabel", "data")  # fmt: skip


@dataclass(frozen=True)
class _Header:
    """What a file says of itself.

    target: the column of what stands last in a line, "" for nothing. classes: that there may be; () for any.
    channels, steps: of every series; 0 for any.
    """

    target: str = ""
    classes: tuple[str, ...] = ()
    channels: int = 0
    steps: int = 0
    is_equal: bool = False


def accepts_ts(source: object) -> bool:
    """Whether the source is the path of a .ts file."""
    return isinstance(source, (str, Path)) and Path(source).suffix.lower() == _SUFFIX


def read_ts(source: object, names: tuple[str, ...] = ()) -> Table:
    """Read the series into a column `series` of lists of channels, and what stands last into `class` or `target`.

    Lines that are broken are set aside, and named.

    Args:
        source: the path.
        names: none.

    Raises:
        SourceError: the file is no .ts file, holds time stamps or no series, or more than 5 % of its lines are broken.
    """
    path = Path(str(source))
    refuse_names(names, str(path))
    content, findings = read_text(path)
    lines = content.decode("utf-8").splitlines()
    said, first = read_marked_header(lines, _KNOWN, source=str(path), example="@univariate true")
    header = _header_of(said, str(path))
    numbered = [(number, line.strip()) for number, line in enumerate(lines[first:], start=first + 1)]
    numbered = [(number, line) for number, line in numbered if line and not line.startswith("#")]
    if not numbered:
        raise SourceError(f"{path}: no series below @data; expected one on each line")
    cells = pl.Series(SERIES, [line for _, line in numbered], dtype=pl.String)
    last = pl.Series(CLASS, [None] * len(cells), dtype=pl.String)
    if header.target:
        last = cells.str.extract(rf"([^{BETWEEN_CHANNELS}]*)$").str.strip_chars()
        cells = cells.str.replace(rf"{BETWEEN_CHANNELS}?[^{BETWEEN_CHANNELS}]*$", "")
    typed, is_word = series_of(cells)
    whys = _judge_lines(typed, is_word, last, header)
    is_broken = np.array([why is not None for why in whys])
    finding = tell_broken(whys, [number for number, _ in numbered], str(path))
    kept = pl.Series(~is_broken)
    columns = [typed.filter(kept)]
    if header.target:
        columns.append(_target_column(last.filter(kept), header))
    aside = tuple(int(position) for position in np.flatnonzero(is_broken))
    return Table(pl.DataFrame(columns), str(path), (*findings, *finding), aside, target=header.target)


def _header_of(said: Said, source: str) -> _Header:
    if said_flag(said, "timestamps", source):
        raise SourceError(
            f"{source}: @timeStamps true: series with a stamp at every value are not read; write the values alone, "
            "evenly spaced"
        )
    is_equal = said_flag(said, "equallength", source)
    channels = said_number(said, "dimensions", source) or said_number(said, "dimension", source)
    if not channels and said_flag(said, "univariate", source):
        channels = 1
    has_classes = said_flag(said, "classlabel", source)
    target = CLASS if has_classes else NUMBER if said_flag(said, "targetlabel", source) else ""
    classes = tuple(said["classlabel"][-1][1:]) if has_classes else ()
    return _Header(target, classes, channels, said_number(said, "serieslength", source) if is_equal else 0, is_equal)


def _judge_lines(typed: pl.Series, is_word: Array, last: pl.Series, header: _Header) -> list[str | None]:
    """Why each line is broken, None where it is not."""
    counts, steps = channel_counts(typed), n_values(typed)
    known = counts > 0
    channels = header.channels or _commonest(counts[known])
    n_steps = header.steps or (_commonest(steps[known]) if header.is_equal else 0)
    whys: list[str | None] = [None] * len(typed)
    for row, (word, count, step, name) in enumerate(zip(is_word, counts, steps, last, strict=True)):
        if word:
            whys[row] = "holds what is no number"
        elif count and count != channels:
            whys[row] = f"holds {count} channels where {channels} are expected"
        elif count and n_steps and step != n_steps:
            whys[row] = f"holds {step} values a channel where {n_steps} are expected"
        elif header.classes and name not in (*header.classes, "?", ""):
            whys[row] = f"ends with '{name[:20]}', which is no class of the header"
    return whys


def _commonest(counts: Array) -> int:
    return int(np.bincount(counts).argmax()) if len(counts) else 0


def _target_column(last: pl.Series, header: _Header) -> pl.Series:
    """Classes as such, also where they are numbers; a number as it is written."""
    cells = blank_missing(last).alias(header.target)
    if header.target == NUMBER:
        return cells
    return cells.cast(pl.Enum(list(dict.fromkeys([*header.classes, *cells.drop_nulls()]))))


READER = Reader(
    "ts",
    ".ts files of whole series with their class, as the UEA and UCR archives hold them; name_TEST.ts beside "
    "name_TRAIN.ts is their test part",
    accepts_ts,
    read_ts,
    parts=parts_by_name,
)
