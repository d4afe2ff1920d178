"""Makes tests/model/golden: one model folder of the present format, rows for it, and its answers.

Run it only when the format's number changes, and then keep the folders of older formats beside the new one:

    python tests/model/make_golden.py
"""

from __future__ import annotations

from pathlib import Path

from archwise.model.folder import FORMAT, write_model
from archwise.model.predict import load, predict
from conftest import make_content, make_table

GOLDEN = Path(__file__).parent / "golden"


def make_golden() -> None:
    """Write a folder of a small boosted classifier, eight rows and the answers to them."""
    folder = GOLDEN / f"format-{FORMAT}"
    write_model(folder, make_content("trees", "classify", trees=10, leaves=5))
    rows = make_table(8, seed=5).drop("pay", "rich")
    rows.write_csv(GOLDEN / "rows.csv")
    predict(load(folder), GOLDEN / "rows.csv").answers.write_csv(GOLDEN / f"answers-{FORMAT}.csv")


if __name__ == "__main__":
    make_golden()
