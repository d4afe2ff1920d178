"""A small table and the model folders made of it, for the tests of this room."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from archwise.architectures import architecture
from archwise.data.prepare import apply_preparation, fit_preparation, inputs_of, parse_columns
from archwise.model.folder import ModelContent, ModelFacts, write_model
from archwise.model.session import open_session, outputs
from archwise.records import Candidate, Plan, Signature, settings_of
from archwise.tasks import task

COLUMNS = (("age", "number"), ("hours", "number"), ("city", "category"))


def small_table(n: int = 120, *, seed: int = 0) -> pl.DataFrame:
    """Two numbers with missing cells, a category, a label and a value that depend on them."""
    rng = np.random.default_rng(seed)
    age, hours = rng.normal(40, 10, n).round(1), rng.normal(35, 5, n).round(1)
    city = np.array(["Paris", "Lima", "Oslo"])[rng.integers(0, 3, n)]
    signal = (age - 40) / 10 + (city == "Lima") + 0.3 * rng.normal(size=n)
    frame = pl.DataFrame({"age": age, "pay": (1000 * signal).round(2), "hours": hours, "city": city})
    is_missing = pl.Series(rng.random(n) < 0.1)
    return frame.with_columns(
        hours=pl.when(is_missing).then(None).otherwise("hours"),
        rich=pl.Series(np.where(signal > 0.3, "yes", "no")),
    )


def small_content(name: str = "linear", *, task_name: str = "classify", frame: pl.DataFrame | None = None) -> ModelContent:
    """A reference fitted to the small table, as `write_model` takes it."""
    frame = small_table() if frame is None else frame
    target = "rich" if task_name == "classify" else "pay"
    entry, asked = architecture(name), task(task_name)
    typed = parse_columns(frame, COLUMNS).frame
    preparation = fit_preparation(typed, COLUMNS, need=entry.need)
    batch = apply_preparation(preparation, typed)
    state = asked.encode_fit(frame[target])
    targets = asked.encode(state, frame[target])
    signature = Signature(inputs_of(preparation), asked.n_outputs(state))
    solved = entry.solve(signature, entry.defaults(), batch, targets, task_name, 0)
    given = outputs(open_session(solved.onnx), batch)
    weights = np.ones((1, len(targets)))
    scores = {metric.name: float(metric.score(targets, given, weights)[0]) for metric in asked.metrics(state)}
    facts = ModelFacts(
        task=task_name,
        target=target,
        target_state=state,
        calibration=asked.calibrate(state, given, targets),
        columns=COLUMNS,
        layout=tuple(column for column in frame.columns if column in (*dict(COLUMNS), target)),
        signature=signature,
        need=entry.need,
        candidate=Candidate(name, settings_of(entry.defaults().items()), Plan(), name),
        metric=next(iter(scores)),
        validation=scores,
        test=scores,
        profile={"source": "small.csv", "n_rows": frame.height},
        sealed="0" * 64,
        created="2026-11-23T12:00:00+00:00",
    )
    verdict = {"chosen": name, "reasons": ["Chosen: it is the only one."], "next_steps": []}
    return ModelContent(facts, preparation, solved.onnx, verdict, [{"id": name, "score": None}], 'seed = 0\n')


def write_small(folder: Path, name: str = "linear", *, task_name: str = "classify") -> Path:
    """Write a small model and give its folder."""
    write_model(folder, small_content(name, task_name=task_name))
    return folder
