"""Kinds of column that are recognised but not read: they are set aside, and say why."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import polars as pl

from archwise.records import Array, Batch, Guess, Json, Kind, Need, Scalar, Widths


def aside_kind(name: str, summary: str, sniff: Callable[[pl.Series], Guess]) -> Kind:
    """A kind whose columns give no input: any cell reads, and no array comes of it."""
    return Kind(name, summary, sniff, _parse, _summarise, _fit, _spec, _apply)


def _parse(values: pl.Series) -> tuple[pl.Series, Array]:
    return values, np.zeros(len(values), dtype=bool)


def _summarise(typed: pl.Series) -> dict[str, Scalar]:
    return {"missing": typed.null_count()}


def _fit(typed: pl.Series, need: Need) -> dict[str, Json]:  # noqa: ARG001  a kind's signature
    return {}


def _spec(state: Mapping[str, Json]) -> Widths:  # noqa: ARG001  a kind's signature
    return {}


def _apply(state: Mapping[str, Json], typed: pl.Series) -> Batch:  # noqa: ARG001  a kind's signature
    return {}


def is_aside(kind: Kind) -> bool:
    """Whether columns of the kind are set aside rather than read."""
    return kind.apply is _apply
