"""Reads CoNLL and CoNLL-U: a word a line with its tags beside it, and a blank line behind each sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from archwise.data.encoding import read_text
from archwise.data.sentence import MOST_WORDS
from archwise.data.tag_cells import TAG
from archwise.errors import SourceError
from archwise.records import Finding, Reader, Table

SUFFIXES = (".conll", ".conllu", ".conllx", ".conll2003", ".bio", ".iob", ".iob2", ".bioes", ".iobes")
WORDS, TAGS = "words", "tags"
UNIVERSAL = ("id", WORDS, "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")  # of CoNLL-U
_READ_OF_UNIVERSAL = (WORDS, "upos", "xpos")
MOST_BROKEN = 0.05  # share of the sentences that may be broken; they are set aside
_DOCUMENT = "-DOCSTART-"
_BLANK = " \t"
_ENTITY_TAG = re.compile(r"O|[BIESLU]-\S+")
_SNIFFED = 65_536  # characters of a file of another suffix, by which it is told
_FEWEST_TAGGED = 2  # words with an entity's tag among them
_N_SHOWN = 5


@dataclass(frozen=True)
class _Sentence:
    """One sentence: where it begins, the cells of its words, and what is wrong with a line of it."""

    line: int
    rows: tuple[tuple[str, ...], ...]
    broken: str = ""


def accepts_conll(source: object) -> bool:
    """Whether the source is the path of such a file, by its suffix, or of text that looks so under another suffix."""
    if not isinstance(source, (str, Path)) or not Path(source).is_file():
        return False
    path = Path(source)
    suffix = Path(path.stem).suffix if path.suffix.lower() == ".gz" else path.suffix
    if suffix.lower() in SUFFIXES:
        return True
    with path.open("rb") as file:
        begin = file.read(_SNIFFED).decode("utf-8-sig", errors="replace")
    return "\x00" not in begin and _looks_tagged(begin)


def _looks_tagged(text: str) -> bool:
    """Whether lines of a word and an entity's tag stand between blank lines."""
    lines = text.replace("\r\n", "\n").split("\n")[:-1] or [text]
    cells = [
        _cells(line, "\t" in line) for line in lines if line.strip(_BLANK) and not line.startswith((_DOCUMENT, "# "))
    ]
    is_tagged = all(len(row) > 1 and _ENTITY_TAG.fullmatch(row[-1]) for row in cells)
    has_blank = any(not line.strip(_BLANK) for line in lines)
    return is_tagged and has_blank and sum(row[-1] != "O" for row in cells) >= _FEWEST_TAGGED


def read_conll(source: object, names: tuple[str, ...] = ()) -> Table:
    """Read the sentences of a file, one a row: a column of lists of words, and one of lists of their tags.

    Of CoNLL the first column holds the words and the last the tags; of CoNLL-U the words and the parts of speech are
    read. A file of words alone has no tags.

    Args:
        source: the path.
        names: of the columns, where others than the first and the last are wanted; one of them is `words`.

    Raises:
        SourceError: there is no sentence, too many are broken (the first line is named), or a name is missing.
    """
    path = Path(str(source))
    content, findings = read_text(path)
    lines = content.decode("utf-8").split("\n")
    width, is_tabbed = _form(lines)
    given = _names(width, names, is_universal=_is_universal(lines), source=str(path))
    sentences = list(_sentences(lines, width, is_tabbed=is_tabbed, is_universal=given == UNIVERSAL))
    if not sentences:
        raise SourceError(f"{path}: no sentence in it; expected a word a line, and a blank line behind each sentence")
    whole = [sentence for sentence in sentences if not sentence.broken]
    findings = (*findings, *_tell_broken(str(path), sentences))
    read = _READ_OF_UNIVERSAL if given == UNIVERSAL else given
    columns = {
        name: [[row[place] for row in sentence.rows] for sentence in whole]
        for place, name in enumerate(given)
        if name in read
    }
    target = _target(columns, names)
    if TAGS in columns and width > 2 and not names:
        told = f"{path}: of its {width} columns the first is read as words and the last as tags; --names names others"
        findings = (*findings, Finding("columns", "note", told))
        columns = {WORDS: columns[WORDS], TAGS: columns[TAGS]}
    frame = pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.List(pl.String)))
    aside = tuple(place for place, sentence in enumerate(sentences) if sentence.broken)
    return Table(frame, str(path), findings, aside, target=target, task=TAG if target else "")


