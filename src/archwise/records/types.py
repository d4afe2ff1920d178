"""The names of what is passed about: arrays, batches, scalars, and the words of closed lists."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
Batch: TypeAlias = dict[str, Array]  # named inputs of a network, first axis is the row
Scalar: TypeAlias = bool | int | float | str
Json: TypeAlias = Any  # whatever json.dumps writes and json.loads gives back

Widths: TypeAlias = dict[str, tuple[int | tuple[int, ...], tuple[int, ...]]]  # input -> (width or shape, levels)

Family = Literal["reference", "ann", "cnn", "transfer", "sequence", "attention"]
Form = Literal["vector", "sequence", "pyramid", "window"]
Severity = Literal["note", "warning", "error"]
TrialState = Literal["done", "paused", "failed"]
