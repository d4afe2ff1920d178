"""Plain numbers: every value stands for itself, also one that looks like a mark. Only the user can say so."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from archwise.data.kinds.number import KIND as NUMBER
from archwise.data.kinds.number import number_array
from archwise.data.scale import fit_scale
from archwise.records import Guess, Json, Need

NAME = "plain"


def sniff_plain(values: pl.Series) -> Guess:  # noqa: ARG001  a kind's signature
    """Never: cells cannot tell that no value among them has a meaning of its own."""
    return Guess(NAME, 0.0, "only the user knows that every value stands for itself")


def fit_plain(typed: pl.Series, need: Need) -> dict[str, Json]:
    """Fit the scale that the need asks for to all training values."""
    return fit_scale(number_array(typed), need)


KIND = replace(
    NUMBER,
    name=NAME,
    summary="a number whose every value stands for itself, -999 and the like too",
    sniff=sniff_plain,
    fit=fit_plain,
    like="number",
)
