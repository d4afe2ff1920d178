"""The HTTP service: one client's times, and 64 clients against an unbatched handler of the same model, in one run.

    python benchmarks/service.py --table adult.archwise --rows adult.csv [--text M --texts F] [--picture M --photo P]

Three kinds of process: the service, the handler that a careful person would write by hand (FastAPI with a pydantic
model of the row, the model's own preparation, onnxruntime on one thread, uvloop and httptools), and the clients.
Every answer is compared with that of `archwise.predict`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import uvloop

PORT = 8765
WARM_S = 1.0


@dataclass(frozen=True)
class Load:
    """What clients found. lost: requests that were sent and not answered. wrong: answers other than the expected."""

    n: int
    seconds: float
    times_ms: list[float]
    errors: int
    lost: int
    wrong: int

    def told(self) -> dict[str, float]:
        """Figures for people."""
        ordered = sorted(self.times_ms)
        return {
            "requests": self.n,
            "a_second": round(self.n / self.seconds, 1),
            "p50_ms": round(statistics.median(ordered), 3),
            "p95_ms": round(ordered[int(0.95 * (len(ordered) - 1))], 3),
            "p99_ms": round(ordered[int(0.99 * (len(ordered) - 1))], 3),
            "errors": self.errors,
            "lost": self.lost,
            "wrong": self.wrong,
        }


class Client(asyncio.Protocol):
    """A client that sends its next request when its last is answered."""

    def __init__(self, requests: Sequence[bytes], expected: Sequence[bytes], first: int, until: float) -> None:
        self.requests, self.expected, self.place, self.until = requests, expected, first, until
        self.times: list[tuple[float, float]] = []
        self.errors = self.wrong = self.lost = 0
        self.done = asyncio.get_running_loop().create_future()
        self.held, self.sent = b"", 0.0

    def connection_made(self, transport):
        self.transport = transport
        self._next()

    def _next(self) -> None:
        self.sent = time.perf_counter()
        self.transport.write(self.requests[self.place % len(self.requests)])

    def data_received(self, data: bytes) -> None:
        self.held += data
        end = self.held.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self.held[:end].lower()
        at = head.index(b"content-length:") + 15
        length = int(head[at:].split(b"\r\n", 1)[0])
        if len(self.held) < end + 4 + length:
            return
        now = time.perf_counter()
        self.times.append((self.sent, now))
        if b" 200 " not in head[:16]:
            self.errors += 1
        elif self.expected[self.place % len(self.expected)] not in self.held:
            self.wrong += 1
        self.held = b""
        self.place += 1
        if now < self.until:
            self._next()
        elif not self.done.done():
            self.done.set_result(None)
            self.transport.close()

    def connection_lost(self, _: Exception | None) -> None:
        if not self.done.done():
            self.lost += 1
            self.done.set_result(None)


async def press(requests: Sequence[bytes], expected: Sequence[bytes], *, n_clients: int, seconds: float) -> Load:
    """Let clients ask for some seconds; the first second is not counted."""
    loop = asyncio.get_running_loop()
    begin = time.perf_counter()
    until = begin + WARM_S + seconds
    clients = []
    for number in range(n_clients):
        made = Client(requests, expected, number * 37, until)
        await loop.create_connection(lambda made=made: made, "127.0.0.1", PORT)
        clients.append(made)
    await asyncio.gather(*(client.done for client in clients))
    counted = [(sent, came) for client in clients for sent, came in client.times if came >= begin + WARM_S]
    lasted = max(came for _, came in counted) - (begin + WARM_S)
    errors, lost, wrong = (sum(getattr(client, name) for client in clients) for name in ("errors", "lost", "wrong"))
    return Load(len(counted), lasted, [1e3 * (came - sent) for sent, came in counted], errors, lost, wrong)


# ---------------------------------------------------------------- the handler by hand


def by_hand(folder: str, *, style: str):
    """An unbatched FastAPI handler of the same model, as a careful person writes it."""
    import numpy as np
    from fastapi import FastAPI
    from pydantic import create_model

    from archwise.data.row import read_row
    from archwise.model.predict import load
    from archwise.tasks import task

    model = load(Path(folder))
    facts, app = model.facts, FastAPI()
    kinds = {"number": float | None, "category": str | None}
    names = {f"c{place}": (name, kinds.get(kind, str)) for place, (name, kind) in enumerate(facts.columns)}
    from pydantic import Field

    row_of = create_model("Row", **{key: (kind, Field(alias=name)) for key, (name, kind) in names.items()})

    def answer(row) -> dict:
        batch = read_row(model.row_reader, row.model_dump(by_alias=True))
        given = model.session.runtime.run(
            None, {name: np.asarray(batch[name], kind) for name, kind, _ in model.session.inputs}
        )[0]
        told = task(facts.task).answers(facts.target_state, facts.calibration, given)
        shares = {name[2:]: float(cells[0]) for name, cells in told.items() if name.startswith("p:")}
        return {"prediction": told["prediction"][0].item(), "probabilities": shares}

    if style == "def":

        def endpoint(row):
            return answer(row)
    else:

        async def endpoint(row):
            return answer(row)

    endpoint.__annotations__["row"] = row_of
    app.post("/predict")(endpoint)
    return app


def run_by_hand(folder: str, style: str) -> None:
    """Serve it."""
    import uvicorn

    uvicorn.run(
        by_hand(folder, style=style), port=PORT, loop="uvloop", http="httptools", log_level="warning", access_log=False
    )


# ---------------------------------------------------------------- the run


class Running:
    """A server as a process of its own."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen([sys.executable, *arguments], env={**os.environ, "OMP_NUM_THREADS": "1"})

    def __enter__(self) -> Running:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{PORT}/openapi.json", timeout=1).read()
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
            else:
                return self
        raise SystemExit("the server did not come up")

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait(30)


