"""Who may come in and how much may be brought: tokens, hosts, sizes, times, packed and malformed bodies."""

from __future__ import annotations

import asyncio
import gzip
import hmac
import io
import json
import resource
import struct
import zlib
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow
import pytest
from pyarrow import parquet

from archwise.errors import UsageError
from archwise.serve import app as app_module
from archwise.serve.app import Settings
from archwise.serve.guard import Door, Limits, read_limits
from archwise.serve.queue import Queue
from archwise.serve.run import Service, serve

ROW = {"age": 39.5, "hours": 40, "city": "Lima"}
TOKEN = "a-token-of-some-length"
LISTS = pyarrow.list_(pyarrow.int8())
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
        many = io.BytesIO()
        pl.DataFrame({"age": [1.0] * 100_000}).write_parquet(many)  # a few hundred bytes
        assert service.ask("/batch_predict", many.getvalue(), content_type=PARQUET).status == 413
        old = csv.replace(b"\n", b"\r")  # as lines ended on a Macintosh
        assert service.ask("/batch_predict", old, content_type="text/csv").status == 413


def _written(frame: Any, **options: Any) -> bytes:
    held = io.BytesIO()
    parquet.write_table(frame, held, compression="zstd", **options)
    return held.getvalue()


def test_parquet_that_unpacks_to_gigabytes_is_refused_before_it_is(serving: Any, folders: dict[str, Path]) -> None:
    long = "a" * 1_000_000
    codes = pyarrow.array([0] * 5_000, pyarrow.int32())
    levels = pyarrow.DictionaryArray.from_arrays(codes, pyarrow.array([long]))
    bombs = {
        "pages": _written(pyarrow.table({"city": [long] * 300}), use_dictionary=False),
        "levels": _written(pyarrow.table({"city": levels})),  # 5 GB as texts
        "texts": _written(pyarrow.table({"city": levels}), store_schema=False),  # the same, not said to be levels
        "prefixes": _written(
            pyarrow.table({"city": [long] * 300}), use_dictionary=False, column_encoding={"city": "DELTA_BYTE_ARRAY"}
        ),
        "lists": _written(
            pyarrow.table({"age": pyarrow.array([[None] * 9_000_000] * 2, pyarrow.list_(pyarrow.int8()))})
        ),
    }
    with serving([folders["table"]]) as service:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for name, bomb in bombs.items():
            assert len(bomb) < 100_000, name
            given = service.ask("/batch_predict", bomb, content_type=PARQUET)
            assert given.status == 413, (name, given.body)
            assert "unpacks to more than 256 MB" in given.told["detail"]
        assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) / 1024 < 200  # MB
        assert service.ask("/predict", ROW).status == 200


def test_long_cells_are_answered_and_not_explained_by_hundreds_of_variants(service: Any) -> None:
    for path, row in (("text", {"text": "good film " * 2_100}), ("series", {"series": [0.1] * 20_001})):
        assert service.ask(f"/models/{path}/predict", row).status == 200
        given = service.ask(f"/models/{path}/explain", row)
        assert given.status == 413
        assert "is told of up to 20,000" in given.told["detail"]
    for row in ({**ROW, "city": "x" * 5_000_000}, {**ROW, "age": "1" * 5_000_000}):
        given = service.ask("/predict", row)
        assert len(given.body) < 2_000  # what is repeated of a cell is cut
        csv = f"age,hours,city\n{row['age']},1,{row['city']}\n".encode()
        assert len(service.ask("/batch_predict", csv, content_type="text/csv").body) < 2_000


