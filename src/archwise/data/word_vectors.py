"""Vectors of words that were learnt on other texts, read from the file that the user has: GloVe or .vec of fastText.

Source: Pennington, Socher & Manning 2014; Bojanowski et al. 2017; Kim 2014 for beginning from them.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from archwise.errors import SourceError
from archwise.records import Array

FOLDER_VARIABLE = "ARCHWISE_WEIGHTS"
_OF_HEADER = 2  # cells of the first line of a .vec file: how many vectors there are, and of how many numbers


def find_vectors(name: str) -> Path:
    """The file of that name: a path, or a name in the folder that ARCHWISE_WEIGHTS says.

    Raises:
        SourceError: there is none.
    """
    folder = os.environ.get(FOLDER_VARIABLE, "")
    places = [Path(name), *([Path(folder) / name] if folder else [])]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        told = " and ".join(str(place) for place in places)
        raise SourceError(f"there is no file of word vectors at {told}; name a .vec or GloVe file, or leave it out")
    return found


def read_vectors(path: Path, words: Sequence[str]) -> Array:
    """The vectors of some words, (V, D) float32, NaN where the file has none; the first of the file's spellings counts.

    A word is found in the case it has, or in small letters.

    Raises:
        SourceError: the file cannot be read, a line holds other than D numbers, or it has none of the words.
    """
    rows = {word.encode(): row for row, word in enumerate(words) if word}
    found: dict[int, Array] = {}
    exact: set[int] = set()
    width = 0
    for number, line in enumerate(_lines(path), start=1):
        cells = line.rstrip().split(b" ")
        if number == 1 and len(cells) == _OF_HEADER:
            continue
        width = width or len(cells) - 1
        word = b" ".join(cells[:-width]) if len(cells) > width + 1 else cells[0]  # a few words of GloVe hold blanks
        row = rows.get(word)
        if row is None:
            row = rows.get(word.decode(errors="replace").lower().encode())
        if row is None or row in exact or (row in found and word not in rows):
            continue
        found[row] = _numbers(cells[-width:], width, f"{path}, line {number}")
        if word in rows:
            exact.add(row)
    if not found:
        raise SourceError(f"{path}: it has a vector for none of {len(rows):,} words; is it of this language?")
    vectors = np.full((len(words), width), np.nan, np.float32)
    vectors[list(found)] = np.stack(list(found.values()))
    return vectors


def _lines(path: Path) -> Iterator[bytes]:
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rb") as file:
            yield from file
    except (OSError, EOFError) as error:
        raise SourceError(f"{path}: the word vectors cannot be read ({error}); fetch the file again") from None


def _numbers(cells: Sequence[bytes], width: int, where: str) -> Array:
    try:
        vector = np.array([float(cell) for cell in cells], np.float32)
    except ValueError:
        vector = np.empty(0, np.float32)
    if len(vector) != width or not np.isfinite(vector).all():
        raise SourceError(f"{where}: expected a word and {width} numbers, as in the lines before")
    return vector
