"""The target: which task it poses, and its values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from archwise.data.kinds.category import count_levels, parse_category
from archwise.data.kinds.number import parse_number
from archwise.data.label_set import MULTILABEL, SEPARATOR, count_labels, is_joined
from archwise.data.sentence import count_words, parse_sentences
from archwise.data.tag_cells import TAG, count_tags, parse_tags
from archwise.errors import ColumnError, TargetError, UsageError, nearest
from archwise.records import Array, Finding, Profile

CLASSIFY, REGRESS = "classify", "regress"
TASKS = (CLASSIFY, REGRESS, MULTILABEL, TAG)
USUAL_NAMES = ("target", "label", "y", "class")
_NUMBER_SHARE = 0.95  # of the known cells, for a target to be a number
_MOST_CODES = 15  # distinct whole numbers that still look like classes
_FEWEST_ROWS_A_CODE = 20  # on average
_MOST_CLASSES = 1_000
_FEWEST_ROWS_A_CLASS = 8  # fewer leave next to nothing for a split
_SMALL_SHARE = 0.05
_N_SHOWN = 5


@dataclass(frozen=True)
class TaskGuess:
    """The task that a target poses, why, and the classes with their counts (none for a number)."""

    task: str
    because: str
    classes: tuple[str, ...] = ()
    class_counts: tuple[int, ...] = ()


def find_target(columns: list[str], wanted: str) -> str:
    """The name of the target column: as wanted, or the only column of a usual name where none is wanted.

    Raises:
        ColumnError: there is no such column, or none is wanted and none is usual.
    """
    if wanted in columns:
        return wanted
    if wanted:
        raise ColumnError(f"there is no column '{wanted}' to predict.{nearest(wanted, columns)}")
    usual = [name for name in columns if name.lower() in USUAL_NAMES]
    if len(usual) == 1:
        return usual[0]
    shown = ", ".join(columns[:20]) + (", …" if len(columns) > 20 else "")
    raise ColumnError(f"no target was named; name the column to predict with --target. There are: {shown}")


def guess_task(values: pl.Series, wanted: str, *, rows: Array | None = None) -> TaskGuess:
    """Infer whether the target is a class or a number.

    Args:
        values: the target column.
        wanted: one of TASKS forces it, "" leaves it open.
        rows: (N,) numbers of the rows in their source, from 0, where the values are a part of it.

    Raises:
        UsageError: there is no such task.
        TargetError: every cell is missing, there is one value only, there are too many classes,
            or the values are no numbers where numbers are wanted.
    """
    if wanted not in ("", *TASKS):
        raise UsageError(f"there is no task '{wanted}' for a table.{nearest(wanted, TASKS)}")
    if wanted == TAG and values.null_count() < len(values):
        return TaskGuess(TAG, "each word of a row has a tag", *count_tags(values))
    names, _ = parse_category(values)
    n_known = len(names) - names.null_count()
    if n_known == 0:
        raise TargetError(f"target '{values.name}': every cell is missing; name another column, or fill it in")
    if wanted == MULTILABEL or (not wanted and is_joined(names)):
        because = f"as asked: cells are labels separated by '{SEPARATOR}'" if wanted else "each row may have several"
        return TaskGuess(MULTILABEL, because, *count_labels(names))
    levels, counts = count_levels(names)
    if len(levels) == 1:
        raise TargetError(
            f"target '{values.name}' is '{levels[0]}' in all {n_known:,} rows; "
            "there is nothing to learn: add rows with another value, or name another column"
        )
    numbers, is_bad = parse_number(values)
    share = 1.0 - float(is_bad.sum()) / n_known
    is_told = values.dtype == pl.Boolean or isinstance(values.dtype, (pl.Categorical, pl.Enum))  # by the source
    is_number = share >= _NUMBER_SHARE and not is_told
    task, because = (wanted, "as asked") if wanted else _infer(numbers, is_number, len(levels), n_known)
    if task == REGRESS:
        _check_number(values, is_bad, share, rows)
        return TaskGuess(REGRESS, because)
    _check_classes(values.name, levels, n_known)
    classes = _in_order(levels)
    of_level = dict(zip(levels, counts, strict=True))
    return TaskGuess(CLASSIFY, because, classes, tuple(of_level[name] for name in classes))


def target_values(frame: pl.DataFrame, profile: Profile) -> tuple[pl.Series, Array]:
    """The target of every row.

    Labels that the profile does not know, but would know without a full stop at their end (as in one half of
    the census data), are read without it.

    Returns:
        Float64 values or String labels, null where unusable; and a (N,) bool mask of the rows whose target is
        missing or unreadable.

    Raises:
        ColumnError: the frame has no such column.
    """
    if profile.target not in frame.columns:
        raise ColumnError(f"there is no target column '{profile.target}'.{nearest(profile.target, frame.columns)}")
    values = frame.get_column(profile.target)
    if profile.task == TAG:
        return _tags_of(values, frame, profile)
    parse = parse_number if profile.task == REGRESS else parse_category
    typed, _ = parse(values)
    if profile.task == CLASSIFY:
        typed = _without_full_stops(typed, profile.classes)
    return typed, typed.is_null().to_numpy()


def _tags_of(values: pl.Series, frame: pl.DataFrame, profile: Profile) -> tuple[pl.Series, Array]:
    """The tags of every row, null where they are missing, or more or fewer than the words."""
    tags = parse_tags(values, profile.classes)
    counts = count_words(tags)
    for column in profile.used:
        differs = count_words(parse_sentences(frame.get_column(column.name))) != counts
        tags = tags.set(differs, None)
    return tags, tags.is_null().to_numpy()


def in_order(classes: tuple[str, ...], order: tuple[str, ...], target: str) -> tuple[str, ...]:
    """The classes in the order that the user gives them.

    Raises:
        UsageError: a class has no place in it, or it names one twice or one that there is not.
    """
    if not order:
        return classes
    unknown = [name for name in order if name not in classes]
    if unknown:
        raise UsageError(f"--order: '{target}' has no class '{unknown[0]}'.{nearest(unknown[0], classes)}")
    left_out = [name for name in classes if name not in order]
    if left_out or len(set(order)) < len(order):
        what = f"leaves out the class '{left_out[0]}' of '{target}'" if left_out else "names a class twice"
        raise UsageError(f"--order {what}; name each class once, from the lowest to the highest")
    return order


def find_lost_target(values: pl.Series, is_lost: Array, *, rows: Array | None = None) -> tuple[Finding, ...]:
    """A finding where rows cannot be used because their target is missing or unreadable.

    Args:
        values: the target column.
        is_lost: (N,) bool, as `target_values` gives it.
        rows: (N,) numbers of the rows in their source, from 0, where the values are a part of it.
    """
    n_lost = int(is_lost.sum())
    if n_lost == 0:
        return ()
    first = int(np.argmax(is_lost))
    row = first if rows is None else int(rows[first])
    message = (
        f"target '{values.name}': {n_lost:,} of {len(values):,} rows have none that can be read, the "
        f"first in row {row + 1}; they are left out"
    )
    return (Finding("missing", "warning", message, values.name, n_lost),)


def find_imbalance(profile: Profile) -> tuple[Finding, ...]:
    """Findings for classes with too few rows to learn and to judge, and for classes that are rare."""
    target, n_rows = profile.target, sum(profile.class_counts)
    by_class = list(zip(profile.classes, profile.class_counts, strict=True))
    tiny = [(name, count) for name, count in by_class if count < _FEWEST_ROWS_A_CLASS]
    small = [(name, count) for name, count in by_class if (name, count) not in tiny and count < _SMALL_SHARE * n_rows]
    findings = []
    if tiny:
        message = (
            f"target '{target}': {_tell_counts(tiny)}; fewer than {_FEWEST_ROWS_A_CLASS} rows "
            "cannot be learnt and judged: gather more, or join classes"
        )
        findings.append(Finding("imbalance", "warning", message, target, sum(count for _, count in tiny)))
    if small:
        message = (
            f"target '{target}': {_tell_counts(small)} of {n_rows:,}; accuracy alone would hide them, "
            "so look at the figures of each class"
        )
        findings.append(Finding("imbalance", "warning", message, target, sum(count for _, count in small)))
    return tuple(findings)


def _infer(numbers: pl.Series, is_number: bool, n_levels: int, n_known: int) -> tuple[str, str]:
    if not is_number:
        return CLASSIFY, f"its {n_levels:,} distinct values are names"
    known = numbers.drop_nulls()
    if n_levels == 2:
        return CLASSIFY, "it has 2 distinct values"
    is_whole = bool((known == known.floor()).all())
    if is_whole and n_levels <= _MOST_CODES and n_known >= _FEWEST_ROWS_A_CODE * n_levels:
        return (
            CLASSIFY,
            f"it has {n_levels} distinct whole numbers in {n_known:,} rows; --task regress reads them as amounts",
        )
    told = "whole numbers" if is_whole else "numbers"
    return REGRESS, f"it has {n_levels:,} distinct {told} in {n_known:,} rows"


def _check_number(values: pl.Series, is_bad: Array, share: float, rows: Array | None) -> None:
    if share >= _NUMBER_SHARE:
        return
    first = int(np.argmax(is_bad))
    row = first if rows is None else int(rows[first])
    raise TargetError(
        f"target '{values.name}', row {row + 1}: '{values[first]}' is not a number "
        f"({int(is_bad.sum()):,} such cells); mend the values, or choose --task classify"
    )


def _check_classes(target: str, levels: list[str], n_known: int) -> None:
    if len(levels) > _MOST_CLASSES or 2 * len(levels) > max(n_known, 2 * _FEWEST_ROWS_A_CLASS):
        raise TargetError(
            f"target '{target}' has {len(levels):,} distinct values in {n_known:,} rows, too many to "
            "learn as classes; name another column, join values, or choose --task regress for numbers"
        )


def _in_order(levels: list[str]) -> tuple[str, ...]:
    """Classes in the order of numbers where all are numbers, else of the alphabet."""
    numbers = pl.Series(levels).cast(pl.Float64, strict=False)
    if numbers.null_count() == 0:
        return tuple(level for _, level in sorted(zip(numbers.to_list(), levels, strict=True)))
    return tuple(sorted(levels))


def _without_full_stops(labels: pl.Series, classes: tuple[str, ...]) -> pl.Series:
    unknown = ~labels.is_in(classes) & labels.is_not_null()
    if not classes or not unknown.any():
        return labels
    shorter = labels.str.strip_suffix(".")
    return labels.set(unknown & shorter.is_in(classes), None).fill_null(shorter)


def _tell_counts(counts: list[tuple[str, int]]) -> str:
    told = ", ".join(f"class '{name}' has {count:,} rows" for name, count in counts[:_N_SHOWN])
    return told + (f" and {len(counts) - _N_SHOWN} more are as small" if len(counts) > _N_SHOWN else "")
