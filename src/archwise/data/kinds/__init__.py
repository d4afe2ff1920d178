"""The catalogue of kinds: one file each, found from the files."""

from __future__ import annotations

import sys

from archwise import catalogue
from archwise.records import Kind


def kinds() -> dict[str, Kind]:
    """Every kind of the catalogue, by name."""
    return catalogue.entries(sys.modules[__name__], "KIND")


def kind(name: str) -> Kind:
    """The kind of that name.

    Raises:
        UsageError: there is none; the nearest is suggested.
    """
    found: Kind = catalogue.pick(kinds(), name, "kind")
    return found


def read_as(name: str) -> str:
    """The kind as which architectures read columns of the kind of that name."""
    return kind(name).like or name
