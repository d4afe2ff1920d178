"""The start of a run: the table is read, looked at, split, sealed and prepared; then only the run folder is needed."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from archwise.architectures import need_of
from archwise.choice.folds import parts_of_folds
from archwise.choice.forecast import start_forecast
from archwise.choice.given import GivenRows, find_given, parts_of, read_given, split_given
from archwise.choice.honesty import refuse_threshold
from archwise.choice.large import lay_out_in_chunks
from archwise.choice.near import find_near
from archwise.choice.opening import OnEvent, Opening, count_workers, open_race
from archwise.choice.run import (
    STORE,
    Laid,
    begin_folder,
    write_prepared,
    write_targets,
)
from archwise.choice.seal import seal_rows
from archwise.choice.shortlist import asked_loss, enter
from archwise.choice.told import tell_rows, write_told
from archwise.config import Config
from archwise.data.bad import refuse_too_many_bad
from archwise.data.fold import cut_small
from archwise.data.label_set import join_target
from archwise.data.look import LookRequest, look_at, target_values
from archwise.data.open import MOST_ROWS, open_source, sample_stream
from archwise.data.picture_store import group_of
from archwise.data.prepare import (
    apply_preparation,
    cells_told,
    fit_preparation,
    inputs_of,
    narrowed,
    parse_columns,
    with_names,
)
from archwise.data.sketch import sketch_rows
from archwise.data.split import SplitRule, split_rows
from archwise.data.target import CLASSIFY
from archwise.errors import ArchwiseError, DataError
from archwise.records import Array, Batch, Candidate, Finding, InputSpec, Need, Parts, Profile, Store, Stream, Table
from archwise.tasks import fit_target, main_metric, task, task_of_loss

N_TOLD = 10  # events while cells are read
DEAR = ("image", "text", "words", "series")  # kinds of cells from which networks learn slowly


def look_request(config: Config) -> LookRequest:
    """What the user fixed about how the data are to be read."""
    loss = asked_loss(config)
    asked = config.task or task_of_loss(loss)
    return LookRequest(config.target, asked, config.kinds, config.drop, config.group, config.time, loss, config.order)


@dataclass(frozen=True)
class Rows:
    """The rows that a run stands on, after those that cannot be read were set aside.

    frame: as read; typed: the columns that models read; target: Float64 or String, none missing.
    cells: of the columns that are dear to read, how each cell is named to the user.
    told: how rows are named, see `tell_rows`.
    """

    frame: pl.DataFrame
    typed: pl.DataFrame
    target: pl.Series
    columns: tuple[tuple[str, str], ...]
    findings: tuple[Finding, ...]
    cells: pl.DataFrame
    told: pl.DataFrame


def start_run(
    source: object, config: Config, folder: Path, *, on_event: OnEvent, most_rows: int = MOST_ROWS
) -> tuple[Candidate, ...]:
    """Read, look, split, seal, prepare, and write the run folder.

    Args:
        most_rows: that are held at once; a larger file is read in chunks.

    Returns:
        the candidates of the race, which are also in the folder.

    Raises:
        DataError: the data cannot be read or used as they stand.
        UsageError: an option does not fit the data.
    """
    if config.horizon:
        return start_forecast(source, config, folder, on_event=on_event)
    given = parts_of(source, config)
    opened = join_target(
        open_source(given.train, names=config.names, most_rows=most_rows), config.target, task=config.task
    )
    table = opened if isinstance(opened, Table) else sample_stream(opened, seed=config.seed)
    profile = look_at(table, look_request(config))
    refuse_threshold(config.threshold, profile)
    _refuse_many_steps(opened, profile, most_rows)
    candidates = enter(profile, config, n_workers=count_workers(config))
    needs = list(dict.fromkeys(need_of(candidate) for candidate in candidates))
    try:
        if isinstance(opened, Table):
            laid = _lay_out(folder, table, profile, config, _store(folder, table, needs, on_event), given=given)
        else:
            given = replace(given, train=opened)
            laid = lay_out_in_chunks(folder, given, sample=table, profile=profile, config=config, needs=needs)
    except ArchwiseError:
        shutil.rmtree(folder, ignore_errors=True)  # there is nothing in it that could be gone on with
        raise
    opening = Opening(profile, laid, candidates, tuple(table.frame.columns))
    open_race(folder, opening, config, on_event=on_event)
    return candidates


def _refuse_many_steps(opened: Table | Stream, profile: Profile, most_rows: int) -> None:
    """Refuse more rows than are held at once where every step of each is answered.

    Raises:
        DataError: there are more.
    """
    if isinstance(opened, Stream) and task(profile.task).needs == "sequence":
        raise DataError(
            f"{profile.source}: more than {most_rows:,} rows of tagged words are not read; give fewer of them"
        )


def _store(folder: Path, table: Table, needs: Sequence[Need], on_event: OnEvent) -> Store:
    """Where cells that are dear to read are put; how far that is, is told as it goes on."""
    first = next((cells[0] for cells in table.frame.get_columns() if cells.name == table.files), None)
    if first is None:
        first = next((cells[0] for cells in table.frame.get_columns() if cells.dtype in (pl.Binary, pl.String)), None)
    told = 0

    def tell(n_done: int, n_all: int) -> None:
        nonlocal told
        tenth = n_done * N_TOLD // n_all
        if tenth != told:
            on_event({"event": "reading", "done": n_done, "of": n_all})
        told = 0 if n_done == n_all else tenth

    return Store(folder / STORE, tuple(needs), group_of(table.source, first), tell)


def _lay_out(folder: Path, table: Table, profile: Profile, config: Config, store: Store, *, given: Parts) -> Laid:
    """Split, seal and prepare the rows of a table that is whole in memory, and of the parts that are given."""
    begin_folder(folder, config)
    rows = _usable_rows(table, profile, store, group=config.group)
    apart = read_given(given, profile, config, layout=table.frame.columns, store=store)
    kind_of_task = task(profile.task)
    rule = SplitRule(
        valid=config.shares[0],
        test=config.shares[1],
        seed=config.seed,
        stratify=kind_of_task.stratify,
        group=config.group,
        time=config.time,
        columns=tuple(name for name, _ in rows.columns),
        is_dear=any(kind in DEAR for _, kind in rows.columns),
    )
    split = split_given(rows.frame, rows.target, rule, apart) if apart else split_rows(rows.frame, rows.target, rule)
    rows = _with_given(rows, apart, rule)
    near = find_near(rows.typed, rows.cells, split=split, folder=store.folder, columns=rows.columns)
    rows = replace(rows, findings=(*rows.findings, *near))
    grouped = split.groups is not None
    if "valid" not in apart:  # rows that are given to decide do so as they are
        split = cut_small(split, rows.target, rule)
    state = fit_target(kind_of_task, rows.target[split.train], profile)
    main_metric(kind_of_task, state, config.metric)  # a misspelt name is found before anything is trained
    seal_rows(folder, rows.typed, rows.target, split=split)
    write_told(folder, rows.told)
    inputs = {}
    for place, train, valid in (*parts_of_folds(folder, split), (folder, split.train, split.valid)):
        place.mkdir(exist_ok=True)
        for part, numbers in (("train", train), ("valid", valid)):
            write_targets(place, part, kind_of_task.encode(state, rows.target[numbers]))
        inputs = _prepare(place, rows, (train, valid), store)
    return Laid(
        columns=rows.columns,
        target_state=state,
        inputs=inputs,
        n_train=len(split.train),
        n_valid=len(np.unique(split.valid)),
        n_test=len(split.test),
        split_how=split.how,
        test_sha256=split.test_sha256,
        grouped=grouped,
        findings=rows.findings,
        test_source=apart["test"].name if "test" in apart else "",
        n_folds=1 if split.folds is None else int(split.folds.max()) + 1,
        n_repeats=1 if split.folds is None else len(split.folds),
        sketch=sketch_rows(rows.typed[np.union1d(split.train, split.valid)], rows.columns),
    )


def _with_given(rows: Rows, apart: Mapping[str, GivenRows], rule: SplitRule) -> Rows:
    """The open rows with the given ones behind them, in the order in which `split_given` numbers them."""
    if not apart:
        return rows
    return replace(
        rows,
        typed=pl.concat([rows.typed, *(part.typed for part in apart.values())]),
        target=pl.concat([rows.target, *(part.target for part in apart.values())]),
        cells=pl.concat([rows.cells, *(part.cells for part in apart.values())]),
        told=pl.concat([rows.told, *(part.told for part in apart.values())]),
        findings=(*rows.findings, *find_given(apart, rows.typed, rows.frame, rule, columns=rows.columns)),
    )


def _usable_rows(table: Table, profile: Profile, store: Store, *, group: str) -> Rows:
    """Set aside the rows whose target or cells cannot be read; too many of them is an error."""
    frame = table.frame
    columns = tuple((column.name, column.kind) for column in profile.used)
    parsed = parse_columns(frame, columns, store=store)
    target, unreadable = target_values(frame, profile)
    refuse_too_many_bad(parsed.bad, parsed.findings, classes=target if profile.task == CLASSIFY else None)
    keep = pl.Series(~(parsed.bad | unreadable))
    cells = cells_told(frame, columns, keep=keep)
    told = tell_rows(table, columns, keep=keep, group=group)
    frame = with_names(frame, parsed.frame, columns).filter(keep)
    return Rows(frame, parsed.frame.filter(keep), target.filter(keep), columns, tuple(parsed.findings), cells, told)


def _prepare(folder: Path, rows: Rows, sides: tuple[Array, Array], store: Store) -> dict[str, tuple[InputSpec, ...]]:
    """Prepare the training and validation rows once for each need; what is fitted is fitted on training rows alone."""
    inputs = {}
    for need in store.needs:
        preparation = fit_preparation(rows.typed[sides[0]], rows.columns, need=need)
        parts: dict[str, Batch] = {
            part: apply_preparation(preparation, rows.typed[numbers], store=store.folder)
            for part, numbers in zip(("train", "valid"), sides, strict=True)
        }
        parts["train"] = narrowed(parts["train"], preparation, names=("tokens", "forms", "terms"))
        write_prepared(folder, preparation, parts)
        inputs[need.key] = inputs_of(preparation)
    return inputs
