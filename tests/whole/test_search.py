"""The search inside a race and the mean of seeds, through the command line, in a budget of steps."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl

ROWS = 1_800
OPTIONS = (
    "--only", "mlp", "--set", "plan.average=0.0", "--set", "plan.rate=0.01", "--set", "mlp.dropout=0.0",
    "--set", "plan.epochs=6", "--budget", "1000steps", "--workers", "1", "--valid", "0.4",
)  # fmt: skip


def archwise(*arguments: object, cwd: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "archwise", *map(str, arguments)],
        cwd=cwd, capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def test_what_is_proposed_and_averaged_is_the_same_after_a_kill_and_with_two_workers(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(ROWS, 4))
    pay = rows[:, 0] * rows[:, 1] + np.sin(3 * rows[:, 2]) + rows[:, 3] ** 2
    pl.DataFrame({**{f"x{place}": rows[:, place] for place in range(4)}, "pay": pay}).write_csv(tmp_path / "pay.csv")
    said = archwise("fit", "pay.csv", "--target", "pay", *OPTIONS, "--out", "m.archwise", cwd=tmp_path)
    assert "proposed: mlp 5 (" in said
    assert "It is the mean of 3 seeds" in said
    verdict, graph = ((tmp_path / "m.archwise" / name).read_bytes() for name in ("verdict.json", "model.onnx"))
    answers = pl.read_csv(archwise("predict", "m.archwise", "pay.csv", cwd=tmp_path).encode())
    assert np.corrcoef(answers["prediction"].to_numpy(), pay)[0, 1] > 0.9

    run = next(tmp_path.glob("m-*.run"))
    kept = _as_if_killed(run)
    archwise("resume", run, cwd=tmp_path)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept, "a finished rung was run again"
    assert (tmp_path / "m.archwise" / "verdict.json").read_bytes() == verdict
    assert (tmp_path / "m.archwise" / "model.onnx").read_bytes() == graph


def test_where_folds_decide_seeds_are_averaged_and_each_is_trained_anew_on_all_open_rows(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(600, 10))
    pay = rows[:, 0] + rows[:, 1] + 0.3 * rng.normal(size=600)
    pl.DataFrame({**{f"x{place}": rows[:, place] for place in range(10)}, "pay": pay}).write_csv(tmp_path / "pay.csv")
    said = archwise(
        "fit", "pay.csv", "--target", "pay", "--only", "mlp", "--set", "plan.average=0.0", "--set", "plan.rate=0.02",
        "--set", "mlp.dropout=0.0", "--set", "mlp.numbers=periodic", "--set", "mlp.frequency=1.0",
        "--set", "mlp.layers=1", "--set", "plan.epochs=6", "--budget", "6000steps", "--workers", "1",
        "--out", "m.archwise", cwd=tmp_path,
    )  # fmt: skip
    assert "It is the mean of 3 seeds" in said
    assert "Its 3 networks were then trained anew on all 480 rows that are not sealed" in said
    answers = pl.read_csv(archwise("predict", "m.archwise", "pay.csv", cwd=tmp_path).encode())
    assert np.corrcoef(answers["prediction"].to_numpy(), pay)[0, 1] > 0.9


def _as_if_killed(run: Path) -> dict[Path, int]:
    """Take from a run what came last, as if it had been killed in the first wave; it goes on with two workers.

    Returns:
        the records that are left, with their times.
    """
    entries = json.loads((run / "candidates.json").read_text())
    assert [entry for entry in entries if "wave" in entry]
    (run / "candidates.json").write_text(json.dumps([entry for entry in entries if "wave" not in entry]))
    text = (run / "run.toml").read_text()
    (run / "run.toml").write_text(text.replace("workers = 1", "workers = 2"))
    records = [(path, json.loads(path.read_text())["candidate"]) for path in run.glob("trials/*/rung-*.json")]
    late = {path.parent for path, held in records if held["seeds"] > 1 or held["plan"]["seed"] > 0}
    assert len(late) == 3
    late.add(next(path.parent for path, held in records if held["label"] == "mlp 6"))
    for place in late:
        shutil.rmtree(place)
    return {path: path.stat().st_mtime_ns for path, _ in records if path.exists()}
