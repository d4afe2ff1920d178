"""Looks at a table: what its columns are, what is wrong with them, and which task the target poses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import polars as pl

from archwise.data.aside import is_aside
from archwise.data.drift import find_drift
from archwise.data.finding import (
    find_apart,
    find_duplicates,
    find_key,
    find_missing,
    find_set_aside,
    find_unreadable,
)
from archwise.data.kinds import kind as pick_kind
from archwise.data.kinds import kinds as all_kinds
from archwise.data.kinds import read_as
from archwise.data.kinds.words import NAME as WORDS
from archwise.data.leak import find_leaks
from archwise.data.missing import blank_missing
from archwise.data.prepare import Parsed, parse_columns
from archwise.data.sentence import parse_sentences
from archwise.data.series_cells import holds_series, series_of
from archwise.data.series_column import SERIES, find_series
from archwise.data.shape import find_shape, refuse_unfit
from archwise.data.tag_cells import TAG, find_tags, words_column
from archwise.data.target import (
    REGRESS,
    TaskGuess,
    find_imbalance,
    find_lost_target,
    find_target,
    guess_task,
    target_values,
)
from archwise.data.target import in_order as classes_in_order
from archwise.data.text_column import TEXT, find_cut, settle_texts
from archwise.data.twin import find_conflicts, find_copy, set_copies_aside
from archwise.errors import ColumnError, SourceError, nearest
from archwise.records import ColumnProfile, Finding, Guess, Profile, Table

__all__ = ["LookRequest", "look_at", "target_values"]

_MOST_SNIFFED = 50_000  # rows, evenly over the table, from which kinds are told


@dataclass(frozen=True)
class LookRequest:
    """What the user says of the data.

    target: the column to predict. task: its name, or "" to infer it. kinds: column -> kind.
    drop: columns to leave out. group: column of rows that stay on one side of the split.
    time: column that orders rows. loss: of the networks, or "" to find it. order: the classes from the lowest on.
    """

    target: str
    task: str = ""
    kinds: Mapping[str, str] = field(default_factory=dict)
    drop: tuple[str, ...] = ()
    group: str = ""
    time: str = ""
    loss: str = ""
    order: tuple[str, ...] = ()


def look_at(table: Table, request: LookRequest) -> Profile:
    """Look at every column and at the target, and find what the user should know before anything is trained.

    Raises:
        ColumnError: a column is named that is not there, or the target in another role; or no column is left.
        TargetError: the target cannot be learnt.
        UsageError: a kind or a task is named that is not there.
    """
    frame = table.frame
    if frame.columns == [table.files]:
        raise SourceError(
            f"{table.source}: pictures, and nothing that tells what they show; expected class folders, "
            f"{table.source}/CLASS/picture.jpg, or a table of labels beside the pictures"
        )
    target = find_target(frame.columns, request.target or table.target)
    _check_request(frame, request, target)
    guess = guess_task(frame.get_column(target), request.task or table.task, rows=table.rows)
    if guess.task == REGRESS:
        refuse_unfit(frame.get_column(target), request.loss, rows=table.rows)
    columns = tuple(_look_at_column(column, request) for column in frame.get_columns() if column.name != target)
    columns = _without(columns, {name: why for name, why in table.not_read.items() if name not in request.kinds})
    if guess.task == TAG:
        columns = _words_alone(columns, frame, target)
    columns = settle_texts(_one_picture(columns), frame, asked=request.kinds)
    if not any(column.use for column in columns):
        told = "; ".join(f"'{column.name}': {column.because}" for column in columns[:5])
        raise ColumnError(
            f"no column is left from which '{target}' could be predicted "
            f"({told or 'the target is the only column'}); "
            "add a column, or say what one is, as in --kind name=number"
        )
    profile = Profile(
        table.source,
        frame.height,
        columns,
        target,
        guess.task,
        guess.because,
        *_in_order(guess, request.order, target),
        loss=request.loss,
    )
    parsed = parse_columns(frame, [(column.name, column.kind) for column in profile.used], rows=table.rows)
    columns = set_copies_aside([_summarise(column, parsed.frame) for column in columns], parsed.frame)
    profile = replace(profile, columns=columns)
    profile = _with_shape(profile, table, parsed)
    profile = replace(
        profile, findings=(*table.findings, *profile.findings, *_find_all(table, parsed, profile, time=request.time))
    )
    return _scale_up(profile, table.sampled_from / frame.height) if table.sampled_from else profile


def _without(columns: tuple[ColumnProfile, ...], why: Mapping[str, str]) -> tuple[ColumnProfile, ...]:
    """The columns with those of these names set aside, each with its reason."""
    return tuple(
        replace(column, use=False, because=why[column.name]) if column.name in why else column for column in columns
    )


def _one_picture(columns: tuple[ColumnProfile, ...]) -> tuple[ColumnProfile, ...]:
    """The columns with all of pictures but the first set aside: one picture a row is read."""
    found = [column.name for column in columns if column.use and pick_kind(column.kind).store is not None]
    because = f"one picture a row is read, which is '{found[0]}'; to read this one, --drop that" if found else ""
    return tuple(
        replace(column, use=False, because=because) if column.name in found[1:] else column for column in columns
    )


def _words_alone(columns: tuple[ColumnProfile, ...], frame: pl.DataFrame, target: str) -> tuple[ColumnProfile, ...]:
    """The columns with all set aside but the one that has a word for each tag of the target.

    Raises:
        ColumnError: there is none.
    """
    words = words_column(frame, target)
    if not words:
        raise ColumnError(
            f"no column has a word for each tag of '{target}'; give the words of a row as a list, or as text with a "
            "blank between them, as many as there are tags"
        )
    why = f"words are tagged by themselves, and those of '{target}' stand in '{words}'"
    read = ColumnProfile(
        words,
        WORDS,
        f"it has a word for each tag of '{target}'",
        True,
        parse_sentences(frame.get_column(words)).null_count(),
        frame.get_column(words).n_unique(),
    )
    return tuple(read if column.name == words else replace(column, use=False, because=why) for column in columns)


def _in_order(guess: TaskGuess, order: tuple[str, ...], target: str) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """The classes and their counts, in the order that was given."""
    classes = classes_in_order(guess.classes, order, target)
    counts = dict(zip(guess.classes, guess.class_counts, strict=True))
    return classes, tuple(counts[name] for name in classes)


def _with_shape(profile: Profile, table: Table, parsed: Parsed) -> Profile:
    """The profile with the loss that a target of numbers calls for, where none was asked for."""
    if profile.task != REGRESS or profile.loss:
        return profile
    target, _ = target_values(table.frame, profile)
    loss, findings = find_shape(target, parsed.frame, sampled=bool(table.sampled_from))
    return replace(profile, loss=loss, findings=findings)


def _check_request(frame: pl.DataFrame, request: LookRequest, target: str) -> None:
    named = {
        "kind": list(request.kinds),
        "drop": list(request.drop),
        "group": [request.group],
        "time": [request.time],
    }
    for option, names in named.items():
        for name in filter(None, names):
            if name not in frame.columns:
                raise ColumnError(f"--{option}: there is no column '{name}'.{nearest(name, frame.columns)}")
            if name == target and option != "kind":
                raise ColumnError(f"--{option}: '{name}' is the target; name another column")
    if target in request.kinds:
        raise ColumnError(f"--kind: '{target}' is the target; choose --task classify or --task regress in its place")
    for kind_name in request.kinds.values():
        pick_kind(kind_name)


def _look_at_column(column: pl.Series, request: LookRequest) -> ColumnProfile:
    n_missing = (series_of(column)[0] if holds_series(column.dtype) else blank_missing(column)).null_count()
    is_countable = not column.dtype.is_nested() and column.dtype != pl.Object
    n_distinct = column.drop_nulls().n_unique() if is_countable else 0
    guess = _guess_kind(column, request.kinds.get(column.name, ""))
    roles = {
        request.group: "it groups the rows of the split",
        request.time: "it orders the rows of the split",
    }
    if column.name in request.drop:
        return ColumnProfile(column.name, guess.kind, "left out, as asked", False, n_missing, n_distinct)
    if column.name in roles:
        return ColumnProfile(column.name, guess.kind, roles[column.name], False, n_missing, n_distinct)
    if n_missing == len(column):
        return ColumnProfile(column.name, guess.kind, "every cell is missing", False, n_missing, n_distinct)
    use = not is_aside(pick_kind(guess.kind))
    return ColumnProfile(column.name, guess.kind, guess.because, use, n_missing, n_distinct)


def _guess_kind(column: pl.Series, wanted: str) -> Guess:
    if wanted:
        return Guess(wanted, 1.0, "as asked")
    cleaned = blank_missing(column.gather_every(max(1, -(-len(column) // _MOST_SNIFFED))))
    if cleaned.null_count() == len(cleaned) and column.null_count() < len(column):
        cleaned = blank_missing(column)
    guesses = [kind.sniff(cleaned) for kind in all_kinds().values()]
    return max(guesses, key=lambda guess: guess.confidence)


def _summarise(column: ColumnProfile, typed: pl.DataFrame) -> ColumnProfile:
    if not column.use:
        return column
    return replace(column, summary=pick_kind(column.kind).summarise(typed.get_column(column.name)))


def _scale_up(profile: Profile, factor: float) -> Profile:
    """The profile of a sample in the measure of the table it was drawn from: rows, missing cells and classes."""
    columns = tuple(replace(column, n_missing=round(factor * column.n_missing)) for column in profile.columns)
    counts = tuple(round(factor * count) for count in profile.class_counts)
    return replace(profile, n_rows=round(factor * profile.n_rows), columns=columns, class_counts=counts)


def _find_all(table: Table, parsed: Parsed, profile: Profile, *, time: str) -> tuple[Finding, ...]:
    """Every finding, the target's first, then the columns' in their order, then the rows'."""
    plain = [column.name for column in profile.used if pick_kind(column.kind).store is None]
    lists = [column.name for column in profile.used if column.kind == SERIES or read_as(column.kind) == TEXT]
    frame, typed = table.frame, parsed.frame.select(plain).drop(lists)
    target, is_lost = target_values(frame, profile)
    findings = [*find_lost_target(frame.get_column(profile.target), is_lost, rows=table.rows)]
    findings += find_tags(frame.get_column(profile.target)) if profile.task == TAG else find_imbalance(profile)
    findings += find_leaks(typed, target)
    findings += parsed.findings
    for column in profile.columns:
        findings += find_missing(column, frame.height)
        findings += find_set_aside(column, frame.height)
        findings += find_copy(column)
        findings += find_key(column)
        findings += find_unreadable(column)
        findings += find_series(column)
        if column.use and column.kind == "number":
            findings += find_apart(typed.get_column(column.name))
    findings += find_cut(profile.columns, parsed.frame)
    ordering = [column.name for column in profile.columns if column.kind in ("number", "plain", "date", "identifier")]
    if plain or time:  # pictures alone lie in the order of their folders and names, which tells nothing
        findings += find_drift(typed, target, frame=frame, ordering=ordering, time=time)
    if table.sampled_from or not plain:
        return tuple(findings)
    return (*findings, *find_duplicates(frame), *find_conflicts(parsed.frame.select(plain), target))
