"""A model answers in an environment that has nothing but the light install: a new one is built for this test."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from pathlib import Path

import polars as pl
import pytest

CHECKOUT = Path(__file__).parents[2]


def call(*command: object, cwd: Path, code: int = 0) -> str:
    done = subprocess.run([*map(str, command)], cwd=cwd, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def light(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The python of a new environment with `pip install archwise`, without extras."""
    folder = tmp_path_factory.mktemp("light")
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv" / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(CHECKOUT)]
    done = subprocess.run(install, capture_output=True, text=True, timeout=280, check=False)
    if "No matching distribution" in done.stderr or "Temporary failure" in done.stderr:
        pytest.skip("the package index cannot be reached, so no environment can be built")
    assert done.returncode == 0, done.stderr
    return python


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network and a reference, trained where torch is, and rows to answer."""
    folder = tmp_path_factory.mktemp("models")
    frame = pl.DataFrame({"x": range(200), "colour": ["red", "blue"] * 100}).with_columns(
        y=pl.when(pl.col("x") * 7 % 20 > 9).then(pl.lit("yes")).otherwise(pl.lit("no"))
    )
    frame.write_csv(folder / "rows.csv")
    for name in ("mlp", "trees"):
        call(
            sys.executable, "-m", "archwise", "fit", "rows.csv", "--target", "y", "--kind", "x=number", "--only", name,
            "--budget", "200steps", "--out", f"{name}.archwise", cwd=folder,
        )  # fmt: skip
    return folder


@pytest.mark.parametrize("name", ["mlp", "trees"])
def test_a_model_answers_alike_without_torch(light: Path, folder: Path, name: str) -> None:
    model = f"{name}.archwise"
    call(light, "-c", "import importlib.util as u, sys; sys.exit(u.find_spec('torch') is not None)", cwd=folder)
    call(light, "-m", "archwise", "predict", model, "rows.csv", "--out", f"light-{name}.csv", cwd=folder)
    call(sys.executable, "-m", "archwise", "predict", model, "rows.csv", "--out", f"full-{name}.csv", cwd=folder)
    light_answers, full_answers = (pl.read_csv(folder / f"{where}-{name}.csv") for where in ("light", "full"))
    assert light_answers.equals(full_answers)


def test_looking_showing_and_listing_work_without_torch(light: Path, folder: Path) -> None:
    for command in (("look", "rows.csv", "--target", "y"), ("shortlist", "rows.csv", "--target", "y"), ("list",)):
        call(light, "-m", "archwise", *command, cwd=folder)
    assert "Chosen" in call(light, "-m", "archwise", "show", "mlp.archwise", cwd=folder)


def test_the_report_that_the_fit_left_is_shown_and_told_without_what_draws(light: Path, folder: Path) -> None:
    call(light, "-c", "import importlib.util as u, sys; sys.exit(u.find_spec('matplotlib') is not None)", cwd=folder)
    assert "report.html" in call(light, "-m", "archwise", "report", "mlp.archwise", cwd=folder)
    call(light, "-m", "archwise", "report", "mlp.archwise", "--out", "copy.html", cwd=folder)
    assert (folder / "copy.html").read_bytes() == (folder / "mlp.archwise" / "report.html").read_bytes()
    facts = json.loads(
        call(light, "-m", "archwise", "report", "mlp.archwise", "--data", "rows.csv", "--json", cwd=folder)
    )
    assert facts["given"]["n_rows"] == 200
    said = call(light, "-m", "archwise", "report", "mlp.archwise", "--data", "rows.csv", cwd=folder, code=6)
    assert "pip install 'archwise[train]'" in said


def test_fitting_without_torch_says_what_to_install(light: Path, folder: Path) -> None:
    said = call(light, "-m", "archwise", "fit", "rows.csv", "--target", "y", "--budget", "100steps", cwd=folder, code=6)
    assert "pip install 'archwise[train]'" in said
    assert "Traceback" not in said


def test_the_light_install_serves(light: Path, folder: Path) -> None:
    code = (
        "from pathlib import Path\n"
        "from archwise.serve.app import Settings, make_app\n"
        "make_app([Path('mlp.archwise'), Path('trees.archwise')], Settings())\n"
        "import sys; print('torch' in sys.modules)"
    )
    assert call(light, "-c", code, cwd=folder).strip() == "False"
    assert "--workers" in call(light, "-m", "archwise", "serve", "--help", cwd=folder)
