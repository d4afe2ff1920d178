"""Folders that hold the parts of a data set: train/ beside val/ or test/."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from archwise.records import Parts

TRAIN, VALID, TEST = ("train", "training"), ("val", "valid", "validation", "dev"), ("test", "testing")


def parts_in_folders(folder: Path, has_labels: Callable[[Path], bool]) -> Parts | None:
    """The parts in a folder, each a folder whose examples have labels of its own; None where there is no training part.

    Args:
        has_labels: whether the examples in a folder have labels.
    """
    places = {path.name.lower(): path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")}
    found = [next((places[name] for name in names if name in places), None) for names in (TRAIN, VALID, TEST)]
    train, valid, test = (place if place is not None and has_labels(place) else None for place in found)
    if train is None or (valid is None and test is None and len(places) > 1):
        return None
    return Parts(str(train), test=test and str(test), valid=valid and str(valid))
