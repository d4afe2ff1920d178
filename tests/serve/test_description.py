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
FREE = {"/models/picture/predict", "/models/picture/batch_predict", "/models/picture/explain", "/models/steps/predict"}
N_CASES = 15  # of each operation, some of which keep to the description and some of which do not


def test_the_service_keeps_what_it_describes(folders: dict[str, Path], forecasts: Path) -> None:
    app = make_app([*folders.values(), forecasts], Settings(Door(hosts=())))
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    n_tried = 0
    for found in schema.get_all_operations():
        operation = found.ok()
        for mode in schemathesis.GenerationMode:

            @given(case=operation.as_strategy(generation_mode=mode))
            @settings(max_examples=N_CASES, deadline=None, suppress_health_check=list(HealthCheck), database=None)
            def keeps(case: Any) -> None:
                # What stands in a CSV, a Parquet or a picture is beyond JSON Schema; there it must only be no fault.
                is_free = case.media_type not in (None, "application/json") or case.path in FREE
                case.call_and_validate(excluded_checks=BEYOND_SCHEMA if is_free else [])

            try:
                keeps()
            except Unsatisfiable:
                continue  # a GET without parameters cannot be asked wrongly
            n_tried += 1
    assert n_tried >= 3 * len(folders)


def test_every_example_that_is_described_is_answered(service: Any) -> None:
    described = service.ask("/openapi.json").told
    n_tried = 0
    for path, operations in described["paths"].items():
        if "post" in operations:
            schema = operations["post"]["requestBody"]["content"]["application/json"]["schema"]
            given = service.ask(path, schema["example"])
            assert given.status == 200, (path, given.body)
            answered = operations["post"]["responses"]["200"]["content"]["application/json"]["schema"]
            assert set(answered["required"]) <= set(given.told)
            assert set(given.told) <= set(answered["properties"])
            n_tried += 1
    assert n_tried >= 20


def test_a_client_that_is_generated_finds_a_name_for_every_operation(service: Any) -> None:
    paths = service.ask("/openapi.json").told["paths"]
    names = [operation["operationId"] for operations in paths.values() for operation in operations.values()]
    assert len(names) == len(set(names))
    assert all(name.isidentifier() for name in names)
