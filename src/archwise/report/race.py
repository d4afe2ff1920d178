"""Facts of a race for a report: the leaderboard, its rungs, and what it left aside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from archwise.records import Json
from archwise.report.event import Event

MOST_POINTS = 120  # of a learning curve


def leaderboard(verdict: Mapping[str, Json], trials: Sequence[Mapping[str, Json]]) -> list[dict[str, Json]]:
    """Every trial as the report shows it, the best first, with its distance from the best."""
    behind = {item["right"]: item for item in verdict.get("comparisons", ())}
    rows = []
    for trial in trials:
        found = behind.get(trial["id"])
        rows.append(
            {
                **{name: trial.get(name) for name in ("id", "label", "family", "settings", "state", "why", "score")},
                **{name: trial.get(name) for name in ("low", "high", "steps", "seconds", "n_parameters", "latency_ms")},
                "label": trial.get("label") or trial["id"],
                "rung": trial.get("rung", 0),
                "is_chosen": trial["id"] == verdict.get("candidate"),
                "is_best": trial["id"] == verdict.get("best"),
                "is_tied": trial["id"] in verdict.get("tied", ()),
                "behind": None if found is None else {name: found[name] for name in ("difference", "low", "high")},
                "curve": _thinned(trial.get("curve") or []),
            }
        )
    return rows


def _thinned(curve: Sequence[Json]) -> list[Json]:
    """Evenly as many points of a curve as a chart can show, its last among them."""
    step = -(-len(curve) // MOST_POINTS) or 1
    return list(curve[::-1][::step][::-1])


def race(events: Iterable[Event]) -> dict[str, Json]:
    """What happened: what each candidate had reached at each rung, and what was said beside it."""
    rungs, notes, seconds = [], [], 0.0
    for event in events:
        seconds = max(seconds, float(event["t"]))
        if event["event"] == "trial":
            rungs.append({name: event.get(name) for name in ("id", "label", "rung", "score", "t", "steps", "state")})
        elif event["event"] == "note":
            notes.append(str(event["message"]))
    return {"rungs": rungs, "notes": list(dict.fromkeys(notes)), "seconds": round(seconds, 1)}


def said_elsewhere(note: str, aside: Mapping[str, Json]) -> bool:
    """Whether a note of the run repeats a finding, or why a candidate left the race."""
    whys = [each["why"] for each in aside["failed"]]
    return note in [each["message"] for each in aside["findings"]] or any(note.endswith(f": {why}") for why in whys)


def set_aside(leaders: Sequence[Mapping[str, Json]], run: Mapping[str, Json] | None) -> dict[str, Json]:
    """What was set aside and why: findings, columns, candidates that failed, architectures that did not race."""
    failed = [
        {"label": row["label"], "why": row["why"] or "no reason given"} for row in leaders if row["state"] == "failed"
    ]
    if run is None:
        return {"failed": failed, "findings": [], "columns": [], "skipped": [], "is_known": False}
    raced = {str(row["id"]).rsplit("-", 1)[0] for row in leaders}
    return {
        "failed": failed,
        "findings": [
            {name: finding[name] for name in ("severity", "message", "n_rows")} for finding in run["findings"]
        ],
        "columns": [
            {"name": column["name"], "kind": column["kind"], "why": column["because"]}
            for column in run["columns"]
            if not column["use"]
        ],
        "skipped": [item for item in run["shortlist"] if item["architecture"] not in raced],
        "is_known": True,
    }
