"""Reads a text a line with its label before it, as TREC's questions and fastText's files have them.

DESC:manner How did serfdom develop ?      a label in capitals, a finer one behind the colon, and the text
__label__bread __label__oven Is it done?   one label or several, and the text
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import polars as pl

from archwise.data.broken_line import MOST_BROKEN, tell_broken
from archwise.data.encoding import read_text
from archwise.data.header import refuse_names
from archwise.data.label_set import MULTILABEL, SEPARATOR
from archwise.data.part_file import parts_by_suffix
from archwise.records import Reader, Table

TEXT, LABEL, FINE = "text", "label", "fine"  # names of the columns
SUFFIXES = (".train", ".test", ".valid", ".dev", ".label", ".labels", ".txt", "")
_MARK = r"__label__(\S+)"
_MARKED = re.compile(rf"{_MARK}(?:\s|$)")
_GRADED = re.compile(r"([A-Z][A-Z0-9_]*):([A-Za-z][\w-]*)\s+(\S.*)")
_SNIFFED = 65_536  # characters, by whose lines a file is told
_N_TOLD = 1_000  # lines, by which a file that is read is told again
_FEW_LABELS = 20  # that need not recur
_WHY_BROKEN = "does not begin with a label, as the others do"
_WHY_FINE = f"it is the finer label of a row, which gives '{LABEL}' away; to read it, --kind {FINE}=category"
_WHY_COARSE = f"it is the coarser label of a row, which '{FINE}' tells more of; to read it, --kind {LABEL}=category"


def accepts_labelled_lines(source: object) -> bool:
    """Whether the source is a text file whose lines begin with a label, 19 of 20 at least, the first among them."""
    if not isinstance(source, (str, Path)):
        return False
    path = Path(source)
    if path.suffix.lower() not in SUFFIXES or not path.is_file():
        return False
    with path.open("rb") as file:
        begin = file.read(_SNIFFED + 1).decode("utf-8-sig", errors="replace")
    lines = begin.replace("\r", "\n").split("\n")
    if len(begin) > _SNIFFED:
        lines = lines[:-1]
    return _form(_stripped(lines)) is not None


def _stripped(lines: list[str]) -> list[str]:
    return [line.strip() for line in lines if line.strip()]


def _form(lines: list[str]) -> re.Pattern[str] | None:
    """How labels stand before the texts; None where lines are anything else."""
    for form in (_MARKED, _GRADED):
        found = [form.match(line) for line in lines]
        labels = [match[1] for match in found if match]
        if not labels or found[0] is None or len(labels) < (1.0 - MOST_BROKEN) * len(lines):
            continue
        if form is _MARKED or len(set(labels)) <= max(_FEW_LABELS, len(labels) // 2):
            return form
    return None


def read_labelled_lines(source: object, names: tuple[str, ...] = ()) -> Table:
    """Read the texts into `text` and their labels into `label`; finer ones into `fine`, which no model reads.

    Where a line has several labels, those of all lines are sets of labels. Lines that are broken are set aside.

    Args:
        source: the path.
        names: none.

    Raises:
        SourceError: more than 5 % of the lines are broken, or the file is no text.
    """
    path = Path(str(source))
    refuse_names(names, str(path))
    content, findings = read_text(path)
    numbered = [(number, line.strip()) for number, line in enumerate(content.decode("utf-8").split("\n"), start=1)]
    numbered = [(number, line) for number, line in numbered if line]
    form = _form([line for _, line in numbered][:_N_TOLD]) or _GRADED
    is_whole = [form.match(line) is not None for _, line in numbered]
    whys = [None if whole else _WHY_BROKEN for whole in is_whole]
    broken = tell_broken(whys, [number for number, _ in numbered], str(path))
    aside = tuple(int(position) for position in np.flatnonzero(~np.array(is_whole)))
    lines = [line for (_, line), whole in zip(numbered, is_whole, strict=True) if whole]
    frame, task = _marked(lines) if form is _MARKED else (_graded(lines), "")
    not_read = {FINE: _WHY_FINE, LABEL: _WHY_COARSE} if FINE in frame.columns else {}
    return Table(frame, str(path), (*findings, *broken), aside, target=LABEL, task=task, not_read=not_read)


def _graded(lines: list[str]) -> pl.DataFrame:
    """Texts with a label and a finer one, which is told together with the other: ENTY:other is not LOC:other."""
    found = [match for line in lines if (match := _GRADED.fullmatch(line))]
    labels = pl.Series(LABEL, [match[1] for match in found])
    fine = pl.Series(FINE, [f"{match[1]}:{match[2]}" for match in found])
    return pl.DataFrame([pl.Series(TEXT, [match[3] for match in found]), _as_classes(labels), _as_classes(fine)])


def _marked(lines: list[str]) -> tuple[pl.DataFrame, str]:
    """Texts with a label each; or with a set of labels each, and the task that these pose."""
    found = pl.Series(LABEL, lines, dtype=pl.String).str.extract_all(rf"(?:^|\s){_MARK}")
    found = found.list.eval(pl.element().str.strip_chars().str.strip_prefix("__label__"))
    texts = pl.Series(TEXT, [re.sub(rf"(?:^|(?<=\s)){_MARK}", "", line).strip() for line in lines], dtype=pl.String)
    if bool((found.list.len() == 1).all()):
        return pl.DataFrame([texts, _as_classes(found.list.first())]), ""
    cells = SEPARATOR + found.list.join(SEPARATOR) + SEPARATOR
    return pl.DataFrame([texts, cells.alias(LABEL)]), MULTILABEL


def _as_classes(labels: pl.Series) -> pl.Series:
    """Labels as classes, also where they are numbers."""
    return labels.cast(pl.Enum(labels.unique().sort()))


READER = Reader(
    "labelled lines",
    "texts with their label before them, a line each: LABEL:finer text as TREC, __label__x text as fastText; "
    "name.test and name.valid beside name.train are its parts",
    accepts_labelled_lines,
    read_labelled_lines,
    parts=parts_by_suffix,
    by_content=True,
)
