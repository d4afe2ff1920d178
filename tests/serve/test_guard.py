"""Who may come in and how much may be brought: tokens, hosts, sizes, times, packed and malformed bodies."""

from __future__ import annotations

import gzip
import io
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given as given_
from hypothesis import settings
from hypothesis import strategies as st

from archwise.errors import UsageError
from archwise.serve.app import Settings
from archwise.serve.guard import Door, Limits, read_limits
from archwise.serve.run import Service, serve

ROW = {"age": 39.5, "hours": 40, "city": "Lima"}
TOKEN = "a-token-of-some-length"
PARQUET = "application/vnd.apache.parquet"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({}, 401),
        ({"authorization": "Bearer wrong"}, 401),
        ({"authorization": TOKEN}, 401),
        ({"authorization": f"Basic {TOKEN}"}, 401),
        ({"authorization": "Bearer " + "x" * 60_000}, 401),
        ({"authorization": f"Bearer {TOKEN}x"}, 401),
        ({"authorization": f"Bearer {TOKEN}"}, 200),
        ({"authorization": f"bearer {TOKEN}"}, 200),
    ],
)
def test_only_the_right_token_is_let_in(serving: Any, folders: dict[str, Path], sent: Any, status: int) -> None:
    with serving([folders["table"]], Settings(Door(TOKEN, ()))) as service:
        for path, body in (("/predict", ROW), ("/info", None), ("/metrics", None), ("/v2/models/table", None)):
            assert service.ask(path, body, **sent).status == status
        assert service.ask("/").status == 200  # the page itself, which asks for the token
        assert service.ask("/v2/health/ready").status == 200


@pytest.mark.parametrize("service_of", [Service(("m",), host="0.0.0.0"), Service(("m",), host="::", token="short")])
def test_another_address_demands_a_token_of_some_length(service_of: Service) -> None:
    with pytest.raises(UsageError, match="token"):
        serve(service_of, lambda told: None)


def test_a_name_that_only_leads_here_is_refused(serving: Any, folders: dict[str, Path]) -> None:
    with serving([folders["table"]]) as service:
        scope = service.runner.run(_with_host(service, b"evil.example:8000"))
        assert scope == 421
        assert service.runner.run(_with_host(service, b"localhost:8000")) == 200


async def _with_host(service: Any, host: bytes) -> int:
    app, found = service.app, []

    async def renamed(scope: Any, receive: Any, send: Any) -> None:
        scope["headers"] = [(b"host", host), *scope["headers"][1:]]
        await app(scope, receive, send)

    service.app = renamed
    found.append((await service.send("GET", "/info")).status)
    service.app = app
    return found[0]


def test_no_page_of_another_origin_reads_answers_unless_asked(serving: Any, folders: dict[str, Path]) -> None:
    with serving([folders["table"]]) as service:
        assert "access-control-allow-origin" not in service.ask("/info", origin="https://a.example").headers
    with serving([folders["table"]], Settings(cors=("https://a.example",))) as service:
        allowed = service.ask("/info", origin="https://a.example").headers
        assert allowed["access-control-allow-origin"] == "https://a.example"
        assert "access-control-allow-origin" not in service.ask("/info", origin="https://b.example").headers


def test_what_is_too_large_is_refused_whether_it_says_so_or_not(serving: Any, folders: dict[str, Path]) -> None:
    with serving([folders["table"]], Settings(limits=Limits(body_mb=0.01, rows=5))) as service:
        large = json.dumps({**ROW, "more": "x" * 20_000}).encode()
        assert service.ask("/predict", large).status == 413
        assert service.ask("/predict", ROW, content_length="999999999999999999999999").status == 413
        assert service.ask("/batch_predict", [ROW] * 6).status == 413
        csv = pl.DataFrame([ROW] * 8).write_csv().encode()
        assert service.ask("/batch_predict", csv, content_type="text/csv").status == 413
        parquet = io.BytesIO()
        pl.DataFrame({"age": [1.0] * 100_000}).write_parquet(parquet)  # a few hundred bytes
        assert service.ask("/batch_predict", parquet.getvalue(), content_type=PARQUET).status == 413


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
def test_packed_bodies_are_not_unpacked(service: Any, pack: Any) -> None:
    bomb = pack(b"[" + b"0," * 1_000_000 + b"0]")
    assert service.ask("/predict", bomb, content_encoding="gzip").status == 415
    assert service.ask("/predict", bomb).status == 422
    assert service.ask("/batch_predict", bomb, content_type="text/csv").status == 422


