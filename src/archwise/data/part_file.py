"""Files that belong together by their names: name_TEST.ts beside name_TRAIN.ts, name.test beside name.train."""

from __future__ import annotations

from pathlib import Path

from archwise.records import Parts

_TRAIN, _TEST = "_TRAIN", "_TEST"  # ends of names before the suffix
_OF_SUFFIX = {"test": (".test",), "valid": (".valid", ".dev")}  # beside .train


def parts_by_name(source: object) -> Parts | None:
    """The file itself to learn from, with name_TEST beside name_TRAIN as its test part; None of any other file."""
    path = Path(str(source))
    if not path.stem.endswith(_TRAIN):
        return None
    test = path.with_name(path.stem.removesuffix(_TRAIN) + _TEST + path.suffix)
    return Parts(source, test=str(test)) if test.is_file() else None


def parts_by_suffix(source: object) -> Parts | None:
    """The file itself to learn from, with name.test and name.valid (or .dev) beside name.train; None of any other."""
    path = Path(str(source))
    if path.suffix != ".train":
        return None
    found = {
        part: next((str(path.with_suffix(suffix)) for suffix in suffixes if path.with_suffix(suffix).is_file()), None)
        for part, suffixes in _OF_SUFFIX.items()
    }
    return Parts(source, **found) if any(found.values()) else None


def has_part_name(path: Path) -> bool:
    """Whether a file is called name_TRAIN or name_TEST, before its suffix."""
    return path.stem.endswith((_TRAIN, _TEST))
