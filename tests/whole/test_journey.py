"""Whole journeys through the command line, on real tables where they are at hand."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

DATA = Path(__file__).parents[3] / "shared" / "data"
ADULT_NAMES = (
    "age,workclass,fnlwgt,education,education-num,marital-status,occupation,relationship,race,sex,"
    "capital-gain,capital-loss,hours-per-week,native-country,income"
)
QUICK = ("--set", "plan.epochs=4", "--set", "plan.patience=4")


def archwise(*arguments: object, cwd: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "archwise", *map(str, arguments)],
        cwd=cwd, capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def real(*parts: str) -> Path:
    path = DATA.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"real data are absent: shared/data/{'/'.join(parts)}")
    return path


def verdict_of(model: Path) -> dict[str, object]:
    return json.loads((model / "verdict.json").read_text())


@pytest.fixture
def iris_like(tmp_path: Path) -> Path:
    """Three classes that two measurements tell apart, with a category that does not matter."""
    import numpy as np

    rng = np.random.default_rng(0)
    label = np.arange(360) % 3
    frame = pl.DataFrame(
        {
            "length": rng.normal(label * 2.0, 1.0),
            "width": rng.normal(-label, 1.0),
            "colour": np.array(["red", "green", "blue"])[rng.integers(0, 3, 360)],
            "species": np.array(["setosa", "versicolor", "virginica"])[label],
        }
    )
    frame.write_csv(tmp_path / "flowers.csv")
    return tmp_path


class TestTables:
    """Every table of the shared data goes the whole way: look, shortlist, fit, show, predict, evaluate."""

    def whole_way(self, tmp_path: Path, source: Path, target: str, *options: str) -> dict[str, object]:
        base = (source, "--target", target, *options)
        assert json.loads(archwise("look", *base, "--json", cwd=tmp_path).stdout)["target"] == target
        assert json.loads(archwise("shortlist", *base, "--json", cwd=tmp_path).stdout)
        archwise("fit", *base, "--budget", "1500steps", "--out", "m.archwise", *QUICK, cwd=tmp_path)
        shown = archwise("show", "m.archwise", cwd=tmp_path).stdout
        assert "Chosen" in shown
        verdict = verdict_of(tmp_path / "m.archwise")
        assert {"chosen", "tied", "comparisons", "reasons", "test"} <= set(verdict)
        return verdict

    def test_titanic(self, tmp_path: Path) -> None:
        source = real("titanic", "train.csv")
        verdict = self.whole_way(tmp_path, source, "Survived", "--task", "classify")
        assert verdict["test"]["score"] > 0.75
        answers = archwise("predict", "m.archwise", real("titanic", "test.csv"), "--out", "a.csv", cwd=tmp_path)
        assert "418 answers" in answers.stderr
        rows = pl.read_csv(tmp_path / "a.csv")
        assert rows.height == 418
        assert rows.columns == ["prediction", "p:0", "p:1"]

    def test_german_credit(self, tmp_path: Path) -> None:
        source = real("german-credit", "german.csv")
        verdict = self.whole_way(tmp_path, source, "column_21", "--task", "classify")
        assert verdict["test"]["score"] > 0.65

    def test_california_housing(self, tmp_path: Path) -> None:
        source = real("california-housing", "housing.csv")
        verdict = self.whole_way(tmp_path, source, "median_house_value")
        assert verdict["metric"] == "rmse"
        assert verdict["test"]["score"] < 56_000
        scored = json.loads(archwise("evaluate", "m.archwise", source, "--json", cwd=tmp_path).stdout)
        assert scored["scores"]["r2"] > 0.75
        archwise("predict", "m.archwise", source, "--out", "a.csv", cwd=tmp_path)
        assert pl.read_csv(tmp_path / "a.csv").columns == ["prediction", "low", "high"]

    def test_adult_and_its_official_test(self, tmp_path: Path) -> None:
        source = real("adult", "adult-train.csv")
        verdict = self.whole_way(tmp_path, source, "income", "--names", ADULT_NAMES)
        assert verdict["test"]["score"] > 0.92
        official = real("adult", "adult-test.csv")  # no header line, and a full stop after each label
        scored = json.loads(archwise("evaluate", "m.archwise", official, "--json", cwd=tmp_path).stdout)
        assert scored["n_rows"] == 16_281
        assert scored["scores"]["roc_auc"] > 0.92

    def test_a_given_test_file_is_sealed_judged_by_name_and_not_needed_to_resume(self, iris_like: Path) -> None:
        rows = (iris_like / "flowers.csv").read_text().splitlines()
        (iris_like / "train.csv").write_text("\n".join(rows[:241]))
        (iris_like / "new.csv").write_text("\n".join([rows[0], *(f"{row}." for row in rows[241:])]))
        options = ("--target", "species", "--budget", "300steps", "--only", "linear", "--out", "m.archwise")
        told = archwise("fit", "train.csv", "--test", "new.csv", *options, cwd=iris_like).stdout
        assert "On the 120 rows of new.csv, sealed until now, it scores accuracy" in told
        assert "120 labels differ from the known ones only in punctuation" in told
        first = verdict_of(iris_like / "m.archwise")
        assert 'test = "new.csv"' in (iris_like / "m.archwise" / "run.toml").read_text()
        (iris_like / "new.csv").unlink()
        archwise("resume", next(iris_like.glob("*.run")), cwd=iris_like)
        assert verdict_of(iris_like / "m.archwise") == first

    def test_a_label_that_training_did_not_see_is_named_with_the_nearest(self, iris_like: Path) -> None:
        options = ("--target", "species", "--budget", "300steps", "--only", "linear")
        archwise("fit", "flowers.csv", *options, cwd=iris_like)
        renamed = (iris_like / "flowers.csv").read_text().replace("virginica", "virginca")
        (iris_like / "renamed.csv").write_text(renamed)
        done = archwise("evaluate", "flowers.archwise", "renamed.csv", cwd=iris_like, code=3)
        assert "Did you mean 'virginica'?" in done.stderr


class TestOutcome:
    def test_answers_stand_in_the_order_of_the_rows(self, iris_like: Path) -> None:
        archwise("fit", "flowers.csv", "--target", "species", "--budget", "900steps", *QUICK, cwd=iris_like)
        archwise("predict", "flowers.archwise", "flowers.csv", "--out", "a.csv", cwd=iris_like)
        answers = pl.read_csv(iris_like / "a.csv")
        truth = pl.read_csv(iris_like / "flowers.csv")["species"]
        assert answers.columns == ["prediction", "p:setosa", "p:versicolor", "p:virginica"]
        assert (answers["prediction"] == truth).mean() > 0.75
        backwards = pl.read_csv(iris_like / "flowers.csv").reverse()
        backwards.write_csv(iris_like / "b.csv")
        archwise("predict", "flowers.archwise", "b.csv", "--out", "c.csv", cwd=iris_like)
        assert pl.read_csv(iris_like / "c.csv")["prediction"].reverse().equals(answers["prediction"])

    def test_fit_prints_the_run_folder_first_and_the_resolved_configuration_runs_again(self, iris_like: Path) -> None:
        done = archwise("fit", "flowers.csv", "--target", "species", "--budget", "600steps", *QUICK, cwd=iris_like)
        first = done.stdout.splitlines()[0]
        assert "run folder: flowers-" in first
        run = next(iris_like.glob("flowers-*.run"))
        archwise("fit", "--config", run / "run.toml", "--out", "again.archwise", cwd=iris_like)
        assert verdict_of(iris_like / "flowers.archwise") == verdict_of(iris_like / "again.archwise")

    def test_the_same_seed_gives_the_same_verdict_with_one_worker_and_with_two(self, iris_like: Path) -> None:
        for workers in (1, 2):
            options = ("--budget", "900steps", "--workers", workers, "--out", f"w{workers}.archwise", *QUICK)
            archwise("fit", "flowers.csv", "--target", "species", *options, cwd=iris_like)
        one, two = ((iris_like / f"w{n}.archwise" / "verdict.json").read_bytes() for n in (1, 2))
        assert one == two

    def test_json_on_standard_output_is_one_object(self, iris_like: Path) -> None:
        options = ("--budget", "300steps", "--only", "majority,linear", "--json")
        done = archwise("fit", "flowers.csv", "--target", "species", *options, cwd=iris_like)
        assert json.loads(done.stdout)["chosen"] == "linear"


class TestFailure:
    def test_a_candidate_that_diverges_fails_alone_with_its_reason(self, iris_like: Path) -> None:
        options = ("--only", "perceptron,linear", "--set", "plan.rate=1e30", "--set", "plan.clip=0.0")
        archwise("fit", "flowers.csv", "--target", "species", "--budget", "300steps", *options, cwd=iris_like)
        verdict = verdict_of(iris_like / "flowers.archwise")
        assert verdict["chosen"] == "linear"
        assert any("perceptron left the race" in sentence for sentence in verdict["next_steps"])

    def test_when_all_fail_the_reasons_are_given_and_no_model_is_written(self, iris_like: Path) -> None:
        options = ("--only", "perceptron", "--set", "plan.rate=1e30", "--set", "plan.clip=0.0")
        done = archwise(
            "fit", "flowers.csv", "--target", "species", "--budget", "300steps", *options, cwd=iris_like, code=5
        )
        assert "perceptron" in done.stderr.splitlines()[-1]
        assert not (iris_like / "flowers.archwise").exists()

    def test_ctrl_c_ends_with_the_run_folder_and_no_traceback(self, iris_like: Path) -> None:
        process = subprocess.Popen(
            [sys.executable, "-m", "archwise", "fit", "flowers.csv", "--target", "species", "--budget", "5m"],
            cwd=iris_like, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        wait_for_trials(iris_like, "flowers-*.run", n=1)
        os.killpg(process.pid, signal.SIGINT)
        said = process.communicate()[1]
        assert process.returncode == 130
        assert "archwise resume flowers-" in said.splitlines()[-1]
        assert "Traceback" not in said


class TestKill:
    """kill -9 in mid-race, then resume: nothing finished is run again and the verdict is that of an unbroken run."""

    @pytest.mark.parametrize("workers", [1, 2])
    def test_resume_gives_the_verdict_of_the_unbroken_run(self, iris_like: Path, workers: int) -> None:
        options = ("flowers.csv", "--target", "species", "--budget", "3000steps", "--workers", workers)
        archwise("fit", *options, "--out", "whole.archwise", cwd=iris_like)
        process = subprocess.Popen(
            [sys.executable, "-m", "archwise", "fit", *map(str, options), "--out", "cut.archwise"],
            cwd=iris_like, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        finished = wait_for_trials(iris_like, "cut-*.run", n=3)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert not (iris_like / "cut.archwise").exists()
        run = next(iris_like.glob("cut-*.run"))
        stamps = {path: path.stat().st_mtime_ns for path in finished}
        archwise("resume", run, cwd=iris_like)
        assert {path: path.stat().st_mtime_ns for path in stamps} == stamps, "a finished rung was run again"
        whole, cut = ((iris_like / f"{name}.archwise" / "verdict.json").read_bytes() for name in ("whole", "cut"))
        assert whole == cut


def wait_for_trials(folder: Path, pattern: str, *, n: int) -> list[Path]:
    """Wait until that many rungs are on disk."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        found = [path for run in folder.glob(pattern) for path in run.glob("trials/*/rung-*.json")]
        if len(found) >= n:
            return found
        time.sleep(0.02)
    raise AssertionError("no trial was finished in two minutes")


class TestPython:
    def test_pandas_polars_and_arrays_go_the_same_way(self, iris_like: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        import archwise as package

        monkeypatch.chdir(iris_like)
        frame = pl.read_csv("flowers.csv")
        config = package.Config(only=("linear", "majority"))
        verdicts = []
        for name, source in (("polars", frame), ("pandas", frame.to_pandas())):
            model = package.fit(source, "species", budget="100steps", out=f"{name}.archwise", config=config)
            verdicts.append(model.verdict)
            assert package.predict(model, source).answers.height == 360
        assert verdicts[0] == verdicts[1]
        arrays = (frame.select("length", "width").to_numpy(), frame["species"].to_numpy())
        model = package.fit(arrays, "y", budget="100steps", out="arrays.archwise", config=config)
        assert package.evaluate(model, arrays)["scores"]["accuracy"] > 0.8
