"""What moved single answers: the words of some texts, and where a network looked in some pictures."""

from __future__ import annotations

import io
from collections.abc import Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING

import numpy as np

from archwise.data.kinds.text import join_texts
from archwise.errors import MissingExtraError, UsageError
from archwise.model.explain_picture import draw, explain_picture, networks_of
from archwise.model.explain_text import explain_text, text_columns
from archwise.records import Array, Json
from archwise.report.errors import MOST_LETTERS, is_wrong, picture_url
from archwise.report.rows import Rows, inputs_of_typed
from archwise.report.time_left import Allowed

if TYPE_CHECKING:
    from archwise.training.network import Network

MOST_TEXTS = 6
MOST_PICTURES = 6
WORST, DRAWN = "a worst error", "drawn at random"


def moved_words(rows: Rows, allowed: Allowed) -> list[dict[str, Json]]:
    """Some texts with their words weighed, as `some_places` picks them.

    Returns:
        for each picked (why it is shown), said, true, of, and pieces: [text, weight from -1 to 1, or None for what
        stands between words].
    """
    columns = text_columns(rows.model)
    if not columns or len(columns) != len(rows.model.facts.columns):
        return []
    texts = join_texts([rows.judged.typed[name] for name in columns])
    found: list[dict[str, Json]] = []
    for place, picked in some_places(rows, MOST_TEXTS):
        text = str(texts[place] or "")[:MOST_LETTERS]
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
        told = {"picked": picked, "said": str(explained.prediction), "true": _truth(rows, place)}
        found.append({**told, "of": explained.of, "pieces": pieces})
    return found


def moved_pixels(rows: Rows, allowed: Allowed) -> tuple[list[dict[str, Json]], str]:
    """Some pictures with the heat of where the network looked, as `some_places` picks them.

    Returns:
        for each picked (why it is shown), said, true, picture and heat (data URLs); and why there are none, "" where
        there are some.
    """
    if "image" not in dict(rows.model.facts.columns).values():
        return [], ""
    shown, took = some_places(rows, MOST_PICTURES), 0.0
    batch = inputs_of_typed(rows, rows.judged.typed[[place for place, _ in shown]])
    found: list[dict[str, Json]] = []
    networks: list[Network] | None = None
    for (place, picked), pixels in zip(shown, np.asarray(batch["image"]), strict=True):
        began = allowed.clock()
        if allowed.left() <= took:
            break
        try:
            networks = networks_of(rows.model) if networks is None else networks
            explained = explain_picture(rows.model, _as_file(pixels), networks=networks)
        except (UsageError, MissingExtraError) as error:
            return [], str(error)
        told = {"picked": picked, "said": str(explained.prediction), "true": _truth(rows, place)}
        heat = picture_url(np.asarray(draw(explained)))
        found.append({**told, "picture": picture_url(explained.picture), "heat": heat})
        took = allowed.clock() - began if len(found) > 1 else took  # the first also builds the network
    return found, "" if found else "no time was left to look where the network looked"


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
    return f"{state['mean'] + state['scale'] * float(truth):.5g}"


def _held(labels: Sequence[str], truth: Array) -> list[str]:
    return [label for label, held in zip(labels, truth, strict=True) if held > 0.5]


def _as_file(pixels: Array) -> bytes:
    """Pixels as the bytes of a picture that loses nothing."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(buffer, format="PNG")
    return buffer.getvalue()
