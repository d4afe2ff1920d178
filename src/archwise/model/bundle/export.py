"""Exports a written model: one ONNX that answers as `predict` does, an example of it, and a smaller one in int8."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from archwise.errors import UsageError
from archwise.model.bundle.agree import LIMIT, LIMIT_OF_PICTURES, answers_of, check_agreement, open_graph
from archwise.model.bundle.example import example_files
from archwise.model.bundle.forecast_rows import gather_windows
from archwise.model.bundle.integer import Integer, make_integer
from archwise.model.bundle.rows import Rows, gather_rows
from archwise.model.bundle.write import Bundle, write_bundle
from archwise.model.folder import FACTS
from archwise.model.predict import Model, is_forecast
from archwise.records import Json

FORMS = ("onnx",)
FILE, FILE_INT8 = "model.onnx", "model-int8.onnx"


@dataclass(frozen=True)
class Exported:
    """What was written, and what it was held against.

    files: written, the ONNX first. n_rows: on which it answers as `predict` does; largest: difference of an answer.
    are_real: whether these rows were given, and not made up. prepared: inputs that the graph does not prepare.
    integer: of the model in int8, as `make_integer` gives it; empty where none was asked.
    """

    files: tuple[Path, ...]
    n_rows: int
    largest: float
    limit: float
    are_real: bool
    inputs: tuple[str, ...]
    prepared: tuple[str, ...]
    outputs: tuple[str, ...]
    integer: Mapping[str, Json]


def export(
    model: Model, out: Path | None = None, *, to: str = "onnx", rows: object = None, int8: bool = False
) -> Exported:
    """Write a model as one ONNX graph from columns to answers, once it answers as `predict` does.

    Args:
        out: a folder, or a file that ends in .onnx; beside the model folder when None.
        to: "onnx".
        rows: of the user, on which it is checked, and int8 is scored where they are labelled; made up where None.
        int8: whether to write a model of whole numbers of 8 bits too.

    Raises:
        UsageError: another form, or no weights that int8 could hold.
        ParityError: the graph does not answer as `predict` does; nothing is written.
        DataError: as for `predict`.
        MissingExtraError: onnx is not installed.
    """
    if to not in FORMS:
        raise UsageError(f"--to {to}: models are exported to onnx")
    place = _place(model, out)
    core = (model.folder / FILE).read_bytes()
    about = _about(model)
    bundle = write_bundle(model, core, about)
    gathered = gather_windows(model, rows) if is_forecast(model) else gather_rows(model, bundle.inputs, rows)
    limit = LIMIT_OF_PICTURES if any(each.dtype == "uint8" for each in bundle.inputs) else LIMIT
    graph = open_graph(bundle.onnx)
    largest = check_agreement(model.facts, gathered, answers_of(graph, gathered.parts), limit=limit)
    integer = make_integer(model, core, gathered, bundle, source=rows) if int8 else None
    files = _files(model, place, bundle, gathered)
    if integer is not None:
        files[place.with_name(_int8_name(place))] = integer.bundle.onnx
    _write(files)
    return Exported(
        tuple(files),
        gathered.n_rows,
        largest,
        limit,
        gathered.are_real,
        tuple(each.name for each in bundle.inputs),
        tuple(each.name for each in bundle.inputs if each.prepared),
        tuple(bundle.outputs),
        integer.facts if isinstance(integer, Integer) else {},
    )


def _place(model: Model, out: Path | None) -> Path:
    """Where the ONNX goes.

    Raises:
        UsageError: into the model folder, whose own model it would replace.
    """
    asked = out if out is not None else model.folder.with_name(f"{model.folder.stem}-onnx")
    place = asked if asked.suffix == ".onnx" else asked / FILE
    if place.parent.resolve() == model.folder.resolve():
        raise UsageError(f"--out {asked}: the model folder holds a {FILE} of its own; name another folder")
    if place.parent.exists() and not place.parent.is_dir():
        raise UsageError(f"--out {asked}: {place.parent} is a file; name a folder, or a file that ends in .onnx")
    return place


def _int8_name(place: Path) -> str:
    return FILE_INT8 if place.name == FILE else f"{place.stem}-int8.onnx"


def _about(model: Model) -> dict[str, str]:
    """What an exported file says of where it comes from."""
    return {
        "archwise_version": model.facts.version,
        "model": model.folder.name,
        "model_sha256": hashlib.sha256((model.folder / FACTS).read_bytes()).hexdigest(),
        "task": model.facts.task,
        "target": model.facts.target,
    }


def _files(model: Model, place: Path, bundle: Bundle, rows: Rows) -> dict[Path, bytes]:
    example = example_files(model, bundle, rows.parts[0], file=place.name)
    return {place: bundle.onnx, **{place.with_name(name): held for name, held in example.items()}}


def _write(files: Mapping[Path, bytes]) -> None:
    """Write every file beside its place first, so that no half of one is seen there."""
    partials = []
    try:
        for place, content in files.items():
            place.parent.mkdir(parents=True, exist_ok=True)
            partial = place.with_name(f".{place.name}.{os.getpid()}.partial")
            partials.append(partial)
            partial.write_bytes(content)
        for place, partial in zip(files, partials, strict=True):
            partial.replace(place)
    finally:
        for partial in partials:
            partial.unlink(missing_ok=True)
