"""The example beside an exported model: a short program that answers one row with onnxruntime and NumPy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import PurePath

import numpy as np

from archwise.data.prepare import PreparedColumn
from archwise.data.tag_cells import TAG
from archwise.data.timeline.prepare import roles_of, state_of
from archwise.model.bundle.example_text import text_piece
from archwise.model.bundle.graph import GraphInput
from archwise.model.bundle.piece import Piece
from archwise.model.bundle.window import AHEAD, PAST, TIME
from archwise.model.bundle.write import Bundle
from archwise.model.predict import Model
from archwise.records import FORECAST, Array, Batch

EXAMPLE = "example.py"
_MOST_NAMED = 6  # levels of a category that are named
_MOST_TYPED = 12  # cells of a prepared array that are typed out
_TYPES = {"float64": "np.float64", "float32": "np.float32", "int64": "np.int64", "string": "object"}
_PREPARED = "as archwise prepares it"
_UNITS = {
    "number": "a number, math.nan where it is missing",
    "plain": "a number, math.nan where it is missing",
    "boolean": "1.0 for yes, 0.0 for no, math.nan where it is missing",
    "date": "seconds since 1970 in UTC, math.nan where it is missing",
}
_STANDARD = {
    "json": "import json",
    "math": "import math",
    "sys": "import sys",
    "Counter": "from collections import Counter",
    "groupby": "from itertools import groupby",
    "pairwise": "from itertools import pairwise",
}


def example_files(model: Model, bundle: Bundle, row: Batch, *, file: str) -> dict[str, bytes]:
    """The program, and what it reads.

    Args:
        row: one row, as the graph takes it.
        file: the name of the exported model, beside the program.
    """
    pieces = _pieces(model, bundle, row)
    cells = {name: cell for piece in pieces for name, cell in piece.cells.items()}
    told = {name: f"  # {comment}" for piece in pieces for name, comment in piece.told.items()}
    imports = {name for piece in pieces for name in piece.imports}
    lines = [
        *_head(model, file, imports=imports, made=[name for name, comment in told.items() if _PREPARED in comment]),
        *(line for piece in pieces for line in piece.before),
        "inputs = {",
        *(f"    {given.name!r}: {cells[given.name]},{told.get(given.name, '')}" for given in bundle.inputs),
        "}",
        *_tail(model, bundle),
        "",
    ]
    files = {name: held for piece in pieces for name, held in piece.files.items()}
    return {EXAMPLE: "\n".join(lines).encode(), **files}


def _pieces(model: Model, bundle: Bundle, row: Batch) -> list[Piece]:
    """How each input comes about; those of one text together."""
    columns = {column.name: column for column in model.preparation.columns}
    pieces: list[Piece] = []
    done: set[str] = set()
    for given in bundle.inputs:
        column = columns.get(given.column)
        if given.name in done:
            continue
        piece = None
        if column is not None and given.prepared:
            piece = text_piece(column, {e.prepared: e.name for e in bundle.inputs if e.column == given.column})
        if piece is None:
            piece = _piece(model, given, column, row[given.name][:1])
        done |= set(piece.cells)
        pieces.append(piece)
    return pieces


def _piece(model: Model, given: GraphInput, column: PreparedColumn | None, cell: Array) -> Piece:
    """How one input comes about."""
    if given.dtype == "uint8" and column is not None:
        return Piece(_picture(column), {given.name: "pixels"}, imports=("sys",))
    if given.name == TIME and model.facts.task == FORECAST:
        stamps = (cell[0] * 1e6).round().astype(np.int64).astype("datetime64[us]")
        told = ", ".join(repr(str(stamp).removesuffix(".000000")) for stamp in stamps)
        before = ["# The steps that are forecast, seconds since 1970 on the clock of the data.", f"stamps = [{told}]"]
        seconds = 'np.array([stamps], "datetime64[us]").astype(np.int64) / 1e6'
        return Piece(before, {given.name: seconds})
    if len(given.row) == 2 and given.dtype == "float64":
        return _steps(model, given, cell[0])
    imports = ("math",) if cell.dtype.kind == "f" else ()
    return Piece((), {given.name: _typed(given, cell)}, imports=imports, told={given.name: _told(given, column)})


def _steps(model: Model, given: GraphInput, cell: Array) -> Piece:
    """Steps (T, C), which stand in a file of their own."""
    names = [f"channel {place}" for place in range(1, cell.shape[1] + 1)]
    file = "series.csv"
    if model.facts.task == FORECAST:
        roles, file = roles_of(state_of(model.preparation)), f"{given.name}.csv"
        names = list(roles.channels if given.name == PAST else roles.known)
    elif sum(kind == "series" for _, kind in model.facts.columns) > 1:
        file = f"series-{[name for name, _ in model.facts.columns].index(given.column) + 1}.csv"
    rows = [",".join(" ".join(name.replace(",", " ").split()) for name in names)]
    rows += [",".join(repr(float(value)) for value in step) for step in cell]
    told = {
        PAST: "the steps before, the last one last",
        AHEAD: "what is known of the steps that are forecast",
    }.get(given.name, "a series of any length, one step a line")
    before = [f"# {file}: {told}; nan where a value is missing."]
    read = f'np.loadtxt(here / {file!r}, delimiter=",", skiprows=1, ndmin=2)[None]'
    return Piece(before, {given.name: read}, {file: "\n".join([*rows, ""]).encode()})


def _head(model: Model, file: str, *, imports: set[str], made: Sequence[str]) -> list[str]:
    tokenizers = "tokenizers" in imports
    asked = ", ".join(["onnxruntime", "numpy", *(["tokenizers"] if tokenizers else [])])
    told = [f'"""Answers one row with {file}: {asked} are all it needs.', ""]
    told += [
        f"The model is '{PurePath(model.folder).name}', for the task {model.facts.task} of '{model.facts.target}'."
    ]
    if made:
        names = ", ".join(f"'{name}'" for name in made)
        told += [f"{names}: ONNX Runtime cannot make it of the cells; it stands here as archwise prepares it."]
    standard = [line for name, line in _STANDARD.items() if name in imports]
    standard = sorted([*standard, "from pathlib import Path"], key=lambda line: (line.startswith("from"), line))
    uses = ["import numpy as np", "import onnxruntime"]
    uses += ["from tokenizers import Tokenizer"] if tokenizers else []
    here = [
        "here = Path(__file__).parent",
        f'session = onnxruntime.InferenceSession(str(here / {file!r}), providers=["CPUExecutionProvider"])',
        "",
    ]
    return [*told, '"""', "", *standard, "", *uses, "", *here]


