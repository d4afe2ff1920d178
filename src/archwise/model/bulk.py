"""Answers of a long file, written part by part so that a command that was stopped goes on where it stood."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

import polars as pl

from archwise.data.finding import join_findings
from archwise.errors import ArchwiseError, InterruptedRunError, UsageError
from archwise.model.answer import form_of, text_of
from archwise.model.predict import Answered, Predicted
from archwise.records import Finding

RECORD = "parts.jsonl"
Answer = Callable[[Sequence[Answered]], Iterator[Predicted]]


@dataclass(frozen=True)
class _Written:
    """A part that is on disk. end: bytes of the text up to its end."""

    part: Answered
    end: int


def key_of(model: Path, source: object, *, sets: bool) -> str:
    """What tells whether a command answers what an earlier one began to; empty where the source is no single file."""
    if not isinstance(source, str | Path) or not Path(source).is_file():
        return ""
    stat = Path(source).stat()
    facts = (model / "model.json").read_bytes()
    told = f"{Path(source).resolve()} {stat.st_size} {stat.st_mtime_ns} {sets} {hashlib.sha256(facts).hexdigest()}"
    return hashlib.sha256(told.encode()).hexdigest()


def write_parts(answer: Answer, path: Path, *, as_json: bool, key: str = "") -> tuple[int, tuple[Finding, ...]]:
    """Write the answers of every part to one file: whole, or not at all.

    What is done stands in a hidden folder beside the file until all is. A command with the same key goes on from it.

    Args:
        answer: gives the parts, in the order of the rows, behind those that were answered before.
        path: CSV, or Parquet or JSON lines by its suffix, or CoNLL where words are tagged.
        as_json: JSON lines whatever the suffix, Parquet excepted.
        key: of what is answered; empty where nothing is to be gone on with.

    Returns:
        the number of rows, and what was found in them.

    Raises:
        DataError: as the parts come; then nothing is left on disk.
        UsageError: another command writes the same file.
        InterruptedRunError: Ctrl-C, where the same command goes on.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = path.with_name(f".{path.name}.partial")
    with _held(folder, path, key) as before:
        whole = folder / "answers"
        add = _add_slice if path.suffix.lower() == ".parquet" else _text_adder(path, as_json=as_json)
        with (folder / RECORD).open("a", encoding="utf-8") as record:
            done = list(before)
            for predicted in answer([written.part for written in done]):
                end = add(folder, predicted.answers, done)
                done.append(_Written(Answered(predicted.answers.height, predicted.n_bad, predicted.findings), end))
                _note(record, done[-1])
        if path.suffix.lower() == ".parquet":
            pl.scan_ipc([_slice(folder, number) for number in range(len(done))]).sink_parquet(whole)
        os.replace(whole, path)
    n_rows = sum(written.part.n_rows for written in done)
    return n_rows, join_findings([finding for written in done for finding in written.part.findings])


@contextmanager
def _held(folder: Path, path: Path, key: str) -> Iterator[list[_Written]]:
    """The folder of what is done, held against other commands, with the parts in it that may be gone on from.

    It is gone when all is done and where the data cannot be answered; a command that is stopped leaves it.
    """
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        _lock(lock, path)
        before = _read(folder, key)
        try:
            yield before
        except ArchwiseError:
            shutil.rmtree(folder)
            raise
        except KeyboardInterrupt:
            if not key:
                shutil.rmtree(folder)
                raise
            told = f"interrupted; the same command goes on with what {path} lacks"
            raise InterruptedRunError(told) from None
        shutil.rmtree(folder)


def _lock(lock: IO[str], path: Path) -> None:
    """Hold a file for as long as this process has it open, where the system knows such locks."""
    if os.name != "posix":
        return
    import fcntl

    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UsageError(f"{path} is being written by another command; wait for it, or name another file") from None


def _read(folder: Path, key: str) -> list[_Written]:
    """The parts that were written with a key; anything else in the folder is cleared."""
    record = folder / RECORD
    lines = record.read_text(encoding="utf-8").split("\n") if key and record.exists() else [""]
    if lines[0] != key or not key:
        for other in folder.iterdir():
            if other.name != "lock":
                other.unlink()
        record.write_text(f"{key}\n", encoding="utf-8")
        return []
    whole = lines[1:-1]  # behind the last line end a line was cut short
    record.write_text("".join(f"{line}\n" for line in (key, *whole)), encoding="utf-8")
    found = []
    for line in whole:
        held = json.loads(line)
        findings = tuple(Finding(**finding) for finding in held["findings"])
        found.append(_Written(Answered(held["rows"], held["bad"], findings), held["end"]))
    return found


def _note(record: IO[str], written: _Written) -> None:
    part = written.part
    findings = [asdict(finding) for finding in part.findings]
    told = {"rows": part.n_rows, "bad": part.n_bad, "end": written.end, "findings": findings}
    record.write(json.dumps(told, ensure_ascii=False) + "\n")
    record.flush()


def _slice(folder: Path, number: int) -> Path:
    return folder / f"{number}.arrow"


def _add_slice(folder: Path, answers: pl.DataFrame, done: Sequence[_Written]) -> int:
    answers.write_ipc(_slice(folder, len(done)))
    return 0


def _text_adder(path: Path, *, as_json: bool) -> Callable[[Path, pl.DataFrame, Sequence[_Written]], int]:
    """A function that writes answers behind those that are done, as text in the form of a file's suffix."""
    form = form_of(path, as_json=as_json)

    def add(folder: Path, answers: pl.DataFrame, done: Sequence[_Written]) -> int:
        at = done[-1].end if done else 0
        with (folder / "answers").open("r+b" if done else "wb") as file:
            file.truncate(at)  # what a kill left of a part is written again
            file.seek(at)
            return at + file.write(text_of(answers, form, is_first=not done).encode())

    return add
