"""The model folder: written whole or not at all, and read only where every file is what was written.

    model.json            what the model is, and the SHA-256 of every other file     (read first)
    model.onnx            from the inputs of its signature to its outputs
    prepared.npz          arrays of the preparation
    verdict.json          the choice and its evidence
    trials.json           the leaderboard
    run.toml              the configuration, which runs again as it is
    README.md             the model card
    sketch.json           distributions of the training rows, to hold new rows against; where there are any
    weights.safetensors   networks only: the weights, to train on from
    stream.onnx           networks that read step by step only: from steps and what was kept to outputs and what is kept
    report.html           the report, and report.json, the facts that it is made of; added when the rest is written

No file holds code or a pickle, so the folder of a stranger can be opened.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from archwise.data.prepare import Preparation, dump_preparation, load_preparation
from archwise.errors import ModelError, UsageError
from archwise.model.card import model_card
from archwise.model.facts import ModelFacts, facts_from_json, facts_to_json, installed_version, plain
from archwise.records import Array, Json

__all__ = [
    "FORMAT",
    "STREAM",
    "ModelContent",
    "ModelFacts",
    "Opened",
    "add_files",
    "hashes_of",
    "read_file",
    "read_json",
    "read_model",
    "write_model",
]

FORMAT = 1
FACTS = "model.json"
SKETCH = "sketch.json"
NEEDED = ("model.onnx", "prepared.npz", "verdict.json", "trials.json", "run.toml", "README.md")
STREAM = "stream.onnx"
COPY_AGAIN = "copy the folder again from where it was made, or fit again"


@dataclass(frozen=True)
class ModelContent:
    """All that goes into a model folder.

    onnx: the model. verdict, trials: JSON. run_toml: the resolved configuration.
    weights: safetensors of a network, or None for a reference. stream: the model that reads a row in parts, or None.
    sketch: of the training rows, as data.sketch makes it; empty where new rows cannot be held against it.
    """

    facts: ModelFacts
    preparation: Preparation
    onnx: bytes
    verdict: Mapping[str, Json]
    trials: Sequence[Mapping[str, Json]]
    run_toml: str
    weights: bytes | None = None
    sketch: Mapping[str, Json] = field(default_factory=dict)
    stream: bytes | None = None


@dataclass(frozen=True)
class Opened:
    """What was read from a model folder, every file checked. stream: empty where there is none."""

    facts: ModelFacts
    preparation: Preparation
    onnx: bytes
    verdict: dict[str, Json]
    trials: list[dict[str, Json]]
    stream: bytes = b""


def write_model(folder: Path, content: ModelContent) -> None:
    """Write a model folder whole or not at all; an older model of that name is replaced.

    Raises:
        UsageError: something that is not a model folder has that name.
    """
    _refuse_to_replace(folder)
    state, arrays = dump_preparation(content.preparation)
    files = {
        "model.onnx": content.onnx,
        "prepared.npz": _npz(arrays),
        "verdict.json": _json(content.verdict),
        "trials.json": _json(content.trials),
        "run.toml": content.run_toml.encode(),
        "README.md": model_card(content.facts, content.verdict, folder.name).encode(),
    }
    if content.weights is not None:
        files["weights.safetensors"] = content.weights
    if content.sketch:
        files[SKETCH] = _json(content.sketch)
    if content.stream is not None:
        files[STREAM] = content.stream
    hashes = {name: hashlib.sha256(held).hexdigest() for name, held in files.items()}
    facts = plain({"format": FORMAT, **facts_to_json(content.facts), "preparation": state, "files": hashes})
    files[FACTS] = _json({**facts, "sha256": _hash_of(facts)})
    _write_whole(folder, files)


def add_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Add files to a model folder that is written, or put them in the place of older ones; all of them or none.

    Args:
        files: name -> content; none of those that prediction needs.

    Raises:
        ModelError: it is not a model folder, or is changed.
    """
    facts = _read_facts(folder)
    hashes = {**facts["files"], **{name: hashlib.sha256(held).hexdigest() for name, held in files.items()}}
    facts["files"] = hashes
    stay = [name for name in hashes if name not in files]
    _write_whole(folder, {**files, FACTS: _json({**facts, "sha256": _hash_of(facts)})}, stay=stay)


def hashes_of(folder: Path) -> dict[str, str]:
    """Name -> SHA-256 of the files of a model folder.

    Raises:
        ModelError: as for `read_model`.
    """
    found: dict[str, str] = _read_facts(folder)["files"]
    return found


def read_file(folder: Path, name: str) -> bytes | None:
    """One file of a model folder, checked against its hash; None where the model was written without it.

    Raises:
        ModelError: as for `read_model`.
    """
    expected = _read_facts(folder)["files"].get(name)
    if expected is None:
        return None
    path = folder / name
    held = path.read_bytes() if path.is_file() else b""
    if hashlib.sha256(held).hexdigest() != expected:
        raise ModelError(f"{path} was changed after it was written; {COPY_AGAIN}")
    return held


