"""Whole journeys on pictures, through the command line: a real set of photos, and what wrong input says."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

import archwise

DATA = Path(__file__).parents[3] / "shared" / "data"
TINY = ("--only", "cnn", "--workers", "1", "--set", "cnn.size=24", "--set", "cnn.filters=8", "--set", "cnn.blocks=2")


@pytest.fixture(scope="module")
def photos() -> Path:
    path = DATA / "hymenoptera"
    if not path.exists():
        pytest.skip("real data are absent: shared/data/hymenoptera")
    return path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pictures")


def run(*arguments: object, cwd: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "archwise", *map(str, arguments)], cwd=cwd, capture_output=True, text=True, timeout=280,
        check=False, env={**os.environ, "ARCHWISE_CACHE": str(cwd / "cache")},
    )  # fmt: skip
    assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture(scope="module")
def fitted(photos: Path, place: Path) -> str:
    """What the fit printed; its model is bees.archwise."""
    return run("fit", photos, "--budget", "40steps", "--out", "bees.archwise", *TINY, cwd=place).stdout


@pytest.mark.whole
class TestPhotos:
    def test_look_tells_sizes_colour_and_classes(self, photos: Path, place: Path) -> None:
        seen = json.loads(run("look", photos, "--json", cwd=place).stdout)
        assert seen["classes"] == ["ants", "bees"]
        assert seen["columns"][0]["summary"]["colour"] > 0.9
        assert "decides; the rows here are open, and those sealed are drawn from them" in seen["findings"][0]["message"]

    def test_fit_keeps_the_folder_val_and_says_where_the_pixels_lie(self, fitted: str, place: Path) -> None:
        assert "153 validation" in fitted
        assert "validation is val" in fitted
        assert f"245 pictures lie decoded in {place}/cache" in fitted
        verdict = json.loads((place / "bees.archwise" / "verdict.json").read_text())
        assert verdict["chosen"] == "cnn"

    @pytest.mark.usefixtures("fitted")
    def test_several_files_are_answered_by_name(self, photos: Path, place: Path) -> None:
        files = sorted((photos / "val" / "ants").iterdir())[:5]
        done = run("predict", "bees.archwise", *files, "--out", "answers.csv", cwd=place)
        answers = pl.read_csv(place / "answers.csv")
        assert answers.columns == ["file", "prediction", "p:ants", "p:bees"]
        assert answers["file"].to_list() == [str(path) for path in files]
        assert "5 answers in answers.csv" in done.stderr

    @pytest.mark.usefixtures("fitted")
    def test_a_folder_a_table_arrays_and_one_file_are_answered_alike(self, photos: Path, place: Path) -> None:
        files = sorted((photos / "val" / "bees").iterdir())[:30]
        folder = place / "new"
        folder.mkdir()
        for path in files:
            shutil.copy(path, folder)
        model = archwise.load(place / "bees.archwise")
        wanted = archwise.predict(model, folder).answers
        assert wanted["file"].to_list() == [str(folder / path.name) for path in files]
        wanted = wanted.drop("file")
        pl.DataFrame({"image": [path.name for path in files]}).write_csv(folder / "names.csv")
        assert archwise.predict(model, folder / "names.csv").answers.equals(wanted)
        assert archwise.predict(model, {"image": [path.read_bytes() for path in files]}).answers.equals(wanted)
        assert archwise.predict(model, str(files[3])).answers.drop("file").equals(wanted[3:4])
        assert archwise.predict(model, {"image": str(files[3])}).answers.equals(wanted[3:4])
        pixels = np.stack([np.asarray(Image.open(path).convert("RGB").resize((24, 24), 2)) for path in files])
        for name in ("p:ants", "p:bees"):
            assert np.allclose(archwise.predict(model, pixels).answers[name], wanted[name], atol=1e-5)

    @pytest.mark.usefixtures("fitted")
    def test_a_broken_file_has_no_answer_and_is_named(self, photos: Path, place: Path) -> None:
        folder = place / "some"
        folder.mkdir()
        files = sorted((photos / "val" / "ants").iterdir())[:25]
        for path in files:
            shutil.copy(path, folder)
        (folder / "0.jpg").write_bytes(files[0].read_bytes()[:2_000])
        done = run("predict", "bees.archwise", folder, "--out", "some.csv", cwd=place)
        answers = pl.read_csv(place / "some.csv")
        assert answers["prediction"].is_null().to_list() == [True] + [False] * 25
        assert f"set aside 1 of its cells, it is broken or cut off: {folder}/0.jpg" in done.stderr

    @pytest.mark.usefixtures("fitted")
    def test_evaluate_scores_class_folders(self, photos: Path, place: Path) -> None:
        scored = json.loads(run("evaluate", "bees.archwise", photos / "val", "--json", cwd=place).stdout)
        verdict = json.loads((place / "bees.archwise" / "verdict.json").read_text())
        trials = json.loads((place / "bees.archwise" / "trials.json").read_text())
        assert scored["n_rows"] == 153
        assert verdict["metric"] == scored["metric"]
        assert scored["score"] == pytest.approx(trials[0]["score"], abs=1e-4)

    @pytest.mark.usefixtures("fitted")
    def test_answers_in_pieces_are_those_at_once(
        self, photos: Path, place: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from archwise.model import piece

        model = archwise.load(place / "bees.archwise")
        at_once = archwise.predict(model, photos / "val").answers
        monkeypatch.setattr(piece, "MOST_HELD", 40 * 24 * 24 * 3)
        assert archwise.predict(model, photos / "val").answers.equals(at_once)


@pytest.mark.whole
class TestWrong:
    def test_each_is_one_line_with_the_mend(self, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        (tmp_path / "flat").mkdir()
        Image.new("L", (8, 8)).save(tmp_path / "flat" / "a.png")
        for name, told in (
            ("empty", "no picture in it"),
            ("flat", "nothing that tells what they show"),
            ("none", "no such file"),
        ):
            done = run("fit", name, "--budget", "10steps", cwd=tmp_path, code=3)
            assert told in done.stderr
            assert done.stderr.strip().count("\n") == 0
