"""Whole journeys on series: .ts files through the command line, arrays and single rows from Python, and bad input."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import archwise
from archwise.records import Array, Parts

DATA = Path(__file__).parents[3] / "shared" / "data"
QUICK = ("--only", "nearest,kernels,cnn-1d", "--workers", "1", "--set", "cnn-1d.filters=8")
HEAD = "@problemName made\n@timeStamps false\n@univariate true\n@equalLength false\n@classLabel true slow fast\n@data\n"


def run(*arguments: object, cwd: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "archwise", *map(str, arguments)], cwd=cwd, capture_output=True, text=True, timeout=280,
        check=False, env={**os.environ, "COLUMNS": "200"},
    )  # fmt: skip
    assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def beats(n: int, seed: int) -> tuple[list[Array], list[str]]:
    """Waves of 20 to 40 steps, half of them twice as fast, with noise."""
    rng = np.random.default_rng(seed)
    names = [("slow", "fast")[row % 2] for row in range(n)]
    waves = [
        np.sin((0.3 if name == "slow" else 0.6) * np.arange(rng.integers(20, 41)) + rng.uniform(0, 6)) for name in names
    ]
    return [np.round(wave + rng.normal(0, 0.1, len(wave)), 4) for wave in waves], names


def write(path: Path, n: int, seed: int, *, extra: str = "", labelled: bool = True) -> Path:
    waves, names = beats(n, seed)
    lines = [",".join(map(str, wave)) + f":{name}" * labelled for wave, name in zip(waves, names, strict=True)]
    head = HEAD if labelled else HEAD.replace("@classLabel true slow fast", "@classLabel false")
    path.write_text(head + "\n".join(lines) + "\n" + extra)
    return path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a training file, of which one line is broken and one has a gap, its test file, and a model."""
    folder = tmp_path_factory.mktemp("series")
    write(folder / "beats_TRAIN.ts", 90, 0, extra="1,2,x:slow\n0.1,?,0.3,0.5:slow\n")
    write(folder / "beats_TEST.ts", 60, 1)
    write(folder / "new.ts", 7, 2, labelled=False, extra="?\n1.5\n")
    done = run("fit", "beats_TRAIN.ts", *QUICK, "--budget", "300steps", "--out", "beats.archwise", cwd=folder)
    (folder / "told.txt").write_text(done.stdout)
    return folder


class TestJourney:
    pytestmark = pytest.mark.whole

    def test_the_test_file_beside_it_is_sealed_and_said(self, place: Path) -> None:
        verdict = json.loads((place / "beats.archwise" / "verdict.json").read_text())
        assert verdict["test"]["source"] == "beats_TEST.ts"
        assert verdict["test"]["n_rows"] == 60
        assert verdict["test"]["score"] > 0.9
        assert "test is beats_TEST.ts" in (place / "told.txt").read_text()

    def test_look_tells_lengths_gaps_and_broken_lines(self, place: Path) -> None:
        told = " ".join(run("look", "beats_TRAIN.ts", cwd=place).stdout.split())
        assert "series" in told
        assert "line 97 holds what is no number" in told
        assert "1 value inside of 1 series is missing" in told
        assert "slow 46, fast 45" in told or "fast 45, slow 46" in told

    def test_new_series_are_answered_in_their_order(self, place: Path) -> None:
        run("predict", "beats.archwise", "new.ts", "--out", "answers.csv", cwd=place)
        answers = pl.read_csv(place / "answers.csv")
        assert answers["prediction"].to_list()[:7] == beats(7, 2)[1]
        assert answers.height == 9
        assert answers["prediction"].null_count() == 0

    def test_evaluate_scores_the_training_file_itself_where_it_is_named(self, place: Path) -> None:
        scored = json.loads(run("evaluate", "beats.archwise", "beats_TEST.ts", "--json", cwd=place).stdout)
        assert scored["n_rows"] == 60
        assert scored["scores"]["accuracy"] > 0.9
        of_train = json.loads(run("evaluate", "beats.archwise", "beats_TRAIN.ts", "--json", cwd=place).stdout)
        assert (of_train["n_rows"], of_train["n_left_out"]) == (91, 1)

    def test_rows_from_python_are_answered_however_they_come(self, place: Path) -> None:
        waves, names = beats(6, 3)
        model = archwise.load(place / "beats.archwise")
        together = archwise.predict(model, {"series": waves}).answers
        assert together["prediction"].to_list() == names
        for row, wave in enumerate(waves):
            for one in ({"series": wave}, {"series": wave.tolist()}, {"series": [wave.tolist()]}):
                answered = archwise.predict(model, one).answers
                assert answered.height == 1
                np.testing.assert_allclose(answered["p:fast"][0], together["p:fast"][row], atol=1e-6)

    def test_series_of_other_channels_are_one_clear_error(self, place: Path) -> None:
        (place / "wide.ts").write_text(HEAD.replace("@univariate true\n", "") + "1,2:3,4:slow\n")
        done = run("predict", "beats.archwise", "wide.ts", cwd=place, code=3)
        assert "series of 2 channels, where 1 were learnt from" in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.whole
