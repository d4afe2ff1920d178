"""A piece of an example: the lines and files that make some inputs of one row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Piece:
    """before: lines above the inputs. cells: input -> expression. told: input -> comment. files: beside the program."""

    before: Sequence[str]
    cells: Mapping[str, str]
    files: Mapping[str, bytes] = field(default_factory=dict)
    imports: Sequence[str] = ()
    told: Mapping[str, str] = field(default_factory=dict)
