"""The catalogue of architectures: one file each, found from the files."""

from __future__ import annotations

import sys

from archwise import catalogue
from archwise.records import Architecture, Candidate, Need


def architectures() -> dict[str, Architecture]:
    """Every architecture of the catalogue, by name. Loads no torch."""
    return catalogue.entries(sys.modules[__name__], "ARCHITECTURE")


def architecture(name: str) -> Architecture:
    """The architecture of that name.

    Raises:
        UsageError: there is none; the nearest is suggested.
    """
    found: Architecture = catalogue.pick(architectures(), name, "architecture")
    return found


def need_of(candidate: Candidate) -> Need:
    """What a candidate asks of its input."""
    return architecture(candidate.architecture).need_of(dict(candidate.settings))
