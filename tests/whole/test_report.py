"""The report at the end of a fit, and made again from the model folder by the command line."""

from __future__ import annotations

import importlib.util
import json
import shlex
import shutil
from pathlib import Path

import pytest

from archwise import cli, use
from archwise.engines.processes import Workers
from archwise.errors import MissingExtraError
from archwise.report import make as report_make
from archwise.report import page as report_page
from archwise.report.job import attach_report

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


def run_of(place: Path, name: str) -> Path:
    return next(place.glob(f"{name}-*.run"))


def test_it_is_made_again_from_the_folder_of_its_run(place: Path, tmp_path: Path) -> None:
    model = shutil.copytree(place / "one.archwise", tmp_path / "one.archwise")
    kept = json.loads((model / "report.json").read_text())
    assert cli.main(["report", str(model), "--run", str(run_of(place, "one"))]) == 0
    again = json.loads((model / "report.json").read_text())
    for name in ("answers", "errors", "slices", "verdict", "repeat", "origin", "aside", "rows"):
        assert again[name] == kept[name]
    assert [each["name"] for each in again["importance"]["columns"]]
    use.load(model)


def test_where_a_run_had_no_time_its_note_names_the_command_that_makes_the_report(place: Path, tmp_path: Path) -> None:
    model = shutil.copytree(place / "one.archwise", tmp_path / "one.archwise")
    run, said = run_of(place, "one"), []
    with Workers(1, threads=1) as workers:
        attach_report(model, run, workers=workers, tell=said.append, seconds=0.1)
    command = shlex.split(
        said[0]["message"].removeprefix("no time was left for the report: ").removesuffix(" makes it")
    )
    assert command == ["archwise", "report", str(model), "--run", str(run)]
    assert cli.main([*command[1:], "--out", str(tmp_path / "made.html")]) == 0
    assert "Where it falls behind" in (tmp_path / "made.html").read_text()


def test_the_run_of_another_model_is_refused(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = flowers(tmp_path / "flowers.csv", 200)
    other = str(tmp_path / "other.archwise")
    assert cli.main(["fit", str(data), "--target", "colour", "--budget", "60steps", "--out", other, *QUICK]) == 0
    capsys.readouterr()
    assert cli.main(["report", other, "--run", str(run_of(place, "one"))]) == 4
    assert "is not the run that made" in capsys.readouterr().err
    assert cli.main(["report", other, "--run", str(tmp_path)]) == 4
    assert "name the folder of a run that came to its end" in capsys.readouterr().err
    assert cli.main(["report", other, "--run", str(run_of(tmp_path, "other")), "--data", str(data)]) == 2
    assert "leave one out" in capsys.readouterr().err


def test_groups_that_fall_behind_are_named_over_all_rows_that_were_judged(tmp_path: Path) -> None:
    """In folds every row that is not sealed has decided, so every shop is told; one turns all answers around."""
    rows = ["size,shop,kind"]
    for row in range(450):
        shop, size = row % 30, row * 37 % 101 + row / 1000  # no two rows alike
        rows.append(f"{size},shop {shop},{'ab'[(size > 50) ^ (shop == 7)]}")
    (tmp_path / "shops.csv").write_text("\n".join(rows) + "\n")
    options = ("--target", "kind", "--group", "shop", "--only", "trees", "--budget", "60steps", "--workers", "1")
    out = tmp_path / "shops.archwise"
    assert cli.main(["fit", str(tmp_path / "shops.csv"), *options, "--out", str(out), "--quiet"]) == 0
    slices = json.loads((out / "report.json").read_text())["slices"]
    assert slices["groups"]["n_groups"] == slices["groups"]["n_told"] == 30
    assert [part["name"] for part in slices["parts"] if part["of"] == "shop" and part["behind"]] == ["shop 7"]
    assert "shop: shop 7" in (out / "report.html").read_text()


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
