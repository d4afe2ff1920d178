"""Folders of texts by class: what is read, in which encoding, and what is left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from archwise.data.open import open_table, parts_in
from archwise.errors import SourceError


def put(folder: Path, name: str, content: bytes) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    put(tmp_path, "bad/1.txt", b"it was bad\r\nand long")
    put(tmp_path, "good/1.txt", "\ufeffit was goöd".encode())
    put(tmp_path, "good/2.txt", "es war schön".encode("cp1252"))
    put(tmp_path, "good/3.txt", b"  \n")
    return tmp_path


def test_class_folders_are_labels_and_their_files_texts(folder: Path) -> None:
    table = open_table(folder)
    assert table.target == "label"
    assert table.frame.rows() == [
        ("it was bad\nand long", "bad"), ("it was goöd", "good"), ("es war schön", "good"), ("", "good"),
    ]  # fmt: skip
    (finding,) = table.findings
    assert "read as cp1252" in finding.message
    assert "1 of 4 files is not plain UTF-8" in finding.message


def test_what_is_no_text_is_set_aside_and_said(folder: Path) -> None:
    put(folder, "bad/2.txt", b"\x89PNG\x00\x00" * 99)
    put(folder, "bad/.hidden.txt", b"not seen")
    put(folder, "readme.txt", b"in no class")
    table = open_table(folder)
    assert table.set_aside == (1,)
    assert table.frame.height == 4
    told = " ".join(finding.message for finding in table.findings)
    assert "1 of 5 files is left out" in told
    assert "1 text lies in no class folder, such as readme.txt" in told


def test_texts_alone_have_no_label(tmp_path: Path) -> None:
    put(tmp_path, "1.txt", b"one")
    put(tmp_path, "2.txt", b"two")
    table = open_table(tmp_path)
    assert (table.target, table.frame.rows()) == ("", [("one",), ("two",)])


def test_parts_are_found_where_each_has_classes(folder: Path, tmp_path: Path) -> None:
    for part in ("train", "dev", "test"):
        put(tmp_path / "all", f"{part}/good/1.txt", b"fine")
    parts = parts_in(tmp_path / "all")
    assert parts is not None
    assert parts.valid == str(tmp_path / "all" / "dev")
    assert parts_in(folder / "good") is None


def test_a_folder_without_a_text_that_can_be_read_is_refused(tmp_path: Path) -> None:
    put(tmp_path, "a/1.txt", b"\x89PNG\x00\x00")
    with pytest.raises(SourceError, match=r"no text in it; expected .*CLASS/text\.txt"):
        open_table(tmp_path)


def test_names_are_refused(folder: Path) -> None:
    with pytest.raises(SourceError, match="leave out --names"):
        open_table(folder, names=("a", "b"))


def test_pictures_with_a_text_beside_them_stay_pictures(tmp_path: Path) -> None:
    from PIL import Image

    for place in range(4):
        (tmp_path / "cats").mkdir(exist_ok=True)
        Image.new("RGB", (9, 9)).save(tmp_path / "cats" / f"{place}.png")
    put(tmp_path, "cats/notes.txt", b"all cats")
    put(tmp_path, "readme.txt", b"cats")
    assert open_table(tmp_path).frame.columns == ["image", "label"]
