"""Where in a picture a model looks, told without its inside: fields of it are covered one by one, and answers compared.

Needs no torch and no network: a covered picture goes the way of every other. Source: Zeiler & Fergus 2014.
"""

from __future__ import annotations

import numpy as np

from archwise.model.predict import Model
from archwise.model.session import outputs
from archwise.records import Array, Batch
from archwise.tasks.calibration import softmax
from archwise.tasks.classify import TASK as CLASSIFY
from archwise.tasks.label_scores import sigmoid

N_FIELDS = 7  # along a side
WIDE = 2.0  # times a field, what is covered, so that fields overlap
_LEAST_SHARE = 1e-6  # of a probability whose odds are told


def heat_by_cover(model: Model, row: Batch) -> Array:
    """How much each part of a picture spoke for the answer.

    Args:
        row: the inputs of one row, among them image (1, H, W, C) uint8; what stands beside the picture stays.

    Returns:
        (H, W) float32 from 0 to 1: how far the odds of the answer fall, or a number that is answered moves, when what
        lies there is covered by the mean of the picture.
    """
    image = np.asarray(row["image"])
    height, width = image.shape[1:3]
    boxes = _boxes(height, width)
    covered = np.repeat(image, 1 + len(boxes), axis=0)
    mean = image.mean(axis=(0, 1, 2)).astype(np.uint8)
    for place, (top, bottom, left, right) in enumerate(boxes):
        covered[1 + place, top:bottom, left:right] = mean
    others = {name: np.repeat(np.asarray(held), len(covered), axis=0) for name, held in row.items() if name != "image"}
    told = _told(model, outputs(model.session, {**others, "image": covered}))
    falls = np.abs(told[0] - told[1:]) if _is_number(model) else np.maximum(told[0] - told[1:], 0.0)
    heat, times = np.zeros((height, width)), np.zeros((height, width))
    for fall, (top, bottom, left, right) in zip(falls, boxes, strict=True):
        heat[top:bottom, left:right] += fall
        times[top:bottom, left:right] += 1.0
    heat /= np.maximum(times, 1.0)
    found: Array = (heat / (heat.max() or 1.0)).astype(np.float32)
    return found


def _is_number(model: Model) -> bool:
    return "classes" not in model.facts.target_state and "labels" not in model.facts.target_state


def _boxes(height: int, width: int) -> list[tuple[int, int, int, int]]:
    """Top, bottom, left and right of the fields that are covered."""
    fields = []
    for y in np.linspace(0, height, 2 * N_FIELDS + 1)[1::2]:
        for x in np.linspace(0, width, 2 * N_FIELDS + 1)[1::2]:
            tall, broad = WIDE * height / N_FIELDS / 2, WIDE * width / N_FIELDS / 2
            ends = (max(0, y - tall), min(height, y + tall), max(0, x - broad), min(width, x + broad))
            top, bottom, left, right = (round(end) for end in ends)
            fields.append((top, bottom, left, right))
    return fields


def _told(model: Model, given: Array) -> Array:
    """(N,) the log odds of what the first row is answered, or the number itself."""
    facts = model.facts
    if _is_number(model):
        return given[:, 0].astype(np.float64)
    shares = (softmax if facts.task == CLASSIFY.name else sigmoid)(given.astype(np.float64))
    own = np.clip(shares[:, int(shares[0].argmax())], _LEAST_SHARE, 1.0 - _LEAST_SHARE)
    return np.log(own / (1.0 - own))
