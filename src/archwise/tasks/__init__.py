"""The catalogue of tasks: one file each, found from the files."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from archwise import catalogue
from archwise.records import Json, Metric, Task


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


def main_metric(task: Task, state: Mapping[str, Json], name: str = "") -> Metric:
    """The metric that decides: the one of that name, or the task's own first.

    Args:
        task: one of `tasks()`.
        state: from the task's `encode_fit`.
        name: of the metric, or empty for the task's own.

    Raises:
        UsageError: the task has no metric of that name here; the nearest is suggested.
    """
    found = {metric.name: metric for metric in task.metrics(state)}
    picked: Metric = catalogue.pick(found, name or next(iter(found)), f"metric of {task.name}")
    return picked
