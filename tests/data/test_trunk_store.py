"""What a trunk gives is computed once for each row, whoever asks, and found again by the row's content."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from archwise.data.trunk_store import BATCH, N_SHARDS, add_rows, gather_rows, row_names, shard_of, trunk_folder
from archwise.records import Array


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCHWISE_CACHE", str(tmp_path / "cache"))


class Given:
    """A trunk that doubles, and counts what it is asked."""

    def __init__(self, stop_after: int = 10**9) -> None:
        self.n_rows, self._stop_after = 0, stop_after

    def __call__(self, rows: Array) -> Array:
        if self.n_rows >= self._stop_after:
            raise InterruptedError
        self.n_rows += len(rows)
        return (2.0 * rows).astype(np.float32)


def pictures(n: int) -> Array:
    return np.random.default_rng(0).integers(0, 256, (n, 4, 4, 3), dtype=np.uint8)


def add(rows: Array, give: Given) -> None:
    names = row_names(rows)
    for shard in range(N_SHARDS):
        held = [at for at, name in enumerate(names) if shard_of(name) == shard]
        add_rows("t", shard, [names[at] for at in held], lambda some, held=held: give(rows[[held[at] for at in some]]))  # type: ignore[misc]


def test_rows_come_back_in_their_order(tmp_path: Path) -> None:
    rows = pictures(50)
    add(rows, Given())
    assert gather_rows("t", row_names(rows), tmp_path / "run" / "t.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "run" / "t.npy"), 2.0 * rows)


def test_a_row_is_computed_once_for_all_fits_and_for_its_doubles() -> None:
    rows, give = pictures(40), Given()
    add(np.concatenate([rows[:30], rows[:5]]), give)
    assert give.n_rows == 30
    add(rows, give)
    assert give.n_rows == 40


def test_what_was_done_before_an_end_is_kept(tmp_path: Path) -> None:
    rows, give = pictures(200), Given(stop_after=2 * BATCH)
    with pytest.raises(InterruptedError):
        add(rows, give)
    more = Given()
    add(rows, more)
    assert give.n_rows + more.n_rows == 200
    assert gather_rows("t", row_names(rows), tmp_path / "t.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "t.npy"), 2.0 * rows)


def test_names_without_rows_are_not_believed(tmp_path: Path) -> None:
    rows = pictures(60)
    add(rows, Given())
    index = trunk_folder("t") / "0.names"
    index.write_bytes(index.read_bytes() + b"x" * 40)  # of a process that was killed between its two files
    more = pictures(90)
    add(more, Given())
    assert gather_rows("t", row_names(more), tmp_path / "t.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "t.npy"), 2.0 * more)


def test_two_at_once_compute_nothing_twice() -> None:
    rows, give = pictures(100), Given()
    threads = [threading.Thread(target=add, args=(rows, give)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert give.n_rows == 100


def test_rows_that_were_never_computed_are_missed(tmp_path: Path) -> None:
    assert not gather_rows("t", row_names(pictures(2)), tmp_path / "t.npy")
