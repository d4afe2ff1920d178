"""Parts that the user gives: rows that are sealed, or that decide, as they are; the source's own rows are then open."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from archwise.choice.told import tell_rows
from archwise.config import Config
from archwise.data.bad import refuse_too_many_bad
from archwise.data.drift import tell_difference
from archwise.data.kinds import kind as pick_kind
from archwise.data.label import read_alike
from archwise.data.label_set import join_target
from archwise.data.look import target_values
from archwise.data.open import MOST_ROWS, open_source, parts_in, sample_stream
from archwise.data.prepare import cells_told, parse_columns, with_names
from archwise.data.split import FEWEST_OPEN, SplitRule, fingerprint, split_rows, stamps_of
from archwise.data.target import CLASSIFY, find_lost_target
from archwise.errors import ColumnError, DataError, UsageError, nearest
from archwise.model.unseen import name_columns, name_pictures
from archwise.records import Array, Finding, Parts, Profile, Split, Store, Table

GIVEN = "given"  # the code of what is found in them
MOST_SAMPLED = 100_000  # rows of a part that is larger than memory


@dataclass(frozen=True)
class GivenRows:
    """The usable rows of a given part.

    frame: as read. typed: the columns that models read. target: Float64 or String. groups: (N,) int64, or None.
    cells: of the columns that are dear to read, how to name each to the user. told: how rows are, see `tell_rows`.
    """

    name: str
    frame: pl.DataFrame
    typed: pl.DataFrame
    target: pl.Series
    groups: Array | None
    findings: tuple[Finding, ...]
    cells: pl.DataFrame
    told: pl.DataFrame


def parts_of(source: object, config: Config) -> Parts:
    """The source, with the parts that it holds itself, or that the user gives beside it in Python or as files.

    A file that the user names stands in the place of the part that the source holds.

    Raises:
        SourceError: the source cannot be read.
        UsageError: two of them are one file.
    """
    parts, is_python = (source, True) if isinstance(source, Parts) else (parts_in(source) or Parts(source), False)
    if isinstance(config.test, str) and not (is_python and parts.test is not None):
        parts = replace(parts, test=config.test)
    if isinstance(config.valid, str) and not (is_python and parts.valid is not None):
        parts = replace(parts, valid=config.valid)
    files = [("the data to fit", parts.train), ("--test", parts.test), ("--valid", parts.valid)]
    seen: dict[Path, str] = {}
    for name, given in files:
        if isinstance(given, str | Path):
            other = seen.setdefault(Path(given).resolve(), name)
            if other != name:
                raise UsageError(f"{name} {given} is also {other}; name a file of other rows, or a share such as 0.2")
    return parts


def tell_parts(parts: Parts) -> tuple[Finding, ...]:
    """What is given beside the data to fit, in words; nothing where nothing is."""
    given = {"decides": parts.valid, "is sealed": parts.test}
    told = [f"{_name_of(part)} {what}" for what, part in given.items() if part is not None]
    if not told:
        return ()
    drawn = [what for what, part in (("those that decide", parts.valid), ("those sealed", parts.test)) if part is None]
    rest = f"; the rows here are open, and {drawn[0]} are drawn from them" if drawn else "; the rows here are open"
    return (Finding("parts", "note", f"parts are given: {', '.join(told)}{rest}"),)


def _name_of(part: object) -> str:
    return str(part) if isinstance(part, str | Path) else getattr(part, "told", "a part in memory")


def read_given(
    parts: Parts,
    profile: Profile,
    config: Config,
    *,
    layout: Sequence[str],
    most_rows: int = MOST_ROWS,
    store: Store | None = None,
) -> dict[str, GivenRows]:
    """Read the parts that are given, as the source was read.

    Args:
        profile: of the source.
        layout: the columns of the source.
        store: as for `parse_columns`.
        most_rows: of a part; of a larger file as many as MOST_SAMPLED are drawn, which a finding says.

    Returns:
        "valid" and "test" -> the rows, each only where it is given.

    Raises:
        SourceError, ColumnError, DataError: a part cannot be read, lacks columns, or has no row that can be used.
    """
    sources = {"valid": parts.valid, "test": parts.test}
    return {
        name: _usable(_open(source, name, profile, config, layout, most_rows), profile, config, part=name, store=store)
        for name, source in sources.items()
        if source is not None
    }


def split_given(frame: pl.DataFrame, target: pl.Series, rule: SplitRule, given: Mapping[str, GivenRows]) -> Split:
    """Split the open rows into the sides that are not given, and put the given rows behind them.

    Args:
        frame, target: (N, ...) the open rows. rule: as for `split_rows`, with the shares of the sides not given.

    Returns:
        row numbers of the open rows followed by the given ones, validation before test.

    Raises:
        DataError, ColumnError: as for `split_rows`.
    """
    n_open = frame.height
    opened = _split_open(frame, target, rule, given)
    sides = {"train": opened.train, "valid": opened.valid, "test": opened.test}
    groups = [np.arange(n_open) if opened.groups is None else opened.groups]
    start = n_open
    for name in ("valid", "test"):
        if name in given:
            n_rows = given[name].frame.height
            sides[name] = np.arange(start, start + n_rows)
            own = given[name].groups
            groups.append(start + (np.arange(n_rows) if own is None else own))
            start += n_rows
    is_grouped = opened.groups is not None or bool(rule.group)
    seal = fingerprint(given["test"].frame, given["test"].target) if "test" in given else opened.test_sha256
    told = ", ".join(f"{'validation' if name == 'valid' else name} is {rows.name}" for name, rows in given.items())
    how = f"{told}; {opened.how}" if opened.how else told
    return Split(**sides, how=how, test_sha256=seal, groups=np.concatenate(groups) if is_grouped else None)


def find_given(
    given: Mapping[str, GivenRows],
    typed: pl.DataFrame,
    frame: pl.DataFrame,
    rule: SplitRule,
    *,
    columns: Sequence[tuple[str, str]] = (),
) -> tuple[Finding, ...]:
    """What was found in the given rows, and what they share with the open ones or differ in: inputs, groups, moments.

    Args:
        typed: the open rows, as models read them. frame: as they were read. rule: with the group and time columns.
        columns: (name, kind) of what models read.
    """
    known = typed.hash_rows(seed=0)
    dear = {name for name, kind in columns if pick_kind(kind).store is not None}  # here by names that mean nothing
    plain = [name for name in typed.columns if name not in dear]
    findings = [finding for rows in given.values() for finding in rows.findings]
    for part, rows in given.items():
        n_rows = rows.frame.height
        n_repeats = int(rows.typed.hash_rows(seed=0).is_in(known.implode()).sum())
        if n_repeats:
            told = f"{n_repeats:,} of {n_rows:,} rows repeat the inputs of a row of the training data"
            findings.append(_tell(rows, f"{told}, so its score may flatter the model", n_repeats))
        difference = tell_difference(typed.select(plain), rows.typed.select(plain))
        if difference:
            told = f"the rows differ from the training data in {difference}"
            findings.append(_tell(rows, f"{told}, so its score tells of other data than were learnt from", n_rows))
        if rule.group:
            column = rows.frame.get_column(rule.group).cast(pl.String)
            n_shared = int(column.is_in(frame.get_column(rule.group).drop_nulls().cast(pl.String).implode()).sum())
            if n_shared:
                told = f"{n_shared:,} of {n_rows:,} rows are of a '{rule.group}' that the training data hold too"
                findings.append(_tell(rows, f"{told}, so its score may flatter the model", n_shared))
        if rule.time and rule.time in rows.frame.columns and part == "test":
            last = stamps_of(frame.get_column(rule.time)).max()
            n_early = int((stamps_of(rows.frame.get_column(rule.time)) <= last).sum())
            if n_early:
                told = f"{n_early:,} of {n_rows:,} rows are not later by '{rule.time}' than the training data"
                findings.append(_tell(rows, f"{told}, so it does not test the future alone", n_early))
    return tuple(findings)


def _tell(rows: GivenRows, message: str, n_rows: int) -> Finding:
    return Finding(GIVEN, "warning", f"In {rows.name}, {message}", n_rows=n_rows)


def _split_open(frame: pl.DataFrame, target: pl.Series, rule: SplitRule, given: Mapping[str, GivenRows]) -> Split:
    """The open rows on the sides that are not given; a side that is given is empty here."""
    nobody = np.empty(0, np.int64)
    if len(given) == 2:
        return Split(np.arange(frame.height), nobody, nobody, "", "")
    left = "valid" if "test" in given else "test"
    half = getattr(rule, left) / 2  # drawn as two sides that are then one, so that one rule draws every split
    drawn = split_rows(frame, target, replace(rule, valid=half, test=half, fewest=FEWEST_OPEN))
    both = np.sort(np.concatenate([drawn.valid, drawn.test]))
    how = drawn.how
    if rule.time:
        how = f"in time by '{rule.time}': the last rows are the {'validation' if left == 'valid' else 'test'}"
    sides = {"valid": nobody, "test": nobody, left: both}
    seal = fingerprint(frame[both], target.gather(both))
    return Split(drawn.train, **sides, how=how, test_sha256=seal, groups=drawn.groups)


def _open(source: object, part: str, profile: Profile, config: Config, layout: Sequence[str], most_rows: int) -> Table:
    opened = join_target(
        open_source(source, names=config.names, most_rows=most_rows), profile.target, task=profile.task
    )
    if isinstance(opened, Table):
        table = opened
    else:
        table = sample_stream(opened, seed=config.seed, n_rows=MOST_SAMPLED)
        told = f"{table.frame.height:,} of {table.sampled_from:,} rows, drawn evenly, are the {part} part"
        table = replace(table, findings=(Finding(GIVEN, "warning", f"In {_name(table)}, {told}"),))
    table = name_pictures(table, [(column.name, column.kind) for column in profile.used], target=profile.target)
    table = name_columns(table, layout, target=profile.target, source=source)
    wanted = [*(column.name for column in profile.used), profile.target, *filter(None, [config.group])]
    missing = [name for name in wanted if name not in table.frame.columns]
    if missing:
        told = ", ".join(f"'{name}'" for name in missing)
        raise ColumnError(
            f"{table.source}: columns are missing: {told}; a given {part} part needs the target and every column that "
            f"is read.{nearest(missing[0], table.frame.columns)}"
        )
    return table


def _usable(table: Table, profile: Profile, config: Config, *, part: str, store: Store | None) -> GivenRows:
    """The rows whose cells and target can be read; the rest is set aside, and said."""
    columns = [(column.name, column.kind) for column in profile.used]
    parsed = parse_columns(table.frame, columns, rows=table.rows, store=store)
    target, is_lost = target_values(table.frame, profile)
    try:
        refuse_too_many_bad(parsed.bad, parsed.findings, classes=target if profile.task == CLASSIFY else None)
    except DataError as error:
        raise DataError(f"{table.source}: {error}") from None
    cells = table.frame.get_column(profile.target)
    met = [each for each in table.findings if each.severity == "warning" and each.code != GIVEN]
    findings = [*met, *parsed.findings, *find_lost_target(cells, is_lost, rows=table.rows)]
    is_strange = np.zeros(len(target), bool)
    if profile.task == CLASSIFY:
        target, is_strange, told = read_alike(cells, profile.classes)
        findings += told
    keep = pl.Series(~(parsed.bad | is_lost | is_strange))
    if not keep.any():
        raise DataError(f"{table.source}: no row of the given {part} part can be used; check its '{profile.target}'")
    frame = with_names(table.frame, parsed.frame, columns).filter(keep)
    name = _name(table)
    start = f"{table.source}: "
    said = [
        Finding(GIVEN, each.severity, f"In {name}, {each.message.removeprefix(start)}", n_rows=each.n_rows)
        for each in findings
        if each.code != "store"
    ]
    said = [*(each for each in table.findings if each.code == GIVEN), *said]
    said += [each for each in findings if each.code == "store"]
    groups = _group_numbers(frame.get_column(config.group)) if config.group else None
    named = cells_told(table.frame, columns, keep=keep)
    rows = tell_rows(table, columns, keep=keep, group=config.group)
    return GivenRows(name, frame, parsed.frame.filter(keep), target.filter(keep), groups, tuple(said), named, rows)


def _name(table: Table) -> str:
    """The last part of a path, or what the table is called otherwise."""
    return re.split(r"[/\\]", table.source)[-1]


def _group_numbers(column: pl.Series) -> Array:
    """(N,) int64 from 0; a row without a group is one of its own."""
    ranks = column.cast(pl.String).rank("dense").fill_null(0).to_numpy().astype(np.int64)
    return np.where(ranks == 0, len(column) + np.arange(len(column)), ranks)
