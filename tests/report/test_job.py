"""The report at the end of a run: made in a worker, and where it fails told, at no cost to the model."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from archwise.engines.processes import Workers
from archwise.model.folder import read_model
from archwise.model.judged import write_judged
from archwise.report.job import EVENTS, JUDGED, attach_report, report_s
from archwise.report.make import judged_rows
from archwise.report.time_left import allow

FACTS = {"columns": [], "findings": [], "shortlist": []}


@pytest.fixture
def run(made: Callable, tmp_path: Path) -> tuple[Path, Path]:
    """A model folder without a report, and the folder of its run."""
    held = made("two")
    model, run = tmp_path / "m.archwise", tmp_path / "m.run"
    shutil.copytree(held.model.folder, model)
    write_judged(run / JUDGED, judged_rows(held.model, held.rows), FACTS)
    (run / EVENTS).write_text(json.dumps({"t": 1.0, "event": "note", "message": "it went well"}) + "\n")
    return model, run


def attach(model: Path, run: Path, seconds: float | None) -> list[dict]:
    told: list[dict] = []
    with Workers(1) as workers:
        attach_report(model, run, workers=workers, tell=told.append, seconds=seconds)
    return told


def test_it_is_put_into_the_model_folder(run: tuple[Path, Path]) -> None:
    told = attach(*run, None)
    assert [event["event"] for event in told] == ["report"]
    assert "it went well" in (run[0] / "report.html").read_text()
    facts = json.loads((run[0] / "report.json").read_text())
    assert facts["answers"]["n_rows"] == 400
    assert facts["importance"]["n_times"] == 5
    read_model(run[0])


def test_without_time_none_is_begun_and_that_is_told(run: tuple[Path, Path]) -> None:
    told = attach(*run, 0.2)
    assert "no time was left for the report" in told[0]["message"]
    assert not (run[0] / "report.html").exists()
    read_model(run[0])


def test_where_it_fails_the_reason_is_told_and_the_model_is_whole(run: tuple[Path, Path]) -> None:
    (run[1] / JUDGED / "rows.npz").write_bytes(b"no arrays")
    told = attach(*run, None)
    assert "the report could not be made" in told[0]["message"]
    assert str(run[0]) in told[0]["message"]
    read_model(run[0])


def test_what_was_gathered_before_it_failed_is_kept(run: tuple[Path, Path]) -> None:
    """Half of the targets are lost, so rows cannot be judged; the choice can be told all the same."""
    with np.load(run[1] / JUDGED / "rows.npz") as held:
        arrays = dict(held)
    np.savez(run[1] / JUDGED / "rows.npz", **{**arrays, "targets": arrays["targets"][:200]})
    told = attach(*run, None)
    assert "the report could not be made" in told[0]["message"]
    assert json.loads((run[0] / "report.json").read_text())["answers"] is None
    read_model(run[0])


@pytest.mark.parametrize(("budget", "kept"), [(10.0, 2.0), (100.0, 5.0), (7_200.0, 12.0)])
def test_a_twentieth_of_the_budget_is_kept_for_it_within_bounds(budget: float, kept: float) -> None:
    assert report_s(budget) == kept


def test_what_is_allowed_leaves_time_to_draw_and_can_be_shared() -> None:
    now = [100.0]
    allowed = allow(11.5, lambda: now[0])
    assert allowed.left() == 10.0
    assert allowed.share(0.5).left() == 5.0
    now[0] = 120.0
    assert allowed.share(0.5).left() == 0.0
