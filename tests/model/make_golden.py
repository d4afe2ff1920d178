"""Makes tests/model/golden: of each of made_rows.py a folder of the present format, rows for it, and its answers.

Run it only when the format's number changes, and then keep the folders of older formats beside the new ones, for they
are what shows that older models stay loadable; it writes over none of them:

    PYTHONPATH=src:tests/model python tests/model/make_golden.py
"""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from pathlib import Path

from made_rows import MADE, Made

from archwise.api import fit
from archwise.config import make_config
from archwise.model.folder import FORMAT, _hash_of
from archwise.use import predict

GOLDEN = Path(__file__).parent / "golden"
PAGE, FACTS = "report.html", "report.json"
WITH_FACTS = "table"  # whose facts of the report stay; they and the page would be most of the bytes of a folder


def make_golden(name: str, made: Made, golden: Path = GOLDEN) -> None:
    """Write a folder, the rows that it answers, and its answers."""
    place = golden / name
    folder = place / f"format-{FORMAT}"
    if folder.exists():
        return
    place.mkdir(parents=True, exist_ok=True)
    rows = place / "rows.parquet"
    if not rows.exists():
        made.rows.write_parquet(rows)
    config = make_config({"only": (made.only,), "settings": made.settings, "workers": 1, **made.options})
    with tempfile.TemporaryDirectory() as scratch, contextlib.chdir(scratch):  # names no place
        written = fit(made.training, made.target, budget="3000steps", out=f"{name}.archwise", config=config)
        shutil.copytree(written.folder, folder)
    _leave_out(folder, (PAGE,) if name == WITH_FACTS else (PAGE, FACTS))
    predict(folder, rows).answers.write_ndjson(place / f"answers-{FORMAT}.jsonl")


def _leave_out(folder: Path, names: tuple[str, ...]) -> None:
    """Take files out of a folder, as if it had been written without them."""
    facts = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    facts.pop("sha256")
    for name in names:
        facts["files"].pop(name, None)
        (folder / name).unlink(missing_ok=True)
    text = json.dumps({**facts, "sha256": _hash_of(facts)}, indent=1, ensure_ascii=False)
    (folder / "model.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    for name, make in MADE.items():
        make_golden(name, make())
