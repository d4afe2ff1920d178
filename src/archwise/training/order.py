"""The order in which the rows of an epoch are learnt from, told from the seed and the epoch alone."""

from __future__ import annotations

import torch

BLOCK = 4_096  # rows that lie together on disk
WINDOW = 256 * BLOCK  # rows that are shuffled together


class Order:
    """Every row once an epoch, at random.

    Of more rows than WINDOW, blocks are drawn from everywhere and the rows of WINDOW // BLOCK of them are shuffled
    together, so that rows that are learnt from at about the same time lie in few places of a file.
    """

    def __init__(self, n_rows: int, seed: int) -> None:
        self._n_rows, self._seed = n_rows, seed
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
            self._rows = torch.randperm(self._n_rows, generator=generator)
            return True
        n_whole = self._n_rows // BLOCK
        blocks = torch.randperm(n_whole, generator=generator)  # the rest, less than a block, comes last
        drawn = blocks[window * WINDOW // BLOCK : (window + 1) * WINDOW // BLOCK]
        rows = (drawn[:, None] * BLOCK + torch.arange(BLOCK)).flatten()
        if (window + 1) * WINDOW > n_whole * BLOCK:
            rows = torch.cat([rows, torch.arange(n_whole * BLOCK, self._n_rows)])
        generator.manual_seed((self._seed * 1_000_003 + epoch) * 1_009 + window + 1)
        self._rows = rows[torch.randperm(len(rows), generator=generator)]
        return True
