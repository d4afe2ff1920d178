"""Joins the preparation, the model and its answers into one ONNX graph, whose inputs are the columns."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from archwise.data.kinds import kind as pick_kind
from archwise.data.prepare import PreparedColumn
from archwise.data.timeline.prepare import state_of
from archwise.errors import MissingExtraError
from archwise.model.bundle.answer import Outputs, add_answers, answer_outputs
from archwise.model.bundle.category import add_category
from archwise.model.bundle.date import add_date
from archwise.model.bundle.graph import INNER, ML_OPSET, Dtype, Graph, GraphInput, element_type
from archwise.model.bundle.number import add_number
from archwise.model.bundle.picture import add_picture
from archwise.model.bundle.series import add_series, join_series
from archwise.model.bundle.window import add_forecast, add_windows
from archwise.model.facts import ModelFacts, installed_version
from archwise.model.predict import Model
from archwise.records import FORECAST, InputSpec, Json

MODEL = f"{INNER}model/"  # what the names of the model itself begin with
HELD: Mapping[str, tuple[Dtype, Callable[[Graph, str, Mapping[str, Json]], dict[str, str]]]] = {
    "number": ("float64", add_number),
    "plain": ("float64", add_number),
    "boolean": ("float64", add_number),
    "date": ("float64", add_date),
    "category": ("string", add_category),
    "image": ("uint8", add_picture),
    "series": ("float64", add_series),
}
_UNNAMED = "column"


@dataclass(frozen=True)
class Bundle:
    """One graph from columns to answers.

    onnx: its bytes. inputs: in the order of the columns. outputs: name -> type and shape of a row.
    """

    onnx: bytes
    inputs: tuple[GraphInput, ...]
    outputs: Outputs


def is_held(column: PreparedColumn) -> bool:
    """Whether the graph prepares a column itself; else its input is what archwise prepares.

    Levels that share codes are told apart by a hash that ONNX Runtime does not have.
    """
    return column.kind in HELD and "hashes" not in column.state


def write_bundle(model: Model, core: bytes, about: Mapping[str, str]) -> Bundle:
    """Join the preparation and the answers of a model with a graph of its network.

    Args:
        core: the model's own graph, or one with the same inputs and outputs.
        about: what the file says of itself.

    Raises:
        MissingExtraError: onnx is not installed.
    """
    onnx = load_onnx()
    outputs = answer_outputs(model.facts)
    inner = onnx.compose.add_prefix(onnx.load_from_string(core), MODEL)
    graph = Graph()
    read = {given.name.removeprefix(MODEL) for given in inner.graph.input}
    _add_preparation(graph, model, taken=set(outputs), read=read)
    before = len(graph.nodes)
    if model.facts.task == FORECAST:
        add_forecast(graph, model, inner.graph.output[0].name)
    else:
        add_answers(graph, model.facts, inner.graph.output[0].name)
    nodes = [*graph.nodes[:before], *inner.graph.node, *graph.nodes[before:]]
    written = _model_of(onnx, graph, inner, nodes, outputs)
    described = {
        **about,
        "inputs": json.dumps([_described(given, model.facts) for given in graph.inputs], ensure_ascii=False),
        **_names_of(model.facts),
    }
    onnx.helper.set_model_props(written, described)
    onnx.checker.check_model(written)
    return Bundle(written.SerializeToString(), tuple(graph.inputs), outputs)


def load_onnx() -> Any:
    """The library onnx.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        import onnx
        import onnx.compose
    except ImportError:
        raise MissingExtraError("export needs onnx: pip install 'archwise[train]'") from None
    return onnx


