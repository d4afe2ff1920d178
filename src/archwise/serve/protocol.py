"""The Open Inference Protocol, version 2: the same models for clients that speak to any server of models.

A tensor of shape [N] or [N, 1] is a column. Source: https://github.com/kserve/open-inference-protocol
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

from starlette.requests import Request
from starlette.responses import Response

from archwise import __version__
from archwise.errors import ArchwiseError
from archwise.records import Json
from archwise.serve import body
from archwise.serve.answer import Desk, in_turns
from archwise.serve.guard import refuse_many
from archwise.serve.refusal import RefusedError, Told, of_error
from archwise.serve.schema import Field

PLATFORM = "archwise_onnxruntime"
_NUMBERS = ("FP64", "FP32", "FP16", "INT64", "INT32", "INT16", "INT8", "UINT64", "UINT32", "UINT16", "UINT8")
DATATYPES = (*_NUMBERS, "BOOL", "BYTES")


def server() -> dict[str, Json]:
    """The metadata of the server."""
    return {"name": "archwise", "version": __version__, "extensions": []}


def metadata(desk: Desk) -> dict[str, Json]:
    """The metadata of a model."""
    served = desk.served
    outputs: list[Json] = [_tensor("prediction", "FP64" if served.model.facts.task == "regress" else "BYTES", [-1])]
    labels = _labels(desk)
    if labels:
        outputs.append({**_tensor("probabilities", "FP64", [-1, len(labels)]), "parameters": {"labels": labels}})
    inputs = [_tensor(field.name, _datatype(field), _shape(field)) for field in served.fields]
    return {
        "name": served.name,
        "versions": [served.version],
        "platform": PLATFORM,
        "inputs": inputs,
        "outputs": outputs,
    }


async def infer(desk: Desk, request: Request) -> Response:
    """Answer the rows of tensors.

    Raises:
        RefusedError: a tensor is missing, or of another shape than it says.
    """
    asked = await body.read_json(request)
    if not isinstance(asked, dict) or not isinstance(asked.get("inputs"), list):
        raise RefusedError(422, "'inputs' is missing; give a list of tensors with name, shape, datatype and data")
    columns: dict[str, list[Json]] = {}
    for place, tensor in enumerate(asked["inputs"]):
        name, cells = _column(tensor, place, desk.served.fields)
        columns[name] = cells
    sent = body.rows_of(columns)
    refuse_many(len(sent), desk.limits)
    if not sent:
        raise RefusedError(422, "'inputs' has no row; give tensors of one row or more")
    rows = [body.read_row(desk.served.fields, row, number=number) for number, row in enumerate(sent)]
    answers = await desk.bench.do(lambda go_on: in_turns(desk.served, rows, go_on))
    told: list[Mapping[str, Json]] = []
    for number, answer in enumerate(answers):
        if isinstance(answer, ArchwiseError):
            raise of_error(answer, told=f"row {number}: {answer}")
        told.append(answer)
    desk.metrics.rows(desk.served.name, len(told))
    out: dict[str, Json] = {
        "model_name": desk.served.name,
        "model_version": desk.served.version,
        "outputs": _outputs(desk, told),
    }
    if isinstance(asked.get("id"), str):
        out["id"] = asked["id"]
    return Told(out)


def _outputs(desk: Desk, told: Sequence[Mapping[str, Json]]) -> list[Json]:
    n_rows, labels = len(told), _labels(desk)
    is_number = desk.served.model.facts.task == "regress"
    predicted = [answer["prediction"] for answer in told]
    if any(isinstance(each, list) for each in predicted):  # a tag for each word
        predicted = [" ".join(tag or "" for tag in each or []) for each in predicted]
    outputs: list[Json] = [{**_tensor("prediction", "FP64" if is_number else "BYTES", [n_rows]), "data": predicted}]
    for end in ("low", "high"):
        if end in told[0]:
            outputs.append({**_tensor(end, "FP64", [n_rows]), "data": [answer[end] for answer in told]})
    if labels:
        shares = [answer["probabilities"][label] for answer in told for label in labels]
        tensor = _tensor("probabilities", "FP64", [n_rows, len(labels)])
        outputs.append({**tensor, "parameters": {"labels": labels}, "data": shares})
    return outputs


def _column(tensor: Json, place: int, fields: tuple[Field, ...]) -> tuple[str, list[Json]]:
    """The name and the cells of a tensor."""
    if not isinstance(tensor, dict) or not isinstance(tensor.get("name"), str):
        raise RefusedError(422, f"inputs[{place}] has no name; give name, shape, datatype and data")
    name, shape, data = tensor["name"][:200], tensor.get("shape"), tensor.get("data")
    if tensor.get("datatype") not in DATATYPES:
        told = str(tensor.get("datatype"))[:40]
        raise RefusedError(422, f"'{name}': the datatype is {told}; it should be one of {', '.join(DATATYPES)}")
    if not isinstance(shape, list) or not shape or not all(type(n) is int and n >= 0 for n in shape):
        raise RefusedError(422, f"'{name}': the shape is no list of whole numbers; for rows of one cell it is [N]")
    if not isinstance(data, list):
        raise RefusedError(422, f"'{name}': there is no list as data; binary tensors are not read")
    cells = _flat(data)
    if len(cells) != prod(shape):
        raise RefusedError(422, f"'{name}': there are {len(cells):,} values, and its shape asks for {prod(shape):,}")
    field = next((field for field in fields if field.name == name), None)
    if field is not None and field.kind == "series":
        return name, _series(cells, shape, field)
    if prod(shape[1:]) != 1:
        raise RefusedError(422, f"'{name}': the shape is {shape}; a column is [N] or [N, 1]")
    return name, cells


def _series(cells: list[Json], shape: list[int], field: Field) -> list[Json]:
    """(N, T), or (N, C, T), as a list for each row."""
    wanted = 2 if field.n_channels == 1 else 3
    if len(shape) != wanted or 0 in shape:
        raise RefusedError(
            422, f"'{field.name}': the shape is {shape}; it should have {wanted} axes, the last of steps"
        )
    rows: list[Json] = cells
    for size in reversed(shape[1:]):
        rows = [rows[start : start + size] for start in range(0, len(rows), size)]
    return rows


def _flat(data: list[Json]) -> list[Json]:
    """The values of lists in lists, in their order; without recursion, for lists may be deep."""
    while any(isinstance(each, list) for each in data):
        data = [value for each in data for value in (each if isinstance(each, list) else [each])]
    return data


def _labels(desk: Desk) -> list[str]:
    state = desk.served.model.facts.target_state
    has_shares = desk.served.model.facts.task in ("classify", "multilabel")
    return list(state.get("classes", state.get("labels", []))) if has_shares else []


def _tensor(name: str, datatype: str, shape: list[int]) -> dict[str, Json]:
    return {"name": name, "datatype": datatype, "shape": shape}


def _datatype(field: Field) -> str:
    return {"number": "FP64", "series": "FP64", "boolean": "BOOL"}.get(field.kind, "BYTES")


def _shape(field: Field) -> list[int]:
    if field.kind != "series":
        return [-1]
    return [-1, -1] if field.n_channels == 1 else [-1, field.n_channels, -1]
