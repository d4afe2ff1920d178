"""The seal: the test rows are put away before anything is fitted, and opened once, at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from archwise.architectures import need_of
from archwise.choice.run import STORE, Ground, read_preparation, trial_folder
from archwise.data.prepare import apply_preparation
from archwise.model.session import open_session, outputs
from archwise.records import Array, Candidate, Split
from archwise.tasks import task

TARGET = "target:"  # a name that no reader gives a column


@dataclass(frozen=True)
class SealedRows:
    """The test rows: typed columns, encoded targets (N,), and the group of each row or None."""

    typed: pl.DataFrame
    targets: Array
    groups: Array | None


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
    targets = task(ground.profile.task).encode(ground.target_state, sealed[TARGET].alias(ground.profile.target))
    return SealedRows(sealed.drop(TARGET), targets, read_groups(folder, "test"))


def sealed_outputs(
    folder: Path, sealed: SealedRows, candidates: Sequence[Candidate], *, models: Mapping[str, bytes]
) -> dict[str, Array]:
    """What each candidate answers on the test rows.

    Args:
        models: candidate id -> its ONNX, where it is not in its trial folder.

    Returns:
        candidate id -> (N, K) outputs.
    """
    answered = {}
    for candidate in candidates:
        preparation = read_preparation(folder, need_of(candidate))
        batch = apply_preparation(preparation, sealed.typed, store=folder / STORE)
        onnx = models.get(candidate.id) or (trial_folder(folder, candidate) / "model.onnx").read_bytes()
        answered[candidate.id] = outputs(open_session(onnx), batch)
    return answered
