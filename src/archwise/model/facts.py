"""What model.json says of a model, and how it becomes JSON and comes back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib import metadata

from archwise.records import Candidate, InputSpec, Json, Need, Signature


def installed_version() -> str:
    """The version of archwise that runs, as it was installed."""
    return metadata.version("archwise")


@dataclass(frozen=True)
class ModelFacts:
    """What a model is: all that prediction, its errors and its views need besides the arrays.

    target_state: the task's encoding of the target. calibration: as the task made it on the validation rows.
    columns: (name, kind) of the columns that are read. layout: every column of the training table in its
    order, the target among them, so that a file without a header line can be read.
    metric: the one that decided. validation, test: metric -> score of the chosen.
    profile: facts of the data for people, such as n_rows and how they were split.
    sealed: SHA-256 of the test rows. created: ISO 8601.
    inherited: file, sha256, licence and origin of the weights that the network took over; empty where it took none.
    """

    task: str
    target: str
    target_state: Mapping[str, Json]
    calibration: Mapping[str, Json]
    columns: tuple[tuple[str, str], ...]
    layout: tuple[str, ...]
    signature: Signature
    need: Need
    candidate: Candidate
    metric: str
    validation: Mapping[str, float]
    test: Mapping[str, float]
    profile: Mapping[str, Json]
    sealed: str
    created: str
    version: str = field(default_factory=installed_version)
    inherited: Mapping[str, Json] = field(default_factory=dict)


def facts_to_json(facts: ModelFacts) -> dict[str, Json]:
    """A JSON object from which `facts_from_json` makes the same facts; a figure that is no number becomes null."""
    return {
        "version": facts.version,
        "created": facts.created,
        "task": facts.task,
        "target": facts.target,
        "target_state": plain(facts.target_state),
        "calibration": plain(facts.calibration),
        "columns": [list(column) for column in facts.columns],
        "layout": list(facts.layout),
        "signature": {
            "inputs": [asdict(spec) for spec in facts.signature.inputs],
            "n_outputs": facts.signature.n_outputs,
            "zero": facts.signature.zero,
            "form": facts.signature.form,
            "horizon": facts.signature.horizon,
        },
        "need": asdict(facts.need),
        "candidate": facts.candidate.to_json(),
        "metric": facts.metric,
        "validation": plain(facts.validation),
        "test": plain(facts.test),
        "profile": plain(facts.profile),
        "sealed": facts.sealed,
        "inherited": plain(facts.inherited),
    }


def facts_from_json(data: Mapping[str, Json]) -> ModelFacts:
    """The facts that `facts_to_json` wrote.

    Raises:
        KeyError, TypeError, ValueError: something is missing or of another form.
    """
    signature = data["signature"]
    inputs = tuple(InputSpec.from_json(spec) for spec in signature["inputs"])
    names = ("version", "created", "task", "target", "target_state", "calibration", "metric", "validation", "test")
    return ModelFacts(
        **{name: data[name] for name in (*names, "profile", "sealed")},
        columns=tuple((str(name), str(kind)) for name, kind in data["columns"]),
        layout=tuple(data["layout"]),
        signature=Signature(
            inputs,
            signature["n_outputs"],
            signature.get("zero", 0.0),
            signature.get("form", "vector"),
            signature.get("horizon", 0),
        ),
        need=Need.from_json(data["need"]),
        candidate=Candidate.from_json(data["candidate"]),
        inherited=data.get("inherited", {}),
    )


def plain(value: Json) -> Json:
    """The same value as JSON can hold it: tuples as lists, and null for a float that is no finite number."""
    if isinstance(value, Mapping):
        return {str(name): plain(held) for name, held in value.items()}
    if isinstance(value, list | tuple):
        return [plain(held) for held in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
