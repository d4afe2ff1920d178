"""The worker processes of a race, and what they import while the data are read."""

from __future__ import annotations

from archwise.architectures import architectures
from archwise.choice.opening import count_workers
from archwise.config import Config
from archwise.engines.processes import Workers

MODULES = ("archwise.choice.trial",)  # that every trial needs; these and the next are slow to import
OF_REFERENCES, OF_NETWORKS = ("sklearn.linear_model", "lightgbm"), ("archwise.training.loop",)
OF_FORECASTS = ("onnx", "archwise.training.loop")  # their references are fitted in moments


def begin_workers(config: Config) -> Workers:
    """The processes of a race, one thread each where no clock may decide, so that any number gives the same sums."""
    n_workers = count_workers(config)
    threads = 1 if config.limit.steps is not None else max(1, count_workers(Config()) // n_workers)
    workers = Workers(n_workers, threads=threads, modules=modules_of(config))
    workers.begin()
    return workers


def modules_of(config: Config) -> tuple[str, ...]:
    """What the workers import while the data are read: what the first trials need.

    Where references of tables race they come first, and torch is imported when they are done: a model is there early.
    """
    if config.horizon:
        return (*MODULES, *OF_FORECASTS)
    names = [name for name in (*(config.only or architectures()), *config.add) if name not in config.skip]
    entries = [architectures()[name] for name in names if name in architectures()]
    has_references = any(entry.is_reference and "number" in entry.reads for entry in entries)
    return (*MODULES, *(OF_REFERENCES if has_references else OF_NETWORKS))
