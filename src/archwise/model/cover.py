"""Where in a picture a model looks, told without its inside: fields of it are covered one by one, and answers compared.

Needs no torch and no network: a covered picture goes the way of every other. Source: Zeiler & Fergus 2014.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from archwise.model.explain_picture import COVERING, Explained, in_colours
from archwise.model.moved import compare_answers
from archwise.model.predict import Model
from archwise.model.session import outputs
from archwise.records import Array, Batch
from archwise.tasks import task

N_FIELDS = 7  # along a side
WIDE = 2.0  # times a field, what is covered, so that fields overlap


@dataclass(frozen=True)
class Covered:
    """What a model answers for a picture, and by how much the answer falls when a field of it is covered.

    prediction: the answer. of: the class or label that is explained, "" for a number. weights: (N_FIELDS, N_FIELDS)
    from the upper left on, in log odds of the class or the label; of a number how far it moves, in its own unit.
    picture: (H, W, C) uint8, as the model reads it.
    """

    prediction: object
    of: str
    weights: Array
    picture: Array

    @property
    def explained(self) -> Explained:
        """The picture with heat where the answer falls."""
        from PIL import Image

        height, width = self.picture.shape[:2]
        falls = Image.fromarray(np.maximum(self.weights, 0.0).astype(np.float32))
        heat = np.asarray(falls.resize((width, height), Image.Resampling.BILINEAR))
        heat = heat / (heat.max() or 1.0)
        return Explained(self.prediction, self.of or str(self.prediction), heat, in_colours(self.picture), COVERING)


def cover(model: Model, row: Batch, *, label: str = "") -> Covered:
    """Cover one field of a picture after the other by its mean.

    Args:
        row: the inputs of one row, among them image (1, H, W, C) uint8; what stands beside the picture stays.
        label: of the class to explain; the answered one where it is empty.

    Raises:
        UsageError: there is no such class.
    """
    image = np.asarray(row["image"])
    fields = _fields(*image.shape[1:3])
    covered = np.repeat(image, 1 + len(fields), axis=0)
    mean = image.mean(axis=(0, 1, 2)).astype(np.uint8)
    for place, (top, bottom, left, right) in enumerate(fields):
        covered[1 + place, top:bottom, left:right] = mean
    others = {name: np.repeat(np.asarray(held), len(covered), axis=0) for name, held in row.items() if name != "image"}
    given = outputs(model.session, {**others, "image": covered})
    facts = model.facts
    answers = task(facts.task).answers(facts.target_state, facts.calibration, given)
    moved = compare_answers({name: cells.tolist() for name, cells in answers.items()}, label=label)
    falls = np.array(moved.weights) if moved.of else np.abs(moved.weights)
    return Covered(moved.prediction, moved.of or "", falls.reshape(N_FIELDS, N_FIELDS), image[0])


def _fields(height: int, width: int) -> list[tuple[int, int, int, int]]:
    """Top, bottom, left and right of the fields that are covered, line by line."""
    fields = []
    for y in np.linspace(0, height, 2 * N_FIELDS + 1)[1::2]:
        for x in np.linspace(0, width, 2 * N_FIELDS + 1)[1::2]:
            tall, broad = WIDE * height / N_FIELDS / 2, WIDE * width / N_FIELDS / 2
            ends = (max(0, y - tall), min(height, y + tall), max(0, x - broad), min(width, x + broad))
            top, bottom, left, right = (round(end) for end in ends)
            fields.append((top, bottom, left, right))
    return fields
