"""What a service tells of a model: what it asks of a row, what it answers, and why it was chosen."""

from __future__ import annotations

import numpy as np

from archwise.data.timeline.frequency import stamps_at
from archwise.data.timeline.prepare import frequency_of, roles_of, state_of
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
        "example": example_steps(served) if served.forecasts else example_row(served.fields),
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
    """Whether what moved an answer is told: "at once", "slowly" (a picture is answered dozens of times), or "no"."""
    if why_unexplained(served):
        return "no"
    return "slowly" if {field.kind for field in served.fields} == {"image"} else "at once"


def why_unexplained(served: Served) -> str:
    """Why what moved an answer cannot be told, as a sentence; empty where it can."""
    if served.forecasts:
        return f"'{served.name}' forecasts, and what moved a forecast is not explained"
    if served.model.facts.task == "tag":
        return f"'{served.name}' tags every word, and what moved a tag is not explained; p tells how sure each is"
    if not any(field.kind in ("text", "series", "image") or field.typical is not None for field in served.fields):
        return f"what is typical of the columns of '{served.name}' is not known, so none of them can be put aside"
    return ""


def example_steps(served: Served) -> dict[str, Json]:
    """What may be asked of a forecast: as many steps as in training, after the step that follows its own data."""
    state = state_of(served.model.preparation)
    roles, horizon = roles_of(state), int(state["horizon"])
    if not roles.time:
        return {"horizon": horizon}
    n_rows = 1 + (horizon if roles.known else 0)
    stamps = stamps_at(frequency_of(state), int(state["tail_last"][0]) + 1 + np.arange(n_rows), name=roles.time)
    last = dict(zip(roles.channels, state["tail"][0, -1].tolist(), strict=True))
    series = {roles.series: state["names"][0]} if roles.series else {}
    ahead = {name: last[name] for name in roles.known}
    rows = [{roles.time: str(stamp).removesuffix(" 00:00:00"), **series, **ahead} for stamp in stamps]
    rows[0] |= last
    return {"horizon": horizon, "rows": rows}


def _field(field: Field) -> dict[str, Json]:
    told: dict[str, Json] = {"name": field.name, "kind": field.kind, "typical": field.typical, "example": field.example}
    if field.low is not None and field.high is not None:
        told["range"] = [field.low, field.high]
    if field.first:
        told["range"] = [field.first, field.last]
    if field.levels:
        told["levels"] = field.levels[:MOST_SHOWN]
    if field.n_channels > 1:
        told["channels"] = field.n_channels
    return told
