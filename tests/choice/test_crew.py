"""What the workers of a race import before their first trial."""

from __future__ import annotations

import pytest

from archwise.architectures import architectures
from archwise.choice.crew import modules_of
from archwise.config import make_config

REFERENCES = tuple(n for n, entry in architectures().items() if entry.is_reference and "number" in entry.reads)


@pytest.mark.parametrize(
    ("given", "first"),
    [
        ({}, "sklearn.linear_model"),
        ({"only": ("trees",)}, "sklearn.linear_model"),
        ({"only": ("mlp",), "add": ("trees",)}, "sklearn.linear_model"),
        ({"only": ("tabm",)}, "archwise.training.loop"),
        ({"horizon": 7}, "onnx"),
        ({"skip": REFERENCES}, "archwise.training.loop"),
    ],
)
def test_workers_import_what_the_first_trials_need(given: dict[str, tuple[str, ...]], first: str) -> None:
    modules = modules_of(make_config(given))
    assert modules[1] == first
    assert ("archwise.training.loop" in modules) == (first in ("archwise.training.loop", "onnx"))
