"""The idx format of MNIST and its kin: the type, the shape, and the numbers, in files that may be gzipped.

Source: LeCun, Cortes & Burges, the MNIST database; the format stands at the foot of its page.
"""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

from archwise.errors import SourceError
from archwise.records import Array

_DTYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_PICTURES = ("*images[-.]idx3-ubyte", "*images[-.]idx3-ubyte.gz")


def holds_idx(folder: Path) -> bool:
    """Whether pictures lie in a folder as idx files."""
    return any(any(folder.glob(pattern)) for pattern in _PICTURES)


def find_pictures(folder: Path) -> list[Path]:
    """The idx files of pictures in a folder; of a file and its gzipped copy the file."""
    found = [path for pattern in _PICTURES for path in sorted(folder.glob(pattern))]
    return list({path.name.removesuffix(".gz"): path for path in reversed(found)}.values())


def labels_beside(pictures: Path) -> Path | None:
    """The idx file of the labels of a file of pictures."""
    stem = pictures.name.removesuffix(".gz").replace("images", "labels").replace("idx3", "idx1")
    beside = (pictures.with_name(stem), pictures.with_name(stem + ".gz"))
    return next((path for path in beside if path.is_file()), None)


def read_idx(path: Path) -> Array:
    """Read the array of an idx file.

    Raises:
        SourceError: the file is missing, cut off, or of another format.
    """
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as file:
            content = file.read()
    except (OSError, EOFError, zlib.error) as error:
        raise SourceError(f"{path}: the file cannot be read ({error}); fetch it again") from None
    n_axes = content[3] if len(content) > 3 else 0
    start = 4 + 4 * n_axes
    if len(content) < start or content[:2] != b"\0\0" or content[2] not in _DTYPES:
        raise SourceError(f"{path}: not an idx file; it begins with {content[:4].hex()}")
    shape = tuple(int(axis) for axis in np.frombuffer(content, ">u4", n_axes, offset=4))
    dtype = np.dtype(_DTYPES[content[2]])
    n_bytes = dtype.itemsize * math.prod(shape)
    if len(content) - start != n_bytes:
        raise SourceError(
            f"{path}: {len(content) - start:,} bytes of numbers, where the shape {shape} has {n_bytes:,}; "
            "the file is not whole"
        )
    return np.frombuffer(content, dtype, offset=start).reshape(shape)
