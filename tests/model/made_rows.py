"""Small made-up data, of which the golden folders are made: one function for each, and how a model is fitted to it."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from PIL import Image

from archwise.records import Scalar

N_ROWS = 8  # that are answered


@dataclass(frozen=True)
class Made:
    """Rows to learn from, rows to answer, and what is said of the fit: the architecture, its settings, and the rest."""

    training: pl.DataFrame
    rows: pl.DataFrame
    target: str
    only: str
    settings: Mapping[str, Scalar]
    options: Mapping[str, object]


def _halves(frame: pl.DataFrame, target: str, only: str, settings: Mapping[str, Scalar], **options: object) -> Made:
    n_training = frame.height - N_ROWS
    rows = frame[n_training:].drop(target.split(","))
    return Made(frame[:n_training], rows, target, only, settings, options)


def _table(n: int = 400) -> pl.DataFrame:
    """A number with missing cells and one with far tails, a category, a date, yes and no; and three targets."""
    rng = np.random.default_rng(0)
    age, city = rng.normal(40, 10, n).round(1), np.array(["Lima", "Oslo", "Paris"])[rng.integers(0, 3, n)]
    day = pl.Series(rng.integers(0, 700, n)) * 86_400_000_000 + pl.Series([1_600_000_000_000_000]).item()
    moment = day.cast(pl.Datetime("us"))
    signal = (age - 40) / 10 + (city == "Lima") + 0.5 * np.sin(moment.dt.month().to_numpy()) + 0.3 * rng.normal(size=n)
    frame = pl.DataFrame(
        {
            "age": age,
            "pay": np.exp(2.0 * rng.normal(size=n)).round(2),
            "city": city,
            "since": moment,
            "member": rng.random(n) < 0.5,
            "rich": np.where(signal > 0.4, "yes", "no"),
            "worth": (100 * signal).round(1),
            "sea": city == "Lima",
            "snow": signal > 0,
        }
    )
    return frame.with_columns(age=pl.when(pl.Series(rng.random(n) < 0.1)).then(None).otherwise("age"))


def table() -> Made:
    """A network that reads numbers, a date and a category, with a threshold."""
    frame = _table().drop("worth", "sea", "snow")
    settings = {"mlp.width": 16, "mlp.layers": 2, "plan.epochs": 8}
    return _halves(frame, "rich", "mlp", settings, threshold="f1")


def value() -> Made:
    """A number with an interval."""
    return _halves(_table().drop("rich", "sea", "snow"), "worth", "linear", {})


def labels() -> Made:
    """Several labels a row."""
    return _halves(_table().drop("rich", "worth"), "sea,snow", "linear", {}, task="multilabel")


def pictures() -> Made:
    """Small pictures of stripes that go up or across."""
    rng = np.random.default_rng(1)
    ways = rng.integers(0, 2, 200)
    waves = 100.0 * np.sin(np.arange(12) * 1.3 + rng.uniform(0, 6, (200, 1)))
    pixels = np.where(ways[:, None, None] == 1, waves[:, :, None], waves[:, None, :]) + rng.normal(
        128, 20, (200, 12, 12)
    )
    cells = [_png(np.clip(each, 0, 255).astype(np.uint8)) for each in pixels]
    frame = pl.DataFrame({"image": cells, "way": np.array(["across", "up"])[ways]})
    settings = {
        "cnn.blocks": 2,
        "cnn.filters": 8,
        "cnn.size": 12,
        "cnn.channels": 1,
        "cnn.convolutions": 1,
        "plan.epochs": 6,
    }
    return _halves(frame, "way", "cnn", settings)


def _png(pixels: np.ndarray) -> bytes:
    held = io.BytesIO()
    Image.fromarray(pixels).save(held, "PNG")
    return held.getvalue()


def _texts(n: int = 300) -> pl.DataFrame:
    rng = np.random.default_rng(2)
    sides, words = rng.integers(0, 2, n), np.array(["good", "fine", "bad", "poor", "film", "plot", "the", "a", "it's"])
    cells = [
        " ".join([*rng.choice(words[2 * s : 2 * s + 2], 2), *rng.choice(words[4:], rng.integers(2, 7))]) for s in sides
    ]
    return pl.DataFrame({"text": [f"{cell.capitalize()}." for cell in cells], "mood": np.array(["up", "down"])[sides]})


def texts() -> Made:
    """Texts read word by word, forwards only, so that there is a stream.onnx."""
    settings = {"lstm.width": 16, "lstm.embedding": 16, "lstm.both_ways": False, "plan.epochs": 6}
    return _halves(_texts(), "mood", "lstm", settings, kinds={"text": "text"})


def pieces() -> Made:
    """Texts read in pieces of words."""
    settings = {"gru.width": 16, "gru.embedding": 16, "gru.unit": "subword", "plan.epochs": 6}
    return _halves(_texts(), "mood", "gru", settings, kinds={"text": "text"})


def terms() -> Made:
    """Texts whose words are counted."""
    return _halves(_texts(), "mood", "tfidf", {}, kinds={"text": "text"})


def tags() -> Made:
    """Sentences with a tag for every word."""
    rng = np.random.default_rng(3)
    names = {"B-LOC": ["Paris", "Oslo", "New"], "B-PER": ["Ada", "Alan", "Grace"]}
    said, told = [], []
    for _ in range(240):
        kinds = rng.choice(["B-LOC", "B-PER", "O"], rng.integers(3, 9))
        said.append([str(rng.choice(names.get(k, ["went", "to", "with", "1984"]))) for k in kinds])
        told.append(kinds.tolist())
    settings = {"gru.width": 16, "gru.embedding": 16, "plan.epochs": 8}
    return _halves(pl.DataFrame({"words": said, "tags": told}), "tags", "gru", settings, task="tag")


def series() -> Made:
    """Whole series of two channels and of any length, with gaps."""
    rng = np.random.default_rng(4)
    cells, sides = [], rng.integers(0, 2, 200)
    for side in sides:
        steps = np.arange(rng.integers(12, 30))
        both = np.stack([np.sin(steps / (1 + 2 * side)), steps / 10]) + 0.1 * rng.normal(size=(2, len(steps)))
        both[rng.random(both.shape) < 0.05] = np.nan
        cells.append([[None if np.isnan(v) else round(v, 3) for v in channel] for channel in both.tolist()])
    frame = pl.DataFrame({"beat": cells, "pace": np.array(["fast", "slow"])[sides]})
    return _halves(frame, "pace", "cnn-1d", {"cnn-1d.filters": 8, "plan.epochs": 6})


def forecast() -> Made:
    """Two series of amounts with a day in them, moved by a price that is known ahead, and a column that is not."""
    rng = np.random.default_rng(5)
    hours, frames = np.arange(24 * 30), []
    for place, name in enumerate(("east", "west")):
        price = (hours // 24 % 5 == 0).astype(float)
        swing = 0.3 * np.sin(2 * np.pi * hours / 24) - 0.2 * price + 0.02 * rng.normal(size=len(hours))
        columns = {
            "time": (pl.Series(hours) * 3_600_000_000 + 1_706_745_600_000_000).cast(pl.Datetime("us")),
            "load": ((10 + 90 * place) * np.exp(swing)).round(3),
            "price": price,
            "heat": rng.normal(20, 5, len(hours)).round(2),
        }
        frames.append(pl.DataFrame(columns, strict=False).with_columns(site=pl.lit(name)))
    last, ahead = len(hours) - 30, 12
    newer = [frame[last - 24 :] for frame in frames]
    newer = [
        frame.with_columns(load=pl.when(pl.int_range(len(frame)) < len(frame) - ahead).then("load")) for frame in newer
    ]
    settings = {"past": 24, "width": 16, "layers": 1, "covariates": "read", "calendar": "read"}
    options = {"horizon": ahead, "series": "site", "time": "time", "known": ("price",)}
    named: dict[str, Scalar] = {f"forecast-mlp.{name}": held for name, held in settings.items()}  # type: ignore[misc]
    training = pl.concat([frame[:last] for frame in frames])
    return Made(training, pl.concat(newer), "load", "forecast-mlp", {**named, "plan.epochs": 6}, options)


MADE: Mapping[str, Callable[[], Made]] = {
    each.__name__: each for each in (table, value, labels, pictures, texts, pieces, terms, tags, series, forecast)
}