def test_pictures_that_lie_about_size_or_type_are_refused(service: Any) -> None:
    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0))
    claim = b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    wrongs = {claim: "more pixels", b"%!PS-Adobe-3.0 EPSF-3.0\n": "not a picture", b"": "'image'"}
    for content, words in wrongs.items():
        given = service.ask("/models/picture/predict", content, content_type="image/png")
        assert given.status == 422
        assert words in given.told["detail"]


@pytest.mark.parametrize("body", [b"", b"{", b'{"age": NaN}', b"[" * 100_000, b"\xff\xfe", b'{"age":1e999}', b"null"])
def test_broken_json_is_refused_with_a_sentence(service: Any, body: bytes) -> None:
    given = service.ask("/predict", body, content_type="application/json")
    assert given.status == 422
    assert given.told["detail"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
CELL = JSON | st.sampled_from(["Lima", "39", "1e400", "", " ", "nan", "-inf", "١٢", 10**40, -(2**63), 1e308, "\x00"])
ROWS = st.fixed_dictionaries(
    {}, optional={"age": CELL, "hours": CELL, "city": CELL, "image": CELL, "text": CELL, "series": CELL, "x": CELL}
)
TENSOR = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["age", "hours", "city", "series"]),
        "shape": CELL | st.lists(st.integers(-2, 4), max_size=3),
        "datatype": st.sampled_from(["FP64", "BYTES", "no"]),
        "data": CELL | st.lists(CELL, max_size=4),
    },
)
BODIES = st.one_of(
    st.binary(max_size=60),
    JSON.map(lambda told: json.dumps(told).encode()),
    ROWS.map(lambda told: json.dumps(told).encode()),
    st.lists(ROWS, max_size=3).map(lambda told: json.dumps(told).encode()),
    st.lists(TENSOR, max_size=3).map(lambda told: json.dumps({"inputs": told}).encode()),
    st.text(alphabet="agehourscity,\n\"'1.é\x00", max_size=80).map(
        lambda text: ("age,hours,city\n" + text).encode("utf-8")
    ),
)
KINDS = st.sampled_from(
    [
        "application/json",
        "text/csv",
        PARQUET,
        "multipart/form-data; boundary=x",
        "multipart/form-data",
        "image/png",
        "text/plain",
        "",
        "é",
    ]
)
N_EXAMPLES, N_BODIES = 250, 40  # 10,000 in all


@given_(st.lists(st.tuples(BODIES, KINDS), min_size=N_BODIES, max_size=N_BODIES))
@settings(max_examples=N_EXAMPLES, deadline=None)
def test_malformed_bodies_never_break_the_service(service: Any, bodies: list[tuple[bytes, str]]) -> None:
    paths = ["/predict", "/batch_predict", "/models/picture/predict", "/models/text/predict", "/v2/models/table/infer",
             "/models/series/predict", "/models/value/batch_predict", "/explain"]  # fmt: skip
    for place, (body, kind) in enumerate(bodies):
        given = service.ask(paths[place % len(paths)], body, content_type=kind)
        assert given.status in (200, 400, 413, 415, 422), (
            given.status,
            given.body,
            paths[place % len(paths)],
            body,
            kind,
        )


def test_limits_are_read_from_words() -> None:
    assert read_limits({"rows": "7", "seconds": "0.5"}) == Limits(rows=7, seconds=0.5)
    for wrong in ({"row": "7"}, {"rows": "0"}, {"rows": "x"}, {"seconds": "nan"}):
        with pytest.raises(UsageError, match="--limit"):
            read_limits(wrong)
