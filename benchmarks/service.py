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


def load_row() -> float:
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
        import polars as pl

        frame = pl.read_csv(source, has_header=False, new_columns=list(model.facts.layout))
    typed = parse_columns(frame.head(n_rows), model.facts.columns).frame
    rows = typed.to_dicts()
    told = [predict(model, row).answers["prediction"][0] for row in rows]
    expected = [b'"prediction":' + json.dumps(each, ensure_ascii=False).encode() for each in told]
    return [request_of(json.dumps(row).encode()) for row in rows], expected


def main() -> None:
    """Measure and write."""
    asked = argparse.ArgumentParser()
    asked.add_argument("--table", required=True)
    asked.add_argument("--rows", required=True)
    asked.add_argument("--text", default="")
    asked.add_argument("--texts", default="")
    asked.add_argument("--picture", default="")
    asked.add_argument("--photo", default="")
    asked.add_argument("--seconds", type=float, default=8.0)
    asked.add_argument("--rounds", type=int, default=3)
    asked.add_argument("--out", default="")
    asked.add_argument("--by-hand", default="")
    given = asked.parse_args()
    if given.by_hand:
        return run_by_hand(given.table, given.by_hand)
    found: dict = {"load_before": load_row()}
    requests, expected = table_rows(given.table, given.rows)
    hand = [__file__, "--table", given.table, "--rows", given.rows]
    ours = ["-m", "archwise", "serve", given.table, "--port", str(PORT)]
    rounds = []
    for _ in range(given.rounds):
        rounds.append(
            {
                "service": measure(ours, requests, expected, clients=(1, 64), seconds=given.seconds),
                "service, 2 workers": measure(
                    [*ours, "--workers", "2"], requests, expected, clients=(64,), seconds=given.seconds
                ),
                "by hand, async": measure(
                    [*hand, "--by-hand", "async"], requests, expected, clients=(1, 64), seconds=given.seconds
                ),
                "by hand, threads": measure(
                    [*hand, "--by-hand", "def"], requests, expected, clients=(64,), seconds=given.seconds
                ),
            }
        )
        print(json.dumps(rounds[-1], indent=1))
    found["table"] = rounds
    found["load_after"] = load_row()
    if given.out:
        Path(given.out).write_text(json.dumps(found, indent=1) + "\n")
    return None


if __name__ == "__main__":
    main()
