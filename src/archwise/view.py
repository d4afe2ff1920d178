"""What the command line shows: tables and sentences from the records, and the live table of a race."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from archwise.records import Finding, Json, Profile, Shortlisted
from archwise.report.event import Event, OnEvent

if TYPE_CHECKING:
    from archwise.model.bundle.export import Exported
    from archwise.model.explain_picture import Explained
    from archwise.model.explain_text import ExplainedText
    from archwise.model.predict import Model, Predicted

out = Console(highlight=False, emoji=False)
err = Console(stderr=True, highlight=False, emoji=False)
_SIGNS = {"note": "[dim]note[/]", "warning": "[yellow]warning[/]", "error": "[red]error[/]"}


def print_json(data: Json) -> None:
    """Print records as JSON on standard output."""
    print(json.dumps(_plain(data), indent=2, ensure_ascii=False))


def show_profile(profile: Profile) -> None:
    """Show what `look` found."""
    out.print(f"[bold]{escape(profile.source)}[/]: {profile.n_rows:,} rows, {len(profile.columns)} columns")
    table = _table("column", "kind", "missing", "distinct", "summary", "why")
    for column in profile.columns:
        kind = column.kind if column.use else f"[dim]{column.kind}, set aside[/]"
        if column.name == profile.target:
            kind = "[bold]target[/]"
        figures = ", ".join(f"{name} {_short(value)}" for name, value in column.summary.items())
        table.add_row(
            escape(column.name), kind, _count(column.n_missing), _count(column.n_distinct), escape(figures),
            escape(column.because),
        )  # fmt: skip
    out.print(table)
    out.print(f"Task: [bold]{profile.task}[/] {escape(profile.target)}, because {escape(profile.task_because)}.")
    if profile.classes:
        pairs = zip(profile.classes, profile.class_counts, strict=True)
        shown = ", ".join(f"{name} {count:,}" for name, count in list(pairs)[:12])
        more = f" and {len(profile.classes) - 12} more" if len(profile.classes) > 12 else ""
        out.print(f"Classes: {escape(shown)}{more}.")
    for finding in profile.findings:
        out.print(f"{_SIGNS[finding.severity]}: {escape(finding.message)}")


def show_shortlist(listed: Sequence[Shortlisted]) -> None:
    """Show which architectures could suit, in order, and why."""
    table = _table("architecture", "family", "prior", "why")
    for item in listed:
        table.add_row(item.architecture, item.family, f"{item.prior:.2f}", escape(item.because))
    out.print(table)


@contextmanager
def race_view(*, quiet: bool) -> Iterator[OnEvent]:
    """A view of a race: a live table on a terminal, plain lines elsewhere, nothing when quiet."""
    if quiet:
        yield lambda event: None
        return
    if not out.is_terminal:
        yield _plain_line
        return
    rows: dict[str, Event] = {}
    with Live(console=out, refresh_per_second=4, transient=False) as live:

        def on_event(event: Event) -> None:
            if event["event"] in ("trial", "left", "point", "started"):
                rows[event["id"]] = {**rows.get(event["id"], {}), **event}
                live.update(_race_table(rows))
            elif event["event"] == "reading":
                live.update(_reading(event))
            else:
                _plain_line(event, console=live.console)

        yield on_event


def _plain_line(event: Event, console: Console = out) -> None:
    line = _sentence(event)
    if line:
        console.print(f"[dim]{event['t']:7.1f}s[/]  {escape(line)}", soft_wrap=True)


def _sentence(event: Event) -> str:
    """An event in words; an empty string for those that only the live table shows."""
    what = event["event"]
    if what == "run":
        return f"run folder: {event['folder']}  (archwise resume {event['folder']} goes on after a stop)"
    if what == "start":
        parts = f"{event['n_train']:,} train, {event['n_valid']:,} validation, {event['n_test']:,} sealed"
        if event.get("n_fits", 1) > 1:
            parts = f"{event['n_train']:,} open, {event['n_test']:,} sealed"
        names = f"{len(event['candidates'])} candidates"
        return f"{event['task']} {event['target']}: {parts} rows ({event['split']}); {names}; {event['metric']} decides"
    if what == "reading":
        return f"{event['of']:,} cells are read" if event["done"] == event["of"] else ""
    if what == "rung":
        n_entrants = event["n_entrants"]
        who = "1 candidate" if n_entrants == 1 else f"{n_entrants} candidates"
        return f"rung {event['rung']}: {who}, to {event['share']:.0%} of the plan"
    if what == "proposals":
        told = [f"{each['label']} ({each['near']} with {each['changes']})" for each in event["candidates"]]
        return f"proposed: {'; '.join(told)}"
    if what == "trial":
        return f"{event['label']}: {_score(event)}, {event['state']}{_why(event)}"
    if what == "left":
        return f"{event['label']}: {event['why']}"
    if what == "verdict":
        return f"chosen: {event['chosen']}"
    return str(event["message"]) if what == "note" else ""


def _reading(event: Event) -> Table:
    """A bar that shows how many cells that are dear to read, such as pictures, are read."""
    bar = Table.grid(padding=(0, 1))
    count = f"{event['done']:,} of {event['of']:,}"
    bar.add_row("reading", ProgressBar(total=event["of"], completed=event["done"], width=40), count)
    return bar


def _race_table(rows: Mapping[str, Event]) -> Table:
    table = _table("candidate", "rung", "score", "seconds", "steps", "state")
    for row in rows.values():
        state = row.get("state", "running") if row["event"] in ("trial", "left") else "running"
        spent = str(row.get("seconds", "")), str(row.get("steps", row.get("step", "")))
        why = escape(_why(row)) if state == "failed" or row["event"] == "left" else ""
        table.add_row(escape(row["label"]), str(row["rung"]), _score(row), *spent, state + why)
    return table


def _score(row: Event) -> str:
    if row.get("score") is None:
        return "no score"
    interval = f" ({_short(row['low'])} to {_short(row['high'])})" if row.get("low") is not None else ""
    return f"{_short(row['score'])}{interval}"


def _why(event: Event) -> str:
    return f" ({event['why']})" if event.get("why") else ""


def show_fitted(model: Model, *, as_json: bool) -> None:
    """Show the outcome of a fit: the verdict in words, the folder, and what to run next."""
    if as_json:
        print_json({"model": str(model.folder), **model.verdict})
        return
    for reason in model.verdict["reasons"]:
        out.print(escape(reason), soft_wrap=True)
    for sentence in (*model.verdict["test"]["sentences"], *model.verdict["next_steps"]):
        out.print(escape(sentence), soft_wrap=True)
    out.print(f"\nModel: [bold]{escape(str(model.folder))}[/]", soft_wrap=True)
    name = escape(str(model.folder))
    rows = f"--horizon {model.facts.signature.horizon}" if model.facts.signature.horizon else "new.csv"
    report = model.folder / "report.html"
    if report.is_file():
        out.print(f"Report: {escape(str(report))}", soft_wrap=True)
    out.print(f"Next: archwise show {name} · archwise predict {name} {rows}", soft_wrap=True)


def show_model(model: Model) -> None:
    """Show the verdict, the evidence and the leaderboard."""
    verdict = model.verdict
    out.print("[bold]The verdict[/]")
    for reason in (*verdict["reasons"], *verdict.get("test", {}).get("sentences", ()), *verdict["next_steps"]):
        out.print(f"  {escape(reason)}", soft_wrap=True)
    if "comparisons" not in verdict:  # no race chose it
        return
    table = _table(
        "", "candidate", "state", verdict["metric"], "95 % interval", "parameters", "ms a row", "s", "settings"
    )
    for row in model.trials:
        mark = "*" if row["id"] == verdict["candidate"] else "=" if row["id"] in verdict["tied"] else ""
        latency = "" if row["latency_ms"] is None else f"{row['latency_ms']:.3f}"
        state = row["state"] + (_why(row) if row["state"] in ("failed", "paused") else "")
        figures = _short(row["score"]), _between(row), _count(row["n_parameters"]), latency, f"{row['seconds']:.1f}"
        table.add_row(mark, escape(row["label"]), escape(state), *figures, escape(row["settings"]))
    out.print(table)
    out.print("* chosen   = cannot be told from the best on the validation rows")
    labels = {row["id"]: escape(row["label"]) for row in model.trials}
    evidence = _table("the best", "against", "difference", "95 % interval, all pairs at once", "rows")
    for item in verdict["comparisons"]:
        pair = labels[item["left"]], labels[item["right"]]
        evidence.add_row(*pair, _short(item["difference"]), _between(item), _count(item["n_rows"]))
    out.print(evidence)


def show_report(path: Path) -> None:
    """Say where a file was written."""
    out.print(f"report: {escape(str(path))}", soft_wrap=True)


def _between(row: Mapping[str, Json]) -> str:
    return "" if row["low"] is None else f"{_short(row['low'])} to {_short(row['high'])}"


@contextmanager
def progress(*, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """A bar of the rows that are done, on a terminal; give it how many are done and how many there are."""
    if quiet or not err.is_terminal:
        yield lambda n_done, n_all: None
        return
    with Progress(TextColumn("{task.completed:,} rows"), BarColumn(), TimeRemainingColumn(), console=err) as bar:
        shown = bar.add_task("", total=None, visible=False)
        yield lambda n_done, n_all: bar.update(shown, completed=n_done, total=n_all, visible=True)


def show_written(n_rows: int, findings: Sequence[Finding], path: Path | None) -> None:
    """Say what was found in the rows that were answered, and how many answers stand where."""
    _tell(findings)
    if path is not None:
        err.print(f"{n_rows:,} answers in {escape(str(path))}", soft_wrap=True)


def _tell(findings: Iterable[Finding]) -> None:
    for finding in findings:
        err.print(f"{_SIGNS[finding.severity]}: {escape(finding.message)}", soft_wrap=True)


def print_stream(answers: Iterable[Predicted], *, quiet: bool) -> None:
    """Print each answer as a line of JSON as soon as it is there."""
    for answer in answers:
        print(answer.answers.write_ndjson(), end="", flush=True)
        if not quiet:
            _tell(answer.findings)


def show_compared(found: Mapping[str, Json]) -> None:
    """Say which of two models is better on the same rows, by how much, and how sure that is."""
    from archwise.choice.wording import plural

    table = _table("model", found["metric"], "95 % interval")
    for side in (found["left"], found["right"]):
        table.add_row(escape(side["model"]), f"{side['score']:.4f}", f"{side['low']:.4f} to {side['high']:.4f}")
    out.print(table)
    better, worse = (found["left"], found["right"]) if found["difference"] >= 0 else (found["right"], found["left"])
    sign = 1.0 if found["difference"] >= 0 else -1.0
    low, high = sorted((sign * found["low"], sign * found["high"]))
    told = f"by {abs(found['difference']):.4f} {found['metric']} (95 % interval {low:.4f} to {high:.4f})"
    rows = plural(found["n_rows"], "row")
    if found["tied"]:
        out.print(f"The two cannot be told apart on {rows}: {escape(better['model'])} is ahead {told}.", soft_wrap=True)
    else:
        out.print(f"{escape(better['model'])} beats {escape(worse['model'])} on {rows}, {told}.", soft_wrap=True)
    if found["n_left_out"]:
        out.print(f"{plural(found['n_left_out'], 'row')} cannot be read or have no label, and do not count.")


def show_exported(written: Exported) -> None:
    """Say what was written and on how many rows it answers as predict does; and what int8 costs and gains."""
    rows = f"{written.n_rows:,} {'rows that were given' if written.are_real else 'rows that were made up'}"
    out.print(f"On {rows} it answers as predict does (largest difference {written.largest:.1g}).", soft_wrap=True)
    if written.prepared:
        names = ", ".join(f"'{name}'" for name in written.prepared)
        shown = "example.py shows what goes in"
        out.print(f"ONNX Runtime cannot make {escape(names)} of the cells; {shown}.", soft_wrap=True)
    for line in written.integer.get("sentences", ()):
        out.print(escape(line), soft_wrap=True)
    if written.integer:
        scored = written.integer["scored"]
        table = _table("form", scored["metric"] if scored else "", "95 % interval", "ms a row", "rows a second", "MB")
        for name, side in (("float", "left"), ("int8", "right")):
            facts, told = written.integer[name], ("", "")
            if scored:
                told = f"{scored[side]['score']:.4f}", f"{scored[side]['low']:.4f} to {scored[side]['high']:.4f}"
            speeds = f"{facts['ms']:.3g}", f"{facts['rows_per_s']:,.0f}", f"{facts['size_mb']:.3g}"
            table.add_row(name, *told, *speeds)
        out.print(table)
    for path in written.files:
        out.print(f"written: {escape(str(path))}", soft_wrap=True)


def show_checked(found: Mapping[str, Json], source: str) -> None:
    """Say in what new rows differ from the training rows."""
    for name in found["missing"]:
        out.print(f"{_SIGNS['error']}: column '{escape(name)}' is missing; the model cannot answer without it")
    for name in found["new"]:
        out.print(f"{_SIGNS['note']}: column '{escape(name)}' was not there at training; it is not read")
    if found["unread"]:
        out.print(f"{_SIGNS['warning']}: {found['unread']:,} of {found['n_rows']:,} rows cannot be read")
    for shift in found["shifts"]:
        name, size = escape(shift["column"]), shift["size"]
        told = f"column '{name}' is distributed otherwise than at training, by {size:.2f} of 1: {escape(shift['told'])}"
        out.print(f"{_SIGNS['warning']}: {told}", soft_wrap=True)
    for note in found["notes"]:
        out.print(f"{_SIGNS['note']}: {escape(note)}", soft_wrap=True)
    if not found["differs"]:
        told = f"The {found['n_rows']:,} rows of {escape(source)} are like those of the training."
        out.print(told, soft_wrap=True)


def show_explained(explained: Explained | ExplainedText, place: Path | None, *, as_json: bool) -> None:
    """Say what was answered, and where the heat lies on a picture or which words of a text moved the answer."""
    from archwise.model.explain_text import ExplainedText

    if isinstance(explained, ExplainedText):
        return _show_words(explained, place, as_json=as_json)
    height, width = explained.heat.shape
    row, column = divmod(int(explained.heat.argmax()), width)
    facts: dict[str, Json] = {
        "prediction": str(explained.prediction),
        "explained": explained.of,
        "how": explained.how,
        "hottest": {"right": round(column / width, 3), "down": round(row / height, 3)},
        "heat": str(place),
    }
    if as_json:
        return print_json(facts)
    at = f"{column / width:.0%} from the left and {row / height:.0%} from the top"
    out.print(f"[bold]{escape(facts['prediction'])}[/]; for {escape(explained.of)} it looked most at {at}")
    return out.print(f"heat over the picture, told by {explained.how}: {escape(str(place))}", soft_wrap=True)


def _show_words(explained: ExplainedText, place: Path | None, *, as_json: bool) -> None:
    """The text with its words marked: those that speak for the answer green, those against it red."""
    words = [{"word": explained.words_of(part), "weight": round(part.weight, 4)} for part in explained.parts]
    if as_json:
        return print_json({"prediction": explained.prediction, "explained": explained.of, "words": words})
    strongest, marked = explained.strongest, Text(explained.text)
    for part in explained.parts:
        if part.weight != 0.0:
            strong = "bold underline " if part in strongest else ""
            marked.stylize(strong + ("green" if part.weight > 0 else "red"), part.start, part.end)
    out.print(f"[bold]{escape(str(explained.prediction))}[/]; words for {escape(explained.of)} and against it:")
    out.print(marked)
    moved = ", ".join(f"{explained.words_of(part)} ({part.weight:+.2f})" for part in strongest)
    out.print(f"moved it most: {escape(moved) or 'no word'}")
    return None if place is None else out.print(f"the marked text: {escape(str(place))}")


def show_scores(scored: Mapping[str, Json]) -> None:
    """Show the scores of a model on labelled rows."""
    out.print(f"{scored['n_rows']:,} {'origins' if 'notes' in scored else 'rows'}")
    table = _table("metric", "score", "95 % interval")
    for name, value in scored["scores"].items():
        decided = name == scored["metric"]
        interval = f"{_short(scored['low'])} to {_short(scored['high'])}" if decided else ""
        table.add_row(f"[bold]{name}[/]" if decided else name, _short(value), interval)
    out.print(table)
    for note in scored.get("notes", ()):
        out.print(escape(f"{note}."), soft_wrap=True)


def show_catalogue(found: Mapping[str, Sequence[Mapping[str, str]]]) -> None:
    """Show every architecture, task, kind and reader, with sources."""
    for room, entries in found.items():
        table = _table(room, *(name for name in entries[0] if name != "name"))
        for entry in entries:
            table.add_row(*(escape(value) for value in entry.values()))
        out.print(table)


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _count(number: int) -> str:
    return f"{number:,}" if number else ""


def _short(value: Json) -> str:
    """A figure with four significant digits, a whole one as it is."""
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"
    return "" if value is None else str(value)


def _plain(data: Json) -> Json:
    """Records as what JSON can hold; null for a float that is no finite number."""
    if is_dataclass(data) and not isinstance(data, type):
        return _plain(asdict(data))
    if isinstance(data, Mapping):
        return {str(key): _plain(value) for key, value in data.items()}
    if isinstance(data, tuple | list):
        return [_plain(value) for value in data]
    if isinstance(data, float) and not math.isfinite(data):
        return None
    return str(data) if isinstance(data, Path) else data
