"""Checkpoints: whole, exact, and refused where they are not what they should be."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from archwise.errors import ModelError
from archwise.records import CurvePoint
from archwise.training.checkpoint import Checkpoint, read_checkpoint, write_checkpoint

WEIGHTS = {"body.0.weight": torch.randn(2, 3), "body.0.n": torch.tensor(3)}
CHECKPOINT = Checkpoint(
    weights=WEIGHTS,
    average={},
    best=WEIGHTS,  # the same memory
    optimizer={"0.step": torch.tensor(5.0), "0.exp_avg": torch.randn(2, 3)},
    generator=torch.get_rng_state(),
    outputs=torch.randn(4, 2),
    loss=torch.tensor(0.25),
    step=5,
    best_step=4,
    stopped=False,
    curve=(CurvePoint(4, 0.5, 0.1 + 0.2, float("inf")),),
)


def test_a_checkpoint_is_read_bit_for_bit_as_written(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "new" / "checkpoint", CHECKPOINT)
    read = read_checkpoint(tmp_path / "new" / "checkpoint")
    for part in ("weights", "average", "best", "optimizer"):
        written, found = getattr(CHECKPOINT, part), getattr(read, part)
        assert list(found) == sorted(written)
        assert all(torch.equal(found[name], written[name]) for name in written)
    for name in ("generator", "outputs", "loss"):
        assert torch.equal(getattr(read, name), getattr(CHECKPOINT, name))
    for name in ("step", "best_step", "stopped", "curve"):
        assert getattr(read, name) == getattr(CHECKPOINT, name)


def test_a_write_that_is_cut_off_leaves_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "checkpoint"
    write_checkpoint(path, CHECKPOINT)

    def cut_off(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", cut_off)
    with pytest.raises(KeyboardInterrupt):
        write_checkpoint(path, replace(CHECKPOINT, step=6))
    assert read_checkpoint(path).step == 5


def test_a_missing_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="nowhere"):
        read_checkpoint(tmp_path / "nowhere")


def test_a_broken_checkpoint_is_named(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    write_checkpoint(path, CHECKPOINT)
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(ModelError, match="cannot be read"):
        read_checkpoint(path)


def test_another_file_of_safetensors_is_refused(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(1)}, tmp_path / "other")
    with pytest.raises(ModelError, match="of the format 'unknown'"):
        read_checkpoint(tmp_path / "other")
