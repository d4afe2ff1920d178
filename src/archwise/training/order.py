"""The order in which the rows of an epoch are learnt from, told from the seed and the epoch alone."""

from __future__ import annotations

import torch

BLOCK = 4_096  # rows that lie together on disk
WINDOW = 256 * BLOCK  # rows that are shuffled together
POOL = 50  # batches among whose rows those of like length find each other


class Order:
    """Every row once an epoch, at random.

    Of more rows than WINDOW, blocks are drawn from everywhere and the rows of WINDOW // BLOCK of them are shuffled
    together, so that rows that are learnt from at about the same time lie in few places of a file.

    Args:
        lengths: (N,) of the rows, where they are sequences: then the rows of a batch are of like length, so that little
            of it is padding. Which rows these are is drawn anew in every epoch, and in which order they come.
        batch: rows of a batch.
    """

    def __init__(self, n_rows: int, seed: int, *, lengths: torch.Tensor | None = None, batch: int = 1) -> None:
        self._n_rows, self._seed = n_rows, seed
        self._lengths, self._batch = lengths, batch
        self._of = (-1, -1)
        self._rows = torch.empty(0, dtype=torch.int64)

    def rows(self, epoch: int, start: int, stop: int) -> tuple[torch.Tensor, bool]:
        """The rows from one place of an epoch to another.

        Returns:
            (stop - start,) int64, and whether another window of rows was begun for them.
        """
        if self._n_rows <= WINDOW:
            is_new = self._turn(epoch, 0)
            return self._rows[start:stop], is_new
        parts, is_new = [], False
        while start < stop:
            window, place = divmod(start, WINDOW)
            is_new |= self._turn(epoch, window)
            until = min(stop - start, WINDOW - place)
            parts.append(self._rows[place : place + until])
            start += until
        return torch.cat(parts), is_new

    def _turn(self, epoch: int, window: int) -> bool:
        """Stand at a window; whether that is another one than before."""
        if self._of == (epoch, window):
            return False
        self._of = (epoch, window)
        generator = torch.Generator().manual_seed(self._seed * 1_000_003 + epoch)
        if self._n_rows <= WINDOW:
            self._rows = self._by_length(torch.randperm(self._n_rows, generator=generator), generator)
            return True
        n_whole = self._n_rows // BLOCK
        blocks = torch.randperm(n_whole, generator=generator)  # the rest, less than a block, comes last
        drawn = blocks[window * WINDOW // BLOCK : (window + 1) * WINDOW // BLOCK]
        rows = (drawn[:, None] * BLOCK + torch.arange(BLOCK)).flatten()
        if (window + 1) * WINDOW > n_whole * BLOCK:
            rows = torch.cat([rows, torch.arange(n_whole * BLOCK, self._n_rows)])
        generator.manual_seed((self._seed * 1_000_003 + epoch) * 1_009 + window + 1)
        self._rows = self._by_length(rows[torch.randperm(len(rows), generator=generator)], generator)
        return True

    def _by_length(self, rows: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Shuffled rows in another order, in which those of a batch are of like length; what fills no batch is last."""
        if self._lengths is None:
            return rows
        n_batched = len(rows) // self._batch * self._batch
        pools = rows[:n_batched].split(POOL * self._batch)  # type: ignore[no-untyped-call]
        sorted_pools = [pool[torch.argsort(self._lengths[pool], stable=True)] for pool in pools]
        batches = torch.cat([pool.view(-1, self._batch) for pool in sorted_pools]) if n_batched else rows[:0]
        batches = batches[torch.randperm(len(batches), generator=generator)]
        return torch.cat([batches.flatten(), rows[n_batched:]])
