"""What the command line shows: JSON that parses, plain lines, answers in files, and names shown as they are."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import polars as pl
import pytest
from rich.console import Console

from archwise import view
from archwise.model.predict import Model
from archwise.records import ColumnProfile, Finding, Profile, Shortlisted
from archwise.report.event import Event

WILD = "[bold] [/x] [red]a[/] :smile: \\[b] [link=file:///]"  # what a column or a label may be called
ANSWERS = pl.DataFrame({"prediction": ["yes", None], "p:yes": [0.75, None]})


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain consoles of a width in which no line is folded, whatever terminal runs the tests."""
    monkeypatch.setattr(view.out, "_width", 500)
    monkeypatch.setattr(view.err, "_width", 500)
    monkeypatch.setattr(view.out, "_force_terminal", False)


def profile(name: str = "age", *, source: str = "people.csv") -> Profile:
    columns = (
        ColumnProfile(name, "number", f"all of {name} are numbers", True, 3, 40, {"min": 17, "mean": 38.58123}),
        ColumnProfile(f"{name} id", "identifier", "one a row", False, 0, 1_000),
        ColumnProfile(f"{name} label", "category", "the target", False, 0, 2),
    )
    return Profile(
        source,
        1_000,
        columns,
        f"{name} label",
        "classify",
        f"{name} label has 2 values",
        (f"{name} no", f"{name} yes"),
        (700, 300),
        (Finding("missing", "warning", f"{name}: 3 cells are missing"),),
    )


def model(label: str = "mlp", *, folder: str = "a.archwise", horizon: int = 0) -> Model:
    verdict = {
        "candidate": "a",
        "tied": ["a", "b"],
        "metric": "accuracy",
        "reasons": [f"Chosen: {label}."],
        "next_steps": [f"Longer for {label}."],
        "comparisons": [
            {"left": "a", "right": "b", "difference": 0.01234567, "low": -0.01, "high": 0.03, "n_rows": 1_234},
            {"left": "a", "right": "c", "difference": 0.5, "low": None, "high": None, "n_rows": 12},
        ],
        "test": {"sentences": [f"On 200 rows {label} scores 0.8."]},
    }
    row = {
        "id": "a", "label": label, "state": "done", "score": 0.81, "low": 0.78, "high": 0.84, "n_parameters": 12_345,
        "latency_ms": 0.0213, "seconds": 3.21, "settings": f"a={label}", "why": "",
    }  # fmt: skip
    rows = [
        row,
        {**row, "id": "b", "latency_ms": None},
        {**row, "id": "c", "state": "failed", "why": f"it broke: {label}", "score": None, "low": None, "high": None},
    ]
    facts = SimpleNamespace(signature=SimpleNamespace(horizon=horizon))
    return cast(Model, SimpleNamespace(folder=Path(folder), verdict=verdict, trials=rows, facts=facts))


# ---------------------------------------------------------------- JSON


def test_records_are_printed_as_json_that_parses(capsys: pytest.CaptureFixture[str]) -> None:
    view.print_json(profile())
    found = json.loads(capsys.readouterr().out)
    assert found["columns"][0]["summary"] == {"min": 17, "mean": 38.58123}
    assert found["classes"] == ["age no", "age yes"]


def test_tuples_of_records_are_printed_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    view.print_json((Shortlisted("mlp", "ann", 0.5, "because"),))
    assert json.loads(capsys.readouterr().out) == [
        {"architecture": "mlp", "family": "ann", "prior": 0.5, "because": "because"}
    ]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_null_in_json(capsys: pytest.CaptureFixture[str], value: float) -> None:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    view.print_json({"score": value, "rows": [value, 1.0]})
    found = json.loads(capsys.readouterr().out, parse_constant=refuse)
    assert found == {"score": None, "rows": [None, 1.0]}


def test_json_keeps_names_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    view.print_json({WILD: "Größe"})
    assert json.loads(capsys.readouterr().out) == {WILD: "Größe"}


def test_a_fitted_model_as_json_is_json_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    view.show_fitted(model(), as_json=True)
    printed = capsys.readouterr()
    assert json.loads(printed.out)["model"] == "a.archwise"
    assert printed.err == ""


# ---------------------------------------------------------------- names as they are


def test_a_profile_shows_names_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    view.show_profile(profile(WILD, source=f"{WILD}.csv"))
    shown = capsys.readouterr().out
    for part in (
        f"{WILD}.csv: 1,000 rows, 3 columns",
        f"{WILD} id",
        f"all of {WILD} are numbers",
        f"classify {WILD} label, because {WILD} label has 2 values.",
        f"Classes: {WILD} no 700, {WILD} yes 300.",
        f"warning: {WILD}: 3 cells are missing",
    ):
        assert part in shown