def request_of(body: bytes, kind: str = "application/json") -> bytes:
    """One request, whole."""
    head = f"POST /predict HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


def load_now() -> float:
    """What runs on the machine besides."""
    return os.getloadavg()[0]


def measure(
    server: Sequence[str], requests: list[bytes], expected: list[bytes], *, clients: Sequence[int], seconds: float
) -> dict:
    """Every number of clients against one server."""
    with Running(*server):
        found = {}
        for n_clients in clients:
            load = uvloop.run(press(requests, expected, n_clients=n_clients, seconds=seconds))
            found[str(n_clients)] = load.told()
        return found


def table_rows(folder: str, source: str, n_rows: int = 500) -> tuple[list[bytes], list[bytes]]:
    """Requests of real rows, and a piece of each answer."""
    from archwise.data.open import open_table
    from archwise.data.prepare import parse_columns
    from archwise.model.predict import load, predict

    model = load(Path(folder))
    frame = open_table(source).frame
    if not {name for name, _ in model.facts.columns} <= set(frame.columns):
        frame = open_table(source, names=model.facts.layout).frame
    typed = parse_columns(frame.head(n_rows), model.facts.columns).frame
    rows = typed.to_dicts()
    told = [predict(model, row).answers["prediction"][0] for row in rows]
    expected = [b'"prediction":' + json.dumps(each, ensure_ascii=False).encode() for each in told]
    return [request_of(json.dumps(row).encode()) for row in rows], expected


def text_rows(folder: str, source: str, n_rows: int = 300) -> tuple[list[bytes], list[bytes]]:
    """Requests of real texts, and a piece of each answer."""
    return table_rows(folder, source, n_rows)