def test_parquet_that_is_broken_or_lies_is_refused(service: Any) -> None:
    held = io.BytesIO()
    pl.DataFrame([ROW]).write_parquet(held)
    whole = held.getvalue()
    wrongs = [whole[:-1], whole[:40] + whole[-8:], b"PAR1" + b"\xff" * 40 + b"\x28\0\0\0PAR1", b"PAR1\0\0\0\0PAR1"]
    wrongs += [whole[: len(whole) // 2] + b"\0" * 8 + whole[len(whole) // 2 + 8 :]]
    for wrong in wrongs:
        given = service.ask("/batch_predict", wrong, content_type=PARQUET)
        assert given.status in (413, 422)
        assert given.told["detail"]


def test_a_list_of_files_is_bounded_too(serving: Any, folders: dict[str, Path]) -> None:
    part = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\nno\r\n'
    body = {"content_type": "multipart/form-data; boundary=x"}
    with serving([folders["picture"]], Settings(limits=Limits(rows=3))) as service:
        assert service.ask("/batch_predict", part * 4 + b"--x--\r\n", **body).status == 413


def test_bodies_on_their_way_are_bounded_together(serving: Any, folders: dict[str, Path]) -> None:
    body = json.dumps({**ROW, "more": "x" * 4_000}).encode()
    with serving([folders["picture"]], Settings(limits=Limits(memory_mb=0.01))) as service:
        given = service.ask_together("/predict", [body] * 5)
        assert {each.status for each in given} <= {422, 503}
        limited = serving([folders["table"]], Settings(limits=Limits(memory_mb=0.003)))
        assert service.ask("/predict", body).status == 422  # what was held is given back
    with limited as service:
        given = service.ask("/predict", body)
        assert given.status == 503
        assert given.headers["retry-after"] == "1"


def test_a_full_queue_is_told_with_retry_after(serving: Any, folders: dict[str, Path]) -> None:
    body = json.dumps(ROW).encode()
    with serving([folders["table"]], Settings(limits=Limits(waiting=3))) as service:
        given = service.ask_together("/predict", [body] * 9)
        refused = [each for each in given if each.status == 503]
        assert len(refused) == 6
        assert {each.headers["retry-after"] for each in refused} == {"1"}
        assert "3 rows wait already" in refused[0].told["detail"]
        assert 'archwise_refused_total{model="table"} 6.0' in service.ask("/metrics").body.decode()


def test_tokens_are_compared_in_constant_time(
    serving: Any, folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[tuple[bytes, bytes]] = []
    right = hmac.compare_digest

    def compare(left: bytes, other: bytes) -> bool:
        compared.append((left, other))
        return right(left, other)

    monkeypatch.setattr("archwise.serve.guard.hmac.compare_digest", compare)
    with serving([folders["table"]], Settings(Door(TOKEN, ()))) as service:
        for token in ("", "a", TOKEN[:-1], TOKEN, "x" * 60_000):
            service.ask("/info", authorization=f"Bearer {token}")
    assert len(compared) == 5
    assert {len(part) for pair in compared for part in pair} == {32}  # hashes, of one length whatever was given


@pytest.mark.parametrize(
    "path",
    [
        "/../../etc/passwd",
        "/page.js/../../run.py",
        "/models/../table/info",
        "/models/%2e%2e/info",
        "/v2/models/..%2f..",
        "//",
    ],
)
def test_paths_lead_nowhere_but_to_what_is_there(service: Any, path: str) -> None:
    assert service.ask(path).status == 404


def test_a_service_is_ready_only_when_its_models_are_warm(
    serving: Any, folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    starting = serving([folders["table"]])
    warm_up = Queue.warm_up

    def watched(queue: Queue, row: Any, *, n_calls: int) -> None:
        begun = asyncio.get_running_loop().create_task(starting.send("GET", "/v2/health/ready"))
        begun.add_done_callback(lambda told: seen.append(told.result().status))
        warm_up(queue, row, n_calls=n_calls)

    monkeypatch.setattr(Queue, "warm_up", watched)
    monkeypatch.setattr("archwise.serve.app._warm_up", _slowly(app_module._warm_up))
    with starting as service:
        assert service.ask("/v2/health/ready").status == 200
    assert seen == [503]


def _slowly(warm_up: Any) -> Any:
    async def slow(*given: Any) -> None:
        await warm_up(*given)
        for _ in range(50):
            await asyncio.sleep(0)

    return slow


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


def test_limits_are_read_from_words() -> None:
    assert read_limits({"rows": "7", "seconds": "0.5"}) == Limits(rows=7, seconds=0.5)
    for wrong in ({"row": "7"}, {"rows": "0"}, {"rows": "x"}, {"seconds": "nan"}):
        with pytest.raises(UsageError, match="--limit"):
            read_limits(wrong)
