"""What moved single answers: the words of some texts, and where a network looked in some pictures."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np

from archwise.errors import MissingExtraError, UsageError
from archwise.model.explain_picture import draw, explain_picture
from archwise.model.explain_text import explain_text, text_column
from archwise.records import Array, Json
from archwise.report.errors import MOST_LETTERS, picture_url
from archwise.report.rows import Rows
from archwise.report.time_left import Allowed

MOST_TEXTS = 6
MOST_PICTURES = 6


def moved_words(rows: Rows, allowed: Allowed) -> list[dict[str, Json]]:
    """Some texts with their words weighed: half of those that were answered worst, half drawn from all.

    Returns:
        for each said, true, of, and pieces: [text, weight from -1 to 1 or None between words].
    """
    column = text_column(rows.model)
    if not column or [name for name, _ in rows.model.facts.columns] != [column]:
        return []
    texts = rows.judged.typed[column]
    found: list[dict[str, Json]] = []
    for place in some_places(rows, MOST_TEXTS):
        text = str(texts[int(place)] or "")[:MOST_LETTERS]
        if allowed.left() <= 0 or not text.strip():
            continue
        explained = explain_text(rows.model, text)
        most = max((abs(part.weight) for part in explained.parts), default=0.0) or 1.0
        pieces: list[list[Json]] = []
        at = 0
        for part in explained.parts:
            pieces += [[text[at : part.start], None], [text[part.start : part.end], round(part.weight / most, 3)]]
            at = part.end
        pieces.append([text[at:], None])
        found.append({"said": str(explained.prediction), "true": _truth(rows, int(place)), "of": explained.of,
                      "pieces": pieces})  # fmt: skip
    return found


def moved_pixels(rows: Rows, allowed: Allowed) -> tuple[list[dict[str, Json]], str]:
    """Some pictures with the heat of where the network looked.

    Returns:
        for each said, true, picture and heat (data URLs); and why there are none, "" where there are.
    """
    if "image" not in dict(rows.model.facts.columns).values():
        return [], ""
    places = some_places(rows, MOST_PICTURES)
    batch = rows.batch(rows.judged.typed[places])
    found: list[dict[str, Json]] = []
    for place, pixels in zip(places, np.asarray(batch["image"]), strict=True):
        if allowed.left() <= 0:
            break
        try:
            explained = explain_picture(rows.model, _as_file(pixels))
        except (UsageError, MissingExtraError) as error:
            return [], str(error)
        heat = np.asarray(draw(explained))
        found.append({"said": str(explained.prediction), "true": _truth(rows, int(place)),
                      "picture": picture_url(explained.picture), "heat": picture_url(heat)})  # fmt: skip
    return found, "" if found else "no time was left to look where the network looked"


def some_places(rows: Rows, most: int) -> Array:
    """Half of the rows that were answered worst, half drawn from the others by a fixed seed; (M,)."""
    order = np.argsort(-rows.losses, kind="stable")
    worst, others = order[: most // 2], order[most // 2 :]
    drawn = np.random.default_rng(0).permutation(others)[: most - len(worst)]
    return np.concatenate([worst, drawn])


def _truth(rows: Rows, place: int) -> str:
    state, truth = rows.model.facts.target_state, rows.judged.targets[place]
    if rows.classes and truth.ndim == 0:
        return rows.classes[int(truth)]
    if rows.classes:
        return ", ".join(_held(rows.classes, truth)) or "none"
    return f"{state['mean'] + state['scale'] * float(truth):.5g}"


def _held(labels: Sequence[str], truth: Array) -> list[str]:
    return [label for label, held in zip(labels, truth, strict=True) if held > 0.5]


def _as_file(pixels: Array) -> bytes:
    """Pixels as the bytes of a picture that loses nothing."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(buffer, format="PNG")
    return buffer.getvalue()
