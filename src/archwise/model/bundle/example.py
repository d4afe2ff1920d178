"""The example beside an exported model: a short program that needs onnxruntime and NumPy, and answers one row."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import PurePath

import numpy as np

from archwise.data.prepare import PreparedColumn
from archwise.model.bundle.graph import GraphInput
from archwise.model.bundle.write import Bundle
from archwise.model.predict import Model
from archwise.records import Array, Batch

TOKENIZER = "tokenizer.json"
_MOST_NAMED = 6  # levels of a category that are named
_MOST_TYPED = 12  # cells of a prepared array that are typed out
_TYPES = {"float64": "np.float64", "float32": "np.float32", "int64": "np.int64", "string": "object"}
_UNITS = {
    "number": "a number, math.nan where it is missing",
    "plain": "a number, math.nan where it is missing",
    "boolean": "1.0 for yes, 0.0 for no, math.nan where it is missing",
    "date": "seconds since 1970 in UTC, math.nan where it is missing",
}


def example_of(model: Model, bundle: Bundle, row: Batch, *, file: str) -> str:
    """The program.

    Args:
        row: one row, as the graph takes it.
        file: the name of the exported model, beside the program.
    """
    columns = {column.name: column for column in model.preparation.columns}
    has_picture = any(each.dtype == "uint8" for each in bundle.inputs)
    tokens = next((each for each in bundle.inputs if _tokenizer(columns.get(each.column), each)), None)
    head = _head(model, bundle, file, needs=["tokenizers"] if tokens else [])
    cells = []
    for each in bundle.inputs:
        if each.dtype == "uint8":
            cells.append(f"    {each.name!r}: pixels,")
        elif each is tokens:
            cells.append(f"    {each.name!r}: tokens,")
        else:
            cells += _cell(each, columns.get(each.column), row[each.name])
    before = _picture(columns, bundle) if has_picture else []
    before += _text(columns[tokens.column]) if tokens else []
    return "\n".join([*head, *before, "inputs = {", *cells, "}", *_tail(model, bundle), ""])


def tokenizer_of(model: Model) -> str:
    """The tokenizer that makes tokens of texts, as JSON of the library tokenizers; empty where none does."""
    return next((str(each.state["tokenizer"]) for each in model.preparation.columns if "tokenizer" in each.state), "")


def _tokenizer(column: PreparedColumn | None, given: GraphInput) -> bool:
    return column is not None and given.prepared == "tokens" and "tokenizer" in column.state


def _head(model: Model, bundle: Bundle, file: str, *, needs: Sequence[str]) -> list[str]:
    pictures = any(each.dtype == "uint8" for each in bundle.inputs)
    numbers = any(each.dtype.startswith("float") for each in bundle.inputs)
    imports = [
        *(["import math"] if numbers else []),
        *(["import sys"] if pictures else []),
        "from pathlib import Path",
        "",
    ]
    asked = ", ".join(["onnxruntime", "numpy", *needs])
    prepared = [each for each in bundle.inputs if each.prepared and not (needs and each.prepared == "tokens")]
    told = [f'"""Answers one row with {file}: {asked} are all it needs.', ""]
    told += [
        f"The model is '{PurePath(model.folder).name}', for the task {model.facts.task} of '{model.facts.target}'."
    ]
    if prepared:
        names = ", ".join(f"'{each.name}'" for each in prepared)
        told += [f"{names}: ONNX Runtime cannot make it of the cells; it stands here as archwise prepares it."]
    uses = ["import numpy as np", "import onnxruntime", *(["from tokenizers import Tokenizer"] if needs else []), ""]
    here = [
        "here = Path(__file__).parent",
        f'session = onnxruntime.InferenceSession(str(here / {file!r}), providers=["CPUExecutionProvider"])',
        "",
    ]
    return [*told, '"""', "", *imports, *uses, *here]


def _picture(columns: Mapping[str, PreparedColumn], bundle: Bundle) -> list[str]:
    given = next(each for each in bundle.inputs if each.dtype == "uint8")
    channels = int(columns[given.column].state["channels"])
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


def _text(column: PreparedColumn) -> list[str]:
    return [
        f"# {TOKENIZER} cuts a text into numbers; 0 stands behind the end of a shorter one in a batch.",
        'text = "a text to be answered"',
        f"numbers = Tokenizer.from_file(str(here / {TOKENIZER!r})).encode(text, add_special_tokens=False).ids",
        f"tokens = np.array([numbers[:{int(column.state['longest'])}] or [0]], np.int64)",
    ]


def _cell(given: GraphInput, column: PreparedColumn | None, cell: Array) -> list[str]:
    """The line of one input, with a comment on what it takes."""
    value = cell[:1]
    if given.prepared and value.size > _MOST_TYPED:
        shape = value.shape
        flat, kind = value.ravel(), _TYPES[given.dtype]
        kept = int(np.flatnonzero(np.nan_to_num(flat) != 0).max(initial=0)) + 1
        typed = ", ".join(_literal(each) for each in flat[:kept])
        rest = f" + [0] * {flat.size - kept}" if kept < flat.size else ""
        return [f"    {given.name!r}: np.array([{typed}]{rest}, {kind}).reshape{shape},  # as archwise prepares it"]
    typed = _literal(value.tolist())
    return [f"    {given.name!r}: np.array({typed}, {_TYPES[given.dtype]}),  # {_told(given, column)}"]


def _told(given: GraphInput, column: PreparedColumn | None) -> str:
    if given.prepared or column is None:
        return "as archwise prepares it"
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
    names = ", ".join(repr(name) for name in bundle.outputs)
    lines = ["", f"answers = dict(zip(({names},), session.run([{names}], inputs), strict=True))"]
    for held in ("classes", "labels"):
        if held in model.facts.target_state:
            lines += [
                f"{held} = {list(model.facts.target_state[held])!r}",
                f'shares = dict(zip({held}, answers["probabilities"][0].tolist(), strict=True))',
            ]
    if model.facts.task == "regress":
        return [*lines, "print({name: float(values[0]) for name, values in answers.items()})"]
    if model.facts.task == "multilabel":
        return [*lines, 'print([name for name, has in zip(labels, answers["labels"][0], strict=True) if has], shares)']
    return [*lines, 'print(answers["label"][0], shares)']
