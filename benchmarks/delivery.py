"""What a written model costs where it is used: a cold command, a long file, an import, an install.

    python benchmarks/delivery.py --data ../shared/data --rows 10000000

adult with an MLP, fitted once by a small budget of steps, for the speed of an answer does not depend on how good it is.
`cold`: `archwise predict` of one row as a whole process, beside a script that imports torch, takes the weights of the
same network from the model folder and multiplies them with a row that is already encoded. `bulk`: rows of adult
repeated, as CSV,
answered into a CSV as a whole process, with the peak of its resident memory. `install`: the folder of a fresh
environment after `pip install` of this checkout, where --install is given.
Results: benchmarks/results/delivery.json and a table.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from large import measure

HERE = Path(__file__).parent
ADULT = (
    "age,workclass,fnlwgt,education,education-num,marital-status,occupation,relationship,race,sex,"
    "capital-gain,capital-loss,hours-per-week,native-country,income"
)
TORCH = """
import json, sys
from pathlib import Path
import numpy as np
import torch
from safetensors.torch import load_file
folder = Path(sys.argv[1])
weights = load_file(folder / "weights.safetensors")
layers = [value for value in weights.values() if value.ndim == 2]
with torch.no_grad():
    for weight in layers:
        torch.relu(torch.zeros(1, weight.shape[1]) @ weight.T)
"""


def main() -> None:
    """Measure, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--numbers", choices=("plain", "periodic"), default="plain", help="how the MLP reads numbers")
    parser.add_argument("--install", action="store_true")
    parser.add_argument("--folder", default=None, help="where the temporary folder is made")
    arguments = parser.parse_args()
    found: dict[str, object] = {"load": os.getloadavg()[0], "rows": arguments.rows, "numbers": arguments.numbers}
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        fit = ["--target", "income", "--only", "mlp,majority", "--budget", "600steps", "--out", "m.archwise"]
        fixed = {"numbers": arguments.numbers, "normalisation": "none", "width": 256, "layers": 3}
        fit += ["--names", ADULT, *(word for each in fixed.items() for word in ("--set", "mlp.{}={}".format(*each)))]
        measure("fit", ["fit", str(arguments.data.resolve() / "adult" / "adult-train.csv"), *fit, "--quiet"], folder)
        rows = rows_of(arguments.data)
        (folder / "one.csv").write_text("\n".join([ADULT, rows[0]]) + "\n")
        found["cold"] = cold(folder, arguments.repeats)
        found["bulk"] = bulk(folder, rows, arguments.rows)
        if arguments.install:
            found["install_mb"] = install(folder)
    found["load_after"] = os.getloadavg()[0]
    (HERE / "results" / "delivery.json").write_text(json.dumps(found, indent=1))
    print(json.dumps(found, indent=1))


def rows_of(data: Path) -> list[str]:
    """The lines of adult's test file, without the full stop behind their labels."""
    lines = (data / "adult" / "adult-test.csv").read_text().splitlines()
    return [line.rstrip(".") for line in lines if line.count(",") == ADULT.count(",")]


def cold(folder: Path, repeats: int) -> dict[str, list[float]]:
    """Seconds of whole processes, by turns: least, median, most."""
    commands = {
        "predict": [sys.executable, "-m", "archwise", "predict", "m.archwise", "one.csv", "--quiet"],
        "torch": [sys.executable, "-c", TORCH, "m.archwise"],
        "import": [sys.executable, "-c", "import archwise"],
        "python": [sys.executable, "-c", "pass"],
        "help": [sys.executable, "-m", "archwise", "--help"],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(repeats + 1):
        for name, command in commands.items():
            began = time.perf_counter()
            subprocess.run(command, cwd=folder, check=True, capture_output=True)
            if turn:  # the first warms the caches of files
                times[name].append(time.perf_counter() - began)
    return {
        name: [round(figure, 3) for figure in (min(each), statistics.median(each), max(each))]
        for name, each in times.items()
    }


def bulk(folder: Path, rows: list[str], n_rows: int) -> dict[str, float]:
    """Rows a second and the peak of memory of `predict` on a long file."""
    block = "\n".join(rows) + "\n"
    with (folder / "long.csv").open("w") as file:
        file.write(ADULT + "\n")
        for _ in range(n_rows // len(rows)):
            file.write(block)
        file.write("".join(f"{row}\n" for row in rows[: n_rows % len(rows)]))
    found = measure("predict", ["predict", "m.archwise", "long.csv", "--out", "answers.csv", "--quiet"], folder)
    with (folder / "answers.csv").open("rb") as file:
        n_answers = sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 22), b"")) - 1
    if n_answers != n_rows:
        raise SystemExit(f"{n_answers:,} answers to {n_rows:,} rows")
    return {**found, "rows_a_second": round(n_rows / found["seconds"])}


def install(folder: Path) -> float:
    """MB of a fresh environment with archwise and nothing else asked for."""
    python = folder / "venv" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    subprocess.run([str(python), "-m", "pip", "install", "--quiet", str(HERE.parent)], check=True)
    return round(sum(path.stat().st_size for path in (folder / "venv").rglob("*") if path.is_file()) / 1e6, 1)


if __name__ == "__main__":
    main()
