"""Models of a table, a number, texts, pictures and series, and services over them: in this process and beside it."""

from __future__ import annotations

import asyncio
import datetime as dt
import io
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

from archwise.api import fit
from archwise.architectures import architecture, need_of
from archwise.config import Config
from archwise.data.prepare import apply_preparation, fit_preparation, inputs_of, parse_columns
from archwise.model.folder import ModelContent, ModelFacts, write_model
from archwise.model.session import open_session, outputs
from archwise.records import Candidate, Plan, Signature, settings_of
from archwise.serve.app import Settings, make_app
from archwise.tasks import task

GOLDEN = Path(__file__).parents[1] / "model" / "golden" / "trees" / "format-1"
ROW = {"age": 39.5, "hours": 40, "city": "Lima"}


def picture(shade: int, *, size: int = 12) -> bytes:
    held = io.BytesIO()
    noise = np.random.default_rng(shade).integers(0, 20, (size, size), dtype=np.uint8)
    Image.fromarray(noise + np.uint8(shade)).save(held, "PNG")
    return held.getvalue()


def _frames() -> dict[str, tuple[pl.DataFrame, str, str, str]]:
    """Name -> rows with the target last, the kinds of the columns before it, task and architecture."""
    rng = np.random.default_rng(0)
    words = ["good", "fine", "bad", "poor", "film", "plot", "the", "a"]
    label = rng.integers(0, 2, 80)
    texts = [" ".join(rng.choice(words[2 * side : 2 * side + 2] + words[4:], 8)) for side in label]
    shades = rng.integers(20, 200, 60)
    steps = np.arange(16)
    dark = ["yes" if shade < 100 else "no" for shade in shades]
    waves = [np.sin(steps / (2 + 2 * side)).round(3).tolist() for side in label[:60]]
    number = rng.normal(40, 10, 100).round(1)
    return {
        "value": (pl.DataFrame({"x": number, "y": 2 * number + 1}), "number", "regress", "trees"),
        "text": (pl.DataFrame({"text": texts, "label": [f"l{side}" for side in label]}), "text", "classify", "tfidf"),
        "picture": (
            pl.DataFrame({"image": [picture(int(shade)) for shade in shades], "dark": dark}),
            "image",
            "classify",
            "hog",
        ),
        "series": (
            pl.DataFrame({"series": waves, "kind": [f"k{side}" for side in label[:60]]}),
            "series",
            "classify",
            "nearest",
        ),
        "labels": (
            pl.DataFrame({
                "text": texts, "hours": rng.normal(40, 10, 80), "seen": label == 1, "day": [dt.date(2024, 1, 1)] * 80,
                "tags": [f";{'red' if side else 'round'};odd;" if side else "" for side in label],
            }),
            "text number boolean date",
            "multilabel",
            "linear",
        ),
        "words": (
            pl.DataFrame({
                "words": ["Ada saw Lima", "the sea", "Lima and Oslo"] * 20,
                "tags": ["B-PER O B-LOC", "O O", "B-LOC O B-LOC"] * 20,
            }),
            "words",
            "tag",
            "lexicon",
        ),
    }  # fmt: skip


def _write(place: Path, frame: pl.DataFrame, kinds: str, task_name: str, name: str) -> Path:
    entry, asked, target = architecture(name), task(task_name), frame.columns[-1]
    columns = tuple(zip(frame.columns[:-1], kinds.split(), strict=True))
    candidate = Candidate(name, settings_of(entry.defaults().items()), Plan(), name)
    need = need_of(candidate)
    typed = parse_columns(frame, columns).frame
    preparation = fit_preparation(typed, columns, need=need)
    batch = apply_preparation(preparation, typed)
    state = asked.encode_fit(frame[target])
    targets = asked.encode(state, frame[target])
    signature = Signature(inputs_of(preparation), asked.n_outputs(state), form=asked.needs)
    assert entry.solve is not None
    solved = entry.solve(signature, entry.defaults(), batch, targets, task_name, 0)
    given = outputs(open_session(solved.onnx), batch)
    facts = ModelFacts(
        task=task_name, target=target, target_state=state, calibration=asked.calibrate(state, given, targets),
        columns=columns, layout=tuple(frame.columns), signature=signature, need=need, candidate=candidate,
        metric="accuracy", validation={}, test={"accuracy": 0.9}, profile={}, sealed="0" * 64,
        created="2026-11-23T12:00:00+00:00",
    )  # fmt: skip
    verdict = {"chosen": name, "reasons": ["Chosen: it is the only one."], "next_steps": []}
    write_model(place, ModelContent(facts, preparation, solved.onnx, verdict, [{"id": name}], "seed = 0\n"))
    return place


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Model folders by name; `table` reads ROW."""
    place = tmp_path_factory.mktemp("served")
    shutil.copytree(GOLDEN, place / "table.archwise")
    made = {name: _write(place / f"{name}.archwise", *parts) for name, parts in _frames().items()}
    return {"table": place / "table.archwise", **made}


@pytest.fixture(scope="session")
def forecasts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that forecasts the sales of two shops, of which the price is known ahead."""
    days = pl.date_range(pl.date(2024, 1, 1), pl.date(2024, 4, 9), eager=True)
    steps = np.arange(2 * len(days))
    columns = {"day": [*days, *days], "shop": ["A"] * len(days) + ["B"] * len(days)}
    frame = pl.DataFrame({**columns, "sales": np.sin(steps / 3), "price": steps % 7})
    place = tmp_path_factory.mktemp("forecasts") / "steps.archwise"
    roles = {"target": "sales", "time": "day", "series": "shop", "known": ("price",), "horizon": 3}
    fit(frame, config=Config(**roles, only=("last-value",), budget="50steps", workers=1, out=str(place)))
    return place


