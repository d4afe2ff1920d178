"""How a run on pictures begins: parts, copies, groups, broken files, and what is told of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from archwise.architectures import need_of
from archwise.choice.run import STORE, Ground, read_batch, read_candidates, read_ground
from archwise.choice.start import start_run
from archwise.config import make_config
from archwise.data import picture_store
from archwise.errors import DataError
from archwise.records import Array, Json, Parts


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCHWISE_CACHE", str(tmp_path / "cache"))


def make_pictures(n: int, *, seed: int = 0, side: int = 16) -> Array:
    """Pictures (N, side, side, 3) of random fields with soft edges, none like another."""
    rng = np.random.default_rng(seed)
    fields = rng.integers(0, 256, (n, 6, 6, 3)).astype(np.uint8)
    size = (side, side)
    return np.stack([np.asarray(Image.fromarray(each).resize(size, Image.Resampling.BICUBIC)) for each in fields])


def write(folder: Path, n: int, *, seed: int = 0) -> Path:
    """A folder of two classes, n pictures each."""
    for row, pixels in enumerate(make_pictures(2 * n, seed=seed)):
        path = folder / ("cat" if row < n else "dog") / f"{row:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    return folder


def start(source: object, tmp_path: Path, **options: Json) -> tuple[Ground, list[dict[str, Json]]]:
    """The ground of a run that was begun, and its events."""
    events: list[dict[str, Json]] = []
    folder = tmp_path / "a.run"
    config = make_config({"only": ("cnn",), "budget": "10steps", "workers": 1, **options})
    start_run(source, config, folder, on_event=events.append)
    return read_ground(folder), events


def notes(events: list[dict[str, Json]]) -> str:
    return "\n".join(event["message"] for event in events if event["event"] == "note")


def sides(tmp_path: Path) -> dict[str, Array]:
    with np.load(tmp_path / "a.run" / "split.npz") as parts:
        return dict(parts)


class TestParts:
    def test_val_decides_test_is_sealed_and_it_is_said(self, tmp_path: Path) -> None:
        for seed, (name, n) in enumerate((("train", 20), ("val", 6), ("test", 5))):
            write(tmp_path / "photos" / name, n, seed=seed)
        ground, events = start(tmp_path / "photos", tmp_path)
        assert (ground.n_train, ground.n_valid, ground.n_test) == (40, 12, 10)
        assert ground.split_how == "validation is val, test is test"
        assert ground.profile.target == "label"
        assert "were decoded now" in notes(events)

    def test_what_is_missing_is_drawn_from_train(self, tmp_path: Path) -> None:
        write(tmp_path / "photos" / "train", 25)
        write(tmp_path / "photos" / "val", 6, seed=1)
        ground, _ = start(str(tmp_path / "photos"), tmp_path)
        assert (ground.n_train, ground.n_valid, ground.n_test) == (40, 12, 10)
        assert ground.split_how == "validation is val; stratified by seed 0"

    def test_a_file_that_is_named_stands_in_the_place_of_a_part(self, tmp_path: Path) -> None:
        for seed, name in enumerate(("photos/train", "photos/test", "more")):
            write(tmp_path / name, 20 if seed == 0 else 5 + seed, seed=seed)
        ground, _ = start(str(tmp_path / "photos"), tmp_path, test=str(tmp_path / "more"))
        assert ground.n_test == 14

    def test_arrays_in_an_npz_file(self, tmp_path: Path) -> None:
        arrays = {"x_train": make_pictures(60), "y_train": np.arange(60) % 2}
        arrays |= {"x_test": make_pictures(20, seed=1), "y_test": np.arange(20) % 2}
        np.savez(tmp_path / "a.npz", **arrays)
        ground, _ = start(tmp_path / "a.npz", tmp_path)
        assert (ground.n_test, ground.profile.classes) == (20, ("0", "1"))
        assert ground.test_source == "a.npz (x_test)"
        first = read_candidates(tmp_path / "a.run")[0]
        batch = read_batch(tmp_path / "a.run", need_of(first), "train")
        assert batch["image"].shape[1:] == (16, 16, 3)
        with np.load(tmp_path / "a.run" / "split.npz") as parts:
            assert np.array_equal(batch["image"][:3], arrays["x_train"][parts["train"][:3]])

    def test_a_part_may_name_its_columns_otherwise(self, tmp_path: Path) -> None:
        write(tmp_path / "photos", 20)
        paths = sorted(str(path) for path in write(tmp_path / "more", 5, seed=1).rglob("*.png"))
        table = pl.DataFrame({"image": paths, "label": ["cat"] * 5 + ["dog"] * 5})
        pixels = make_pictures(10, seed=2)
        assert start(Parts(str(tmp_path / "photos"), test=table), tmp_path)[0].n_test == 10
        (tmp_path / "a.run").rename(tmp_path / "b.run")
        named = {"scan": pixels, "kind": ["cat", "dog"] * 5}
        with pytest.raises(DataError, match="columns are missing: 'image', 'label'"):
            start(Parts(str(tmp_path / "photos"), test=named), tmp_path)
        labels = np.array(["cat", "dog"] * 5)
        assert start(Parts(str(tmp_path / "photos"), test=(pixels, labels)), tmp_path)[0].n_test == 10


class TestSplit:
    def test_exact_copies_are_on_one_side(self, tmp_path: Path) -> None:
        folder = write(tmp_path / "photos", 40)
        for path in sorted(folder.rglob("*.png")):
            path.with_name("copy-" + path.name).write_bytes(path.read_bytes())
        ground, _ = start(folder, tmp_path)
        assert "rows of equal inputs on one side (80 repeat another)" in ground.split_how
        paths = [path.name for name in ("cat", "dog") for path in sorted((folder / name).iterdir())]
        side = {paths[row].removeprefix("copy-"): name for name in ("train", "test") for row in sides(tmp_path)[name]}
        for name in ("train", "test"):
            assert all(side[paths[row].removeprefix("copy-")] == name for row in sides(tmp_path)[name])

    def test_near_copies_across_sides_are_told_with_examples(self, tmp_path: Path) -> None:
        write(tmp_path / "photos" / "train", 30)
        write(tmp_path / "photos" / "val", 6, seed=1)
        write(tmp_path / "photos" / "test", 6, seed=2)
        for part, name in (("test", "cat"), ("val", "dog")):
            original = sorted((tmp_path / "photos" / "train" / name).iterdir())[3]
            with Image.open(original) as opened:
                opened.resize((40, 40)).save(tmp_path / "photos" / part / name / "scaled.jpg", quality=90)
        _, events = start(tmp_path / "photos", tmp_path)
        told = notes(events)
        assert "at least 1 of 13 sealed rows nearly repeat a training row" in told
        assert "at least 1 of 13 validation rows nearly repeat a training row" in told
        assert f"{tmp_path}/photos/test/cat/scaled.jpg and {tmp_path}/photos/train/cat/003.png" in told

    def test_pictures_that_differ_are_not_told(self, tmp_path: Path) -> None:
        assert "nearly repeat" not in notes(start(write(tmp_path / "photos", 60), tmp_path)[1])

    def test_a_group_in_a_table_of_labels_stays_on_one_side(self, tmp_path: Path) -> None:
        folder = write(tmp_path / "photos", 40)
        paths = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png"))
        patients = [f"p{row % 16}" for row in range(80)]
        labels = [path.split("/")[0] for path in paths]
        pl.DataFrame({"file": paths, "patient": patients, "label": labels}).write_csv(folder / "about.csv")
        ground, _ = start(folder, tmp_path, group="patient")
        assert (ground.profile.target, ground.grouped) == ("label", True)
        of = {
            name: {patients[row] for row in rows} for name, rows in sides(tmp_path).items() if name in ("train", "test")
        }
        assert not of["train"] & of["test"]


class TestBroken:
    def test_a_few_are_set_aside_and_listed_with_their_reasons(self, tmp_path: Path) -> None:
        folder = write(tmp_path / "photos", 60)
        (folder / "cat" / "zz.png").write_bytes(b"junk")
        (folder / "dog" / "zz.png").write_bytes((folder / "dog" / "061.png").read_bytes()[:60])
        (folder / "dog" / "zzz.png").write_bytes(b"")
        ground, events = start(folder, tmp_path)
        assert ground.n_train + ground.n_test == 120
        told = notes(events)
        assert f"set aside 1 of its cells, it is not a picture: {folder}/cat/zz.png" in told
        assert f"set aside 1 of its cells, it is broken or cut off: {folder}/dog/zz.png" in told
        assert f"set aside 1 of its cells, it is empty: {folder}/dog/zzz.png" in told

    def test_too_many_of_one_class_end_the_run_and_leave_nothing(self, tmp_path: Path) -> None:
        folder = write(tmp_path / "photos", 60)
        for path in sorted((folder / "dog").iterdir())[:4]:
            path.write_bytes(b"junk")
        with pytest.raises(
            DataError, match=r"not a picture: .* \(4 of 60 rows of the class 'dog' are bad, more than 5 %\)"
        ):
            start(folder, tmp_path)
        assert not (tmp_path / "a.run").exists()

    def test_missing_files_of_a_table_count_as_broken(self, tmp_path: Path) -> None:
        folder = write(tmp_path / "photos", 40)
        paths = sorted(path.relative_to(tmp_path).as_posix() for path in folder.rglob("*.png"))
        frame = pl.DataFrame({"file": [*paths, "photos/cat/gone.png"], "y": ["a", "b"] * 40 + ["a"]})
        frame.write_csv(tmp_path / "t.csv")
        _, events = start(tmp_path / "t.csv", tmp_path)
        assert "there is no such file" in notes(events)


def test_a_second_start_on_the_same_pictures_decodes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "photos" / "train", 30)
    write(tmp_path / "photos" / "val", 6, seed=1)
    counted: list[bytes] = []
    decode = picture_store.decode

    def counting(content: bytes) -> Image.Image:
        counted.append(content)
        return decode(content)

    monkeypatch.setattr(picture_store, "decode", counting)
    start(tmp_path / "photos", tmp_path)
    assert len(counted) == 72
    (tmp_path / "a.run").rename(tmp_path / "first.run")
    _, events = start(tmp_path / "photos", tmp_path)
    assert len(counted) == 72
    assert "0 of them were decoded now" in notes(events)


def test_reading_is_told_as_it_goes_on(tmp_path: Path) -> None:
    _, events = start(write(tmp_path / "photos", 80), tmp_path)
    reading = [(event["done"], event["of"]) for event in events if event["event"] == "reading"]
    assert reading == [(32, 160), (64, 160), (96, 160), (128, 160), (160, 160)]
    kinds = [event["event"] for event in events]
    assert kinds.index("reading") < kinds.index("run") < kinds.index("start")
    assert (tmp_path / "a.run" / STORE).is_dir()
