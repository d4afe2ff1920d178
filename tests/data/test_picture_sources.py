"""Where pictures come from: folders with classes, parts or a table of labels, npz, idx, arrays, paths and bytes."""

from __future__ import annotations

import gzip
import io
import struct
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from archwise.data.look import LookRequest, look_at
from archwise.data.open import open_source, open_table, parts_in
from archwise.data.picture import decode
from archwise.data.readers.npz import NpzPart
from archwise.errors import ColumnError, DataError, SourceError
from archwise.records import Array, Parts, Table

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 6, 5)).astype(np.uint8)
LABELS = np.arange(40) % 2


def picture(path: Path, shade: int = 0) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (6, 5), shade).save(path)
    return str(path)


def classes(folder: Path, n: int = 3, names: tuple[str, ...] = ("cat", "dog")) -> Path:
    for name in names:
        for place in range(n):
            picture(folder / name / f"{place}.png", 10 * place)
    return folder


def flat(folder: Path, n: int = 4) -> Path:
    for place in range(n):
        picture(folder / f"p{place}.png", 10 * place)
    return folder


def told(table: Table) -> str:
    return "\n".join(finding.message for finding in table.findings)


def pixels_of(table: Table, name: str = "image") -> Array:
    return np.stack([np.asarray(decode(cell)) for cell in table.frame[name]])


class TestClassFolders:
    def test_each_folder_is_a_class(self, tmp_path: Path) -> None:
        table = open_table(classes(tmp_path / "photos"))
        assert table.frame["label"].to_list() == ["cat"] * 3 + ["dog"] * 3
        assert all(Path(path).is_file() for path in table.frame["image"])
        assert (table.target, table.files) == ("label", "image")
        assert parts_in(tmp_path / "photos") is None

    def test_folders_in_a_class_belong_to_it(self, tmp_path: Path) -> None:
        picture(classes(tmp_path) / "cat" / "more" / "deep" / "x.png")
        assert open_table(tmp_path).frame["label"].to_list().count("cat") == 4

    def test_hidden_files_others_and_loose_pictures_are_left_out_and_said(self, tmp_path: Path) -> None:
        classes(tmp_path)
        for name in ("cat/.hidden.png", ".cache/x.png", "loose.png"):
            picture(tmp_path / name)
        (tmp_path / "cat" / "notes.txt").write_text("x")
        table = open_table(tmp_path)
        assert table.frame.height == 6
        assert "1 picture lies in no class folder, such as loose.png" in told(table)
        assert "1 file is no picture by its suffix, such as" in told(table)

    def test_an_empty_folder_is_said(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match=r"no picture in it; expected .*/CLASS/picture\.jpg"):
            open_table(tmp_path)

    def test_pictures_without_labels_cannot_be_learnt(self, tmp_path: Path) -> None:
        table = open_table(flat(tmp_path / "photos"))
        assert table.frame.columns == ["image"]
        with pytest.raises(SourceError, match="nothing that tells what they show; expected class folders"):
            look_at(table, LookRequest(""))

    def test_names_of_columns_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match="leave out --names"):
            open_table(classes(tmp_path), names=("a", "b"))


class TestParts:
    def test_train_val_and_test_are_parts(self, tmp_path: Path) -> None:
        for name in ("train", "val", "test"):
            classes(tmp_path / name)
        assert parts_in(tmp_path) == Parts(*(str(tmp_path / name) for name in ("train", "test", "val")))

    @pytest.mark.parametrize(("name", "field"), [("validation", "valid"), ("VALID", "valid"), ("Test", "test")])
    def test_one_part_beside_train_is_enough(self, tmp_path: Path, name: str, field: str) -> None:
        classes(tmp_path / "train")
        classes(tmp_path / name)
        found = parts_in(tmp_path)
        assert found is not None
        assert getattr(found, field) == str(tmp_path / name)

    def test_a_class_called_train_is_a_class(self, tmp_path: Path) -> None:
        classes(tmp_path, names=("train", "bus"))
        assert parts_in(tmp_path) is None
        assert set(open_table(tmp_path).frame["label"]) == {"train", "bus"}

    def test_a_test_part_without_labels_is_none(self, tmp_path: Path) -> None:
        classes(tmp_path / "train")
        classes(tmp_path / "val")
        flat(tmp_path / "test")
        assert parts_in(tmp_path) == Parts(str(tmp_path / "train"), valid=str(tmp_path / "val"))

    def test_to_be_answered_the_test_part_is_read_and_said(self, tmp_path: Path) -> None:
        for name in ("train", "val", "test"):
            classes(tmp_path / name)
        table = open_table(tmp_path)
        assert "its test part is read" in told(table)
        assert all("/test/" in path for path in table.frame["image"])


