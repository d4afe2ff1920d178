"""The models of a service, opened and warm: each with its fields, its version and its queue."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from archwise.errors import UsageError
from archwise.model.folder import FACTS
from archwise.model.predict import Model, is_forecast, load
from archwise.model.together import answer_together
from archwise.serve.metrics import Metrics
from archwise.serve.queue import Queue
from archwise.serve.schema import Field, fields_of

VERSION_DIGITS = 12


@dataclass(frozen=True)
class Served:
    """A model that answers. version: the first digits of the SHA-256 of its model.json. queue: of single rows."""

    name: str
    model: Model
    version: str
    fields: tuple[Field, ...]
    queue: Queue

    @property
    def forecasts(self) -> bool:
        """Whether it answers with the steps that follow, not row by row."""
        return is_forecast(self.model)


def open_models(folders: Sequence[Path], *, most_waiting: int, metrics: Metrics) -> dict[str, Served]:
    """Open model folders under the names of their folders, the first of which is the default.

    Raises:
        ModelError: as for `load`. UsageError: two have one name.
    """
    served: dict[str, Served] = {}
    for folder in folders:
        model = load(folder)
        name = folder.resolve().name.removesuffix(".archwise")
        if name in served:
            raise UsageError(f"{folder}: another model is served as '{name}'; rename one of the folders")
        version = hashlib.sha256((folder / FACTS).read_bytes()).hexdigest()[:VERSION_DIGITS]
        queue = Queue(partial(answer_together, model), most_waiting=most_waiting, tell=partial(metrics.batch, name))
        served[name] = Served(name, model, version, () if is_forecast(model) else fields_of(model), queue)
    return served
