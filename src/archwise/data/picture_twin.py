"""Pictures that nearly repeat each other: the same photo scaled, compressed anew, or a little brighter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from archwise.data.picture_store import smallest_form, take_likeness, take_places
from archwise.records import Array

MOST_BITS = 10  # of 64 in which two likenesses may differ
MOST_LIKE = 20  # likenesses that near; where there are more it is a common shape, such as a digit, and no copy
MOST_PAIRS = 1_500_000_000  # of likenesses that are held against each other; of more a part is drawn evenly
LEAST_CORRELATION = 0.9  # of the pixels of two pictures that nearly repeat each other
MOST_APART = 20.0  # grey levels, by which their pixels differ in the root of the mean square, brightness apart
_FLAT = 3.0  # grey levels; pictures that scatter less show nothing that could be compared
_AT_ONCE = 4_000_000  # pairs
_COMPARED = 256  # pairs of pictures


def find_alike(left: pl.Series, right: pl.Series, folder: Path) -> Array:
    """Find the pictures of two sides that nearly repeat each other, by their likeness and then by their pixels.

    Pictures of one content (of one name) are not among them: the split keeps those together.

    Args:
        left, right: (N,) and (M,) names of pictures in the store; null for missing ones.
        folder: of the store.

    Returns:
        (P, 2) int64 rows of left and of right: of each of left the likest of right, where the two are alike.
    """
    if not any(folder.glob("*.npy")):
        return np.empty((0, 2), np.int64)
    places = [take_places(names, folder) for names in (left, right)]
    marks = [take_likeness(names, folder) for names in (left, right)]
    rows = [np.flatnonzero(place > 0) for place in places]  # 0 is a missing picture
    if not len(rows[0]) or not len(rows[1]):
        return np.empty((0, 2), np.int64)
    rows[0] = rows[0][:: -(-len(rows[0]) * len(rows[1]) // MOST_PAIRS)]
    mine, its = _likest(marks[0][rows[0]], marks[1][rows[1]])
    mine, its = rows[0][mine], rows[1][its]
    pixels = smallest_form(folder)
    kept = places[0][mine] != places[1][its]
    for start in range(0, len(mine), _COMPARED):
        part = slice(start, start + _COMPARED)
        kept[part] &= _are_alike(pixels[places[0][mine[part]]], pixels[places[1][its[part]]])
    return np.stack([mine[kept], its[kept]], axis=1)


def _likest(left: Array, right: Array) -> tuple[Array, Array]:
    """Places of likenesses (uint64) of left, and of the likest of right, that differ in MOST_BITS or fewer.

    Those of left are left out that more than MOST_LIKE of right are as near to.
    """
    chunk = max(1, _AT_ONCE // len(right))
    likest, n_near = np.empty(len(left), np.int64), np.empty(len(left), np.int64)
    for start in range(0, len(left), chunk):
        part = slice(start, start + chunk)
        apart = np.bitwise_count(left[part, None] ^ right[None, :])
        likest[part] = apart.argmin(axis=1)
        n_near[part] = np.count_nonzero(apart <= MOST_BITS, axis=1)
    mine = np.flatnonzero((n_near > 0) & (n_near <= MOST_LIKE))
    return mine, likest[mine]


def _are_alike(left: Array, right: Array) -> Array:
    """(P,) bool: whether the pixels of pairs of pictures, (P, H, W, C) uint8, are alike beyond doubt."""
    one, other = (pixels.astype(np.float32).mean(axis=3).reshape(len(pixels), -1) for pixels in (left, right))
    one, other = one - one.mean(axis=1, keepdims=True), other - other.mean(axis=1, keepdims=True)
    spread, its = np.sqrt((one**2).mean(axis=1)), np.sqrt((other**2).mean(axis=1))
    correlation = (one * other).mean(axis=1) / np.maximum(spread * its, 1e-6)
    apart = np.sqrt(((one - other) ** 2).mean(axis=1))
    alike: Array = (np.minimum(spread, its) > _FLAT) & (correlation >= LEAST_CORRELATION) & (apart <= MOST_APART)
    return alike
