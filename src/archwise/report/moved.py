"""What moved single answers: the words of some texts, and what spoke for the answer in some pictures."""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import partial
from itertools import zip_longest

import numpy as np
import polars as pl

from archwise.data.kinds.text import join_texts
from archwise.model.cover import cover
from archwise.model.explain_picture import COVERING, GRADIENTS, draw, explain_picture, readable_networks
from archwise.model.explain_text import as_texts, text_columns, weigh_words
from archwise.model.session import outputs
from archwise.records import Array, Json
from archwise.report.errors import MOST_LETTERS, is_wrong, picture_url
from archwise.report.rows import Rows, inputs, inputs_of_typed, written
from archwise.report.time_left import Allowed

MOST_TEXTS = 6
MOST_PICTURES = 6
WORST, DRAWN = "a worst error", "drawn at random"


def moved_words(rows: Rows, allowed: Allowed) -> list[dict[str, Json]]:
    """Some texts with their words weighed, as `some_places` picks them.

    Returns:
        for each picked (why it is shown), said, true, of, and pieces: [text, weight from -1 to 1, or None for what
        stands between words]; focus: -1, for no piece is looked at.
    """
    columns = text_columns(rows.model)
    if not columns:
        return []
    texts = join_texts([rows.judged.typed[name] for name in columns])
    found: list[dict[str, Json]] = []
    for place, picked in some_places(rows, MOST_TEXTS):
        text = str(texts[place] or "")[:MOST_LETTERS]
        if allowed.left() <= 0 or not text.strip():
            continue
        explained = weigh_words(rows.model, text, partial(_answers_to, rows.part(np.array([place])), columns))
        most = max((abs(part.weight) for part in explained.parts), default=0.0) or 1.0
        pieces: list[list[Json]] = []
        at = 0
        for part in explained.parts:
            pieces += [[text[at : part.start], None], [text[part.start : part.end], round(part.weight / most, 3)]]
            at = part.end
        pieces.append([text[at:], None])
        told = {"picked": picked, "said": _shown(explained.prediction), "true": _truth(rows, place)}
        found.append({**told, "of": explained.of, "pieces": pieces, "focus": -1})
    return found


def _answers_to(one: Rows, columns: Sequence[str], texts: Sequence[str]) -> pl.DataFrame:
    """The answers to one row with other texts in the place of its own."""
    many = one.part(np.zeros(len(texts), np.int64))
    typed = many.judged.typed.with_columns(as_texts(columns, texts).get_columns())
    given = outputs(one.model.session, inputs_of_typed(many, typed))
    facts = one.model.facts
    return pl.DataFrame(one.task.answers(facts.target_state, facts.calibration, given))


def moved_pixels(rows: Rows, allowed: Allowed) -> dict[str, Json] | None:
    """Some pictures with the heat of what spoke for the answer, as `some_places` picks them.

    Of a network of pictures alone it is told by its gradients, of every other model by fields that are covered.

    Returns:
        how: GRADIENTS or COVERING; shown: for each picked (why it is shown), said, true, picture and heat (data URLs).
        None where no pictures are read; `shown` is empty where no time was left.
    """
    if "image" not in dict(rows.model.facts.columns).values() or rows.model.facts.need.image is None:
        return None
    places = some_places(rows, MOST_PICTURES)
    some = rows.part(np.array([place for place, _ in places]))
    batch = {name: np.asarray(array) for name, array in inputs(some).items()}
    networks = readable_networks(rows.model)
    found: list[dict[str, Json]] = []
    took = 0.0
    for number, (_, picked) in enumerate(places):
        began = allowed.clock()
        if allowed.left() <= took:
            break
        row = {name: array[number : number + 1] for name, array in batch.items()}
        pixels = batch["image"][number]
        if networks is None:
            explained = cover(rows.model, row).explained
        else:
            explained = explain_picture(rows.model, _as_file(pixels), networks)
        told = {"picked": picked, "said": _shown(some.answers["prediction"][number]), "true": _truth(some, number)}
        heat = picture_url(np.asarray(draw(explained)))
        found.append({**told, "picture": picture_url(explained.picture), "heat": heat})
        took = allowed.clock() - began
    return {"how": COVERING if networks is None else GRADIENTS, "shown": found}


def _shown(said: object) -> str:
    return written(float(said)) if isinstance(said, float | np.floating) else str(said)


def some_places(rows: Rows, most: int) -> list[tuple[int, str]]:
    """Rows to show, and why each: in turn one of the worst errors and one that is drawn by a fixed seed."""
    order = np.argsort(-rows.losses, kind="stable")
    worst = order[is_wrong(rows)[order]][: most // 2]
    drawn = np.random.default_rng(0).permutation(np.setdiff1d(order, worst))[: most - len(worst)]
    both = [(int(place), WORST) for place in worst], [(int(place), DRAWN) for place in drawn]
    return [each for pair in zip_longest(*both) for each in pair if each is not None]


def _truth(rows: Rows, place: int) -> str:
    state, truth = rows.model.facts.target_state, rows.judged.targets[place]
    if rows.classes and truth.ndim == 0:
        return rows.classes[int(truth)]
    if rows.classes:
        return ", ".join(_held(rows.classes, truth)) or "none"
    return written(state["mean"] + state["scale"] * float(truth))


def _held(labels: Sequence[str], truth: Array) -> list[str]:
    return [label for label, held in zip(labels, truth, strict=True) if held > 0.5]


def _as_file(pixels: Array) -> bytes:
    """Pixels as the bytes of a picture that loses nothing."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(buffer, format="PNG")
    return buffer.getvalue()
