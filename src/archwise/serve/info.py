"""What a service tells of a model: what it asks of a row, what it answers, and why it was chosen."""

from __future__ import annotations

from archwise.data.timeline.prepare import roles_of, state_of
from archwise.model.explain_text import text_columns
from archwise.model.facts import plain
from archwise.records import Json
from archwise.serve.guard import Limits
from archwise.serve.place import Served
from archwise.serve.schema import Field, example_row

MOST_SHOWN = 200  # levels of a field


def info_of(served: Served, limits: Limits) -> dict[str, Json]:
    """The facts of a model as JSON."""
    facts, verdict = served.model.facts, served.model.verdict
    told: dict[str, Json] = {
        "model": served.name,
        "version": served.version,
        "archwise": facts.version,
        "created": facts.created,
        "task": facts.task,
        "target": facts.target,
        "classes": facts.target_state.get("classes", facts.target_state.get("labels", [])),
        "architecture": facts.candidate.label,
        "metric": facts.metric,
        "test": facts.test,
        "fields": [_field(field) for field in served.fields],
        "explains": explains(served),
        "example": example_row(served.fields),
        "verdict": [
            *verdict.get("reasons", []), *verdict.get("test", {}).get("sentences", []), *verdict.get("next_steps", []),
        ],
        "limits": {"body_mb": limits.body_mb, "rows": limits.rows, "seconds": limits.seconds},
    }  # fmt: skip
    if served.forecasts:
        state = state_of(served.model.preparation)
        roles = roles_of(state)
        told["forecast"] = {
            "horizon": state["horizon"],
            "past": state["past"],
            "targets": roles.targets,
            "covariates": roles.past,
            "known_ahead": roles.known,
            "time": roles.time,
            "series": roles.series,
        }
    out: dict[str, Json] = plain(told)
    return out


def explains(served: Served) -> str:
    """Whether what moved an answer is told: "at once", "slowly" (a process of its own), or "no"."""
    kinds = {field.kind for field in served.fields}
    if kinds == {"image"}:
        return "slowly"
    is_text = len(served.fields) == 1 and bool(text_columns(served.model))
    is_told = is_text or any(field.typical is not None for field in served.fields)
    return (
        "at once" if is_told and "image" not in kinds and served.model.facts.task in ("classify", "regress") else "no"
    )


def _field(field: Field) -> dict[str, Json]:
    told: dict[str, Json] = {"name": field.name, "kind": field.kind, "typical": field.typical, "example": field.example}
    if field.low is not None and field.high is not None:
        told["range"] = [field.low, field.high]
    if field.levels:
        told["levels"] = field.levels[:MOST_SHOWN]
    if field.n_channels > 1:
        told["channels"] = field.n_channels
    return told
