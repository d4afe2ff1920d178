"""Reads a series or a text as its steps come in, so that what is read is what would be read of the whole.

A step is settled once nothing that follows can change it. Where a value is missing, what stands in its place depends on
the next one that is known: such steps are read on trial, and again when that has come.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import polars as pl

from archwise.data.kinds.series import scaled_steps
from archwise.data.missing import MISSING_MARKS
from archwise.data.sentence import parse_sentences, split_words
from archwise.data.series_cells import BETWEEN_STEPS, n_known_steps
from archwise.data.series_shape import close_gaps, coarsen
from archwise.data.word_form import word_numberer
from archwise.data.words import MOST_LETTERS, encode
from archwise.errors import DataError
from archwise.records import Array, Batch, Json


@dataclass(frozen=True)
class Taken:
    """Inputs of one row, (1, t, ...) each, or None for no step. settled: read once. on_trial: what follows for now."""

    settled: Batch | None = None
    on_trial: Batch | None = None


class StepReader(Protocol):
    """Reads the steps of one row in parts. n_read: steps that are settled. most: that are read of a row."""

    n_read: int
    most: int

    def take(self, steps: Any) -> Taken:
        """Read steps that follow those before."""

    def of_line(self, line: str) -> Any:
        """The steps that a line of text holds."""


class SeriesReader:
    """Reads series of C channels.

    Args:
        state: of the kind `series`, scaled by channel.
    """

    def __init__(self, state: Mapping[str, Json]) -> None:
        self._state, self._together = state, int(state["together"])
        self.n_read, self.most = 0, int(state["steps"])
        # What is not settled yet, behind the last step that is: from its values the straight lines over gaps begin.
        self._held = np.empty((0, int(state["channels"])))

    def take(self, steps: Any) -> Taken:
        """Read steps (t, C), or (t,) of one channel, or one step; NaN or None for what is not known.

        Raises:
            DataError: they hold what is no number, or have another number of channels.
        """
        if self.n_read >= self.most:
            return Taken()
        n_anchors = int(self.n_read > 0)
        self._held = np.concatenate([self._held, self._values(steps)])
        if not len(self._held):
            return Taken()
        block = self._held.T[None]  # (1, C, L)
        lengths = n_known_steps(block)
        filled = close_gaps(block, lengths)[0].T[n_anchors : lengths[0]]
        is_known = ~np.isnan(self._held)
        last_known = np.where(is_known.any(axis=0), len(is_known) - 1 - np.argmax(is_known[::-1], axis=0), -1)
        n_settled = max(0, int(last_known.min()) + 1 - n_anchors)
        n_settled -= n_settled % self._together
        settled, on_trial = self._shaped(filled[:n_settled]), self._shaped(filled[n_settled:])
        if n_settled:
            self._held = np.concatenate([filled[n_settled - 1 : n_settled], self._held[n_anchors + n_settled :]])
        settled = settled[:, : self.most - self.n_read]
        self.n_read += settled.shape[1]
        on_trial = on_trial[:, : self.most - self.n_read]
        return Taken(*({"series": each} if each.shape[1] else None for each in (settled, on_trial)))

    def of_line(self, line: str) -> Any:
        """One step, its channels separated by commas; no step of an empty line.

        Raises:
            DataError: a word is no number.
        """
        if not line.strip():
            return []
        cells = [cell.strip() for cell in line.split(BETWEEN_STEPS)]
        try:
            return [[float("nan") if cell in ("", *MISSING_MARKS) else float(cell) for cell in cells]]
        except ValueError as error:
            raise DataError(
                f"{error}; write one step a line, its {self._held.shape[1]} channels separated by commas"
            ) from None

    def _values(self, steps: Any) -> Array:
        """Steps as (t, C) float64."""
        n_channels = self._held.shape[1]
        try:
            values = np.asarray(steps, np.float64)
        except (TypeError, ValueError):
            raise DataError(f"steps are numbers, (steps, {n_channels}), and cannot be read as such") from None
        if values.size == 0:
            return np.empty((0, n_channels))
        if values.ndim < 2:
            values = values.reshape((-1, 1) if n_channels == 1 else (1, -1))
        if values.ndim != 2 or values.shape[1] != n_channels:
            raise DataError(
                f"steps of the shape {np.shape(steps)}, where {n_channels} channels were learnt from; give (steps, "
                f"{n_channels})"
            )
        if np.isinf(values).any():
            raise DataError("a step holds an infinite value; give what is not known as NaN or None")
        return values

    def _shaped(self, steps: Array) -> Array:
        """Steps (t, C) as the network reads them, (1, t or fewer, C) float32."""
        coarse, _ = coarsen(steps.T[None], np.array([len(steps)]), self._together)
        return np.ascontiguousarray(np.moveaxis(scaled_steps(self._state, coarse), 1, 2))


class TextReader:
    """Reads texts, part by part with a blank between.

    Args:
        state: of the kind `text`, as tokens.
    """

    def __init__(self, state: Mapping[str, Json]) -> None:
        self._tokenizer = str(state["tokenizer"])
        self.n_read, self.most = 0, int(state["longest"])
        self._n_letters, self._held = 0, ""

    def take(self, steps: Any) -> Taken:
        """Read a part of a text, or a list of its words.

        Raises:
            DataError: it is neither.
        """
        text = " ".join(_words(steps)) if isinstance(steps, list | tuple) else _text(steps)
        text = f"{self._held} {text}".strip()
        if not text:
            return Taken()
        if text in MISSING_MARKS and self._n_letters == 0:  # alone it is a missing text, before others a word
            self._held = text
            return Taken()
        self._held = ""
        room = max(0, MOST_LETTERS - self._n_letters)
        self._n_letters += len(text) + 1  # with the blank behind it
        numbers = next(iter(encode(self._tokenizer, [text[:room]])))[: self.most - self.n_read]
        self.n_read += len(numbers)
        return Taken({"tokens": np.array([numbers], np.int64)} if numbers else None)

    def of_line(self, line: str) -> Any:
        """The line, whose words are read."""
        return line


class WordReader:
    """Reads sentences that are cut into words.

    Args:
        state: of the kind `words`, with levels.
    """

    def __init__(self, state: Mapping[str, Json]) -> None:
        self._number = word_numberer(state["levels"])
        self.n_read, self.most = 0, int(state["longest"])

    def take(self, steps: Any) -> Taken:
        """Read a list of words, or text that is cut at its blanks.

        Raises:
            DataError: it is neither.
        """
        cells = pl.Series([_words(steps)]) if isinstance(steps, list | tuple) else pl.Series([_text(steps)])
        words = split_words(parse_sentences(cells)[0] or "")[: self.most - self.n_read]
        self.n_read += len(words)
        if not words:
            return Taken()
        numbers = np.array([[self._number(word) for word in words]], np.int64)  # (1, t, F + 1)
        return Taken({"tokens": numbers[:, :, 0], "forms": numbers[:, :, 1:]})

    def of_line(self, line: str) -> Any:
        """The line, whose words are read."""
        return line


def _text(part: object) -> str:
    if not isinstance(part, str):
        raise DataError(f"a part of a text is text or a list of words, and not {type(part).__name__}")
    return part


def _words(part: Sequence[object]) -> list[str]:
    return [_text(word) for word in part]
