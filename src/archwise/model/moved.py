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
from archwise.errors import ArchwiseError, UsageError
from archwise.model.predict import Model
from archwise.model.together import SHARE, answer_together
from archwise.records import Array, Json
from archwise.tasks.calibration import log_odds

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
        odds = log_odds(np.array([self.whole, *self.without]))
        return tuple((odds[0] - odds[1:]).tolist())


def compare_answers(answers: Mapping[str, Sequence[Json]], *, label: str = "") -> Moved:
    """Compare the first of some answers with the others, which are of the same row without a part.

    Args:
        answers: as a task gives them, name -> (N,): prediction, and p:<name> of each class or label.
        label: the class to explain; the answered one, or the likeliest of several labels, where it is empty.

    Raises:
        UsageError: there is no such class.
    """
    shares = {name.removeprefix(SHARE): cells for name, cells in answers.items() if name.startswith(SHARE)}
    if label and label not in shares:
        raise UsageError(f"the model has no class '{label}'; it has {', '.join(shares) or 'a number to answer'}")
    prediction, of = answers["prediction"][0], label or None
    if shares and not label:
        answered = str(prediction)
        of = answered if answered in shares else max(shares, key=lambda name: shares[name][0])
    levels = [float(each) for each in (answers["prediction"] if of is None else shares[of])]
    return Moved(prediction, of, levels[0], tuple(levels[1:]))


def put_aside(model: Model, row: Mapping[str, object], variants: Sequence[Mapping[str, object]]) -> Moved:
    """Compare the answer to a row with the answers to variants of it, each of which lacks a part.

    Args:
        model: opened; it answers with a class, with labels or with a number.
        row, variants: as for `answer_together`; of a variant only the cells that differ.

    Raises:
        ArchwiseError: the row cannot be answered.
    """
    rows = [row, *({**row, **cells} for cells in variants)]
    told = []
    for start in range(0, len(rows), _AT_ONCE):
        for each in answer_together(model, rows[start : start + _AT_ONCE]):
            if isinstance(each, ArchwiseError):
                raise each
            told.append(each)
    names = told[0].get("probabilities", {})
    shares = {SHARE + name: [each["probabilities"][name] for each in told] for name in names}
    return compare_answers({"prediction": [each["prediction"] for each in told], **shares})


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
    lines = []
    for steps in channels:
        unit = _unit(steps)
        lines.append([float(np.nanmean(steps / unit) * unit)] * len(steps))
    return lines[0] if is_one else lines


def _unit(steps: Array) -> float:
    """The largest of some steps, in units of which neither their sum nor the distance of two is infinite."""
    return float(np.nanmax(np.abs(steps), initial=0.0)) or 1.0


def _straight(steps: Array, start: int, end: int) -> list[float | None]:
    places = np.arange(len(steps))
    is_around = ~np.isnan(steps) & ((places < start) | (places >= end))
    line = steps.copy()
    if is_around.any():
        unit = _unit(steps)
        line[start:end] = np.interp(places[start:end], places[is_around], steps[is_around] / unit) * unit
    return [None if np.isnan(step) else float(step) for step in line]


def grey_picture() -> bytes:
    """A picture that shows nothing."""
    return encode_arrays(np.full((1, 8, 8), GREY, np.uint8))[0]