def test_a_table_of_the_ucr_archive_goes_the_same_way(tmp_path: Path) -> None:
    for part, n, seed in (("TRAIN", 90, 0), ("TEST", 60, 1)):
        waves, names = beats(n, seed)
        behind = [["NaN"] * (40 - len(wave)) for wave in waves]
        numbers = ["2" if name == "fast" else "1" for name in names]
        rows = [[name, *map(str, wave), *end] for name, wave, end in zip(numbers, waves, behind, strict=True)]
        (tmp_path / f"beats_{part}.tsv").write_text("".join("\t".join(row) + "\n" for row in rows))
    run("fit", "beats_TRAIN.tsv", "--only", "nearest", "--workers", "1", "--budget", "100steps", cwd=tmp_path)
    verdict = json.loads((tmp_path / "beats_TRAIN.archwise" / "verdict.json").read_text())
    assert (verdict["test"]["source"], verdict["test"]["n_rows"]) == ("beats_TEST.tsv", 60)
    answers = archwise.predict(tmp_path / "beats_TRAIN.archwise", tmp_path / "beats_TEST.tsv").answers
    assert set(answers["prediction"]) == {"1", "2"}


@pytest.mark.whole
@pytest.mark.parametrize("only", ["lstm", "inception-time"])
def test_arrays_of_several_channels_from_python(tmp_path: Path, only: str) -> None:
    rng = np.random.default_rng(0)
    series, classes = rng.normal(size=(80, 15, 3)), np.arange(80) % 2
    series[:, :, 1] += classes[:, None]
    config = archwise.Config(only=[only], workers=1, settings={"plan.epochs": 3})
    model = archwise.fit(
        Parts((series[:60], classes[:60]), test=(series[60:], classes[60:])), "y", budget="60steps",
        out=tmp_path / "a.archwise", config=config,
    )  # fmt: skip
    answers = archwise.predict(model, series[:5]).answers
    assert answers.height == 5
    one = archwise.predict(model, {"series": series[0].T.tolist()}).answers
    np.testing.assert_allclose(one["p:0"][0], answers["p:0"][0], atol=1e-5)


@pytest.mark.whole
def test_a_number_is_learnt_from_series_beside_a_column(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    series = [rng.normal(level, 1.0, 30).tolist() for level in rng.uniform(0, 5, 120)]
    frame = pl.DataFrame({"beat": series, "age": rng.normal(size=120), "y": [float(np.mean(cell)) for cell in series]})
    config = archwise.Config(only=["kernels", "cnn-1d"], workers=1, settings={"cnn-1d.filters": 8})
    model = archwise.fit(frame, "y", budget="200steps", out=tmp_path / "a.archwise", config=config)
    answers = archwise.predict(model, frame.head(20)).answers
    assert np.corrcoef(answers["prediction"].to_numpy(), frame["y"].head(20).to_numpy())[0, 1] > 0.8


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("?,?:slow\n" * 20 + "?:fast\n" * 20, "no column is left"),
        ("1,x:slow\n" * 40, "holds what is no number"),
        ("", "no series below @data"),
        ("1,2:slow\n" * 40, "there is nothing to learn"),
    ],
)
def test_what_cannot_be_learnt_from_is_one_clear_error(tmp_path: Path, lines: str, told: str) -> None:
    (tmp_path / "bad.ts").write_text(HEAD + lines)
    done = run("fit", "bad.ts", "--budget", "10s", cwd=tmp_path, code=3)
    assert told in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.whole
def test_a_network_that_reads_forwards_is_handed_over_to_answer_step_by_step(tmp_path: Path) -> None:
    waves, names = beats(90, 0)
    frame = pl.DataFrame({"beat": [wave.tolist() for wave in waves], "kind": names})
    fixed = {"gru.both_ways": False, "gru.pooling": "attention", "plan.epochs": 4}
    config = archwise.Config(only=["gru"], workers=1, settings=fixed)
    archwise.fit(frame, "kind", budget="60steps", out=tmp_path / "a.archwise", config=config)
    assert "stream.onnx" in json.loads((tmp_path / "a.archwise" / "model.json").read_text())["files"]
    beat, wave = archwise.stream(tmp_path / "a.archwise"), waves[0]
    for end in range(1, len(wave) + 1):
        found = beat.send(wave[end - 1 : end]).answers
        expected = archwise.predict(tmp_path / "a.archwise", {"beat": [wave[:end].tolist()]}).answers
        np.testing.assert_allclose(found["p:fast"], expected["p:fast"], atol=1e-5)
    both = archwise.Config(only=["gru"], workers=1, settings={**fixed, "gru.both_ways": True})
    archwise.fit(frame, "kind", budget="60steps", out=tmp_path / "b.archwise", config=both)
    assert not (tmp_path / "b.archwise" / "stream.onnx").exists()
