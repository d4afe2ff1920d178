"""archwise chooses the right deep learning architecture for the data it is given, and proves the choice.

>>> import archwise
>>> model = archwise.fit("adult.csv", "income", budget="2m")
>>> model.verdict["reasons"]
>>> archwise.predict(model, "new.csv").answers
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from archwise.api import fit, look, resume, shortlist
    from archwise.config import Config
    from archwise.errors import ArchwiseError
    from archwise.records import Parts
    from archwise.use import check, compare, evaluate, explain, export, load, predict, report, stream

__version__ = "0.1.0"
__all__ = [
    "ArchwiseError",
    "Config",
    "Parts",
    "check",
    "compare",
    "evaluate",
    "explain",
    "export",
    "fit",
    "load",
    "look",
    "predict",
    "report",
    "resume",
    "shortlist",
    "stream",
]

_ROOMS = {
    "ArchwiseError": "archwise.errors",
    "Config": "archwise.config",
    "Parts": "archwise.records",
    **dict.fromkeys(("fit", "look", "resume", "shortlist"), "archwise.api"),
    **dict.fromkeys(
        ("check", "compare", "evaluate", "explain", "export", "load", "predict", "report", "stream"), "archwise.use"
    ),
}


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used, so that `import archwise` costs nothing."""
    if name not in __all__:
        raise AttributeError(f"module 'archwise' has no attribute '{name}'")
    return getattr(importlib.import_module(_ROOMS[name]), name)
