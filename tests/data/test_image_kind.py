"""The kind of pictures: what it is told by, and that training, serving and single rows read the same pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from archwise.data.kinds import kind
from archwise.data.picture import encode_array
from archwise.data.prepare import fit_preparation, inputs_of, load_batch, parse_columns
from archwise.errors import DataError
from archwise.records import ImageNeed, Need, Store

IMAGE = kind("image")
NEED = Need(image=ImageNeed(8))
STATE = {"size": 8, "channels": 3, "fit": "stretch", "share": 1.0, "resample": "bilinear"}


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCHWISE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def cells(tmp_path: Path) -> pl.Series:
    """Paths of pictures of several sizes, one of them missing."""
    rng = np.random.default_rng(0)
    paths: list[str | None] = []
    for place in range(12):
        path = tmp_path / f"{place}.png"
        Image.fromarray(rng.integers(0, 256, (9 + place, 30 - place, 3)).astype(np.uint8)).save(path)
        paths.append(str(path))
    return pl.Series("photo", [*paths, None], dtype=pl.String)


def test_the_state_is_the_form_of_the_need(cells: pl.Series) -> None:
    assert IMAGE.fit(cells, NEED) == STATE
    assert IMAGE.fit(cells, Need()) == {}
    assert IMAGE.spec(STATE) == {"image": ((8, 8, 3), ())}


def test_row_by_row_is_what_comes_at_once_and_what_the_store_holds(cells: pl.Series, tmp_path: Path) -> None:
    at_once = IMAGE.apply(STATE, cells)["image"]
    rows = [IMAGE.apply(STATE, cells[row : row + 1])["image"] for row in range(len(cells))]
    assert np.array_equal(np.concatenate(rows), at_once)
    assert IMAGE.store is not None
    assert IMAGE.take is not None
    stored = IMAGE.store(cells, Store(tmp_path / "run", (NEED,)))
    assert np.array_equal(IMAGE.take(STATE, stored.names, tmp_path / "run")["image"][:], at_once)
    assert (at_once[-1] == 128).all()


def test_bytes_are_read_as_their_files_are(cells: pl.Series) -> None:
    held = pl.Series("photo", [Path(path).read_bytes() if path else None for path in cells], dtype=pl.Binary)
    assert np.array_equal(IMAGE.apply(STATE, held)["image"], IMAGE.apply(STATE, cells)["image"])


def test_what_cannot_be_read_is_an_error_in_training_and_a_bad_row_in_serving(cells: pl.Series) -> None:
    broken = pl.concat([cells, pl.Series(["gone.png"])])
    with pytest.raises(DataError, match="column 'photo', row 14: there is no such file"):
        IMAGE.apply(STATE, broken)
    columns = (("photo", "image"),)
    preparation = fit_preparation(cells.to_frame(), columns, need=NEED)
    parsed = parse_columns(broken.to_frame(), columns)
    batch, read = load_batch(preparation, parsed, rows=np.arange(100, 114))
    assert np.flatnonzero(read.bad).tolist() == [13]
    assert read.findings[0].message == "column 'photo': set aside 1 of its cells, there is no such file: gone.png"
    assert batch["image"].shape == (14, 8, 8, 3)
    assert inputs_of(preparation)[0].row == (8, 8, 3)


def test_cells_of_bytes_are_named_by_their_row_in_the_source() -> None:
    cells = pl.Series("photo", [encode_array(np.zeros((4, 4), np.uint8)), b"junk"])
    columns = (("photo", "image"),)
    preparation = fit_preparation(cells.to_frame(), columns, need=NEED)
    _, read = load_batch(preparation, parse_columns(cells.to_frame(), columns), rows=np.array([40, 41]))
    assert read.findings[0].message.endswith("it is not a picture: row 42")


def test_paths_and_bytes_of_pictures_are_told_from_other_text() -> None:
    assert IMAGE.sniff(pl.Series(["a.JPG", "b/c.png", "d.tiff"])).confidence > 0.9
    assert IMAGE.sniff(pl.Series([b"\x89PNG123", b"\xff\xd8\xff"])).confidence > 0.9
    for other in (pl.Series(["a.jpg", "word", "b"]), pl.Series([1, 2]), pl.Series([None], dtype=pl.String)):
        assert IMAGE.sniff(other).confidence == 0.0
    assert IMAGE.sniff(pl.Series([b"junk", b"more"])).confidence == 0.0
