"""The catalogue: a file in the folder is an entry, and nothing else has to be told."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from archwise import architectures, tasks
from archwise.architectures import architecture
from archwise.catalogue import entries, pick
from archwise.data import kinds, readers
from archwise.errors import UsageError

ENTRY = "from types import SimpleNamespace\nENTRY = SimpleNamespace(name={name!r})\n"


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A package of two entries, whose files are not named as they are, and a file that is no entry."""
    folder = tmp_path / "some_room"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "first_file.py").write_text(ENTRY.format(name="zebra"))
    (folder / "second_file.py").write_text(ENTRY.format(name="ant"))
    (folder / "shared.py").write_text("NOT_AN_ENTRY = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module("some_room")
    for name in [name for name in sys.modules if name.split(".")[0] == "some_room"]:
        del sys.modules[name]


def test_every_file_that_defines_the_constant_is_an_entry_by_its_own_name(room: ModuleType) -> None:
    assert list(entries(room, "ENTRY")) == ["ant", "zebra"]


def test_no_file_defines_a_constant_that_does_not_exist(room: ModuleType) -> None:
    assert entries(room, "NO_SUCH_CONSTANT") == {}


def test_what_a_caller_does_to_the_catalogue_stays_with_the_caller(room: ModuleType) -> None:
    entries(room, "ENTRY").clear()
    assert list(entries(room, "ENTRY")) == ["ant", "zebra"]


def test_a_file_that_fails_to_import_is_not_passed_over(room: ModuleType) -> None:
    (Path(room.__path__[0]) / "third_file.py").write_text("import no_such_module_anywhere\n")
    with pytest.raises(ModuleNotFoundError, match="no_such_module_anywhere"):
        entries(room, "ENTRY")


def test_two_entries_of_one_name_are_refused(room: ModuleType) -> None:
    (Path(room.__path__[0]) / "third_file.py").write_text(ENTRY.format(name="ant"))
    with pytest.raises(ValueError, match=r"some_room\.second_file and some_room\.third_file .*'ant'"):
        entries(room, "ENTRY")


def test_pick_gives_the_entry() -> None:
    assert pick({"ant": 1}, "ant", "animal") == 1


def test_a_misspelt_name_suggests_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"there is no animal 'zebar'\. Did you mean 'zebra'\?"):
        pick({"zebra": 1, "ant": 2}, "zebar", "animal")


def test_a_name_unlike_any_lists_the_few_there_are() -> None:
    with pytest.raises(UsageError, match=r"there is no animal 'whale'\. There are: fox, ant\."):
        pick({"fox": 1, "ant": 2}, "whale", "animal")


@pytest.mark.parametrize(
    ("package", "constant"),
    [(architectures, "ARCHITECTURE"), (tasks, "TASK"), (kinds, "KIND"), (readers, "READER")],
    ids=["architectures", "tasks", "kinds", "readers"],
)
def test_every_room_of_the_catalogue_has_entries_with_a_summary(package: ModuleType, constant: str) -> None:
    found = entries(package, constant)
    assert len(found) >= 2
    for name, entry in found.items():
        assert entry.name == name
        assert entry.summary


def test_every_architecture_names_its_source_and_is_either_built_or_solved() -> None:
    for entry in entries(architectures, "ARCHITECTURE").values():
        assert entry.source
        assert (entry.build is None) != (entry.solve is None)
        assert all(setting.default in setting.choices for setting in entry.space if setting.choices)


def test_the_catalogue_is_listed_without_torch() -> None:
    code = (
        "import sys\n"
        "from archwise.architectures import architectures\n"
        "from archwise.tasks import tasks\n"
        "architectures(), tasks()\n"
        "print([name for name in ('torch', 'sklearn', 'lightgbm', 'onnx') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_an_architecture_is_found_by_its_name() -> None:
    assert architecture("mlp").name == "mlp"
