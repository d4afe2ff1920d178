"""A report made in a worker process, where what fails or takes too long cannot harm the model that is written."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from archwise.engines.processes import Job, Workers
from archwise.model.folder import add_files
from archwise.model.judged import read_judged
from archwise.model.predict import load
from archwise.records import Json
from archwise.report.event import OnEvent, read_events
from archwise.report.facts import RunFacts, gather
from archwise.report.page import page
from archwise.report.rows import Rows
from archwise.report.time_left import SHORTEST_S, allow

JUDGED, EVENTS = "judged", "events.jsonl"  # what a run folder holds for its report
FACTS, PAGE = "report.json", "report.html"
UNHURRIED_S = 20.0  # in which a report is gathered where no clock decides
GRACE_S, GRACE = 60.0, 0.2  # beyond that before its process is ended: seconds, or a share where a clock decides
SHARE, LEAST_S, MOST_S = 0.05, 2.0, 12.0  # of a budget in seconds, for the report


def report_s(seconds: float) -> float:
    """Seconds of a budget that are kept for the report."""
    return min(MOST_S, max(LEAST_S, SHARE * seconds))


@dataclass(frozen=True)
class ReportJob:
    """A model folder, the folder of its run, and the seconds that its report may take."""

    model: str
    run: str
    seconds: float


def command_of(model: Path, run: Path) -> str:
    """The command that makes the whole report of a run again, from the rows that its folder holds."""
    return shlex.join(["archwise", "report", str(model), "--run", str(run)])


def attach_report(model: Path, run: Path, *, workers: Workers, tell: OnEvent, seconds: float | None) -> None:
    """Make the report of a run and put it into the model folder; where it cannot be made, say why and leave all as is.

    Args:
        seconds: that it may take, or None where no clock decides.
    """
    if seconds is not None and seconds < SHORTEST_S:
        tell({"event": "note", "message": f"no time was left for the report: {command_of(model, run)} makes it"})
        return
    for name in (FACTS, PAGE):
        (run / name).unlink(missing_ok=True)  # of an earlier sitting
    given = UNHURRIED_S if seconds is None else min(seconds, UNHURRIED_S)
    job = Job(ReportJob(str(model), str(run), given), seconds=given + (GRACE_S if seconds is None else GRACE * given))
    outcome = next(iter(workers.run(make_report, [job])))
    add_files(model, {name: (run / name).read_bytes() for name in (FACTS, PAGE) if (run / name).is_file()})
    if outcome.kind != "ok":
        again = f"{command_of(model, run)} makes it without haste"
        message = f"the report could not be made ({outcome.reason}); the model is whole, and {again}"
        tell({"event": "note", "message": message})
        return
    tell({"event": "report", "path": str(model / PAGE), **_as_event(outcome.value)})


def _as_event(value: object) -> dict[str, Json]:
    return dict(value) if isinstance(value, dict) else {}


def make_report(job: ReportJob, send: Callable[[object], None]) -> dict[str, float]:
    """Gather the facts of a run and write report.json and report.html into its folder.

    Returns:
        seconds of gathering and of drawing.
    """
    send({"event": "report"})
    allowed = allow(job.seconds)
    began, run = allowed.clock(), Path(job.run)
    judged, known = read_judged(run / JUDGED)
    model = load(Path(job.model))
    told = RunFacts(known, list(read_events(run / EVENTS)))
    _write(run / FACTS, to_json(gather(model, None, told, allowed)))  # so that these are there whatever comes
    facts = gather(model, Rows(model, judged), told, allowed)
    _write(run / FACTS, to_json(facts))
    gathered = allowed.clock()
    _write(run / PAGE, page(facts))
    return {"gathered_s": round(gathered - began, 2), "drawn_s": round(allowed.clock() - gathered, 2)}


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all, for this process may be ended at any time."""
    partial = path.with_suffix(".partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)


def to_json(facts: dict[str, Json]) -> str:
    """The facts as report.json holds them."""
    return json.dumps(facts, ensure_ascii=False, allow_nan=False) + "\n"