def picture_rows(folder: str, photos: Sequence[Path]) -> tuple[list[bytes], list[bytes]]:
    """Requests of the bytes of real pictures, and a piece of each answer."""
    from archwise.model.predict import load, predict

    model = load(Path(folder))
    name = model.facts.columns[0][0]
    contents = [photo.read_bytes() for photo in photos]
    told = [predict(model, {name: content}).answers["prediction"][0] for content in contents]
    expected = [b'"prediction":' + json.dumps(each).encode() for each in told]
    return [request_of(content, "image/jpeg") for content in contents], expected


def bare_ms(folder: str, cells: Sequence[object]) -> dict[str, float]:
    """Medians in this process, ms: reading a row, onnxruntime alone on one thread, and both."""
    from archwise.data.row import read_row
    from archwise.model.predict import load
    from archwise.model.session import outputs

    model = load(Path(folder))
    name, times = model.facts.columns[0][0], []
    for cell in [*cells, *cells]:
        started = time.perf_counter()
        batch = read_row(model.row_reader, {name: cell})
        read = time.perf_counter()
        outputs(model.session, batch)
        times.append((1e3 * (read - started), 1e3 * (time.perf_counter() - read)))
    reading, running = (statistics.median(column) for column in zip(*times[len(cells) :], strict=True))
    both = statistics.median(sum(pair) for pair in times[len(cells) :])
    return {"reading": round(reading, 3), "onnxruntime": round(running, 3), "both": round(both, 3)}


def table_rounds(given: argparse.Namespace) -> list[dict]:
    """The service, with one and with two workers, beside the handler by hand, round after round."""
    requests, expected = table_rows(given.table, given.rows)
    hand = [__file__, "--table", given.table, "--rows", given.rows]
    ours = ["-m", "archwise", "serve", given.table, "--port", str(PORT)]
    asked = {
        "service": (ours, (1, 64)),
        "service, 2 workers": ([*ours, "--workers", "2"], (64,)),
        "by hand, async def": ([*hand, "--by-hand", "async"], (1, 64)),
        "by hand, def": ([*hand, "--by-hand", "def"], (64,)),
    }
    rounds = []
    for _ in range(given.rounds):
        rounds.append({"load": load_now()})
        for name, (server, clients) in asked.items():
            rounds[-1][name] = measure(server, requests, expected, clients=clients, seconds=given.seconds)
        print(json.dumps(rounds[-1]))
    return rounds


def main() -> None:
    """Measure and write."""
    asked = argparse.ArgumentParser()
    for option in ("--table", "--rows"):
        asked.add_argument(option, required=True)
    for option in ("--text", "--texts", "--picture", "--photos", "--out", "--by-hand"):
        asked.add_argument(option, default="")
    asked.add_argument("--seconds", type=float, default=5.0)
    asked.add_argument("--rounds", type=int, default=3)
    given = asked.parse_args()
    if given.by_hand:
        return run_by_hand(given.table, given.by_hand)
    found: dict = {"load_before": load_now(), "table": table_rounds(given)}
    if given.text:
        requests, expected = text_rows(given.text, given.texts)
        server = ["-m", "archwise", "serve", given.text, "--port", str(PORT)]
        found["text"] = measure(server, requests, expected, clients=(1,), seconds=given.seconds)
        found["text, alone"] = bare_ms(
            given.text, [json.loads(each.split(b"\r\n\r\n")[1])["text"] for each in requests]
        )
    if given.picture:
        photos = sorted(Path(given.photos).glob("*.jpg"))[:40]
        requests, expected = picture_rows(given.picture, photos)
        server = ["-m", "archwise", "serve", given.picture, "--port", str(PORT)]
        found["picture"] = measure(server, requests, expected, clients=(1,), seconds=given.seconds)
        found["picture, alone"] = bare_ms(given.picture, [photo.read_bytes() for photo in photos])
    found["load_after"] = load_now()
    print(json.dumps(found, indent=1))
    if given.out:
        Path(given.out).write_text(json.dumps(found, indent=1) + "\n")
    return None


if __name__ == "__main__":
    main()