def _target(columns: dict[str, list[list[str]]], names: Sequence[str]) -> str:
    """The column that the file itself tells to predict."""
    if names:
        return names[-1] if len(names) > 1 else ""
    if TAGS in columns:
        return TAGS
    return next(
        (name for name in ("upos", "xpos") if any(tag != "_" for row in columns.get(name, ()) for tag in row)), ""
    )


def _cells(line: str, is_tabbed: bool) -> tuple[str, ...]:
    return tuple(line.split("\t")) if is_tabbed else tuple(re.split(f"[{_BLANK}]+", line.strip(_BLANK)))


def _form(lines: Sequence[str]) -> tuple[int, bool]:
    """How many columns there are, and whether tabs stand between them: as in the first line of a word."""
    told = (line for line in lines if line.strip(_BLANK) and not line.startswith((_DOCUMENT, "# ")))
    first = next(told, "")
    is_tabbed = "\t" in first
    return len(_cells(first, is_tabbed)), is_tabbed


def _is_universal(lines: Sequence[str]) -> bool:
    """Whether lines have the ten columns of CoNLL-U, the first of which counts the words."""
    first = next((line for line in lines if line.strip(_BLANK) and not line.startswith("#")), "")
    cells = first.split("\t")
    return len(cells) == len(UNIVERSAL) and re.fullmatch(r"\d+([.-]\d+)?", cells[0]) is not None


def _names(width: int, names: tuple[str, ...], *, is_universal: bool, source: str) -> tuple[str, ...]:
    if names:
        if len(names) != width or WORDS not in names:
            raise SourceError(
                f"{source}: --names has {len(names)} names and the file {width} columns; name each, and the one of the "
                f"words '{WORDS}'"
            )
        return names
    if is_universal:
        return UNIVERSAL
    between = [f"column_{number}" for number in range(2, width)]
    return (WORDS, *between, TAGS)[: max(1, width)] if width > 1 else (WORDS,)


def _sentences(lines: Sequence[str], width: int, *, is_tabbed: bool, is_universal: bool) -> Iterator[_Sentence]:
    """The sentences of a file, in order."""
    rows: list[tuple[str, ...]] = []
    start, broken = 0, ""
    for number, line in enumerate([*lines, ""], start=1):
        is_end = not line.strip(_BLANK) or line.startswith(_DOCUMENT)
        if is_end:
            if rows or broken:
                if len(rows) > MOST_WORDS:
                    broken = f"line {start}: a sentence of {len(rows):,} words begins, and no blank line ends it"
                yield _Sentence(start, tuple(rows), broken)
            rows, broken = [], ""
            continue
        cells = _cells(line, is_tabbed)
        if line.startswith("#") and len(cells) != width:
            continue  # a comment
        if is_universal and not cells[0].isdigit():
            continue  # words that are written as one, and words that are not written
        start = start if rows or broken else number
        if len(cells) != width or not all(cells):
            broken = broken or f"line {number}: '{line}' has {_filled(cells)} of the {width} columns"
            continue
        rows.append(cells)


def _filled(cells: Sequence[str]) -> int:
    return sum(bool(cell) for cell in cells)


def _tell_broken(source: str, sentences: Sequence[_Sentence]) -> tuple[Finding, ...]:
    """A finding that names the broken lines.

    Raises:
        SourceError: there are too many.
    """
    broken = [sentence.broken for sentence in sentences if sentence.broken]
    if not broken:
        return ()
    shown = "; ".join(broken[:_N_SHOWN]) + (f" and {len(broken) - _N_SHOWN:,} more" if len(broken) > _N_SHOWN else "")
    if len(broken) > MOST_BROKEN * len(sentences):
        raise SourceError(
            f"{source}: {len(broken):,} of {len(sentences):,} sentences are broken: {shown}; mend the lines"
        )
    told = f"{source}: set aside {len(broken):,} of {len(sentences):,} sentences: {shown}; mend the lines"
    return (Finding("ragged", "warning", told, n_rows=len(broken)),)


READER = Reader(
    "conll",
    "CoNLL and CoNLL-U (.conll, .conllu, .bio, …): a word a line with its tag, a blank line behind each sentence",
    accepts_conll,
    read_conll,
    by_content=True,
)
