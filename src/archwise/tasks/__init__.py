"""The catalogue of tasks: one file each, found from the files."""

from __future__ import annotations

import sys

from archwise import catalogue
from archwise.records import Task


def tasks() -> dict[str, Task]:
    """Every task of the catalogue, by name. Loads no torch."""
    return catalogue.entries(sys.modules[__name__], "TASK")


def task(name: str) -> Task:
    """The task of that name.

    Raises:
        UsageError: there is none; the nearest is suggested.
    """
    found: Task = catalogue.pick(tasks(), name, "task")
    return found
