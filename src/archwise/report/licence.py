"""The licence of data, as what lies beside them says it: read, quoted with its place, and never guessed.

Looked at are, in this order: the head of the data file, the metadata of a data card, what a README says, and a LICENSE.
Sources: the dataset cards of the Hugging Face Hub (`license:` in README.md); Frictionless Data's datapackage.json;
Croissant (`license` in a file of JSON-LD).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from archwise.records import Json

LICENCES = ("LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "LICENCE.txt", "LICENCE.md", "COPYING")
CARDS = ("datapackage.json", "croissant.json", "metadata.json", "dataset_infos.json", "dataset_info.json")
HEADED = (".ts", ".tsf", ".arff", ".csv", ".tsv", ".txt", ".conll")  # files that may begin with lines of comment
PLACES = "the head of the data file, README, datapackage.json, croissant.json, LICENSE"  # as the page names them
MOST_HEAD, MOST_CARD = 20_000, 200_000  # bytes that are read of a data file, and of a card
MOST_QUOTED = 200  # characters
_MARKS = ("#", "%", "//")
_SAID = re.compile(r"licen[cs]e[ds]?\b[^:\n]{0,30}:\s*(?P<said>\S.*)", re.IGNORECASE)
_HEADING = re.compile(r"#{1,6}\s*licen[cs]e\b.*", re.IGNORECASE)
_FRONT = re.compile(r"\A---\s*\n(.*?)\n---\s*(?:\n|\Z)", re.DOTALL)


def licence_of(path: Path | None) -> dict[str, str] | None:
    """What is said of the licence of data.

    Args:
        path: of the data, a file or a folder; None where they are no file.

    Returns:
        said: the words; where: the file that says them, and how. None where nothing is said.
    """
    if path is None or not path.exists():
        return None
    folder = path if path.is_dir() else path.parent
    for found in (_in_head(path), _in_cards(folder), _in_readme(folder), _in_file(folder)):
        if found is not None:
            said = re.sub(r"\s+", " ", found[0]).strip(" *_`\"'")
            return {"said": said[:MOST_QUOTED], "where": found[1]}
    return None


def _read(path: Path, most: int) -> str:
    """The beginning of a file as text; "" of one that cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(most).decode("utf-8", errors="replace").removeprefix("\ufeff").replace("\r\n", "\n")
    except OSError:
        return ""


def _in_head(path: Path) -> tuple[str, str] | None:
    """A comment such as `# License: CC BY 4.0` before the data."""
    if not path.is_file() or path.suffix.lower() not in HEADED:
        return None
    for line in _read(path, MOST_HEAD).split("\n"):
        if not line.startswith((*_MARKS, "@")) or line.strip().lower() == "@data":
            return None
        found = _SAID.search(line) if line.startswith(_MARKS) else None
        if found is not None:
            return found["said"], f"the head of {path.name}"
    return None


def _in_cards(folder: Path) -> tuple[str, str] | None:
    """A licence that a card of metadata names."""
    for path in _readmes(folder):
        front = _FRONT.match(_read(path, MOST_CARD))
        found = front and re.search(
            r"^licen[cs]e:[ \t]*(?P<one>\S.*)?(?P<many>(?:\n[ \t]*-[ \t]*\S.*)*)", front[1], re.M
        )
        if found:
            many = re.findall(r"-[ \t]*(\S.*)", found["many"] or "")
            said = found["one"] or ", ".join(many)
            if said:
                return said, f"license in {path.name}"
    for name in CARDS:
        text = _read(folder / name, MOST_CARD)
        try:
            said = ", ".join(_named(json.loads(text))) if text else ""
        except json.JSONDecodeError:
            continue
        if said:
            return said, name
    return None


def _named(card: Json) -> Iterator[str]:
    """The licences that a card of JSON names at its top, or that of each of its data sets."""
    if not isinstance(card, dict):
        return
    held = card.get("licenses", card.get("license"))
    if held is None:  # dataset_infos.json has a card for each configuration
        nested = [each.get("license") for each in card.values() if isinstance(each, dict)]
        held = list(dict.fromkeys(each for each in nested if isinstance(each, str) and each))
    for each in held if isinstance(held, list) else [held]:
        said = each.get("name") or each.get("title") or each.get("path") if isinstance(each, dict) else each
        if isinstance(said, str) and said.strip():
            yield said


def _in_readme(folder: Path) -> tuple[str, str] | None:
    """A line such as `License: CC BY 4.0`, or the first one under a heading that is called so."""
    for path in _readmes(folder):
        text = _FRONT.sub("", _read(path, MOST_CARD))
        lines = [line.strip() for line in text.split("\n")]
        for place, line in enumerate(lines):
            found = _SAID.match(line.lstrip("#*-_ "))
            if found is not None and found["said"].strip("*_ "):
                return found["said"], path.name
            if _HEADING.fullmatch(line):
                under = next((each for each in lines[place + 1 :] if each), "")
                if under and not under.startswith("#"):
                    return under, path.name
    return None


def _in_file(folder: Path) -> tuple[str, str] | None:
    """The first line of a file of a licence."""
    for name in LICENCES:
        if (folder / name).is_file():
            first = next((line.strip() for line in _read(folder / name, MOST_HEAD).split("\n") if line.strip()), "")
            return first, name
    return None


def _readmes(folder: Path) -> list[Path]:
    """The files of a folder that are called README, alone or with something before it."""
    try:
        found = [path for path in folder.iterdir() if re.search(r"readme(\.md|\.txt|\.rst)?$", path.name, re.I)]
    except OSError:
        return []
    return sorted((path for path in found if path.is_file()), key=lambda path: (len(path.name), path.name))
