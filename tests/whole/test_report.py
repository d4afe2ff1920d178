"""The report at the end of a fit, and made again from the model folder by the command line."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path

import pytest

from archwise import cli, use
from archwise.errors import MissingExtraError
from archwise.report import make as report_make
from archwise.report import page as report_page

pytestmark = pytest.mark.whole
QUICK = ("--only", "mlp,linear", "--set", "mlp.width=16", "--workers", "1", "--quiet")


def flowers(path: Path, n: int = 240) -> Path:
    rows = (f"{row % 17},{row * 7 % 23},{'red' if row % 3 else 'blue'},{'ab'[row % 17 > 8]}" for row in range(n))
    path.write_text("length,width,colour,species\n" + "\n".join(rows) + "\n")
    return path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data and two models of equal runs."""
    folder = tmp_path_factory.mktemp("reports")
    data = flowers(folder / "flowers.csv")
    for name in ("one", "two"):
        options = ("--target", "species", "--budget", "300steps", "--out", str(folder / f"{name}.archwise"), *QUICK)
        assert cli.main(["fit", str(data), *options]) == 0
    return folder


def test_a_fit_ends_with_a_report_whose_hash_is_in_the_model(place: Path) -> None:
    model = place / "one.archwise"
    facts = json.loads((model / "model.json").read_text())
    assert {"report.html", "report.json"} <= set(facts["files"])
    text = (model / "report.html").read_text()
    assert "The verdict" in text
    assert "What moved the answers" in text
    use.load(model)


def test_the_report_tells_the_rows_that_the_verdict_tells(place: Path) -> None:
    model = place / "one.archwise"
    facts, verdict = (json.loads((model / name).read_text()) for name in ("report.json", "verdict.json"))
    assert facts["verdict"] == verdict
    assert facts["answers"]["n_rows"] == verdict["test"]["n_rows"]
    assert facts["answers"]["curves"][0]["auc"] == pytest.approx(verdict["test"]["scores"]["roc_auc"])
    assert facts["data"]["parts"]["sealed"] == verdict["test"]["n_rows"]
    assert facts["race"]["rungs"]


def test_it_costs_no_bit_of_the_verdict(place: Path) -> None:
    held = [(place / f"{name}.archwise" / "verdict.json").read_bytes() for name in ("one", "two")]
    assert held[0] == held[1]


def test_it_is_made_again_from_its_facts(place: Path, tmp_path: Path) -> None:
    model = place / "one.archwise"
    before = (model / "report.html").read_text()
    assert cli.main(["report", str(model), "--out", str(tmp_path / "again.html")]) == 0
    assert (tmp_path / "again.html").read_text() == before
    assert cli.main(["report", str(model)]) == 0
    use.load(model)


def test_it_is_made_for_other_rows(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, rows = str(place / "one.archwise"), str(flowers(tmp_path / "new.csv", 90))
    assert cli.main(["report", model, "--data", rows, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["given"]["n_rows"] == facts["answers"]["n_rows"] == 90
    assert facts["rows"]["name"] == "rows of new.csv"
    assert facts["race"]["rungs"], "what was known of the run is still told"
    assert cli.main(["report", model, "--data", rows, "--out", str(tmp_path / "new.html")]) == 0
    assert "rows of new.csv" in (tmp_path / "new.html").read_text()


def test_where_nothing_draws_the_report_in_the_folder_is_shown(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = shutil.copytree(place / "one.archwise", tmp_path / "light.archwise")
    find = importlib.util.find_spec
    absent = ("matplotlib", "jinja2")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name in absent else find(name, *rest))
    assert not report_page.can_draw()
    assert use.report(model) == model / "report.html"
    copied = use.report(model, out=tmp_path / "copy.html")
    assert copied.read_bytes() == (model / "report.html").read_bytes()

    def refuse(facts: object) -> str:
        raise MissingExtraError("to make a report needs matplotlib: pip install 'archwise[train]'")

    monkeypatch.setattr(report_make, "page", refuse)
    with pytest.raises(MissingExtraError, match=r"archwise\[train\]"):
        use.report(model, flowers(tmp_path / "new.csv", 90), out=tmp_path / "new.html")
