"""The tags of words as a target: which tags there are, how entities are written in them, and their repair.

An entity is a stretch of words with a type. In BIO its first word is B-type and each further one I-type; in BIOES the
last is E-type, and one of a single word S-type; every other word is O. Tags that break these rules are read as the
scorer of CoNLL reads them, and written anew by the rules, so that the entities are the same and no tag breaks a rule.
Source: Ramshaw & Marcus 1995 (BIO); Tjong Kim Sang & Buchholz 2000, conlleval.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

import polars as pl

from archwise.data.sentence import BETWEEN, count_words, is_listed, parse_sentences, split_words
from archwise.errors import TargetError
from archwise.records import Finding, Table

TAG = "tag"
OUTSIDE = "O"
BIO, BIOES = "bio", "bioes"
_MOST_TAGS = 1_000
_SHOWN = 3
_OF_ENTITIES = re.compile(r"O|[BIES]-.+")
_OF_BILOU = re.compile(r"O|[BILU]-.+")


def scheme_of(tags: Collection[str]) -> str:
    """How tags write entities: "bio", "bioes", or "" where they are no entities, such as parts of speech."""
    letters = {tag[0] for tag in tags if tag}
    if not all(_OF_ENTITIES.fullmatch(tag) for tag in tags) or not letters & {"B", "I", "S"}:
        return ""
    return BIOES if letters & {"E", "S"} else BIO


def parse_tags(values: pl.Series, known: Collection[str] = ()) -> pl.Series:
    """The tags of every row as text with a blank between, entities written by the rules of their scheme.

    BILOU, whose last word is L-type and single one U-type, is read as BIOES.

    Args:
        values: (N,) lists or text.
        known: tags of the training table, by which the scheme is told; () for those of the values.
    """
    cells = _without_bilou(parse_sentences(values))
    scheme = scheme_of(known or tags_of(cells))
    if not scheme:
        return cells
    told = {cell: _repaired(cell, scheme) for cell in cells.drop_nulls().unique()}
    return pl.Series(values.name, [None if cell is None else told[cell] for cell in cells], dtype=pl.String)


def tags_of(cells: pl.Series) -> Counter[str]:
    """Every tag of cells of tags, and how many words have it."""
    return Counter(tag for cell in cells.drop_nulls() for tag in split_words(cell))


def count_tags(values: pl.Series) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Every tag of a target, sorted, and how many words have it.

    Raises:
        TargetError: there are too many, or only one.
    """
    counts = tags_of(parse_tags(values))
    if len(counts) > _MOST_TAGS:
        raise TargetError(
            f"target '{values.name}' has {len(counts):,} distinct tags, too many to learn; name the column of tags"
        )
    if len(counts) == 1:
        raise TargetError(
            f"target '{values.name}': every word has the tag '{next(iter(counts))}'; there is nothing to learn"
        )
    tags = tuple(sorted(counts))
    return tags, tuple(counts[tag] for tag in tags)


def find_tags(values: pl.Series, rows: Sequence[int] | None = None) -> tuple[Finding, ...]:
    """What the tags of a training table are: how many entities of each type, and a note of tags that were repaired."""
    plain = _without_bilou(parse_sentences(values))
    scheme = scheme_of(tags_of(plain))
    if not scheme:
        return ()
    written = parse_tags(values)
    changed = (plain != written).fill_null(False)
    entities = Counter(kind for cell in written.drop_nulls() for kind, _, _ in entities_of(split_words(cell)))
    told = ", ".join(f"{kind} {count:,}" for kind, count in entities.most_common(12))
    told = f"target '{values.name}': tags of {scheme.upper()}, {sum(entities.values()):,} entities ({told})"
    findings = [Finding("tags", "note", told, str(values.name))]
    if changed.any():
        n_tags, shown = 0, []
        for row in changed.arg_true():
            pairs = zip(split_words(plain[row]), split_words(written[row]), strict=True)
            differ = [(place, old, new) for place, (old, new) in enumerate(pairs) if old != new]
            n_tags += len(differ)
            place, old, new = differ[0]
            number = row if rows is None else int(rows[row])
            shown.append(f"row {number + 1}, word {place + 1}: {old} is read as {new}")
        message = (
            f"target '{values.name}': {n_tags:,} tags in {len(shown):,} rows break the rules of {scheme.upper()} "
            f"({'; '.join(shown[:_SHOWN])}); the entities are those that the scorer of CoNLL reads, written anew"
        )
        findings.append(Finding("tags", "warning", message, str(values.name), len(shown), "repaired"))
    return tuple(findings)


