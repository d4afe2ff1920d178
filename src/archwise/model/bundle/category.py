"""Categories in a graph: a table from name to code, with those of unseen and of missing names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from archwise.data.kinds.category import FIRST_CODE, MISSING_CODE, RARE_CODE
from archwise.data.missing import MISSING_MARKS
from archwise.model.bundle.graph import Graph
from archwise.records import Json

_WHOLE = re.compile(r"-?[0-9]+")


def add_category(graph: Graph, names: str, state: Mapping[str, Json]) -> dict[str, str]:
    """Look names up as `apply_category` does.

    Args:
        names: name of (N, 1) string; "" for missing, and the marks that stand for it in a table.
        state: as `fit_category` gave it, with the levels by name.

    Returns:
        codes: the name of (N, 1) int64.
    """
    known = _codes(state["levels"])
    attributes = {"keys_strings": list(known), "values_int64s": list(known.values()), "default_int64": RARE_CODE}
    return {"codes": graph.add("LabelEncoder", [names], attributes, domain="ai.onnx.ml")}


def _codes(levels: Sequence[str]) -> dict[str, int]:
    """Name -> code; a whole number is the same name with a point behind it."""
    codes = {name: FIRST_CODE + place for place, name in enumerate(levels)}
    pointed = {f"{name}.0": code for name, code in codes.items() if _WHOLE.fullmatch(name)}
    missing = dict.fromkeys(("", *MISSING_MARKS), MISSING_CODE)
    return {**missing, **pointed, **codes}
