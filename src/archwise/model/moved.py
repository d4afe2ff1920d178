"""What moved the answer to one row: a part of it is put out of the way at a time, and the answers are compared.

It asks nothing of a model but answers, so that trees and networks are explained alike, without torch.
Source: Zeiler & Fergus 2014, section 4.2 (occlusion).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from archwise.data.picture import encode_arrays
from archwise.errors import ArchwiseError
from archwise.model.explain_text import LEAST_SHARE
from archwise.model.predict import Model
from archwise.model.together import answer_together
from archwise.records import Array, Json

MOST_STRETCHES = 24  # of a series
GREY = 128
_AT_ONCE = 16  # rows with a picture: each holds a copy of it


@dataclass(frozen=True)
class Moved:
    """What was answered for the whole row and for it without each part.

    of: the class or the label that is explained, None where the answer is a number. whole: its probability, or the
    number. without: the same, in the order of the parts.
    """

    prediction: Json
    of: str | None
    whole: float
    without: tuple[float, ...]

    @property
    def effects(self) -> tuple[float, ...]:
        """By how much the answer falls without each part, in probability or in the unit of the number."""
        return tuple(self.whole - level for level in self.without)

    @property
    def weights(self) -> tuple[float, ...]:
        """The same in log odds where it is a class: of a sure answer the probability hardly moves."""
        if self.of is None:
            return self.effects
        shares = np.clip([self.whole, *self.without], LEAST_SHARE, 1.0 - LEAST_SHARE)
        odds = np.log(shares / (1.0 - shares))
        return tuple((odds[0] - odds[1:]).tolist())


def put_aside(model: Model, row: Mapping[str, object], variants: Sequence[Mapping[str, object]]) -> Moved:
    """Compare the answer to a row with the answers to variants of it, each of which lacks a part.

    Args:
        model: opened; it answers with a class, with labels or with a number.
        row, variants: as for `answer_together`; of a variant only the cells that differ.

    Raises:
        ArchwiseError: the row cannot be answered.
    """
    rows = [row, *({**row, **cells} for cells in variants)]
    answers = []
    for start in range(0, len(rows), _AT_ONCE):
        for each in answer_together(model, rows[start : start + _AT_ONCE]):
            if isinstance(each, ArchwiseError):
                raise each
            answers.append(each)
    prediction, shares = answers[0]["prediction"], answers[0].get("probabilities", {})
    of = None if not shares else prediction if prediction in shares else max(shares, key=lambda name: shares[name])
    levels = [float(told["prediction"] if of is None else told["probabilities"][of]) for told in answers]
    return Moved(prediction, of, levels[0], tuple(levels[1:]))


def stretches_of(cell: Sequence[Json]) -> tuple[list[tuple[int, int]], list[Json]]:
    """A series in stretches, and the series with each in turn as a straight line between the steps around it.

    Args:
        cell: steps, or a list of them for each channel; None for what is not known.

    Returns:
        (start, end) of each stretch, the end outside of it; and the cells.
    """
    is_one = not isinstance(cell[0], list)
    channels = [np.array(each, dtype=np.float64) for each in ([cell] if is_one else cell)]
    n_steps = max(len(each) for each in channels)
    edges = np.unique(np.linspace(0, n_steps, min(MOST_STRETCHES, n_steps) + 1).astype(int)).tolist()
    pairs = list(pairwise(edges))
    found: list[Json] = []
    for start, end in pairs:
        lines = [_straight(steps, start, end) for steps in channels]
        found.append(lines[0] if is_one else lines)
    return pairs, found


def flat(cell: Sequence[Json]) -> Json:
    """A series whose every step is its mean."""
    is_one = not isinstance(cell[0], list)
    channels = [np.array(each, dtype=np.float64) for each in ([cell] if is_one else cell)]
    lines = [[float(np.nanmean(steps))] * len(steps) for steps in channels]
    return lines[0] if is_one else lines


def _straight(steps: Array, start: int, end: int) -> list[float | None]:
    places = np.arange(len(steps))
    is_around = ~np.isnan(steps) & ((places < start) | (places >= end))
    line = steps.copy()
    if is_around.any():
        line[start:end] = np.interp(places[start:end], places[is_around], steps[is_around])
    return [None if np.isnan(step) else float(step) for step in line]


def grey_picture() -> bytes:
    """A picture that shows nothing."""
    return encode_arrays(np.full((1, 8, 8), GREY, np.uint8))[0]