def read_json(folder: Path, name: str) -> dict[str, Json] | None:
    """A file of JSON of a model folder, checked against its hash; None where the model was written without it.

    Raises:
        ModelError: as for `read_model`, or it is no JSON.
    """
    held = read_file(folder, name)
    try:
        found: dict[str, Json] | None = None if held is None else json.loads(held)
    except ValueError as error:
        raise ModelError(f"{folder / name} is not as archwise writes it ({error}); fit again") from None
    return found


def read_model(folder: Path) -> Opened:
    """Read a model folder after checking its format and the hash of every file.

    Raises:
        ModelError: it is not a model folder, was written by a newer archwise, or a file is missing or changed.
    """
    facts = _read_facts(folder)
    files = _read_files(folder, facts["files"])
    try:
        with np.load(io.BytesIO(files["prepared.npz"]), allow_pickle=False) as held:
            arrays = dict(held)
        return Opened(
            facts_from_json(facts),
            load_preparation(facts["preparation"], arrays),
            files["model.onnx"],
            json.loads(files["verdict.json"]),
            json.loads(files["trials.json"]),
            files.get(STREAM, b""),
        )
    except (KeyError, TypeError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ModelError(
            f"{folder}: the files belong together but are not as archwise writes them "
            f"({type(error).__name__}: {error}); fit again"
        ) from None


# ---------------------------------------------------------------- writing


def _refuse_to_replace(folder: Path) -> None:
    if not folder.exists() and not folder.is_symlink():
        return
    try:
        is_model = "format" in json.loads((folder / FACTS).read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError):
        is_model = False
    if not is_model:
        raise UsageError(f"{folder} exists and is not a model folder; name another with --out")


def _write_whole(folder: Path, files: Mapping[str, bytes], *, stay: Sequence[str] = ()) -> None:
    """Write into a folder beside it and move that into its place, so that no half of a model is ever seen there.

    Args:
        stay: names of files that go over as they are.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    replaced = folder.with_name(f".{folder.name}.{os.getpid()}.replaced")
    try:
        partial.mkdir()
        for name, held in files.items():
            _write_through(partial / name, held)
        for name in stay:
            _carry_over(folder / name, partial / name)
        if folder.exists():
            folder.rename(replaced)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        if folder.exists():
            shutil.rmtree(replaced, ignore_errors=True)
        elif replaced.exists():
            replaced.rename(folder)


def _carry_over(source: Path, place: Path) -> None:
    """The same file under another name too, copied where the system cannot link."""
    try:
        os.link(source, place)
    except OSError:
        shutil.copy2(source, place)


def _write_through(path: Path, held: bytes) -> None:
    with path.open("wb") as file:
        file.write(held)
        file.flush()
        os.fsync(file.fileno())  # a folder that is in its place is on the disk


def _npz(arrays: Mapping[str, Array]) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def _json(data: Json) -> bytes:
    return (json.dumps(plain(data), indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _hash_of(facts: Mapping[str, Json]) -> str:
    """SHA-256 of the facts however they are spaced and ordered."""
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


# ---------------------------------------------------------------- reading


def _read_facts(folder: Path) -> dict[str, Json]:
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        raise ModelError(f"{folder} {what}; name the folder that archwise fit wrote, such as data.archwise")
    path = folder / FACTS
    try:
        facts: Json = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise ModelError(f"{folder} is not a model folder: it has no {FACTS}; name one that fit wrote") from None
    except (OSError, ValueError) as error:
        raise ModelError(f"{path} cannot be read ({error}); {COPY_AGAIN}") from None
    found = facts.get("format") if isinstance(facts, dict) else None
    if not isinstance(facts, dict) or not isinstance(found, int):
        raise ModelError(f"{path} is not of a model that archwise wrote: it has no format; name another folder")
    if found > FORMAT:
        raise ModelError(
            f"{folder} has format {found}, written by archwise {facts.get('version')}; this is {installed_version()}, "
            f"which reads formats up to {FORMAT}: upgrade it with pip install -U archwise"
        )
    claimed = facts.pop("sha256", None)
    if claimed != _hash_of(facts):
        raise ModelError(f"{path} was changed after it was written; {COPY_AGAIN}")
    return facts


def _read_files(folder: Path, hashes: Mapping[str, str]) -> dict[str, bytes]:
    """The files that prediction needs; all others are only checked."""
    for name in NEEDED:
        if name not in hashes:
            raise ModelError(f"{folder}/{FACTS} names no {name}; {COPY_AGAIN}")
    files = {}
    for name, expected in hashes.items():
        path = folder / name
        if Path(name).name != name or not path.is_file():
            raise ModelError(f"{path} is missing; {COPY_AGAIN}")
        held = path.read_bytes()
        if hashlib.sha256(held).hexdigest() != expected:
            raise ModelError(f"{path} was changed after it was written; {COPY_AGAIN}")
        if name in (*NEEDED, STREAM):
            files[name] = held
    return files
