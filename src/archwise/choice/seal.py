"""The seal: the test rows are put away before anything is fitted, and opened once, at the end."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from archwise.choice.forecast import sealed_batch, sealed_targets
from archwise.choice.run import STORE, Ground, read_any_preparation, read_preparation, trial_folder
from archwise.choice.told import read_told
from archwise.data.kinds import kind as pick_kind
from archwise.data.prepare import apply_preparation
from archwise.model.session import open_session, outputs
from archwise.records import FORECAST, Array, Batch, Candidate, Json, Need, Split
from archwise.tasks import task

TARGET = "target:"  # a name that no reader gives a column
MOST_SHOWN = 20_000  # characters of a cell of the row that a model shows


@dataclass(frozen=True)
class SealedRows:
    """The test rows: typed columns, encoded targets (N,), and the group of each row or None.

    origins: (N,) int64 where forecasts begin among the steps, of a forecast, whose typed columns are those steps.
    told: how the rows are named to the user, see `tell_rows`; None of forecasts, and of more rows than memory holds.
    """

    typed: pl.DataFrame
    targets: Array
    groups: Array | None
    origins: Array | None = None
    told: pl.DataFrame | None = None


def seal_rows(folder: Path, typed: pl.DataFrame, target: pl.Series, *, split: Split) -> None:
    """Put the test rows away, and the row numbers of all parts beside them."""
    parts: dict[str, Array] = {"train": split.train, "valid": split.valid, "test": split.test}
    if split.groups is not None:
        parts["groups"] = split.groups
    if split.folds is not None:
        parts["folds"] = split.folds
    write_seal(folder, typed[split.test], target[split.test], parts=parts)


def write_seal(folder: Path, sealed: pl.DataFrame, targets: pl.Series, *, parts: Mapping[str, Array]) -> None:
    """Write the test rows.

    Args:
        sealed: typed columns. targets: their targets.
        parts: train, valid, test: row numbers; groups: the group of each row, where rows are grouped; folds: as in
            `Split`, where there are folds.
    """
    sealed.with_columns(targets.alias(TARGET)).write_ipc(folder / "sealed.arrow")
    np.savez(folder / "split.npz", **parts)  # type: ignore[arg-type]  # every value is an array


def read_groups(folder: Path, part: str) -> Array | None:
    """The group of each row of "train", "valid" or "test", (N,) int64, or None where rows are independent."""
    with np.load(folder / "split.npz", allow_pickle=False) as parts:
        return parts["groups"][parts[part]] if "groups" in parts else None


def open_seal(folder: Path, ground: Ground) -> SealedRows:
    """Open the test rows. Only the end of a run may call this."""
    sealed = pl.read_ipc(folder / "sealed.arrow")
    if ground.profile.task == FORECAST:
        with np.load(folder / "split.npz", allow_pickle=False) as parts:
            origins = parts["sealed_origins"]
        truth = sealed_targets(sealed, read_any_preparation(folder), origins)
        return SealedRows(sealed, truth, read_groups(folder, "test"), origins)
    targets = task(ground.profile.task).encode(ground.target_state, sealed[TARGET].alias(ground.profile.target))
    return SealedRows(sealed.drop(TARGET), targets, read_groups(folder, "test"), told=read_told(folder, "test"))


def example_row(folder: Path, columns: Sequence[tuple[str, str]]) -> dict[str, Json]:
    """The first test row as a model is shown one: plain cells, without pictures and what is long.

    Args:
        columns: (name, kind) that models read. Only the end of a run may call this.
    """
    names = [name for name, kind in columns if pick_kind(kind).store is None]
    sealed = pl.read_ipc(folder / "sealed.arrow", n_rows=1)
    row = sealed.select(name for name in names if name in sealed.columns).to_dicts()
    cells = {name: str(cell) if isinstance(cell, dt.date) else cell for name, cell in (row[0] if row else {}).items()}
    return {name: cell for name, cell in cells.items() if len(str(cell)) <= MOST_SHOWN}


def prepare_sealed(folder: Path, sealed: SealedRows, need: Need) -> Batch:
    """The test rows as architectures of one need read them."""
    if sealed.origins is not None:
        return sealed_batch(sealed.typed, read_preparation(folder, need), sealed.origins)
    return apply_preparation(read_preparation(folder, need), sealed.typed, store=folder / STORE)


def sealed_outputs(folder: Path, candidate: Candidate, batch: Batch, *, onnx: bytes | None = None) -> Array:
    """What a candidate answers on the test rows, (N, K).

    Args:
        batch: the rows as `prepare_sealed` gives them.
        onnx: the model, where it is not the one in the trial folder.
    """
    return outputs(open_session(onnx or (trial_folder(folder, candidate) / "model.onnx").read_bytes()), batch)