def _picture(column: PreparedColumn) -> list[str]:
    channels = int(column.state["channels"])
    mode = "RGB" if channels == 3 else "L"
    return [
        "# A picture of any size, upright: (1, height, width, channels) of bytes. The model scales and normalises it.",
        "if len(sys.argv) > 1:",
        "    from PIL import Image, ImageOps  # only to open a file",
        "",
        f'    opened = ImageOps.exif_transpose(Image.open(sys.argv[1])).convert("{mode}")',
        f"    pixels = np.asarray(opened, np.uint8).reshape(1, opened.height, opened.width, {channels})",
        "else:",
        f"    pixels = np.random.default_rng(0).integers(0, 256, (1, 300, 400, {channels}), np.uint8)  # noise",
    ]


def _typed(given: GraphInput, value: Array) -> str:
    """An input typed out."""
    if given.prepared and value.size > _MOST_TYPED:
        shape = value.shape
        flat, kind = value.ravel(), _TYPES[given.dtype]
        kept = int(np.flatnonzero(np.nan_to_num(flat) != 0).max(initial=0)) + 1
        typed = ", ".join(_literal(each) for each in flat[:kept])
        rest = f" + [0] * {flat.size - kept}" if kept < flat.size else ""
        return f"np.array([{typed}]{rest}, {kind}).reshape{shape}"
    return f"np.array({_literal(value.tolist())}, {_TYPES[given.dtype]})"


def _told(given: GraphInput, column: PreparedColumn | None) -> str:
    if given.prepared:
        return _PREPARED
    if column is None:
        return "the series that is forecast"
    if column.kind != "category":
        return _UNITS[column.kind]
    levels = column.state["levels"]
    more = ", …" if len(levels) > _MOST_NAMED else ""
    return f'one of {", ".join(map(repr, levels[:_MOST_NAMED]))}{more}; "" where it is missing'


def _literal(value: object) -> str:
    """A value as Python is written."""
    if isinstance(value, list):
        return f"[{', '.join(_literal(each) for each in value)}]"
    if isinstance(value, float | np.floating):
        return "math.nan" if math.isnan(value) else repr(float(value))
    return repr(int(value)) if isinstance(value, np.integer) else repr(value)


def _tail(model: Model, bundle: Bundle) -> list[str]:
    task = model.facts.task
    lines = ["", f"names = {list(bundle.outputs)!r}"]
    lines += ["answers = dict(zip(names, session.run(names, inputs), strict=True))"]
    if task == TAG:
        return [*lines, 'print(list(zip(words, answers["tags"][0].tolist(), answers["p"][0].tolist(), strict=False)))']
    if task == FORECAST:
        targets = list(model.facts.target_state["targets"])
        printed = "print(target, {name: values[0, :, place].tolist() for name, values in answers.items()})"
        return [*lines, f"for place, target in enumerate({targets!r}):", f"    {printed}"]
    if task == "regress":
        return [*lines, "print({name: float(values[0]) for name, values in answers.items()})"]
    held = "classes" if task == "classify" else "labels"
    lines += [
        f"{held} = {list(model.facts.target_state[held])!r}",
        f'shares = dict(zip({held}, answers["probabilities"][0].tolist(), strict=True))',
    ]
    if task == "multilabel":
        return [*lines, 'print([name for name, has in zip(labels, answers["labels"][0], strict=True) if has], shares)']
    if "set" not in bundle.outputs:
        return [*lines, 'print(answers["label"][0], shares)']
    lines += ['likely = [name for name, is_held in zip(classes, answers["set"][0], strict=True) if is_held]']
    return [*lines, 'print(answers["label"][0], shares, "one of", likely)  # the set holds nine truths of ten']
