"""Small models of every task, fitted by a library in moments, and labelled rows to report on."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

import archwise
from archwise.architectures import architecture
from archwise.config import Config
from archwise.data.prepare import apply_preparation, fit_preparation, inputs_of, parse_columns
from archwise.model.folder import ModelContent, ModelFacts, write_model
from archwise.model.predict import Model, load
from archwise.model.session import open_session, outputs
from archwise.records import Candidate, Plan, Signature, settings_of
from archwise.tasks import task

N = 400
NASTY = "<script>alert('x')</script>"  # the name of a column and of a level, of which no page must take harm


@dataclass(frozen=True)
class Made:
    """An opened model, and labelled rows that it has not seen."""

    model: Model
    rows: pl.DataFrame


@dataclass(frozen=True)
class Recipe:
    """How a model is made: the architecture, the columns that it reads, the target, and rows by a seed."""

    task: str
    architecture: str
    columns: tuple[tuple[str, str], ...]
    target: str
    rows: Callable[[np.random.Generator], pl.DataFrame]


def make(folder: Path, recipe: Recipe) -> Made:
    """Fit a reference to rows of seed 0; the rows to report on are of seed 1."""
    frame, entry, asked = recipe.rows(np.random.default_rng(0)), architecture(recipe.architecture), task(recipe.task)
    need = entry.need_of(entry.defaults())
    typed = parse_columns(frame, recipe.columns).frame
    preparation = fit_preparation(typed, recipe.columns, need=need)
    state = asked.encode_fit(frame[recipe.target])
    targets = asked.encode(state, frame[recipe.target])
    signature = Signature(inputs_of(preparation), asked.n_outputs(state), form=asked.needs)
    batch = apply_preparation(preparation, typed)
    assert entry.solve is not None
    solved = entry.solve(signature, entry.defaults(), batch, targets, recipe.task, 0)
    given = outputs(open_session(solved.onnx), batch)
    one = np.ones((1, len(targets)))
    scores = {metric.name: float(metric.score(targets, given, one)[0]) for metric in asked.metrics(state)}
    candidate = Candidate(entry.name, settings_of(entry.defaults().items()), Plan(), entry.name)
    facts = ModelFacts(
        task=recipe.task, target=recipe.target, target_state=state,
        calibration=asked.calibrate(state, given, targets), columns=recipe.columns, layout=tuple(frame.columns),
        signature=signature, need=need, candidate=candidate, metric=next(iter(scores)), validation=scores, test=scores,
        profile={"source": "made.csv", "rows": frame.height}, sealed="0" * 64, created="2026-11-24T12:00:00+00:00",
    )  # fmt: skip
    write_model(
        folder, ModelContent(facts, preparation, solved.onnx, verdict_of(facts), trials_of(facts), "seed = 0\n")
    )
    return Made(load(folder), recipe.rows(np.random.default_rng(1)))


def verdict_of(facts: ModelFacts) -> dict[str, object]:
    score = facts.validation[facts.metric]
    held = {"score": score, "low": score - 0.02, "high": score + 0.02}
    return {
        "chosen": facts.candidate.architecture, "candidate": facts.candidate.id, "label": facts.candidate.label,
        "best": facts.candidate.id, "tied": [facts.candidate.id], "metric": facts.metric, "greater_is_better": True,
        "validation": held, "comparisons": [],
        "reasons": [f"Chosen: {facts.candidate.label}."], "next_steps": ["Give it more rows."],
        "test": {**held, "metric": facts.metric, "n_rows": N, "gap": 0.01, "references": [], "sentences": ["It holds."],
                 "notes": [], "honesty": {}, "source": "", "scores": dict(facts.test)},
        "growth": {"sentence": "What more rows would bring was not measured."},
    }  # fmt: skip


def trials_of(facts: ModelFacts) -> list[dict[str, object]]:
    score = facts.validation[facts.metric]
    common = {"settings": "", "rung": 0, "state": "done", "why": "", "steps": 9, "seconds": 1.5, "n_parameters": 12}
    curve = [
        {"step": step, "epoch": float(step), "loss": 1.0 / step, "score": score - 0.1 / step} for step in (1, 2, 3)
    ]
    chosen = {"id": facts.candidate.id, "label": facts.candidate.label, "family": "reference", "curve": curve}
    other = {"id": "mlp-0123456789", "label": NASTY, "family": "ann", "curve": curve}
    failed = {
        "id": "cnn-0123456789",
        "label": "cnn",
        "family": "cnn",
        "curve": [],
        "score": None,
        "low": None,
        "high": None,
    }
    return [
        {**common, **chosen, "score": score, "low": score - 0.02, "high": score + 0.02, "latency_ms": 0.1},
        {**common, **other, "score": score - 0.1, "low": score - 0.2, "high": score, "latency_ms": 0.3, "seconds": 9.0,
         "n_parameters": 9000},
        {**common, **failed, "latency_ms": None, "state": "failed", "why": f"it broke on {NASTY}"},
    ]  # fmt: skip


def table(rng: np.random.Generator) -> pl.DataFrame:
    """Numbers, a category and a day, and every kind of target of a table; one city is answered worse than others."""
    age, city = rng.normal(40, 10, N).round(1), np.array(["Paris", "Lima", NASTY])[rng.integers(0, 3, N)]
    signal = (age - 40) / 10 + 1.5 * (city == "Lima")
    noise = rng.normal(size=N) * np.where(city == "Paris", 2.5, 0.2)
    days = pl.date_range(pl.date(2024, 1, 1), pl.date(2026, 12, 31), eager=True)[rng.integers(0, 900, N)]
    frame = pl.DataFrame({"age": age, NASTY: rng.normal(0, 1, N), "city": city, "day": days})
    size = np.digitize(signal, [-0.3, 0.8])
    labels = [
        ";" + "".join(f"{name};" for name, held in (("old", age[row] > 45), ("rich", signal[row] > 0.5)) if held)
        for row in range(N)
    ]
    return frame.with_columns(
        rich=pl.Series(np.where(signal + noise > 0.5, "yes", "no")),
        size=pl.Series(np.array(["small", "middle", "large"])[size]),
        pay=pl.Series(1000 * (signal + noise)),
        labels=pl.Series(labels),
    )


def reviews(rng: np.random.Generator) -> pl.DataFrame:
    words = [("good", "fine", "lovely"), ("bad", "dull", "awful")]
    kinds = rng.integers(0, 2, N)
    flips = rng.random(N) < 0.1
    texts = [
        " ".join(["a", NASTY, str(rng.choice(words[kind ^ int(flip)])), "film", *["so"] * int(rng.integers(0, 6))])
        for kind, flip in zip(kinds, flips, strict=True)
    ]
    return pl.DataFrame({"text": texts, "mood": np.array(["up", "down"])[kinds]})


def pictures(rng: np.random.Generator) -> pl.DataFrame:
    kinds = rng.integers(0, 2, 80)
    cells = []
    for kind in kinds:
        pixels = rng.integers(0, 60, (32, 32, 3), dtype=np.uint8)
        side = int(rng.integers(0, 24))
        pixels[(side, slice(None)) if kind else (slice(None), side)] = 220
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, format="PNG")
        cells.append(buffer.getvalue())
    return pl.DataFrame({"picture": pl.Series(cells, dtype=pl.Binary), "line": np.array(["down", "across"])[kinds]})


def waves(rng: np.random.Generator) -> pl.DataFrame:
    kinds = rng.integers(0, 2, 120)
    held = [np.sin(np.arange(40) * (0.3 + 0.1 * kind) + rng.uniform(0, 6)) + rng.normal(0, 0.8, 40) for kind in kinds]
    return pl.DataFrame({"wave": [wave.round(3).tolist() for wave in held], "pace": np.array(["slow", "fast"])[kinds]})


def bumps(rng: np.random.Generator) -> pl.DataFrame:
    """Noise with a bump in steps 17 to 20 of one of two kinds."""
    kinds = rng.integers(0, 2, N)
    held = rng.normal(0, 0.3, (N, 40)) + 3.0 * ((np.arange(40) >= 16) & (np.arange(40) < 20) & (kinds[:, None] == 1))
    return pl.DataFrame({"wave": held.round(3).tolist(), "kind": np.array(["flat", "bump"])[kinds]})


def channels(rng: np.random.Generator) -> pl.DataFrame:
    """Two channels, of which the second alone tells the kind."""
    kinds = rng.integers(0, 2, N)
    held = [[rng.normal(size=20).tolist(), (rng.normal(size=20) + 2.0 * kind).tolist()] for kind in kinds]
    return pl.DataFrame({"wave": held, "kind": np.array(["low", "high"])[kinds]})


def weighed(rng: np.random.Generator) -> pl.DataFrame:
    """Reviews with a number beside them that says nothing."""
    return reviews(rng).with_columns(grams=pl.Series(rng.normal(size=N))).select("text", "grams", "mood")


def sentences(rng: np.random.Generator) -> pl.DataFrame:
    names = [
        ("Paris", "B-LOC"),
        ("Ada", "B-PER"),
        (NASTY, "O"),
        ("runs", "O"),
        ("Jordan", "B-LOC"),
        ("Jordan", "B-PER"),
    ]
    drawn = [[names[place] for place in rng.integers(0, len(names), int(rng.integers(2, 9)))] for _ in range(200)]
    return pl.DataFrame(
        {
            "words": [" ".join(word for word, _ in each) for each in drawn],
            "tags": [" ".join(tag for _, tag in each) for each in drawn],
        }
    )


OF_TABLE = (("age", "number"), (NASTY, "number"), ("city", "category"), ("day", "date"))
RECIPES = {
    "two": Recipe("classify", "linear", OF_TABLE, "rich", table),
    "three": Recipe("classify", "linear", OF_TABLE, "size", table),
    "regress": Recipe("regress", "linear", OF_TABLE, "pay", table),
    "multilabel": Recipe("multilabel", "linear", OF_TABLE, "labels", table),
    "text": Recipe("classify", "tfidf", (("text", "text"),), "mood", reviews),
    "picture": Recipe("classify", "hog", (("picture", "image"),), "line", pictures),
    "mixed": Recipe("classify", "tfidf", (("text", "text"), ("grams", "number")), "mood", weighed),
    "bump": Recipe("classify", "nearest", (("wave", "series"),), "kind", bumps),
    "channels": Recipe("classify", "nearest", (("wave", "series"),), "kind", channels),
    "series": Recipe("classify", "nearest", (("wave", "series"),), "pace", waves),
    "tag": Recipe("tag", "lexicon", (("words", "words"),), "tags", sentences),
}


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Made]:
    """Makes the model of a recipe, each once; "forecast" is fitted the whole way."""
    place, held = tmp_path_factory.mktemp("reported"), dict[str, Made]()

    def get(name: str) -> Made:
        if name not in held:
            held[name] = forecast(place) if name == "forecast" else make(place / f"{name}.archwise", RECIPES[name])
        return held[name]

    return get


def steps(n: int, *, seed: int, start: int = 0) -> pl.DataFrame:
    rng, places = np.random.default_rng(seed), np.arange(start, start + n)
    stamps = pl.datetime_range(pl.datetime(2024, 1, 1), pl.datetime(2024, 6, 30), "1h", eager=True)[start : start + n]
    return pl.DataFrame({"time": stamps, "load": 10 + 3 * np.sin(2 * np.pi * places / 24) + rng.normal(0, 0.4, n)})


def forecast(place: Path) -> Made:
    only: Sequence[str] = ("seasonal-naive", "window-ridge")
    config = Config(time="time", horizon=6, only=tuple(only), workers=1, budget="60steps")
    model = archwise.fit(steps(500, seed=0), "load", out=place / "forecast.archwise", config=config)
    return Made(model, steps(300, seed=1, start=500))