def test_a_shortlist_shows_reasons_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    view.show_shortlist([Shortlisted("mlp", "ann", 0.512, f"always '{WILD}'")])
    shown = capsys.readouterr().out
    assert f"always '{WILD}'" in shown
    assert "0.51" in shown


def test_a_model_shows_labels_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    view.show_model(model(WILD))
    shown = capsys.readouterr().out
    for part in (f"Chosen: {WILD}.", f"Longer for {WILD}.", f"failed (it broke: {WILD})", f"a={WILD}"):
        assert part in shown


def test_the_end_of_a_fit_shows_folders_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    view.show_fitted(model(WILD, folder="[bold]/[x]"), as_json=False)
    shown = capsys.readouterr().out
    assert "Model: [bold]/[x]" in shown
    assert "archwise show [bold]/[x] · archwise predict [bold]/[x] new.csv" in shown


def test_the_end_of_a_fit_says_how_to_forecast(capsys: pytest.CaptureFixture[str]) -> None:
    view.show_fitted(model(horizon=96), as_json=False)
    assert "archwise predict a.archwise --horizon 96" in capsys.readouterr().out


def test_the_catalogue_shows_summaries_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    view.show_catalogue({"tasks": [{"name": "a", "summary": WILD}]})
    assert WILD in capsys.readouterr().out


# ---------------------------------------------------------------- figures


def test_a_model_shows_the_chosen_the_tied_and_the_evidence(capsys: pytest.CaptureFixture[str]) -> None:
    view.show_model(model())
    lines = capsys.readouterr().out.splitlines()
    chosen, tied, failed = (line for line in lines if "mlp" in line and "a=mlp" in line)
    assert chosen.split()[:4] == ["*", "mlp", "done", "0.81"]
    assert "0.78 to 0.84" in chosen
    assert "0.021" in chosen
    assert tied.startswith("=")
    assert failed.split()[:2] == ["mlp", "failed"]
    assert any("0.01235" in line and "-0.01 to 0.03" in line and "1,234" in line for line in lines)


def test_scores_show_the_interval_of_the_deciding_metric(capsys: pytest.CaptureFixture[str]) -> None:
    figures = {"rmse": 12_000.0, "r2": 0.51239}
    view.show_scores({"n_rows": 1_200, "metric": "rmse", "low": 11_000.4, "high": 13_000.0, "scores": figures})
    first, _, rmse, r2 = capsys.readouterr().out.splitlines()
    assert first == "1,200 rows"
    assert rmse.split() == ["rmse", "12,000", "11,000", "to", "13,000"]
    assert r2.split() == ["r2", "0.5124"]


# ---------------------------------------------------------------- the race

RACE: list[Event] = [
    {"t": 0.01, "event": "run", "folder": "a.run"},
    {"t": 0.5, "event": "start", "task": "classify", "target": WILD, "n_train": 6_000, "n_valid": 2_000,
     "n_test": 2_000, "split": "at random", "candidates": [1, 2], "metric": "accuracy"},
    {"t": 0.6, "event": "rung", "rung": 0, "n_entrants": 2, "share": 0.1},
    {"t": 0.7, "event": "started", "id": "x", "label": WILD, "rung": 0},
    {"t": 0.8, "event": "point", "id": "x", "label": WILD, "rung": 0, "step": 10, "score": 0.71},
    {"t": 0.9, "event": "trial", "id": "x", "label": WILD, "rung": 0, "state": "paused", "score": 0.7312345,
     "low": 0.71, "high": 0.75, "seconds": 1.5, "steps": 20, "why": ""},
    {"t": 1.0, "event": "trial", "id": "y", "label": "trees", "rung": 0, "state": "failed", "score": None,
     "low": None, "high": None, "seconds": 0.1, "steps": 0, "why": f"ValueError: {WILD}"},
    {"t": 1.1, "event": "rung", "rung": 1, "n_entrants": 1, "share": 1.0},
    {"t": 1.15, "event": "proposals", "candidates": [
        {"id": "z", "label": "mlp 2", "near": "mlp", "changes": "width=300 rate=0.002"},
        {"id": "w", "label": "trees 2", "near": "trees", "changes": "trees=130"}]},
    {"t": 1.2, "event": "note", "message": f"mind {WILD}"},
    {"t": 1.3, "event": "verdict", "chosen": WILD, "reasons": []},
    {"t": 1.4, "event": "done", "model": "a.archwise"},
]  # fmt: skip