def _model_of(onnx: Any, graph: Graph, inner: Any, nodes: Sequence[Any], outputs: Outputs) -> Any:
    tensors = [onnx.numpy_helper.from_array(array, name) for name, array in graph.constants.items()]
    infos = onnx.helper.make_tensor_value_info
    made = onnx.helper.make_graph(
        nodes,
        "archwise",
        [infos(each.name, element_type(each.dtype), _shape(each)) for each in graph.inputs],
        [infos(name, element_type(dtype), ["N", *row]) for name, (dtype, row) in outputs.items()],
        [*tensors, *inner.graph.initializer],
    )
    versions = {each.domain: each.version for each in inner.opset_import}
    opsets = [onnx.helper.make_opsetid(*pair) for pair in {"ai.onnx.ml": ML_OPSET, **versions}.items()]
    return onnx.helper.make_model(
        made,
        opset_imports=opsets,
        functions=list(inner.functions),
        ir_version=inner.ir_version,
        producer_name="archwise",
        producer_version=installed_version(),
    )


def _shape(given: GraphInput) -> list[int | str]:
    """The axes of an input; those that are free have a name of their own each."""
    return ["N", *(f"{given.name}/{place}" if axis is None else axis for place, axis in enumerate(given.row))]


def _described(given: GraphInput, facts: ModelFacts) -> dict[str, Json]:
    kinds = dict(facts.columns)
    return {"name": given.name, "type": given.dtype, "column": given.column, "kind": kinds.get(given.column, "")}


def _names_of(facts: ModelFacts) -> dict[str, str]:
    """The names of what probabilities stand for, in their order."""
    for held in ("classes", "labels"):
        if held in facts.target_state:
            return {held: json.dumps(list(facts.target_state[held]), ensure_ascii=False)}
    return {}


# ---------------------------------------------------------------- columns


def _add_preparation(graph: Graph, model: Model, *, taken: set[str], read: set[str]) -> None:
    """Add the inputs, and the nodes that lead from them to the inputs of the model."""
    specs = {spec.name: spec for spec in model.facts.signature.inputs}
    parts: dict[str, list[str]] = {name: [] for name in specs}
    if model.facts.task == FORECAST:
        parts = {name: [made] for name, made in add_windows(graph, state_of(model.preparation)).items()}
    else:
        for column in model.preparation.columns:
            for name, part in _add_column(graph, column, taken, specs).items():
                parts[name].append(part)
    for name, found in parts.items():
        if name not in read or not found:
            continue
        join = join_series if name == "series" else _side_by_side
        graph.add("Identity", [found[0] if len(found) == 1 else join(graph, found)], output=f"{MODEL}{name}")


def _side_by_side(graph: Graph, parts: Sequence[str]) -> str:
    return graph.add("Concat", parts, {"axis": 1})


def _add_column(
    graph: Graph, column: PreparedColumn, taken: set[str], specs: Mapping[str, InputSpec]
) -> dict[str, str]:
    """The input of a column, and what becomes of it: input of the model -> name of that."""
    if not is_held(column):
        return _take_prepared(graph, column, taken, specs)
    if not column.state:  # of a kind that this model does not read
        return {}
    dtype, add = HELD[column.kind]
    channels = int(column.state.get("channels", 1))
    row: tuple[int | None, ...] = {"image": (None, None, channels), "series": (None, channels)}.get(column.kind, (1,))
    name = graph.take(GraphInput(_free(column.name, taken), dtype, row, column.name))
    return add(graph, name, column.state)


def _take_prepared(
    graph: Graph, column: PreparedColumn, taken: set[str], specs: Mapping[str, InputSpec]
) -> dict[str, str]:
    """Inputs for what archwise prepares of a column, as it prepares it."""
    made = {}
    for name, (width, levels) in pick_kind(column.kind).spec(column.state).items():
        dtype: Dtype = "int64" if levels else "float32"
        row = width if isinstance(width, tuple) else (width,)
        free = (None, *row[1:]) if specs[name].is_padded else row
        made[name] = graph.take(GraphInput(_free(f"{column.name}:{name}", taken), dtype, free, column.name, name))
    return made


def _free(name: str, taken: set[str]) -> str:
    """A name that nothing else in the graph has, the column's own where it can be; it is taken from now on."""
    found = name or _UNNAMED
    if found in taken or found.startswith(INNER):
        found = f"{_UNNAMED}:{found}"
    while found in taken:
        found += "'"
    taken.add(found)
    return found
