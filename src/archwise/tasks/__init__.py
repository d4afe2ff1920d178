"""The catalogue of tasks: one file each, found from the files."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from archwise import catalogue
from archwise.records import Json, Metric, Profile, Task

if TYPE_CHECKING:
    import polars as pl


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


def fit_target(kind_of_task: Task, values: pl.Series, profile: Profile) -> dict[str, Json]:
    """Fit the encoding of the target, for the loss that the data call for or the user asked for.

    Args:
        values: (N,) of the training rows.
        profile: of the data, with loss and classes.

    Raises:
        TargetError: the target cannot be learnt.
    """
    state = kind_of_task.encode_fit(values)
    if kind_of_task.aim is None or not profile.loss:
        return state
    return kind_of_task.aim(state, profile.loss, profile.classes)


def task_of_loss(loss: str) -> str:
    """The name of the one task that has a loss of that name; "" where none or several do."""
    names = [name for name, entry in tasks().items() if loss in entry.losses]
    return names[0] if len(names) == 1 else ""


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
