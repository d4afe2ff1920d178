"""The catalogue of readers: one file each, found from the files."""

from __future__ import annotations

import sys

from archwise import catalogue
from archwise.records import Reader


def readers() -> dict[str, Reader]:
    """Every reader of the catalogue, by name."""
    return catalogue.entries(sys.modules[__name__], "READER")


def reader(name: str) -> Reader:
    """The reader of that name.

    Raises:
        UsageError: there is none; the nearest is suggested.
    """
    found: Reader = catalogue.pick(readers(), name, "reader")
    return found
