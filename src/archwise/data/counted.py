"""Counts in sentences, so that one of a thing is not told as several."""

from __future__ import annotations


def counted(count: int, one: str, several: str) -> str:
    """A count with its words, such as "1 file is" or "4,884 files are".

    Args:
        one: the words behind a count of one. several: behind any other.
    """
    return f"{count:,} {one if count == 1 else several}"
