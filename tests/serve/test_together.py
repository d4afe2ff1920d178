"""Rows that come together are answered as each would be alone, and what is wrong with one does not touch the others."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given as given_
from hypothesis import settings
from hypothesis import strategies as st

from archwise.errors import ArchwiseError
from archwise.model.predict import load
from archwise.model.together import answer_together
from archwise.serve.queue import FullError, Queue

CELLS = {
    "age": st.one_of(st.floats(-1e3, 1e3), st.none(), st.integers(-5, 200), st.sampled_from(["39", " 4.5 "])),
    "hours": st.one_of(st.floats(-1e3, 1e3), st.none()),
    "city": st.one_of(st.sampled_from(["Paris", "Lima", "Oslo", "Rome", "", "1.0"]), st.none(), st.integers(0, 3)),
}


@given_(rows=st.lists(st.fixed_dictionaries(CELLS), min_size=1, max_size=9))
@settings(max_examples=60, deadline=None)
def test_a_row_is_answered_alike_alone_and_among_others(folders: dict[str, Path], rows: list[dict[str, Any]]) -> None:
    model = load(folders["table"])
    assert answer_together(model, rows) == [answer_together(model, [row])[0] for row in rows]


@pytest.mark.parametrize("name", ["text", "series", "picture", "value"])
def test_every_kind_of_model_answers_alike_alone_and_among_others(folders: dict[str, Path], name: str) -> None:
    rng, model = np.random.default_rng(0), load(folders[name])
    made: dict[str, Any] = {
        "text": [{"text": "good film " * (1 + place)} for place in range(7)],
        "series": [{"series": rng.normal(size=16).tolist()} for _ in range(7)],
        "picture": [{"image": _noise(place)} for place in range(7)],
        "value": [{"x": float(place)} for place in range(7)],
    }
    rows = made[name]
    assert answer_together(model, rows) == [answer_together(model, [row])[0] for row in rows]


def test_a_missing_series_is_answered_alike_alone_and_among_others(folders: dict[str, Path]) -> None:
    model = load(folders["series"])
    rows: list[dict[str, Any]] = [{"series": None}, {"series": [0.1, 0.2, 0.3]}]
    assert "prediction" in answer_together(model, rows[:1])[0]
    assert answer_together(model, rows) == [answer_together(model, [row])[0] for row in rows]


def test_a_missing_series_is_refused(service: Any) -> None:
    for series in (None, [], [None], [[0.1]], "0.1 0.2"):
        assert service.ask("/models/series/predict", {"series": series}).status == 422


def _noise(seed: int) -> bytes:
    import io

    from PIL import Image

    held = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (12, 12), dtype=np.uint8)).save(held, "PNG")
    return held.getvalue()


def test_a_row_that_cannot_be_read_is_an_error_of_its_own(folders: dict[str, Path]) -> None:
    model = load(folders["picture"])
    answers = answer_together(model, [{"image": _noise(1)}, {"image": b"broken"}, {"image": _noise(2)}])
    assert [isinstance(answer, ArchwiseError) for answer in answers] == [False, True, False]


def test_requests_that_arrive_together_are_one_call(folders: dict[str, Path], service: Any) -> None:
    rows = [{"age": 20 + place, "hours": 30, "city": "Oslo"} for place in range(40)]
    alone = [service.ask("/predict", row).told for row in rows]
    n_calls = _calls(service)
    together = service.ask_together("/predict", [json.dumps(row).encode() for row in rows])
    assert [given.told for given in together] == alone
    assert _calls(service) - n_calls <= 3


def _calls(service: Any) -> int:
    told = service.ask("/metrics").body.decode().splitlines()
    line = next(line for line in told if line.startswith('archwise_batch_rows_count{model="table"}'))
    return int(float(line.split()[-1]))


def test_a_full_queue_refuses_and_those_in_it_are_answered() -> None:
    async def fill() -> tuple[int, list[Any]]:
        queue = Queue(lambda rows: [{"n": row["n"]} for row in rows], most_waiting=3, tell=lambda n: None)
        asked = [queue.ask({"n": place}) for place in range(3)]
        n_refused = 0
        for place in range(2):
            try:
                queue.ask({"n": place})
            except FullError:
                n_refused += 1
        answers = await asyncio.gather(*asked)
        queue.close()
        return n_refused, answers

    assert asyncio.run(fill()) == (2, [{"n": 0}, {"n": 1}, {"n": 2}])


def test_a_failure_of_a_call_reaches_all_who_asked() -> None:
    def fail(rows: Any) -> Any:
        raise ZeroDivisionError

    async def ask() -> list[Any]:
        queue = Queue(fail, most_waiting=9, tell=lambda n: None)
        asked = [queue.ask({}) for _ in range(2)]
        found = await asyncio.gather(*asked, return_exceptions=True)
        queue.is_swift = True
        found += await asyncio.gather(queue.ask({}), return_exceptions=True)
        queue.close()
        return found

    assert [type(each) for each in asyncio.run(ask())] == [ZeroDivisionError] * 3


def test_many_cells_are_read_as_one_by_one() -> None:
    from archwise.data.kinds.category import KIND as CATEGORY
    from archwise.data.kinds.number import KIND as NUMBER
    from archwise.records import Need

    numbers = pl.Series("n", [1.0, None, 3.5, 0.0, 0.0, 0.0, 9e9])
    names = pl.Series("c", ["a", "a", "a", "b", "b", "b", None])
    for kind, values in ((NUMBER, numbers), (CATEGORY, names)):
        assert kind.one is not None
        assert kind.many is not None
        state = kind.fit(values, Need("quantile"))
        cells = [None, "1", 2, True, "a", "zz", "1.0"] if kind is CATEGORY else [None, "1", 2, 3.5, True, " ", 0]
        at_once, one = kind.many(state)(cells), kind.one(state)
        assert at_once is not None
        for row, cell in enumerate(cells):
            alone = one(cell)
            assert alone is not None
            for part, array in alone.items():
                np.testing.assert_array_equal(at_once[part][row : row + 1], array)
    assert NUMBER.many is not None
    assert NUMBER.many(NUMBER.fit(numbers, Need("quantile")))(["forty"]) is None
