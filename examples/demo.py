"""The whole way on a real table that ships with scikit-learn: breast cancer, 569 rows, benign or malignant.

Source: Wolberg, Street & Mangasarian 1993, UCI; as distributed in sklearn.datasets.
"""

from __future__ import annotations

import sys
from pathlib import Path

import polars as pl
from sklearn.datasets import load_breast_cancer

from archwise import cli


def main() -> int:
    """Write the table as CSV, then look, fit and show as a user would."""
    folder = Path("demo")
    folder.mkdir(exist_ok=True)
    data = load_breast_cancer()
    diagnosis = pl.Series("diagnosis", data.target_names[data.target].tolist())
    table = pl.DataFrame(data.data, schema=data.feature_names.tolist()).with_columns(diagnosis)
    table.write_csv(folder / "breast-cancer.csv")
    source, model = str(folder / "breast-cancer.csv"), str(folder / "breast-cancer.archwise")
    for command in (
        ["look", source, "--target", "diagnosis"],
        ["fit", source, "--target", "diagnosis", "--budget", "60s", "--out", model],
    ):
        print(f"\n$ archwise {' '.join(command)}", flush=True)
        code = cli.main(command)
        if code != 0:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
