"""Windows of one array are read as an array of windows is, and lie in a run folder as their places alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from archwise.choice.run import read_batch, read_targets, write_prepared, write_targets
from archwise.data.prepare import Preparation
from archwise.data.timeline.windows import TargetWindows, Windows, concatenate, window
from archwise.records import InputSpec, Need
from archwise.training.rows import input_tensors, target_tensor


def windows(tmp_path: Path) -> tuple[Windows, np.ndarray]:
    source = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    np.save(tmp_path / "series.npy", source)
    starts = np.array([0, 3, 4, 20, 45])
    return window(tmp_path / "series.npy", starts, 5), source[starts[:, None] + np.arange(5)]


def test_they_are_read_as_an_array(tmp_path: Path) -> None:
    found, expected = windows(tmp_path)
    assert found.shape == expected.shape
    assert len(found) == 5
    np.testing.assert_array_equal(found[1:3], expected[1:3])
    np.testing.assert_array_equal(found[np.array([4, 0])], expected[[4, 0]])
    np.testing.assert_array_equal(found[2], expected[2])
    np.testing.assert_array_equal(np.asarray(found), expected)


def test_two_of_one_array_stay_windows_of_it(tmp_path: Path) -> None:
    found, expected = windows(tmp_path)
    both = concatenate([found, found])
    assert isinstance(both, Windows)
    np.testing.assert_array_equal(np.asarray(both), np.concatenate([expected, expected]))


def test_a_run_folder_holds_their_places_and_reads_them_again(tmp_path: Path) -> None:
    found, expected = windows(tmp_path)
    need = Need("raw", past=5)
    write_prepared(tmp_path, Preparation((), need), {"train": {"window": found}})  # type: ignore[dict-item]
    again = read_batch(tmp_path, need, "train")["window"]
    assert isinstance(again, Windows)
    np.testing.assert_array_equal(np.asarray(again), expected)
    assert (tmp_path / "prepared" / need.key / "train-window.npz").stat().st_size < 2_000


def test_training_takes_them_as_it_takes_tensors(tmp_path: Path) -> None:
    found, expected = windows(tmp_path)
    spec = InputSpec("window", "float32", 15, shape=(5, 3))
    (tensor,) = input_tensors([spec], {"window": found}, torch.device("cpu"))  # type: ignore[dict-item]
    np.testing.assert_array_equal(tensor.index_select(0, torch.tensor([3, 1])), expected[[3, 1]])
    np.testing.assert_array_equal(tensor[1:4], expected[1:4])


def targets_of(tmp_path: Path) -> tuple[TargetWindows, np.ndarray]:
    rng = np.random.default_rng(1)
    truth, of_series = rng.normal(size=(40, 2)).astype(np.float32), rng.normal(size=(3, 8)).astype(np.float32)
    np.save(tmp_path / "truth.npy", truth)
    starts, owner = np.array([0, 5, 6, 30]), np.array([0, 0, 1, 2])
    steps = np.stack([truth[start : start + 4].T.ravel() for start in starts])
    source = np.load(tmp_path / "truth.npy", mmap_mode="r")
    found = TargetWindows(tmp_path / "truth.npy", source, starts, 4, of_series, owner)
    return found, np.concatenate([steps, of_series[owner]], axis=1)


def test_targets_are_read_as_an_array_from_memory_and_from_a_run_folder(tmp_path: Path) -> None:
    found, expected = targets_of(tmp_path)
    assert found.shape == expected.shape
    np.testing.assert_array_equal(np.asarray(found), expected)
    np.testing.assert_array_equal(found[np.array([3, 1])], expected[[3, 1]])
    write_targets(tmp_path, "train", found)  # type: ignore[arg-type]
    again = read_targets(tmp_path, "train")
    assert isinstance(again, TargetWindows)
    np.testing.assert_array_equal(np.asarray(again), expected)


def test_training_takes_targets_as_it_takes_tensors(tmp_path: Path) -> None:
    found, expected = targets_of(tmp_path)
    tensor = target_tensor(found, torch.device("cpu"))  # type: ignore[arg-type]
    np.testing.assert_array_equal(tensor.index_select(0, torch.tensor([2, 0])), expected[[2, 0]])
