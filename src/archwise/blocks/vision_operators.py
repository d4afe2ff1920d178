"""Lets torchvision be imported where its compiled operators do not load, as when it was built for another torch.

At its import torchvision registers fake versions of the operators `torchvision::nms` and `torchvision::qnms`, and stops
where these are not defined ("operator torchvision::nms does not exist"); timm imports torchvision, and stops with it.
Their schemas alone are enough for all of both that is written in Python, and they are defined here before the import,
only where the operators are missing. Whoever calls them is told by torch that they have no kernel.
"""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

import torch

_SCHEMAS = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}


@cache
def define_missing_operators() -> torch.library.Library | None:
    """Define what torchvision's import asks for and this installation lacks; to be called before that import.

    Returns:
        what holds the definitions, kept as long as the process runs; None where nothing was missing.
    """
    found = importlib.util.find_spec("torchvision")
    if found is None or found.origin is None:
        return None
    if not _is_defined("nms"):
        _load(Path(found.origin).parent)
    missing = [schema for name, schema in _SCHEMAS.items() if not _is_defined(name)]
    if not missing:
        return None
    library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for schema in missing:
        library.define(schema)  # type: ignore[no-untyped-call]
    return library


def _load(folder: Path) -> None:
    """Load torchvision's compiled operators, as its import would, where they can be."""
    for path in sorted(folder.glob("_C*.so")) + sorted(folder.glob("_C*.pyd")):
        try:
            torch.ops.load_library(str(path))  # type: ignore[no-untyped-call]
        except OSError:
            return


def _is_defined(name: str) -> bool:
    return hasattr(torch.ops.torchvision, name)
