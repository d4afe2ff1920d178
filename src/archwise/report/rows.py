"""Judged rows as every part of a report reads them: what was answered, how well, and some of them at a time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import polars as pl

from archwise.data.prepare import Parsed, apply_preparation, load_batch
from archwise.data.timeline.prepare import batch_at, prepare_steps, state_of
from archwise.model.judged import Judged
from archwise.model.predict import Model
from archwise.records import FORECAST, Array, Batch, Metric, Task
from archwise.tasks import main_metric, task
from archwise.tasks.classify import TASK as CLASSIFY
from archwise.tasks.forecast_scores import Shape
from archwise.tasks.multilabel import TASK as MULTILABEL
from archwise.tasks.regress import TASK as REGRESS
from archwise.tasks.scores import row_log_loss
from archwise.tasks.tag import TASK as TAG
from archwise.tasks.tag_scores import answered_like
from archwise.tasks.tag_set import tag_set

_AT_ONCE = 256  # rows whose own errors are told together


@dataclass(frozen=True)
class Rows:
    """A model and the N rows it is judged on."""

    model: Model
    judged: Judged

    @property
    def n_rows(self) -> int:
        """N."""
        return len(self.judged.targets)

    @property
    def task(self) -> Task:
        """What is asked of the model."""
        return task(self.model.facts.task)

    @property
    def metric(self) -> Metric:
        """The metric that decided."""
        return main_metric(self.task, self.model.facts.target_state, self.model.facts.metric)

    @property
    def classes(self) -> list[str]:
        """The classes or labels of the target; none of a number."""
        state = self.model.facts.target_state
        return [str(name) for name in state.get("classes", state.get("labels", ()))]

    @cached_property
    def served(self) -> Array:
        """The outputs as the deciding metric must see them."""
        return self.served_for(self.metric)

    def served_for(self, metric: Metric) -> Array:
        """The outputs as a metric must see them."""
        return self.task.served(self.model.facts.calibration, self.judged.outputs, metric)

    @cached_property
    def answers(self) -> dict[str, Array]:
        """Column -> (N, ...) as the task gives them."""
        facts = self.model.facts
        return self.task.answers(facts.target_state, facts.calibration, self.judged.outputs)

    def part(self, places: Array) -> Rows:
        """Some of the rows."""
        judged = self.judged
        return Rows(
            self.model,
            replace(
                judged,
                typed=judged.typed[places] if judged.typed.width else judged.typed,
                targets=judged.targets[places],
                outputs=judged.outputs[places],
                groups=None if judged.groups is None else judged.groups[places],
                origins=None if judged.origins is None else judged.origins[places],
                told=None if judged.told is None else judged.told[places],
            ),
        )

    def sample(self, most: int, *, seed: int = 0) -> Rows:
        """So many rows, drawn by a fixed seed, in their order; all where there are no more."""
        if self.n_rows <= most:
            return self
        return self.part(np.sort(np.random.default_rng(seed).choice(self.n_rows, most, replace=False)))

    @cached_property
    def losses(self) -> Array:
        """(N,) how far the answer of each row lies from its truth: see `loss_name`."""
        return _LOSSES[self.task.name](self)

    @property
    def can_tell(self) -> bool:
        """Whether single answers of this task can be told; of one that is new to the report only scores can."""
        return self.task.name in _LOSSES


def written(number: float) -> str:
    """A number of the target as a person reads it: five digits, or commas in the place of a power of ten."""
    return f"{number:,.0f}" if 10_000 <= abs(number) < 1e15 else f"{number:.5g}"


def loss_name(rows: Rows) -> str:
    """What the losses of rows are, in words."""
    return _LOSS_NAMES[rows.task.name]


def inputs(rows: Rows) -> Batch:
    """The inputs of the rows as the model reads them; of a forecast the windows of its origins."""
    judged, preparation = rows.judged, rows.model.preparation
    if judged.timeline is None or judged.origins is None:
        return inputs_of_typed(rows, judged.typed)
    state = state_of(preparation)
    steps = prepare_steps(state, judged.timeline)
    return batch_at(state, steps, judged.origins, past=preparation.need.past)


def inputs_of_typed(rows: Rows, typed: pl.DataFrame) -> Batch:
    """The inputs of typed rows, such as those judged or some in which a column is changed."""
    preparation = rows.model.preparation
    if rows.judged.store is not None:
        return apply_preparation(preparation, typed, store=rows.judged.store)
    return load_batch(preparation, Parsed(typed, np.zeros(typed.height, bool), ()))[0]


def shape_of(rows: Rows) -> Shape:
    """The shape of a forecast."""
    state = rows.model.facts.target_state
    return Shape(len(state["targets"]), int(state["horizon"]), tuple(state.get("logs", ())))


def _of_classes(rows: Rows) -> Array:
    metric = next(each for each in rows.task.metrics(rows.model.facts.target_state) if each.name == "log_loss")
    return row_log_loss(rows.judged.targets, rows.served_for(metric))


def _of_numbers(rows: Rows) -> Array:
    scale = float(rows.model.facts.target_state["scale"])
    distances: Array = scale * np.abs(rows.served[:, 0].astype(np.float64) - rows.judged.targets)
    return distances


def _of_labels(rows: Rows) -> Array:
    logits = rows.served.astype(np.float64)
    found: Array = (np.logaddexp(0.0, logits) - logits * rows.judged.targets).mean(axis=1)
    return found


def _of_tags(rows: Rows) -> Array:
    tags = tag_set(rows.model.facts.target_state)
    wrong: Array = (answered_like(rows.judged.targets, rows.served, tags) != rows.judged.targets).sum(axis=1)
    return wrong.astype(np.float64)


def _of_steps(rows: Rows) -> Array:
    shape, found = shape_of(rows), np.empty(rows.n_rows)
    for start in range(0, rows.n_rows, _AT_ONCE):
        some = slice(start, start + _AT_ONCE)
        truth, given = rows.judged.targets[some], rows.served[some]
        found[some] = shape.mean_absolute_scaled_error(truth, given, np.eye(len(truth)))
    return found


_LOSSES = {
    CLASSIFY.name: _of_classes,
    REGRESS.name: _of_numbers,
    MULTILABEL.name: _of_labels,
    TAG.name: _of_tags,
    FORECAST: _of_steps,
}
_LOSS_NAMES = {
    CLASSIFY.name: "surprise at the truth, in nats",
    REGRESS.name: "distance from the truth",
    MULTILABEL.name: "surprise at the truth, in nats a label",
    TAG.name: "words with a wrong tag",
    FORECAST: "mean distance, in units of the naive one",
}
