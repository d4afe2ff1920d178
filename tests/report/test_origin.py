"""Licences and hashes of data, as what lies beside them says."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from archwise.report.licence import licence_of
from archwise.report.origin import sha256_of

CASES = {
    "card": (
        "README.md",
        "---\nlanguage: en\nlicense: cc-by-4.0\n---\n# Flowers\n",
        "cc-by-4.0",
        "license in README.md",
    ),
    "card of several": (
        "README.md",
        "---\nlicense:\n- mit\n- odbl\ntags: [a]\n---\n",
        "mit, odbl",
        "license in README.md",
    ),
    "a line of a readme": ("README.txt", "Flowers\n\n**License:** CC BY 4.0\n", "CC BY 4.0", "README.txt"),
    "a heading of a readme": (
        "SOURCE_README.md",
        "# Flowers\n## Licence\n\nPublic domain.\n",
        "Public domain.",
        "SOURCE_README.md",
    ),
    "frictionless": (
        "datapackage.json",
        '{"licenses": [{"name": "ODC-BY-1.0", "path": "https://x"}]}',
        "ODC-BY-1.0",
        "datapackage.json",
    ),
    "croissant": (
        "croissant.json",
        '{"@context": {}, "license": "https://x.org/by/4.0/"}',
        "https://x.org/by/4.0/",
        "croissant.json",
    ),
    "hub": (
        "dataset_infos.json",
        json.dumps({"default": {"license": "apache-2.0"}, "other": {"license": ""}}),
        "apache-2.0",
        "dataset_infos.json",
    ),
    "a file": ("LICENSE", "\n  MIT License\n\nCopyright\n", "MIT License", "LICENSE"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_licence_is_read_with_its_place(case: str, tmp_path: Path) -> None:
    name, text, said, where = CASES[case]
    (tmp_path / name).write_text(text)
    (tmp_path / "data.csv").write_text("a,b\n1,2\n")
    for path in (tmp_path, tmp_path / "data.csv"):
        assert licence_of(path) == {"said": said, "where": where}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("# Monthly sales\n# Licence: CC0 1.0\n@relation sales\n@data\n1:2\n", "CC0 1.0"),
        ("% License: ODbL\n@data\n1:2\n", "ODbL"),
        ("@data\n# License: among the rows\n1:2\n", None),
        ("1,2\n# License: behind data\n", None),
        ("license,price\nred: plate,2\n", None),
    ],
)
def test_the_head_of_a_data_file_is_read_to_the_first_row(text: str, said: str | None, tmp_path: Path) -> None:
    (tmp_path / "data.tsf").write_text(text)
    found = licence_of(tmp_path / "data.tsf")
    assert found == (None if said is None else {"said": said, "where": "the head of data.tsf"})


@pytest.mark.parametrize(
    "text", ["# Flowers\nAsk about a licence by mail.\n", "---\ntitle: x\n---\n", "License\n\n", "\0\xff"]
)
def test_nothing_is_guessed(text: str, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(text, encoding="latin-1")
    (tmp_path / "datapackage.json").write_text("{ broken")
    assert licence_of(tmp_path) is None
    assert licence_of(None) is None
    assert licence_of(tmp_path / "nowhere.csv") is None


def test_the_hash_of_a_file_is_that_of_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_bytes(b"a,b\n1,2\n")
    assert sha256_of(tmp_path / "data.csv") == hashlib.sha256(b"a,b\n1,2\n").hexdigest()


def test_the_hash_of_a_folder_changes_with_names_and_contents(tmp_path: Path) -> None:
    (tmp_path / "bees").mkdir()
    (tmp_path / "bees" / "1.png").write_bytes(b"one")
    first = sha256_of(tmp_path)
    assert first == sha256_of(tmp_path)
    (tmp_path / "bees" / "1.png").rename(tmp_path / "bees" / "2.png")
    second = sha256_of(tmp_path)
    (tmp_path / "bees" / "2.png").write_bytes(b"two")
    assert len({first, second, sha256_of(tmp_path), ""}) == 4
    assert sha256_of(tmp_path / "nowhere") == ""