def test_off_a_terminal_a_race_is_plain_lines_with_the_run_folder_first(capsys: pytest.CaptureFixture[str]) -> None:
    with view.race_view(quiet=False) as on_event:
        for event in RACE:
            on_event(event)
    lines = [line.split("s  ", 1)[1] for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        "run folder: a.run  (archwise resume a.run goes on after a stop)",
        f"classify {WILD}: 6,000 train, 2,000 validation, 2,000 sealed rows (at random); 2 candidates; "
        "accuracy decides",
        "rung 0: 2 candidates, to 10% of the plan",
        f"{WILD}: 0.7312 (0.71 to 0.75), paused",
        f"trees: no score, failed (ValueError: {WILD})",
        "rung 1: 1 candidate, to 100% of the plan",
        "proposed: mlp 2 (mlp with width=300 rate=0.002); trees 2 (trees with trees=130)",
        f"mind {WILD}",
        f"chosen: {WILD}",
    ]


def test_reading_is_a_line_when_it_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    with view.race_view(quiet=False) as on_event:
        for n_done in (500, 1_000, 2_000):
            on_event({"t": 0.2, "event": "reading", "done": n_done, "of": 2_000})
    assert [line.split("s  ", 1)[1] for line in capsys.readouterr().out.splitlines()] == ["2,000 cells are read"]


def test_on_a_terminal_reading_is_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    held = io.StringIO()
    monkeypatch.setattr(view, "out", Console(file=held, force_terminal=True, width=100))
    with view.race_view(quiet=False) as on_event:
        on_event({"t": 0.2, "event": "reading", "done": 500, "of": 2_000})
    assert "500 of 2,000" in held.getvalue()


def test_who_is_left_for_its_outlook_is_told_with_the_reason(capsys: pytest.CaptureFixture[str]) -> None:
    why = "left at 33%: its curve points to 0.911 (0.905 to 0.914), below 0.921 of mlp 2"
    with view.race_view(quiet=False) as on_event:
        on_event({"t": 2.0, "event": "left", "id": "x", "label": "mlp", "rung": 1, "state": "paused", "why": why})
    assert capsys.readouterr().out.strip().endswith(f"mlp: {why}")


def test_each_line_begins_with_its_second(capsys: pytest.CaptureFixture[str]) -> None:
    with view.race_view(quiet=False) as on_event:
        on_event(RACE[0])
    assert capsys.readouterr().out.startswith("    0.0s  run folder")


def test_a_quiet_race_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with view.race_view(quiet=True) as on_event:
        for event in RACE:
            on_event(event)
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "")


def test_on_a_terminal_a_race_is_a_live_table(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    terminal = Console(file=screen, force_terminal=True, width=300, highlight=False, emoji=False, color_system=None)
    monkeypatch.setattr(view, "out", terminal)
    with view.race_view(quiet=False) as on_event:
        for event in RACE:
            on_event(event)
    shown = screen.getvalue()
    last = shown[shown.rindex("candidate ") :]
    assert f"{WILD}  0" in last
    assert "0.7312 (0.71 to 0.75)  1.5" in last
    assert f"failed (ValueError: {WILD})" in last
    assert "run folder: a.run" in shown
    assert f"mind {WILD}" in shown


def test_a_candidate_that_goes_on_is_running_again(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = {"x": {**RACE[5], "event": "started", "rung": 1}}
    screen = io.StringIO()
    Console(file=screen, width=300).print(view._race_table(cast(Any, rows)))
    assert screen.getvalue().rstrip().endswith("running")


# ---------------------------------------------------------------- answers


def test_what_was_found_goes_to_standard_error_and_the_answers_in_a_file_are_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    finding = Finding("bad-cells", "warning", f"{WILD}: 1 cell cannot be read")
    view.show_written(2, (finding,), tmp_path / "[bold].csv")
    printed = capsys.readouterr()
    assert printed.out == ""
    told, counted = printed.err.splitlines()
    assert told == f"warning: {WILD}: 1 cell cannot be read"
    assert counted.startswith("2 answers in ")
    assert counted.endswith("[bold].csv")


def test_answers_on_the_screen_are_not_counted(capsys: pytest.CaptureFixture[str]) -> None:
    view.show_written(2, (), None)
    assert capsys.readouterr().err == ""


def test_no_bar_is_drawn_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with view.progress(quiet=False) as tell:
        tell(10, 100)
    assert capsys.readouterr() == ("", "")
