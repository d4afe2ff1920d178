"""What more rows would bring on a real small table, through the command line."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

PIMA = Path(__file__).parents[3] / "shared" / "data" / "pima" / "pima-indians-diabetes.csv"


@pytest.mark.skipif(not PIMA.exists(), reason="needs ../shared/data/pima, which is not in this checkout")
def test_on_pima_where_folds_decide_the_gain_of_more_rows_is_told_with_figures(tmp_path: Path) -> None:
    frame = pl.read_csv(PIMA, has_header=False)
    frame.write_csv(tmp_path / "pima.csv")
    target = frame.columns[-1]
    command = ("fit", "pima.csv", "--target", target, "--budget", "400steps", "--only", "linear,perceptron")
    done = subprocess.run(
        [sys.executable, "-m", "archwise", *command],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    verdict = json.loads((tmp_path / "pima.archwise" / "verdict.json").read_text())
    growth = verdict["growth"]
    assert growth["sentence"] in verdict["next_steps"]
    assert re.match(r"Twice the training rows \(9\d\d\) would .*\d points", growth["sentence"])
    assert "A fit in the folds learns from " in growth["sentence"]
    assert len(growth["points"]) == 4
    assert growth["doubled"]["n"] == pytest.approx(2 * growth["points"][-1]["n"], abs=1)
