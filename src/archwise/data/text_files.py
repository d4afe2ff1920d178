"""Files of texts, one text each: whether a folder holds them, and what stands in them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from archwise.data.counted import counted
from archwise.data.encoding import read_text
from archwise.errors import SourceError
from archwise.records import Finding

SUFFIX = ".txt"
_MOST_SEEN = 1_000  # files, from which it is told what a folder holds
_N_SHOWN = 3


def text_files(folder: Path) -> list[Path]:
    """The texts in a folder and in the folders in it, in the order of their names; hidden ones are passed over."""
    return sorted(path for path in folder.rglob(f"*{SUFFIX}") if path.is_file() and not _is_hidden(path, folder))


def holds_texts(folder: Path) -> bool:
    """Whether most of the files in the folders of a folder are texts, or of those in itself, where it has no others."""
    inside = (path for path in folder.rglob("*") if path.is_file() and not _is_hidden(path, folder))
    seen = list(islice(inside, _MOST_SEEN))
    deep = [path for path in seen if path.parent != folder] or seen
    return 2 * sum(path.suffix.lower() == SUFFIX for path in deep) > len(deep)


def read_texts(paths: Sequence[Path]) -> tuple[list[str | None], tuple[Finding, ...]]:
    """What stands in files, None for a file that is no text; and what was met while reading, told once for all.

    Encodings are found as for tables, and an empty file is an empty text.
    """
    texts: list[str | None] = []
    broken: list[str] = []
    others: list[Finding] = []
    for path in paths:
        if not path.read_bytes().strip():
            texts.append("")
            continue
        try:
            content, findings = read_text(path)
        except SourceError as error:
            broken.append(str(error))
            texts.append(None)
            continue
        others += findings
        texts.append(content.decode("utf-8"))
    told = []
    if others:
        message = f"{others[0].message} ({_of_files(len(others), len(paths))} not plain UTF-8)"
        told.append(Finding("encoding", "warning", message, n_rows=len(others)))
    if broken:
        message = f"{_of_files(len(broken), len(paths))} left out: {'; '.join(broken[:_N_SHOWN])}"
        told.append(Finding("unreadable", "warning", message, n_rows=len(broken)))
    return texts, tuple(told)


def _of_files(count: int, n_files: int) -> str:
    """So many of the files, with their verb."""
    return counted(count, f"of {counted(n_files, 'file', 'files')} is", f"of {n_files:,} files are")


def _is_hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)