class TestLabelTables:
    def write(self, path: Path, names: list[str], **columns: list[object]) -> None:
        frame = pl.DataFrame({"file": names, **(columns or {"kind": ["a", "b"] * (len(names) // 2)})})
        frame.write_parquet(path) if path.suffix == ".parquet" else frame.write_csv(path)

    @pytest.mark.parametrize("place", ["photos/labels.csv", "photos/x.parquet", "photos.csv", "labels.csv"])
    @pytest.mark.parametrize("form", ["name", "stem", "path"])
    def test_a_table_in_the_folder_or_beside_it_names_the_pictures(self, tmp_path: Path, place: str, form: str) -> None:
        flat(tmp_path / "photos")
        start = "photos/" if form == "path" and "/" not in place else "./" if form == "path" else ""
        self.write(tmp_path / place, [f"{start}p{n}{'' if form == 'stem' else '.png'}" for n in range(4)])
        table = open_table(tmp_path / "photos")
        assert table.frame["image"].to_list() == [str(tmp_path / "photos" / f"p{n}.png") for n in range(4)]
        assert table.target == "kind"
        assert "names in its column 'image'" in told(table)

    def test_columns_beside_the_label_stay(self, tmp_path: Path) -> None:
        flat(tmp_path)
        names = [f"p{n}.png" for n in range(4)]
        self.write(tmp_path / "labels.csv", names, label=["a", "b", "a", "b"], patient=["x", "x", "y", "y"])
        table = open_table(tmp_path)
        assert table.target == "label"
        assert table.frame["patient"].to_list() == ["x", "x", "y", "y"]

    def test_missing_pictures_are_found_when_they_are_read(self, tmp_path: Path) -> None:
        flat(tmp_path)
        self.write(tmp_path / "labels.csv", ["p0.png", "p1.png", "gone.png", "p3.png"])
        table = open_table(tmp_path)
        assert table.frame["image"][2] == str(tmp_path / "gone.png")
        assert "1 picture has no row in labels.csv, such as p2.png; left out" in told(table)

    def test_a_table_that_names_no_picture_is_said(self, tmp_path: Path) -> None:
        flat(tmp_path)
        self.write(tmp_path / "labels.csv", ["a.png", "b.png"])
        with pytest.raises(SourceError, match=r"labels.csv: no column names the pictures in .*, such as p0.png"):
            open_table(tmp_path)

    def test_several_tables_are_refused_unless_one_is_called_labels(self, tmp_path: Path) -> None:
        flat(tmp_path)
        for name in ("a.csv", "b.csv"):
            self.write(tmp_path / name, [f"p{n}.png" for n in range(4)])
        with pytest.raises(SourceError, match=r"several tables lie among the pictures \(a.csv, b.csv\)"):
            open_table(tmp_path)
        self.write(tmp_path / "labels.csv", [f"p{n}.png" for n in range(4)])
        assert open_table(tmp_path).target == "kind"

    def test_a_lone_column_beside_class_folders_is_in_doubt(self, tmp_path: Path) -> None:
        classes(tmp_path, 2)
        names = ["cat/0.png", "cat/1.png", "dog/0.png", "dog/1.png"]
        self.write(tmp_path / "about.csv", names, patient=["x", "y", "x", "y"])
        with pytest.raises(ColumnError, match=r"no target was named.* There are: image, patient"):
            look_at(open_table(tmp_path), LookRequest(""))
        self.write(tmp_path / "about.csv", names, patient=["x", "y", "x", "y"], label=["a", "b", "a", "b"])
        assert open_table(tmp_path).target == "label"

    def test_one_table_for_several_folders_gives_each_its_own(self, tmp_path: Path) -> None:
        flat(tmp_path / "train")
        flat(tmp_path / "val", 2)
        names = [f"train/p{n}.png" for n in range(4)] + [f"val/p{n}.png" for n in range(2)]
        self.write(tmp_path / "labels.csv", names)
        assert open_table(tmp_path / "train").frame.height == 4
        assert open_table(tmp_path / "val").frame.height == 2


class TestTables:
    @pytest.mark.parametrize("folder", ["", "photos", "table", "other"])
    def test_paths_lead_from_the_table_or_from_a_folder_beside_it(self, tmp_path: Path, folder: str) -> None:
        flat(tmp_path / folder)
        pl.DataFrame({"file": [f"p{n}.png" for n in range(4)], "y": [0, 1, 0, 1]}).write_csv(tmp_path / "table.csv")
        table = open_table(tmp_path / "table.csv")
        assert [Path(path).is_file() for path in table.frame["file"]] == [True] * 4
        assert table.files == ""

    def test_absolute_paths_and_frames_in_memory_are_left_as_they_are(self, tmp_path: Path) -> None:
        frame = pl.DataFrame({"file": [str(path) for path in sorted(flat(tmp_path).iterdir())]})
        frame.write_csv(tmp_path / "t.csv")
        assert open_table(tmp_path / "t.csv").frame.equals(frame)
        assert open_table(pl.DataFrame({"file": ["p0.png"]})).frame["file"][0] == "p0.png"

    def test_bytes_and_records_of_bytes_are_pictures(self, tmp_path: Path) -> None:
        cells = [path.read_bytes() for path in sorted(flat(tmp_path).iterdir())]
        records = [{"bytes": cell, "path": f"{n}.png"} for n, cell in enumerate(cells)]
        for column in (pl.Series("image", cells), pl.Series("image", records)):
            pl.DataFrame([column, pl.Series("label", [0, 1, 0, 1])]).write_parquet(tmp_path / "t.parquet")
            table = open_table(tmp_path / "t.parquet")
            assert table.frame["image"].to_list() == cells
            assert look_at(table, LookRequest("")).columns[0].kind == "image"

    def test_records_with_paths_alone_lead_to_files(self, tmp_path: Path) -> None:
        flat(tmp_path)
        dtype = pl.Struct({"bytes": pl.Binary, "path": pl.String})
        records = pl.Series("image", [{"bytes": None, "path": f"p{n}.png"} for n in range(4)], dtype=dtype)
        pl.DataFrame([records]).write_parquet(tmp_path / "t.parquet")
        assert all(Path(path).is_file() for path in open_table(tmp_path / "t.parquet").frame["image"])

    def test_a_long_table_of_paths_is_held_at_once_and_one_of_bytes_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "t.parquet"
        pl.DataFrame({"image": ["a.png"] * 50}).write_parquet(path)
        assert isinstance(open_source(path, most_rows=10), Table)
        pl.DataFrame({"image": [b"\x89PNG"] * 50}).write_parquet(path)
        with pytest.raises(SourceError, match="write them to files, and a table of their paths"):
            open_source(path, most_rows=10)


class TestArrays:
    @pytest.mark.parametrize("array", [PIXELS, PIXELS[..., None], np.stack([PIXELS] * 3, axis=3)])
    def test_pictures_come_back_from_their_cells(self, array: Array) -> None:
        table = open_table((array, LABELS))
        assert np.array_equal(pixels_of(table), array.squeeze())
        assert table.frame["y"].to_list() == LABELS.tolist()
        assert look_at(table, LookRequest("")).target == "y"

    @pytest.mark.parametrize(
        "array",
        [PIXELS.astype(np.uint16) << 8, PIXELS.astype(np.int64), PIXELS / 255, (PIXELS / 255).astype(np.float32)],
    )
    def test_other_numbers_become_bytes(self, array: Array) -> None:
        assert np.array_equal(pixels_of(open_table(array)), PIXELS)

    def test_black_and_white(self) -> None:
        assert np.array_equal(pixels_of(open_table(PIXELS > 100)), np.where(PIXELS > 100, 255, 0))

    def test_channels_first_is_read_and_said(self) -> None:
        table = open_table(np.stack([PIXELS] * 3, axis=1))
        assert np.array_equal(pixels_of(table), np.stack([PIXELS] * 3, axis=3))
        assert "channels first" in told(table)

    def test_transparent_parts_are_white(self) -> None:
        array = np.zeros((2, 4, 4, 4), np.uint8)
        array[0, ..., 3] = 255
        assert [pixels_of(open_table(array))[row].max() for row in (0, 1)] == [0, 255]

    def test_16_bits_that_use_few_of_them_are_told(self) -> None:
        assert "reach 4,095 of 65,535" in told(open_table(np.full((2, 5, 5), 4_095, np.uint16)))

    @pytest.mark.parametrize(
        ("array", "why"),
        [
            (np.zeros((6, 5, 3), np.uint8), "looks like one picture"),
            (np.zeros((6, 5, 5, 7), np.uint8), "holds no pictures"),
            (np.full((6, 5, 5), 3.5), "must be numbers from 0 to 1, and some lie from 3.5 to 3.5"),
            (np.full((6, 5, 5), np.nan), "must be numbers from 0 to 1"),
            (np.full((6, 5, 5), 300), "must be numbers from 0 to 255"),
            (np.full((6, 5, 5), "x"), "holds no pictures"),
        ],
    )
    def test_what_is_no_picture_is_said(self, array: Array, why: str) -> None:
        with pytest.raises(SourceError, match=why):
            open_table(array)

    def test_labels_of_another_length_are_said(self) -> None:
        with pytest.raises(SourceError, match=r"40 pictures, but the labels have the shape \(39,\); expected \(40,\)"):
            open_table((PIXELS, LABELS[:39]))

    def test_rows_of_zeros_and_ones_are_classes_or_several_labels(self) -> None:
        assert open_table((PIXELS, np.eye(2)[LABELS])).frame["y"].to_list() == LABELS.tolist()
        several = np.zeros((40, 3), int)
        several[0] = [1, 0, 1]
        assert open_table((PIXELS, several)).frame["y"].to_list()[:2] == [";0;2;", ";"]

    def test_a_dict_may_hold_pictures_beside_other_columns(self) -> None:
        table = open_table({"scan": PIXELS, "patient": LABELS, "y": LABELS})
        assert np.array_equal(pixels_of(table, "scan"), PIXELS)


class TestNpz:
    def write(self, path: Path, **arrays: Array) -> Path:
        np.savez(path, **arrays)
        return path

    def test_the_layout_of_keras(self, tmp_path: Path) -> None:
        path = self.write(tmp_path / "a.npz", x_train=PIXELS, y_train=LABELS, x_test=PIXELS[:9], y_test=LABELS[:9])
        parts = parts_in(path)
        assert parts == Parts(NpzPart(path, "x_train", "y_train"), test=NpzPart(path, "x_test", "y_test"))
        train = open_table(parts.train)
        assert np.array_equal(pixels_of(train), PIXELS)
        assert look_at(train, LookRequest("")).target == "label"

    def test_the_layout_of_medmnist(self, tmp_path: Path) -> None:
        arrays = {f"{side}_images": PIXELS for side in ("train", "val", "test")}
        labels = {f"{side}_labels": LABELS[:, None] for side in ("train", "val", "test")}
        parts = parts_in(self.write(tmp_path / "a.npz", **arrays, **labels))
        assert parts is not None
        assert [part.images for part in (parts.train, parts.valid, parts.test) if isinstance(part, NpzPart)] == list(
            arrays
        )
        assert open_table(parts.valid).frame["label"].to_list() == LABELS.tolist()

    def test_one_pair_of_arrays_has_no_parts(self, tmp_path: Path) -> None:
        path = self.write(tmp_path / "a.npz", images=PIXELS, labels=LABELS)
        assert parts_in(path) is None
        assert open_table(path).frame.shape == (40, 2)

    def test_a_table_of_numbers(self, tmp_path: Path) -> None:
        path = self.write(tmp_path / "a.npz", X=PIXELS[:, 0].astype(float), y=LABELS)
        assert open_table(path).frame.columns == ["x_1", "x_2", "x_3", "x_4", "x_5", "y"]

    def test_labels_of_another_length_are_said(self, tmp_path: Path) -> None:
        path = self.write(tmp_path / "a.npz", x_train=PIXELS, y_train=LABELS[:3])
        with pytest.raises(SourceError, match=r"a.npz \(x_train\): there are 40 pictures, but the labels"):
            open_table(path)

    def test_what_cannot_be_read_is_said(self, tmp_path: Path) -> None:
        (tmp_path / "a.npz").write_bytes(b"junk")
        with pytest.raises(SourceError, match=r"not a whole \.npz file"):
            open_table(tmp_path / "a.npz")
        with pytest.raises(SourceError, match="it holds a, b; expected x_train and y_train"):
            open_table(self.write(tmp_path / "b.npz", a=PIXELS, b=LABELS))
        with pytest.raises(SourceError, match="the array 'x_train' cannot be read"):
            open_table(self.write(tmp_path / "c.npz", x_train=np.array([{}], object), y_train=LABELS))


class TestIdx:
    def write(self, path: Path, array: Array, *, code: int = 8) -> None:
        content = struct.pack(">HBB", 0, code, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
        content += array.tobytes()
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)

    def folder(self, tmp_path: Path, suffix: str) -> Path:
        for name, n in (("train", 40), ("t10k", 9)):
            self.write(tmp_path / f"{name}-images-idx3-ubyte{suffix}", PIXELS[:n])
            self.write(tmp_path / f"{name}-labels-idx1-ubyte{suffix}", LABELS[:n].astype(np.uint8))
        return tmp_path

    @pytest.mark.parametrize("suffix", ["", ".gz"])
    def test_train_and_t10k_are_parts(self, tmp_path: Path, suffix: str) -> None:
        parts = parts_in(self.folder(tmp_path, suffix))
        assert parts is not None
        train, test = open_table(parts.train), open_table(parts.test)
        assert np.array_equal(pixels_of(train), PIXELS)
        assert train.frame["label"].to_list() == LABELS.tolist()
        assert (test.frame.height, parts.valid) == (9, None)

    def test_a_file_that_is_not_whole_is_said(self, tmp_path: Path) -> None:
        path = self.folder(tmp_path, "") / "t10k-images-idx3-ubyte"
        path.write_bytes(path.read_bytes()[:-1])
        with pytest.raises(
            SourceError, match=r"269 bytes of numbers, where the shape .* has 270; the file is not whole"
        ):
            open_table(tmp_path)
        path.write_bytes(b"\1\2\3\4")
        with pytest.raises(SourceError, match="not an idx file; it begins with 01020304"):
            open_table(tmp_path)
        path.unlink()
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(bytes(100))[:20])
        with pytest.raises(SourceError, match="cannot be read"):
            open_table(tmp_path)

    def test_labels_of_another_length_are_said(self, tmp_path: Path) -> None:
        self.write(self.folder(tmp_path, "") / "t10k-labels-idx1-ubyte", LABELS[:3].astype(np.uint8))
        with pytest.raises(SourceError, match="there are 9 pictures, but the labels"):
            open_table(tmp_path)


class TestLook:
    def test_sizes_colours_and_counts_are_told(self, tmp_path: Path) -> None:
        profile = look_at(open_table(classes(tmp_path)), LookRequest(""))
        assert profile.columns[0].summary == {"width": 6, "height": 5, "least": 5, "most": 5, "colour": 0.0}
        assert dict(zip(profile.classes, profile.class_counts, strict=True)) == {"cat": 3, "dog": 3}
        assert [finding.code for finding in profile.findings] == ["imbalance"]  # too few; and nothing of paths

    def test_what_cannot_be_read_is_told_by_reason(self, tmp_path: Path) -> None:
        classes(tmp_path, 12)
        (tmp_path / "cat" / "a.png").write_bytes(b"junk")
        (tmp_path / "cat" / "b.png").write_bytes(b"")
        (tmp_path / "dog" / "c.png").write_bytes(b"junk")
        found = look_at(open_table(tmp_path), LookRequest("")).findings
        message = next(finding.message for finding in found if finding.code == "unreadable")
        assert "of 27 cells drawn evenly 3 cannot be read (2: it is not a picture, 1: it is empty)" in message

    def test_a_second_column_of_pictures_is_set_aside(self, tmp_path: Path) -> None:
        paths = [str(path) for path in sorted(flat(tmp_path, 40).iterdir())]
        frame = pl.DataFrame({"front": paths, "back": paths[::-1], "y": [0, 1] * 20})
        columns = look_at(open_table(frame), LookRequest("y")).columns
        assert [(column.name, column.use) for column in columns] == [("front", True), ("back", False)]
        assert columns[1].because == "one picture a row is read, which is 'front'; to read this one, --drop that"

    def test_a_wanted_target_is_not_that_of_the_source(self, tmp_path: Path) -> None:
        with pytest.raises(ColumnError, match="no column 'kind' to predict"):
            look_at(open_table(classes(tmp_path)), LookRequest("kind"))


def test_one_path_and_a_list_of_paths_are_rows(tmp_path: Path) -> None:
    paths = sorted(flat(tmp_path).iterdir())
    assert open_table(paths[0]).frame["image"].to_list() == [str(paths[0])]
    assert open_table(paths).frame["image"].to_list() == [str(path) for path in paths]
    with pytest.raises(SourceError, match="several are read together only where all are pictures"):
        open_table(["a.csv", "b.csv"])
    with pytest.raises(DataError, match="no such file"):
        open_table(tmp_path / "gone.png")


def test_a_held_file_is_a_picture(tmp_path: Path) -> None:
    held = io.BytesIO()
    Image.new("RGB", (3, 3), "red").save(held, "PNG")
    assert pixels_of(open_table({"image": [held.getvalue()]}))[0, 0, 0].tolist() == [255, 0, 0]


def test_one_picture_is_found_from_where_the_program_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture(tmp_path / "photos" / "ant.png")
    monkeypatch.chdir(tmp_path)
    for source in ("photos/ant.png", ["photos/ant.png"]):
        assert all(Path(cell).is_file() for cell in open_table(source).frame["image"])
