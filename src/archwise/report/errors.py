"""The rows whose answers lie farthest from the truth, as a person can read them: cells, texts, or small pictures."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from archwise.data.kinds import read_as
from archwise.model.tagged import words_column
from archwise.records import FORECAST, Array, Json
from archwise.report.answers import answered_classes
from archwise.report.forecasts import apart_places, whole_forecasts
from archwise.report.rows import Rows, inputs_of_typed, loss_name, written
from archwise.tasks.classify import TASK as CLASSIFY
from archwise.tasks.multilabel import TASK as MULTILABEL
from archwise.tasks.tag import TASK as TAG
from archwise.tasks.tag_scores import answered_like
from archwise.tasks.tag_set import tag_set

MOST = 12  # rows
MOST_FORECASTS = 4  # that overlap nowhere
MOST_CELLS = 6  # of a row, those that move the answer most first
MOST_LETTERS = 600  # of a text
MOST_STEPS = 200  # of a series
SIDE = 128  # pixels of a small picture
QUALITY = 72  # of its JPEG


def worst_rows(rows: Rows, *, first: Sequence[str] = ()) -> dict[str, Json]:
    """The rows with the largest losses.

    Args:
        first: columns whose cells are shown before others.

    Returns:
        loss: what is told of each row, in words; rows: true, said, loss, and cells, text, words, series or picture.
    """
    places = np.argsort(-rows.losses, kind="stable")
    places = places[is_wrong(rows)[places]]
    if rows.task.name == FORECAST:
        places = apart_places(rows, places, MOST_FORECASTS)
        return {"loss": loss_name(rows), "rows": [], "whole": whole_forecasts(rows, places)}
    places = places[:MOST]
    part = rows.part(places)
    told = [
        {"true": true, "said": said, "share": share, "loss": float(loss)}
        for true, said, share, loss in zip(*_truth_and_answer(part), part.losses, strict=True)
    ]
    for row, shown in zip(told, show_rows(part, first=first), strict=True):
        row |= shown
    return {"loss": loss_name(rows), "rows": told}


def is_wrong(rows: Rows) -> Array:
    """(N,) bool, the rows whose answer is not the truth; of a number nearly all."""
    wrong: Array = rows.losses > 0
    if rows.task.name == CLASSIFY.name:
        wrong = answered_classes(rows) != rows.judged.targets
    elif rows.task.name == MULTILABEL.name:
        wrong = ((rows.served >= 0) != (rows.judged.targets > 0.5)).any(axis=1)
    return wrong


def show_rows(rows: Rows, *, first: Sequence[str] = ()) -> list[dict[str, Json]]:
    """What a person sees of each row.

    Returns:
        for each row cells, a list of [column, cell]; row, its number in the source from 1, or None; file, the name of
        its picture's file, or ""; and where the model reads them text, series and picture, a data
        URL of a JPEG.
    """
    kinds = {name: read_as(kind) for name, kind in rows.model.facts.columns}
    order = [name for name in first if name in kinds] + [name for name in kinds if name not in first]
    plain = [name for name in order if kinds[name] not in ("image", "text", "words", "series")][:MOST_CELLS]
    pictures = picture_urls(rows) if "image" in kinds.values() else [""] * rows.n_rows
    found = []
    for place in range(rows.n_rows):
        row = rows.judged.typed.row(place, named=True)
        shown: dict[str, Json] = {"cells": [[name, _cell(row[name])] for name in plain], **_where(rows, place)}
        shown |= {kind: read(row[name]) for name in order for kind, read in _READ.items() if kinds[name] == kind}
        if pictures[place]:
            shown["picture"] = pictures[place]
        if rows.task.name == TAG.name:
            shown["words"] = _marked_words(rows, place, row[words_column(rows.model.facts.columns)])
        found.append(shown)
    return found


def _where(rows: Rows, place: int) -> dict[str, Json]:
    """The number of a row in its source and the name of its file, as far as they are known."""
    told = rows.judged.told
    if told is None:
        return {"row": None, "file": ""}
    return {"row": told["row"][place], "file": Path(told["file"][place] or "").name}


def picture_urls(rows: Rows) -> list[str]:
    """Each picture as the model reads it, shrunk, as a data URL; "" where the model reads none."""
    batch = inputs_of_typed(rows, rows.judged.typed)
    if "image" not in batch:
        return [""] * rows.n_rows
    return [picture_url(np.asarray(pixels)) for pixels in batch["image"]]


def picture_url(pixels: Array) -> str:
    """A picture (H, W, C) uint8 as a data URL of a small JPEG."""
    from PIL import Image

    picture = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    picture.thumbnail((SIDE, SIDE))
    buffer = io.BytesIO()
    picture.save(buffer, format="JPEG", quality=QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def _truth_and_answer(rows: Rows) -> tuple[list[str], list[str], list[float | None]]:
    """Of each row the truth, the answer and the probability of the answer, as words."""
    state, truth, said = rows.model.facts.target_state, rows.judged.targets, rows.answers["prediction"]
    none: list[float | None] = [None] * rows.n_rows
    if rows.task.name == MULTILABEL.name:
        labels = [", ".join(np.array(rows.classes, object)[row > 0.5]) or "none" for row in truth]
        return labels, [str(each).replace(";", ", ") or "none" for each in said], none
    if rows.task.name == TAG.name:
        return [""] * rows.n_rows, [""] * rows.n_rows, none
    if not rows.classes:
        numbers = state["mean"] + state["scale"] * truth.astype(np.float64)
        return [written(each) for each in numbers], [written(each) for each in said], none
    shares: list[float | None] = [float(rows.answers[f"p:{name}"][row]) for row, name in enumerate(said)]
    return [rows.classes[place] for place in truth], [str(each) for each in said], shares


def _cell(value: object) -> str:
    if value is None:
        return "missing"
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value).removesuffix(" 00:00:00")[:80]  # a day is kept as its midnight


def _text(value: object) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= MOST_LETTERS else text[: MOST_LETTERS - 1] + "…"


def _steps(value: object) -> list[float]:
    """A series, or the first channel of it, evenly thinned."""
    cells = value.to_list() if isinstance(value, pl.Series) else value
    if not isinstance(cells, list) or not cells:
        return []
    one = cells[0] if isinstance(cells[0], list) else cells
    step = -(-len(one) // MOST_STEPS) or 1
    return [float("nan") if each is None else float(each) for each in one[::step]]


_READ = {"text": _text, "series": _steps}


def _marked_words(rows: Rows, place: int, value: object) -> list[list[str]]:
    """The words of a sentence with their true tags and those that were answered."""
    tags = tag_set(rows.model.facts.target_state)
    truth = rows.judged.targets[[place]]
    said = answered_like(truth, rows.served[[place]], tags)[0]
    names = [*tags.tags, *["another"] * 5]
    cells = (
        value.to_list() if isinstance(value, pl.Series) else value if isinstance(value, list) else str(value).split()
    )
    pairs = zip(cells, truth[0], said, strict=False)
    return [[str(word), names[true], names[answered]] for word, true, answered in pairs if true >= 0]
