"""Malformed bodies of every type, over every kind of model and every path that takes one: never a fault of archwise."""

from __future__ import annotations

import io
import json
import os
from typing import Any

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

CSV, PARQUET = "text/csv", "application/vnd.apache.parquet"
N_BODIES = 40  # of an example
N_EXAMPLES = int(os.environ.get("ARCHWISE_MALFORMED", "1000")) // N_BODIES  # 10000 tries ten times as many
REFUSALS = (400, 413, 415, 422)


def _parquet() -> bytes:
    held = io.BytesIO()
    columns = {"age": [1.5, None], "hours": [1, 2], "city": ["Lima", "Oslo"], "x": [1.0, 2.0], "series": [[0.1], [0.2]]}
    pl.DataFrame({**columns, "text": ["a", "b"], "image": [b"\x89PNG", b""]}).write_parquet(held)
    return held.getvalue()


def _changed(content: bytes, changes: list[tuple[int, int]], end: int) -> bytes:
    """Some bytes with others at some places, and cut."""
    held = bytearray(content)
    for place, byte in changes:
        held[place % len(held)] = byte
    return bytes(held[: len(held) - end])


def _form(parts: list[tuple[str, str, bytes]]) -> bytes:
    told = [
        f'--x\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode() + content + b"\r\n"
        for name, file, content in parts
    ]
    return b"".join(told) + b"--x--\r\n"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
CELL = JSON | st.sampled_from(["Lima", "39", "1e400", "", " ", "nan", "-inf", "١٢", 10**40, -(2**63), 1e308, "\x00"])
NAMES = ("age", "hours", "city", "image", "text", "series", "x", "seen", "day", "words", "shop", "sales", "price")
ROWS = st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, CELL))
TENSOR = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["age", "hours", "city", "series"]),
        "shape": CELL | st.lists(st.integers(-2, 4), max_size=3),
        "datatype": st.sampled_from(["FP64", "BYTES", "no"]),
        "data": CELL | st.lists(CELL, max_size=4),
    },
)
STEPS = st.fixed_dictionaries(
    {}, optional={"horizon": CELL | st.integers(-3, 9), "rows": CELL | st.lists(ROWS, max_size=4), "columns": JSON}
)
PLACE = st.tuples(st.integers(0, 10_000), st.integers(0, 255))
FILES = st.sampled_from(["", '; filename="a.png"', '; filename="../../etc/passwd"', "; filename*=utf-8''%00"])
PARTS = st.tuples(st.sampled_from(NAMES), FILES, st.binary(max_size=20))


def dumped(told: Any) -> bytes:
    return json.dumps(told).encode()


ASKED = st.one_of(
    st.tuples(
        st.binary(max_size=60), st.sampled_from(["application/json", CSV, PARQUET, "image/png", "text/plain", "", "é"])
    ),
    st.tuples(JSON.map(dumped), st.just("application/json")),
    st.tuples(ROWS.map(dumped), st.just("application/json")),
    st.tuples(st.lists(ROWS, max_size=3).map(dumped), st.just("application/json")),
    st.tuples(STEPS.map(dumped), st.just("application/json")),
    st.tuples(st.lists(TENSOR, max_size=3).map(lambda told: dumped({"inputs": told})), st.just("application/json")),
    st.tuples(
        st.tuples(
            st.lists(st.sampled_from(NAMES), max_size=5), st.text(alphabet="Lima1,.\n\r\"'; \té\x00", max_size=60)
        ).map(lambda parts: (",".join(parts[0]) + "\n" + parts[1]).encode()),
        st.just(CSV),
    ),
    st.tuples(
        st.builds(_changed, st.just(_parquet()), st.lists(PLACE, max_size=4), st.sampled_from([0, 0, 0, 1, 40])),
        st.just(PARQUET),
    ),
    st.tuples(
        st.lists(PARTS, max_size=3).map(_form),
        st.sampled_from(["multipart/form-data; boundary=x", "multipart/form-data; boundary=y", "multipart/form-data"]),
    ),
)
MODELS = ("table", "value", "text", "picture", "series", "labels", "words", "steps")
PATHS = [f"/models/{name}/{verb}" for name in MODELS for verb in ("predict", "batch_predict", "explain")]
PATHS += ["/predict", "/explain", *(f"/v2/models/{name}/infer" for name in MODELS)]


@given(st.lists(st.tuples(st.sampled_from(PATHS), ASKED), min_size=N_BODIES, max_size=N_BODIES))
@settings(max_examples=N_EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_malformed_bodies_never_break_the_service(everything: Any, asked: list[tuple[str, tuple[bytes, str]]]) -> None:
    for path, (body, kind) in asked:
        told = everything.ask(path, body, content_type=kind)
        assert told.status in (200, *REFUSALS), (told.status, told.body, path, body, kind)
        if told.status != 200:
            assert set(told.told) >= {"detail", "request_id"}
            assert "archwise-" not in told.told["detail"]  # a folder of ours
            assert " --" not in told.told["detail"]  # an option of the command line
