"""Finds the catalogue from the files of a folder: one file, one entry, nothing to register."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from types import ModuleType
from typing import Any

from archwise.errors import UsageError, nearest


def entries(package: ModuleType, constant: str) -> dict[str, Any]:
    """The entry of every module of a package that defines `constant`, by the entry's own name.

    Args:
        package: such as archwise.architectures.
        constant: such as "ARCHITECTURE".

    Returns:
        name -> entry, in alphabetical order of the names. Loading it loads no torch.

    Raises:
        ValueError: two files define entries of one name.
    """
    return dict(_entries(package.__name__, tuple(package.__path__), constant))


def pick(found: dict[str, Any], name: str, what: str) -> Any:
    """The entry of that name.

    Raises:
        UsageError: there is no such entry; the nearest is suggested.
    """
    if name not in found:
        raise UsageError(f"there is no {what} '{name}'.{nearest(name, found)}")
    return found[name]


@cache
def _entries(package: str, path: tuple[str, ...], constant: str) -> tuple[tuple[str, Any], ...]:
    found: dict[str, Any] = {}
    places: dict[str, str] = {}
    for module_info in pkgutil.iter_modules(list(path)):
        module = importlib.import_module(f"{package}.{module_info.name}")
        entry = getattr(module, constant, None)
        if entry is None:
            continue
        if entry.name in found:
            raise ValueError(f"{places[entry.name]} and {module.__name__} both define '{entry.name}'; rename one")
        found[entry.name], places[entry.name] = entry, module.__name__
    return tuple(sorted(found.items()))
