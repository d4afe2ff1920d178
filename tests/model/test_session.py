"""A written model is run in chunks, and what cannot be run is named."""

from __future__ import annotations

import numpy as np
import pytest

from archwise.errors import ModelError
from archwise.model import session as session_room
from archwise.model.folder import ModelContent
from archwise.model.session import open_session, outputs, row_latency_ms
from archwise.records import Batch


def rows(n: int) -> Batch:
    rng = np.random.default_rng(0)
    return {"numbers": rng.normal(size=(n, 3)).astype(np.float32), "codes": rng.integers(0, 5, (n, 1))}


def test_outputs_do_not_depend_on_the_size_of_a_chunk(content: ModelContent, monkeypatch: pytest.MonkeyPatch) -> None:
    session = open_session(content.onnx)
    whole = outputs(session, rows(100))
    monkeypatch.setattr(session_room, "CHUNK", 7)
    np.testing.assert_array_equal(outputs(session, rows(100)), whole)


def test_no_rows_give_no_outputs(content: ModelContent) -> None:
    assert outputs(open_session(content.onnx), rows(0)).shape == (0, 2)


def test_outputs_are_float32_and_one_for_each_class(content: ModelContent) -> None:
    given = outputs(open_session(content.onnx), rows(3))
    assert given.dtype == np.float32
    assert given.shape == (3, 2)


def test_an_input_that_the_graph_does_not_read_is_left_aside(content: ModelContent) -> None:
    session = open_session(content.onnx)
    np.testing.assert_array_equal(outputs(session, {"more": np.zeros((4, 1)), **rows(4)}), outputs(session, rows(4)))


def test_a_missing_input_is_named(content: ModelContent) -> None:
    with pytest.raises(ModelError, match="'codes', and was given none"):
        outputs(open_session(content.onnx), {"numbers": rows(2)["numbers"]})


def test_an_input_of_another_width_is_named(content: ModelContent) -> None:
    with pytest.raises(ModelError, match="reads 3 columns of 'numbers', and was given 2 columns"):
        outputs(open_session(content.onnx), {**rows(2), "numbers": np.zeros((2, 2), np.float32)})


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(ModelError, match=r"the model: ONNX Runtime .* cannot open it"):
        open_session(b"no model at all")


def test_latency_of_a_row_is_some_part_of_a_second(content: ModelContent) -> None:
    assert 0.0 < row_latency_ms(open_session(content.onnx), rows(3), n=10) < 1_000.0


def test_chunks_that_are_answered_at_once_give_the_same_bits_in_order(
    content: ModelContent, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = open_session(content.onnx)
    monkeypatch.setattr(session_room, "CHUNK", 7)
    found = []
    for n_cores in ("1", "4"):
        monkeypatch.setenv("OMP_NUM_THREADS", n_cores)
        found.append(outputs(session, rows(1_000)))
    np.testing.assert_array_equal(found[0], found[1])


@pytest.mark.parametrize(("told", "expected"), [("3", 3), ("2,4", 2)])
def test_as_many_cores_are_used_as_the_process_was_told(
    monkeypatch: pytest.MonkeyPatch, told: str, expected: int
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", told)
    assert session_room.n_cores() == expected


@pytest.mark.parametrize("told", ["", "0", "many"])
def test_what_is_no_number_of_cores_leaves_all_of_them(monkeypatch: pytest.MonkeyPatch, told: str) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", told)
    assert session_room.n_cores() >= 1
