"""Arrays mapped from disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from archwise.data import mapped


def test_gathered_rows_are_those_asked_for_from_any_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapped, "_ROWS_AT_ONCE", 100)
    whole = np.arange(2_000.0).reshape(-1, 2)
    np.save(tmp_path / "a.npy", whole)
    rows = np.array([0, 99, 100, 500, 501, 999])
    for array in (whole, np.load(tmp_path / "a.npy", mmap_mode="r")):
        assert np.array_equal(mapped.gather(array, rows), whole[rows])


def test_a_released_array_still_holds_its_values(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(10_000))
    array = np.load(tmp_path / "a.npy", mmap_mode="r")
    total = int(array.sum())
    mapped.release([array, np.ones(3)])
    assert int(array.sum()) == total
