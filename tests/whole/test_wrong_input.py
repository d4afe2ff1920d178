"""Wrong input, each one clear line with the mend, the documented exit code, and nothing lost or left behind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from archwise import cli

Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.chdir(tmp_path)

    def run_it(*arguments: object, code: int) -> str:
        found = cli.main([str(argument) for argument in arguments])
        printed = capfd.readouterr()
        assert found == code, printed.err
        message = printed.err.strip()
        assert "Traceback" not in message
        return message

    return run_it


def write(path: str, text: str | bytes) -> str:
    Path(path).write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def table(n: int = 200) -> pl.DataFrame:
    rng = np.random.default_rng(0)
    x = rng.normal(size=n).round(4)
    label = np.where(x + rng.normal(size=n) > 0, "yes", "no")
    return pl.DataFrame({"x": x, "z": rng.normal(size=n).round(4), "colour": ["red", "blue"] * (n // 2), "y": label})


class TestSource:
    def test_missing_file_suggests_the_nearest(self, run: Run) -> None:
        write("people.csv", "a,b\n1,2\n")
        message = run("look", "peple.csv", "--target", "b", code=3)
        assert message.count("\n") == 0
        assert "people.csv" in message

    @pytest.mark.parametrize("text", [b"", b"\n\n"])
    def test_empty_file(self, run: Run, text: bytes) -> None:
        assert "empty" in run("fit", write("a.csv", text), "--target", "y", code=3)

    def test_header_only(self, run: Run) -> None:
        assert "a.csv" in run("fit", write("a.csv", "x,y\n"), "--target", "y", code=3)

    def test_ragged_rows_name_the_line(self, run: Run) -> None:
        rows = "".join(f"{n},{n % 2}\n" if n % 4 else f"{n}\n" for n in range(100))
        message = run("fit", write("a.csv", "x,y\n" + rows), "--target", "y", code=3)
        assert "line 2" in message

    def test_binary_file(self, run: Run) -> None:
        run("look", write("a.csv", bytes(range(256)) * 20), "--target", "y", code=3)

    def test_a_million_columns(self, run: Run) -> None:
        line = ",".join(f"c{n}" for n in range(1_000_000))
        message = run("look", write("a.csv", f"{line}\n{line}\n"), "--target", "c1", code=3)
        assert "columns" in message
        assert len(message) < 500

    def test_latin_1_is_read_and_said(self, run: Run) -> None:
        text = "naam,y\n" + "".join(f"caf\xe9 {n % 3},{n % 2}\n" for n in range(100))
        run("look", write("a.csv", text.encode("latin-1")), "--target", "y", code=0)


class TestTarget:
    def test_no_such_target_suggests_the_nearest(self, run: Run) -> None:
        table().write_csv("a.csv")
        assert "Did you mean 'colour'?" in run("fit", "a.csv", "--target", "color", code=3)

    def test_one_class(self, run: Run) -> None:
        table().with_columns(y=pl.lit("yes")).write_csv("a.csv")
        assert "'y'" in run("fit", "a.csv", "--target", "y", code=3)

    def test_all_missing(self, run: Run) -> None:
        table().with_columns(y=pl.lit(None, dtype=pl.String)).write_csv("a.csv")
        assert "missing" in run("fit", "a.csv", "--target", "y", code=3)

    def test_no_column_to_learn_from(self, run: Run) -> None:
        table().select("y").write_csv("a.csv")
        run("fit", "a.csv", "--target", "y", code=3)

    def test_too_few_rows(self, run: Run) -> None:
        table(6).write_csv("a.csv")
        assert "rows" in run("fit", "a.csv", "--target", "y", code=3)


class TestCells:
    def test_many_infinities_are_an_error_with_the_row(self, run: Run) -> None:
        frame = table().with_columns(x=pl.when(pl.int_range(pl.len()) % 5 == 0).then(float("inf")).otherwise("x"))
        frame.write_parquet("a.parquet")
        message = run("fit", "a.parquet", "--target", "y", "--budget", "50steps", code=3)
        assert "'x'" in message
        assert "inf" in message

    def test_a_few_infinities_are_set_aside_and_said(self, run: Run) -> None:
        frame = table().with_columns(x=pl.when(pl.int_range(pl.len()) == 7).then(float("inf")).otherwise("x"))
        frame.write_parquet("a.parquet")
        run(
            "fit",
            "a.parquet",
            "--target",
            "y",
            "--budget",
            "50steps",
            "--only",
            "linear,majority",
            "--quiet",
            code=0,
        )


class TestOptions:
    @pytest.fixture(autouse=True)
    def _table(self, run: Run) -> None:
        table().write_csv("a.csv")

    @pytest.mark.parametrize(
        ("options", "word"),
        [
            (("--budget", "soon"), "2000steps"),
            (("--budget", "1s"), "10s"),
            (("--task", "classfy"), "Did you mean 'classify'?"),
            (("--only", "mpl"), "Did you mean 'mlp'?"),
            (("--skip", "tree"), "Did you mean 'trees'?"),
            (("--set", "mlp.activation=tahn"), "Did you mean 'tanh'?"),
            (("--set", "mlp.activatoin=tanh"), "Did you mean 'activation'?"),
            (("--set", "mlp.layers=400"), "outside"),
            (("--set", "plan.epoch=4"), "Did you mean 'epochs'?"),
            (("--set", "layers"), "name=value"),
            (("--kind", "x=numbr"), "Did you mean 'number'?"),
            (("--metric", "acuracy"), "Did you mean 'accuracy'?"),
            (("--optimizer", "adm"), "Did you mean 'adam'?"),
            (("--loss", "crossentropy"), "Did you mean 'cross_entropy'?"),
            (("--device", "gpu"), "device"),
            (("--config", "none.toml"), "none.toml"),
        ],
    )  # fmt: skip
    def test_a_wrong_option_is_named_with_the_nearest_right_one(
        self, run: Run, options: tuple[str, str], word: str
    ) -> None:
        message = run("fit", "a.csv", "--target", "y", *options, code=2)
        assert word in message
        assert not list(Path().glob("*.run"))

    def test_an_unknown_column_to_drop_is_named(self, run: Run) -> None:
        assert "Did you mean 'colour'?" in run("fit", "a.csv", "--target", "y", "--drop", "color", code=3)

    def test_a_folder_that_is_no_model_is_not_overwritten(self, run: Run) -> None:
        Path("mine").mkdir()
        write("mine/notes.txt", "keep me")
        assert "--out" in run("fit", "a.csv", "--target", "y", "--out", "mine", code=2)
        assert Path("mine/notes.txt").read_text() == "keep me"

    def test_resume_of_no_run(self, run: Run) -> None:
        assert "run folder" in run("resume", "nowhere", code=4)


class TestNewRows:
    """A new file with missing, extra, reordered columns, wrong types or unseen categories at prediction."""

    @pytest.fixture(autouse=True)
    def _model(self, run: Run) -> None:
        table().write_csv("a.csv")
        run(
            "fit",
            "a.csv",
            "--target",
            "y",
            "--budget",
            "50steps",
            "--only",
            "linear,majority",
            "--quiet",
            code=0,
        )

    def predict(self, run: Run, frame: pl.DataFrame) -> pl.DataFrame:
        frame.write_csv("new.csv")
        run("predict", "a.archwise", "new.csv", "--out", "answers.csv", code=0)
        return pl.read_csv("answers.csv")

    def test_reordered_and_extra_columns_change_nothing(self, run: Run) -> None:
        plain = self.predict(run, table())
        other = self.predict(run, table().select("colour", pl.lit(1).alias("extra"), "z", "x"))
        assert plain.equals(other)

    def test_missing_column_is_named(self, run: Run) -> None:
        table().rename({"colour": "color"}).write_csv("new.csv")
        message = run("predict", "a.archwise", "new.csv", code=3)
        assert "'colour'" in message
        assert "color" in message

    def test_unseen_category_is_answered(self, run: Run) -> None:
        answers = self.predict(run, table().with_columns(colour=pl.lit("violet")))
        assert answers["prediction"].null_count() == 0

    def test_a_bad_cell_gives_an_empty_answer_in_its_place(self, run: Run) -> None:
        frame = table().with_columns(
            x=pl.when(pl.int_range(pl.len()) == 3).then(pl.lit("forty")).otherwise(pl.col("x").cast(pl.String))
        )
        answers = self.predict(run, frame)
        assert answers.height == 200
        assert answers["prediction"].is_null().arg_true().to_list() == [3]

    def test_wrong_type_throughout_is_an_error_that_names_row_and_mend(self, run: Run) -> None:
        table().with_columns(x=pl.lit("forty")).write_csv("new.csv")
        message = run("predict", "a.archwise", "new.csv", code=3)
        assert "'x'" in message
        assert "forty" in message
        assert "row 1" in message

    def test_a_changed_model_folder_is_refused(self, run: Run) -> None:
        path = Path("a.archwise/model.onnx")
        path.write_bytes(path.read_bytes() + b"x")
        assert "model.onnx" in run("predict", "a.archwise", "a.csv", code=4)
