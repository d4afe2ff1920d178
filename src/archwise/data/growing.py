"""Arrays on disk that grow chunk by chunk, and are mapped when they are read."""

from __future__ import annotations

import io
from io import BufferedIOBase
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from archwise.records import Array

_NARROW = (np.int16, np.int32, np.int64)


class GrowingArray:
    """A .npy file to which rows are appended; it is whole once it is saved or closed.

    Args:
        n_kept: of the rows that the file holds already; more are put behind them. 0 begins anew.
    """

    def __init__(self, path: Path, *, n_kept: int = 0) -> None:
        self._path = path
        self._header = b""
        self._dtype: np.dtype[np.generic] | None = None
        self._width: tuple[int, ...] = ()
        self.n_rows = 0
        if n_kept:
            held = np.load(path, mmap_mode="r", allow_pickle=False)[:n_kept]
            self._dtype, self._width, self.n_rows = held.dtype, held.shape[1:], len(held)
            self._header = self._make_header()
            self._file: BufferedIOBase = path.open("r+b")
            self._file.truncate(len(self._header) + held.nbytes)  # there may be more, of a run that was killed
            self._file.seek(0, io.SEEK_END)
        else:
            self._file = path.open("wb")

    def append(self, rows: Array) -> None:
        """Write more rows, (N, ...), of the dtype and the width of the first."""
        if self._dtype is None:
            self._dtype, self._width = rows.dtype, rows.shape[1:]
            self._header = self._make_header()
            self._file.write(self._header)
        if rows.dtype != self._dtype or rows.shape[1:] != self._width:
            found, wanted = (rows.dtype, rows.shape[1:]), (self._dtype, self._width)
            raise ValueError(f"{self._path}: rows of {found} cannot follow rows of {wanted}")
        self._file.write(np.ascontiguousarray(rows).data)
        self.n_rows += len(rows)

    def save(self) -> None:
        """Say in the header how many rows there are, so that the file is whole as it stands."""
        if self._dtype is not None:
            header = self._make_header()
            if len(header) != len(self._header):
                raise ValueError(f"{self._path}: {self.n_rows:,} rows do not fit the header of the file")
            self._file.seek(0)
            self._file.write(header)
            self._file.seek(0, io.SEEK_END)
            self._file.flush()

    def close(self) -> None:
        """Save it, and let go of it."""
        self.save()
        self._file.close()
        if self._dtype is None:  # a file without a row is none
            self._path.unlink()

    def _make_header(self) -> bytes:
        if self._dtype is None:
            return b""
        header = io.BytesIO()
        shape = (self.n_rows, *self._width)
        kept = {"descr": npy.dtype_to_descr(self._dtype), "fortran_order": False, "shape": shape}
        npy.write_array_header_1_0(header, kept)  # it leaves room for the first axis to grow
        return header.getvalue()


def narrow_dtype(largest: int) -> np.dtype[np.generic]:
    """The smallest signed dtype that holds whole numbers from 0 to the largest."""
    return np.dtype(next(dtype for dtype in _NARROW if largest <= np.iinfo(dtype).max))