@dataclass
class Given:
    """A response."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def told(self) -> Any:
        return json.loads(self.body)


@dataclass
class InProcess:
    """A service in this process, asked without a network."""

    folders: Sequence[Path]
    settings: Settings = field(default_factory=Settings)

    def __enter__(self) -> InProcess:
        self.runner = asyncio.Runner()
        self.app = make_app(self.folders, self.settings)
        self.inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.outbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.runner.run(self._begin())
        return self

    async def _begin(self) -> None:
        self.life = asyncio.ensure_future(self.app({"type": "lifespan"}, self.inbox.get, self.outbox.put))
        await self.inbox.put({"type": "lifespan.startup"})
        told = await self.outbox.get()
        assert told["type"] == "lifespan.startup.complete", told

    def __exit__(self, *_: object) -> None:
        async def end() -> None:
            await self.inbox.put({"type": "lifespan.shutdown"})
            await self.outbox.get()
            await self.life

        self.runner.run(end())
        self.runner.close()

    async def send(self, method: str, path: str, body: bytes = b"", **headers: str) -> Given:
        given_headers = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "path": path,
            "raw_path": path.encode(), "query_string": b"", "root_path": "", "scheme": "http",
            "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 1),
            "headers": [(b"host", b"127.0.0.1"), *given_headers],
        }  # fmt: skip
        parts = [{"type": "http.request", "body": body, "more_body": False}]
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return parts.pop() if parts else {"type": "http.disconnect"}

        async def take(message: dict[str, Any]) -> None:
            sent.append(message)

        await self.app(scope, receive, take)
        given = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return Given(sent[0]["status"], given, b"".join(part.get("body", b"") for part in sent[1:]))

    def ask(self, path: str, body: object = None, *, method: str = "", **headers: str) -> Given:
        """GET, or POST where there is a body; what is not bytes is sent as JSON."""
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        if body is not None:
            headers.setdefault("content_type", "application/json")
        return self.runner.run(self.send(method or ("GET" if body is None else "POST"), path, content, **headers))

    def ask_together(self, path: str, bodies: Sequence[bytes], **headers: str) -> list[Given]:
        async def all_of_them() -> list[Given]:
            return await asyncio.gather(*(self.send("POST", path, body, **headers) for body in bodies))

        return self.runner.run(all_of_them())


@pytest.fixture(scope="session")
def service(folders: dict[str, Path]) -> Iterator[InProcess]:
    """All models; the first is `table`."""
    with InProcess(list(folders.values())) as running:
        yield running


@pytest.fixture(scope="session")
def everything(folders: dict[str, Path], forecasts: Path) -> Iterator[InProcess]:
    """All models, and one that forecasts, as `steps`."""
    with InProcess([*folders.values(), forecasts]) as running:
        yield running


@pytest.fixture
def serving() -> Callable[..., Any]:
    """`with serving(folders, settings) as service`: one of its own in this process."""
    return InProcess


@dataclass
class Process:
    """A service as a process of its own."""

    process: subprocess.Popen[str]
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture
def running() -> Callable[..., Any]:
    """`with running(folder, "--workers", "2") as process`: the command `archwise serve`, with any free port."""

    @contextmanager
    def run(*arguments: object) -> Iterator[Process]:
        command = [sys.executable, "-m", "archwise", "serve", *map(str, arguments), "--port", "0"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            found = re.search(r":(\d+);", line)
            assert found, line + process.stdout.read()
            yield Process(process, int(found[1]))
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait(40)
            process.stdout.close()

    return run
