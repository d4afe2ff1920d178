"""The service keeps what its OpenAPI says: schemathesis tries what it describes and what it rules out, for seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable

from archwise.serve.app import Settings, make_app
from archwise.serve.guard import Door

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is of the extra dev")
checks = pytest.importorskip("schemathesis.specs.openapi.checks")


BEYOND_SCHEMA = [checks.positive_data_acceptance, checks.negative_data_rejection]
N_CASES = 15  # of each operation, some of which keep to the description and some of which do not


def test_the_service_keeps_what_it_describes(folders: dict[str, Path]) -> None:
    names = ("table", "text", "picture", "series", "value")
    app = make_app([folders[name] for name in names], Settings(Door(hosts=())))
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    n_tried = 0
    for found in schema.get_all_operations():
        operation = found.ok()
        for mode in schemathesis.GenerationMode:

            @given(case=operation.as_strategy(generation_mode=mode))
            @settings(max_examples=N_CASES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
            def keeps(case: Any) -> None:
                # What stands in a CSV, a Parquet or a picture is beyond JSON Schema; there it must only be no fault.
                is_free = case.media_type not in (None, "application/json") or "/picture/" in case.path
                case.call_and_validate(excluded_checks=BEYOND_SCHEMA if is_free else [])

            try:
                keeps()
            except Unsatisfiable:
                continue  # a GET without parameters cannot be asked wrongly
            n_tried += 1
    assert n_tried >= 3 * len(names)
