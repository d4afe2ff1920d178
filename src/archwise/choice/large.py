"""The start of a run on more rows than are held at once: read in chunks, each prepared and put where it belongs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from archwise.choice.given import GivenRows, read_given
from archwise.choice.run import Laid, begin_folder, prepared_path, targets_path, write_preparation
from archwise.choice.seal import write_seal
from archwise.config import Config
from archwise.data.bad import count_bad, refuse_counted
from archwise.data.finding import join_findings
from archwise.data.growing import GrowingArray
from archwise.data.look import target_values
from archwise.data.prepare import (
    Preparation,
    apply_preparation,
    fit_preparation,
    inputs_of,
    narrowed,
    parse_columns,
)
from archwise.data.side import SideRule, make_side_rule, sides_of
from archwise.data.sketch import sketch_rows
from archwise.data.split import TEST, TRAIN, VALID, SplitRule, fingerprint
from archwise.data.target import CLASSIFY
from archwise.errors import DataError, UsageError
from archwise.records import Array, Finding, Json, Need, Parts, Profile, Stream, Table, Task
from archwise.tasks import fit_target, main_metric, task

_PARTS = {"train": TRAIN, "valid": VALID}


@dataclass(frozen=True)
class _Way:
    """How every chunk is treated: all of it was found from the sample."""

    profile: Profile
    task: Task
    state: Mapping[str, Json]
    rule: SideRule
    preparations: tuple[Preparation, ...]
    sketch: Mapping[str, Json] = field(default_factory=dict)

    @property
    def columns(self) -> tuple[tuple[str, str], ...]:
        """(name, kind) of each column that models read."""
        return tuple((column.name, column.kind) for column in self.profile.used)


@dataclass(frozen=True)
class _Chunk:
    """The usable rows of a chunk. numbers: (N,) in the source. sides, groups: (N,). bad: counts over all its rows."""

    typed: pl.DataFrame
    target: pl.Series
    numbers: Array
    sides: Array
    groups: Array | None
    bad: pl.DataFrame
    findings: tuple[Finding, ...]


@dataclass
class _Tally:
    """What is gathered over the chunks, small beside the rows themselves."""

    numbers: dict[int, list[Array]] = field(default_factory=lambda: {TRAIN: [], VALID: [], TEST: []})
    groups: list[Array] = field(default_factory=list)
    sealed: list[pl.DataFrame] = field(default_factory=list)
    targets: list[pl.Series] = field(default_factory=list)
    bad: list[pl.DataFrame] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def lay_out_in_chunks(
    folder: Path, given: Parts, *, sample: Table, profile: Profile, config: Config, needs: Sequence[Need]
) -> Laid:
    """Split, seal and prepare all rows of a stream, a chunk at a time, into the run folder.

    What is fitted is fitted on the training rows of the sample alone.

    Args:
        given: the stream as the training data, and the test rows where they are given.
        sample: of the stream. profile: as looked at. needs: of the architectures that race.

    Raises:
        DataError: too many rows cannot be read, or a part of the split is empty.
        UsageError: the metric does not exist, or the validation rows are given.
    """
    stream = given.train
    assert isinstance(stream, Stream)  # what is no stream goes the other way
    if given.valid is not None:
        raise UsageError(f"{stream.source} has more rows than are held at once, and draws its own; leave out --valid")
    apart = read_given(given, profile, config, layout=sample.frame.columns).get("test")
    way = _find_way(sample, profile, config, needs, is_test_given=apart is not None)
    begin_folder(folder, config)
    tally = _put_away(folder, stream, way)
    refuse_counted(tally.bad, tally.findings)
    numbers = {side: np.concatenate(parts) for side, parts in tally.numbers.items()}
    if apart is not None:
        _add_given(tally, numbers, apart)
    if min(len(rows) for rows in numbers.values()) == 0:
        raise DataError("a part of the split is empty, for too few groups or moments; leave out --group or --time")
    sealed, targets = pl.concat(tally.sealed), pl.concat(tally.targets)
    parts = {"train": numbers[TRAIN], "valid": numbers[VALID], "test": numbers[TEST]}
    if tally.groups:
        parts["groups"] = _groups_of_all(numbers, tally.groups)
    write_seal(folder, sealed, targets, parts=parts)
    return Laid(
        columns=way.columns,
        target_state=way.state,
        inputs={preparation.need.key: inputs_of(preparation) for preparation in way.preparations},
        n_train=len(numbers[TRAIN]),
        n_valid=len(numbers[VALID]),
        n_test=len(numbers[TEST]),
        split_how=way.rule.how if apart is None else f"test is {apart.name}; {way.rule.how}",
        test_sha256=fingerprint(sealed, targets),
        grouped=bool(tally.groups),
        findings=(*join_findings(tally.findings), *(apart.findings if apart else ())),
        test_source=apart.name if apart else "",
        sketch=way.sketch,
    )


def _add_given(tally: _Tally, numbers: dict[int, Array], apart: GivenRows) -> None:
    """Put the given test rows behind all rows of the stream, as its sealed ones."""
    start = 1 + max(int(rows[-1]) for rows in numbers.values() if len(rows))
    numbers[TEST] = np.arange(start, start + apart.frame.height)
    tally.sealed[:], tally.targets[:] = [apart.typed], [apart.target]
    if tally.groups and apart.groups is not None:
        tally.groups.append(apart.groups)


def _find_way(sample: Table, profile: Profile, config: Config, needs: Sequence[Need], *, is_test_given: bool) -> _Way:
    """Fit everything that has to be fitted to the training rows of the sample."""
    kind_of_task = task(profile.task)
    valid, test = config.shares
    test = 0.0 if is_test_given else test
    split = SplitRule(valid, test, config.seed, kind_of_task.stratify, config.group, config.time)
    rule = make_side_rule(split, sample.frame, n_rows=profile.n_rows)
    way = _Way(profile, kind_of_task, {}, rule, ())
    chunk = _read_chunk(sample, way)
    refuse_counted([chunk.bad], chunk.findings)
    is_train = pl.Series(chunk.sides == TRAIN)
    state = fit_target(kind_of_task, chunk.target.filter(is_train), profile)
    main_metric(kind_of_task, state, config.metric)  # a misspelt name is found before anything is written
    typed = chunk.typed.filter(is_train)
    preparations = tuple(fit_preparation(typed, way.columns, need=need) for need in needs)
    return _Way(profile, kind_of_task, state, rule, preparations, sketch_rows(typed, way.columns))


def _read_chunk(table: Table, way: _Way) -> _Chunk:
    """The rows of a chunk whose cells and target can be read, each with its side."""
    assert table.rows is not None  # chunks and samples have them
    parsed = parse_columns(table.frame, way.columns, rows=table.rows)
    target, is_lost = target_values(table.frame, way.profile)
    findings = [*table.findings, *parsed.findings]
    if "classes" in way.state:
        is_strange = (~target.is_in(way.state["classes"])).fill_null(False).to_numpy()
        if is_strange.any():
            findings.append(_tell_strange(target, is_strange))
            is_lost = is_lost | is_strange
    keep = ~(parsed.bad | is_lost)
    kept = pl.Series(keep)
    numbers = table.rows[keep]
    sides, groups = sides_of(way.rule, table.frame.filter(kept), numbers)
    bad = count_bad(parsed.bad, target if way.task.name == CLASSIFY else None)
    return _Chunk(parsed.frame.filter(kept), target.filter(kept), numbers, sides, groups, bad, tuple(findings))


def _tell_strange(target: pl.Series, is_strange: Array) -> Finding:
    n_strange, first = int(is_strange.sum()), int(np.argmax(is_strange))
    message = (
        f"target '{target.name}': {n_strange:,} cells hold a class so rare that the rows looked at lack it, such as "
        f"'{target[first]}'; they are left out"
    )
    return Finding("imbalance", "warning", message, str(target.name), n_strange)


def _put_away(folder: Path, stream: Stream, way: _Way) -> _Tally:
    """Read every chunk once, and append what it gives to the files of the run folder."""
    tally = _Tally()
    for preparation in way.preparations:
        write_preparation(folder, preparation)
    with ExitStack() as closing:
        files: dict[Path, GrowingArray] = {}

        def append(path: Path, rows: Array) -> None:
            if path not in files:
                files[path] = GrowingArray(path)
                closing.callback(files[path].close)
            files[path].append(rows)

        for table in stream.chunks(None):
            chunk = _read_chunk(table, way)
            for path, rows in _arrays_of(folder, chunk, way):
                append(path, rows)
            _gather(tally, chunk)
    return tally


def _arrays_of(folder: Path, chunk: _Chunk, way: _Way) -> Iterator[tuple[Path, Array]]:
    """The arrays that a chunk gives, with the files they belong to."""
    for part, side in _PARTS.items():
        of_part = pl.Series(chunk.sides == side)
        typed, target = chunk.typed.filter(of_part), chunk.target.filter(of_part)
        if typed.height == 0:
            continue
        yield targets_path(folder, part), way.task.encode(way.state, target)
        for preparation in way.preparations:
            batch = apply_preparation(preparation, typed)
            for name, array in (narrowed(batch, preparation) if part == "train" else batch).items():
                yield prepared_path(folder, preparation.need, part, name), array


def _gather(tally: _Tally, chunk: _Chunk) -> None:
    is_test = pl.Series(chunk.sides == TEST)
    tally.sealed.append(chunk.typed.filter(is_test))
    tally.targets.append(chunk.target.filter(is_test))
    for side, numbers in tally.numbers.items():
        numbers.append(chunk.numbers[chunk.sides == side])
    if chunk.groups is not None:
        tally.groups.append(chunk.groups)
    tally.bad.append(chunk.bad)
    tally.findings += chunk.findings


def _groups_of_all(numbers: Mapping[int, Array], groups: Sequence[Array]) -> Array:
    """(N,) int64 group of each row of the source, 0 where it was left out."""
    rows = np.sort(np.concatenate(list(numbers.values())))  # the order in which the groups were gathered
    of_all = np.zeros(int(rows[-1]) + 1, dtype=np.int64)
    of_all[rows] = np.concatenate(groups)
    return of_all
