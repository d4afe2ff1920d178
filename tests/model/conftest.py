"""A small table, and model folders made of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from archwise.architectures import architecture, need_of
from archwise.data.prepare import apply_preparation, fit_preparation, inputs_of, parse_columns
from archwise.model.folder import ModelContent, ModelFacts, write_model
from archwise.model.predict import Model, load
from archwise.model.session import open_session, outputs
from archwise.records import Candidate, Plan, Scalar, Signature, settings_of
from archwise.tasks import task

COLUMNS = (("age", "number"), ("hours", "number"), ("city", "category"))
TARGETS = {"classify": "rich", "regress": "pay"}


def make_table(n: int = 120, *, seed: int = 0) -> pl.DataFrame:
    """Two numbers, some of them missing, a category, and a label and a value that depend on them."""
    rng = np.random.default_rng(seed)
    age, hours = rng.normal(40, 10, n).round(1), rng.normal(35, 5, n).round(1)
    city = np.array(["Paris", "Lima", "Oslo"])[rng.integers(0, 3, n)]
    signal = (age - 40) / 10 + (city == "Lima") + 0.3 * rng.normal(size=n)
    frame = pl.DataFrame(
        {
            "age": age,
            "pay": (1000 * signal).round(2),
            "hours": hours,
            "city": city,
            "rich": np.where(signal > 0.3, "yes", "no"),
        }
    )
    is_missing = pl.Series(rng.random(n) < 0.1)
    return frame.with_columns(hours=pl.when(is_missing).then(None).otherwise("hours"))


def make_content(name: str = "linear", task_name: str = "classify", **settings: Scalar) -> ModelContent:
    """A reference fitted to the small table, as `write_model` takes it."""
    target = TARGETS[task_name]
    frame = make_table().drop(set(TARGETS.values()) - {target})
    entry, asked = architecture(name), task(task_name)
    typed = parse_columns(frame, COLUMNS).frame
    chosen = {**entry.defaults(), **settings}
    candidate = Candidate(name, settings_of(chosen.items()), Plan(), name)
    need = need_of(candidate)
    preparation = fit_preparation(typed, COLUMNS, need=need)
    batch = apply_preparation(preparation, typed)
    state = asked.encode_fit(frame[target])
    targets = asked.encode(state, frame[target])
    signature = Signature(inputs_of(preparation), asked.n_outputs(state))
    solved = entry.solve(signature, chosen, batch, targets, task_name, 0)
    given = outputs(open_session(solved.onnx), batch)
    weights = np.ones((1, len(targets)))
    scores = {metric.name: float(metric.score(targets, given, weights)[0]) for metric in asked.metrics(state)}
    facts = ModelFacts(
        task=task_name,
        target=target,
        target_state=state,
        calibration=asked.calibrate(state, given, targets),
        columns=COLUMNS,
        layout=tuple(frame.columns),
        signature=signature,
        need=need,
        candidate=candidate,
        metric=next(iter(scores)),
        validation=scores,
        test=scores,
        profile={"source": "small.csv", "n_rows": frame.height},
        sealed="0" * 64,
        created="2026-11-23T12:00:00+00:00",
    )
    verdict = {"chosen": name, "reasons": ["Chosen: it is the only one."], "next_steps": []}
    return ModelContent(facts, preparation, solved.onnx, verdict, [{"id": name, "score": None}], "seed = 0\n")


@pytest.fixture(scope="session")
def contents() -> dict[str, ModelContent]:
    """Two contents, made once: of a classifier and of a regressor."""
    return {"classify": make_content("linear", "classify"), "regress": make_content("trees", "regress")}


@pytest.fixture
def content(contents: dict[str, ModelContent]) -> ModelContent:
    """Of a classifier, which a test may change by `dataclasses.replace`."""
    return contents["classify"]


@pytest.fixture
def folder(tmp_path: Path, content: ModelContent) -> Path:
    """A written classifier."""
    write_model(tmp_path / "small.archwise", content)
    return tmp_path / "small.archwise"


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory, contents: dict[str, ModelContent]) -> dict[str, Model]:
    """An opened classifier and an opened regressor."""
    place = tmp_path_factory.mktemp("models")
    for name, made in contents.items():
        write_model(place / name, made)
    return {name: load(place / name) for name in contents}


@pytest.fixture
def model(models: dict[str, Model]) -> Model:
    """The classifier, opened."""
    return models["classify"]


@pytest.fixture(scope="session")
def table() -> Callable[..., pl.DataFrame]:
    """Makes small tables: table(n, seed=...)."""
    return make_table


@pytest.fixture(scope="session")
def fitted() -> Callable[..., ModelContent]:
    """Fits a reference to the small table: fitted(name, task)."""
    return make_content