# ---------------------------------------------------------------- entities


def entities_of(tags: Sequence[str]) -> list[tuple[str, int, int]]:
    """The entities of a sentence as the scorer of CoNLL reads them: type, first word, last word."""
    found: list[tuple[str, int, int]] = []
    first, before, kind_before = 0, OUTSIDE, ""
    for place, tag in enumerate([*tags, OUTSIDE]):
        prefix, _, kind = tag.partition("-")
        if _ends(before, prefix) or (before != OUTSIDE and kind_before != kind):
            found.append((kind_before, first, place - 1))
        if _begins(before, prefix) or (prefix != OUTSIDE and kind_before != kind):
            first = place
        before, kind_before = prefix, kind
    return found


def _ends(before: str, prefix: str) -> bool:
    return before in ("E", "S") or (before in ("B", "I") and prefix in ("B", "S", OUTSIDE))


def _begins(before: str, prefix: str) -> bool:
    return prefix in ("B", "S") or (prefix in ("E", "I") and before in ("E", "S", OUTSIDE))


def write_entities(entities: Iterable[tuple[str, int, int]], n_words: int, scheme: str) -> list[str]:
    """The tags of a sentence with these entities, by the rules of a scheme."""
    tags = [OUTSIDE] * n_words
    for kind, first, last in entities:
        letters = ["B", *"I" * (last - first)]
        if scheme == BIOES:
            letters = ["S"] if first == last else ["B", *"I" * (last - first - 1), "E"]
        tags[first : last + 1] = [f"{letter}-{kind}" for letter in letters]
    return tags


def _repaired(cell: str, scheme: str) -> str:
    tags = split_words(cell)
    return BETWEEN.join(write_entities(entities_of(tags), len(tags), scheme))


def _without_bilou(cells: pl.Series) -> pl.Series:
    tags = tags_of(cells)
    if not any(tag[0] in "LU" for tag in tags) or not all(_OF_BILOU.fullmatch(tag) for tag in tags):
        return cells
    return cells.str.replace_all(r"(^| )L-", "${1}E-").str.replace_all(r"(^| )U-", "${1}S-")


# ---------------------------------------------------------------- tables


def join_lists(table: Table, target: str) -> Table | None:
    """A table whose target is a list of tags beside a list of as many words, with both as text; None of any other.

    Args:
        target: as the user named it, or "" for the one that the source tells.
    """
    name = target or table.target
    if name not in table.frame.columns or not is_listed(table.frame.get_column(name)):
        return None
    words = words_column(table.frame, name)
    if not words or not is_listed(table.frame.get_column(words)):
        return None
    return as_sentences(table)


def as_sentences(table: Table) -> Table:
    """A table with every column of lists as text with a blank between the words, known to be tagged."""
    cells = [parse_sentences(column) for column in table.frame.get_columns() if is_listed(column)]
    return replace(table, frame=table.frame.with_columns(cells), task=TAG)


def words_column(frame: pl.DataFrame, target: str) -> str:
    """The first column with as many words as the target has tags in nearly every row; "" where there is none."""
    counts = count_words(parse_sentences(frame.get_column(target)))
    for column in frame.get_columns():
        if column.name == target or (column.dtype != pl.String and not is_listed(column)):
            continue
        agrees = count_words(parse_sentences(column)) == counts
        if int(agrees.sum()) >= 0.95 * len(counts) and (counts > 1).any():
            return str(column.name)
    return ""
