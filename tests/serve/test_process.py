"""The service as processes: it starts without torch, stops gracefully, lives through kill -9, and ends its patience."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from archwise.serve.patience import PatientProtocol

ROW = {"age": 39.5, "hours": 40, "city": "Lima"}
HEAD = "POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n"


def test_torch_is_never_loaded(folders: dict[str, Path]) -> None:
    script = f"""
import asyncio, sys
from pathlib import Path
from archwise.serve.app import Settings, make_app
app = make_app([Path(name) for name in {[str(folder) for folder in folders.values()]!r}], Settings())
async def live():
    inbox, outbox = asyncio.Queue(), asyncio.Queue()
    life = asyncio.ensure_future(app({{"type": "lifespan"}}, inbox.get, outbox.put))
    await inbox.put({{"type": "lifespan.startup"}}); print((await outbox.get())["type"])
    await inbox.put({{"type": "lifespan.shutdown"}}); await life
asyncio.run(live())
print([name for name in ("torch", "sklearn", "pandas", "onnx") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.splitlines() == ["lifespan.startup.complete", "[]"], done.stdout + done.stderr


def test_what_is_on_its_way_is_answered_before_the_end(running: Any, folders: dict[str, Path]) -> None:
    with running(folders["table"]) as service:
        body = json.dumps(ROW).encode()
        with connected(service) as asking:
            asking.sendall(HEAD.format(len(body)).encode() + body[:10])
            wait_for(lambda: httpx.get(f"{service.url}/v2/health/ready").status_code == 200)
            service.process.send_signal(signal.SIGTERM)
            wait_for(lambda: refuses(service.port))
            asking.sendall(body[10:])
            answer = read_all(asking)
        assert b"200 OK" in answer
        assert b'"prediction"' in answer
        assert service.process.wait(20) in (0, -signal.SIGTERM)


def test_a_killed_worker_is_replaced_and_no_answer_is_wrong(running: Any, folders: dict[str, Path]) -> None:
    with running(folders["table"], "--workers", "2") as service:
        wait_for(lambda: len(workers_of(service)) == 2 and is_up(service.url))
        expected = httpx.post(f"{service.url}/predict", json=ROW).json()
        with asked_by(4, service) as answers:
            first = workers_of(service)
            os.kill(first[0], signal.SIGKILL)
            wait_for(lambda: len(workers_of(service)) == 2 and first[0] not in workers_of(service), seconds=30)
            n_before = len(answers)
            wait_for(lambda: len(answers) > n_before + 50)
        given = [answer for answer in answers if answer is not None]
        assert len(given) > 50
        assert all(answer == expected for answer in given)
        assert answers.count(None) <= 8  # only connections of the killed worker broke
        counted = httpx.get(f"{service.url}/metrics").text
        lines = [line for line in counted.splitlines() if line.startswith("archwise_rows_total")]
        assert float(lines[0].split()[-1]) >= len(given)  # of all workers, those that ended too


def test_slow_bodies_and_slow_heads_are_ended(running: Any, folders: dict[str, Path]) -> None:
    with running(folders["table"], "--limit", "seconds=1") as service:
        with connected(service) as slow:
            slow.sendall(HEAD.format(1000).encode() + b"{")
            assert read_all(slow).startswith(b"HTTP/1.1 408")
        with connected(service) as endless:
            endless.sendall(b"GET / HTTP/1.1\r\n")
            with pytest.raises((BrokenPipeError, ConnectionResetError)):
                send_for_ever(endless, b"x-more: " + b"y" * 1000 + b"\r\n")
        assert httpx.post(f"{service.url}/predict", json=ROW).status_code == 200


def test_who_takes_no_answer_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archwise.serve.patience.READ_S", 0.2)

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(2_000):
            await send({"type": "http.response.body", "body": b"x" * 100_000, "more_body": True})

    async def ask() -> int:
        config = uvicorn.Config(answer, http=PatientProtocol, port=0, lifespan="off", log_level="critical")
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        reader, writer = await asyncio.open_connection("127.0.0.1", server.servers[0].sockets[0].getsockname()[1])
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        async with asyncio.timeout(10):
            while not server.server_state.connections:
                await asyncio.sleep(0.01)
            while server.server_state.connections:  # until the service has left
                await asyncio.sleep(0.02)
        writer.close()
        server.should_exit = True
        await serving
        return len(server.server_state.connections)

    assert asyncio.run(ask()) == 0


def test_a_stop_under_load_breaks_no_answer(running: Any, folders: dict[str, Path]) -> None:
    with running(folders["table"], "--workers", "2") as service:
        wait_for(lambda: is_up(service.url))
        expected = httpx.post(f"{service.url}/predict", json=ROW).json()
        with asked_by(6, service) as answers:
            wait_for(lambda: len(answers) > 50)
            service.process.send_signal(signal.SIGTERM)
            code = service.process.wait(30)
    assert code in (0, -signal.SIGTERM)
    given = [answer for answer in answers if answer is not None]
    assert len(given) > 50
    assert all(answer == expected for answer in given)


def test_bodies_of_chunks_are_bounded_while_they_come(running: Any, folders: dict[str, Path]) -> None:
    with running(folders["table"], "--limit", "body_mb=0.1") as service:

        def endless() -> Any:
            for _ in range(1_000):
                yield b" " * 10_000

        with contextlib.suppress(httpx.WriteError):  # it was refused before all was sent
            assert httpx.post(f"{service.url}/predict", content=endless()).status_code == 413
        assert httpx.post(f"{service.url}/predict", json=ROW).status_code == 200


@pytest.mark.parametrize(
    ("arguments", "words", "code"),
    [
        (["--host", "0.0.0.0"], "needs a token", 2),
        (["--port", "99999"], "cannot be used", 2),
        (["--limit", "cows=1"], "there is no such limit", 2),
    ],
)
def test_what_cannot_be_served_is_told_in_one_sentence(
    folders: dict[str, Path], arguments: list[str], words: str, code: int
) -> None:
    command = [sys.executable, "-m", "archwise", "serve", str(folders["table"]), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


# ---------------------------------------------------------------- waiting


def wait_for(is_so: Any, *, seconds: float = 20.0) -> None:
    until = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until, "it did not come about in time"
        time.sleep(0.02)


def connected(service: Any) -> socket.socket:
    return socket.create_connection(("127.0.0.1", service.port), timeout=20)


def send_for_ever(asking: socket.socket, line: bytes) -> None:
    for _ in range(100_000):
        asking.sendall(line)


def is_up(url: str) -> bool:
    try:
        return httpx.get(f"{url}/v2/health/ready").status_code == 200
    except httpx.TransportError:
        return False


def refuses(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return True
    return False


def read_all(asking: socket.socket) -> bytes:
    parts = []
    while part := asking.recv(65_536):
        parts.append(part)
        if b'"prediction"' in part:
            break
    return b"".join(parts)


def workers_of(service: Any) -> list[int]:
    """Processes of workers, without the tracker that multiprocessing starts beside them."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((place / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == service.process.pid and b"spawn_main" in (place / "cmdline").read_bytes():
                found.append(int(place.name))
        except OSError:
            continue  # it has just ended
    return sorted(found)


@contextlib.contextmanager
def asked_by(n_askers: int, service: Any) -> Iterator[list[Any]]:
    """The answers to askers that ask on until the end of the block."""
    answers: list[Any] = []
    is_over = threading.Event()
    askers = [threading.Thread(target=keep_asking, args=(service.url, answers, is_over)) for _ in range(n_askers)]
    for asker in askers:
        asker.start()
    try:
        yield answers
    finally:
        is_over.set()
        for asker in askers:
            asker.join(20)


def keep_asking(url: str, answers: list[Any], is_over: threading.Event) -> None:
    """None where the connection broke."""
    while not is_over.is_set():
        try:
            with httpx.Client(timeout=20) as client:
                while not is_over.is_set():
                    answers.append(client.post(f"{url}/predict", json=ROW).json())
        except httpx.TransportError:
            answers.append(None)
