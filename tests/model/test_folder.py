"""The model folder is written whole or not at all, and read only where nothing in it was changed."""

from __future__ import annotations

import errno
import hashlib
import json
import pickle
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archwise import cli
from archwise.errors import ModelError, UsageError
from archwise.model.check import check
from archwise.model.folder import (
    FORMAT,
    NEEDED,
    SKETCH,
    STREAM,
    ModelContent,
    add_files,
    read_model,
    write_model,
)
from archwise.model.folder import _hash_of as hash_of
from archwise.model.predict import load
from archwise.model.step_stream import open_stream

GOLDEN = Path(__file__).parent / "golden"
KEPT = GOLDEN / "texts" / "format-1"
ALL = (*sorted(path.name for path in KEPT.iterdir()), "report.html", "report.json")


@pytest.fixture
def every(tmp_path: Path) -> Path:
    """A folder with every file that there can be: weights, stream, sketch and report too."""
    shutil.copytree(KEPT, tmp_path / "every.archwise")
    facts = (GOLDEN / "table" / "format-1" / "report.json").read_bytes()
    add_files(tmp_path / "every.archwise", {"report.html": b"<html>", "report.json": facts})
    return tmp_path / "every.archwise"


def full(descriptor: int) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def held(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


class Touch:
    """What writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


def read_again(folder: Path) -> ModelContent:
    opened = read_model(folder)
    return ModelContent(opened.facts, opened.preparation, opened.onnx, opened.verdict, opened.trials, "seed = 0\n")


def change_facts(folder: Path, **changes: object) -> None:
    """Change model.json as one would who also mends its hash."""
    facts = json.loads((folder / "model.json").read_text())
    facts.pop("sha256")
    facts |= changes
    (folder / "model.json").write_text(json.dumps({**facts, "sha256": hash_of(facts)}))


class TestRoundTrip:
    def test_facts_and_arrays_come_back_as_they_were(self, folder: Path, content: ModelContent) -> None:
        opened = read_model(folder)
        assert opened.facts == content.facts
        assert opened.verdict == content.verdict
        assert opened.trials == content.trials
        assert opened.onnx == content.onnx
        for found, expected in zip(opened.preparation.columns, content.preparation.columns, strict=True):
            assert found.name == expected.name
            for key, value in expected.state.items():
                np.testing.assert_array_equal(found.state[key], value)

    def test_the_same_content_gives_the_same_bytes(self, folder: Path, content: ModelContent) -> None:
        again = folder.with_name("again") / folder.name
        write_model(again, content)
        for path in folder.iterdir():
            assert path.read_bytes() == (again / path.name).read_bytes()

    def test_weights_of_a_network_are_kept_and_checked(self, tmp_path: Path, content: ModelContent) -> None:
        write_model(tmp_path / "m", replace(content, weights=b"weights"))
        assert (tmp_path / "m" / "weights.safetensors").read_bytes() == b"weights"
        (tmp_path / "m" / "weights.safetensors").write_bytes(b"others")
        with pytest.raises(ModelError, match=r"weights\.safetensors was changed"):
            read_model(tmp_path / "m")

    def test_a_score_that_is_no_number_is_null(self, tmp_path: Path, content: ModelContent) -> None:
        write_model(tmp_path / "m", replace(content, trials=[{"id": "a", "score": float("nan")}]))
        assert read_model(tmp_path / "m").trials == [{"id": "a", "score": None}]

    def test_card_says_what_it_is_how_good_and_how_to_use_it(self, folder: Path) -> None:
        card = (folder / "README.md").read_text()
        said = (
            "# small.archwise",
            "`rich`",
            "**linear**",
            "it is the only one.",
            "roc_auc",
            "| age | number |",
            "licence",
        )
        for words in (*said, "archwise predict small.archwise"):
            assert words in card

    def test_card_says_from_which_probability_a_threshold_answers(self, tmp_path: Path, content: ModelContent) -> None:
        cut = {**content.facts.calibration, "threshold": 0.25, "positive": 1, "rule": "cost:5:1"}
        write_model(tmp_path / "m", replace(content, facts=replace(content.facts, calibration=cut)))
        card = (tmp_path / "m" / "README.md").read_text()
        assert (
            "`prediction` is `yes` from a probability of 0.25 on, chosen on the validation rows for cost:5:1." in card
        )


class TestWriting:
    def test_nothing_but_the_folder_is_left(self, folder: Path) -> None:
        assert list(folder.parent.iterdir()) == [folder]

    def test_an_older_model_is_replaced(self, folder: Path, content: ModelContent) -> None:
        write_model(folder, replace(content, run_toml="seed = 1\n"))
        assert (folder / "run.toml").read_text() == "seed = 1\n"
        assert list(folder.parent.iterdir()) == [folder]

    @pytest.mark.parametrize("held", ["notes.txt", "model.json"])
    def test_what_is_no_model_is_not_replaced(self, tmp_path: Path, content: ModelContent, held: str) -> None:
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / held).write_text("[1]")
        with pytest.raises(UsageError, match="is not a model folder; name another with --out"):
            write_model(tmp_path / "mine", content)
        assert [path.name for path in (tmp_path / "mine").iterdir()] == [held]

    def test_a_file_of_that_name_is_not_replaced(self, tmp_path: Path, content: ModelContent) -> None:
        (tmp_path / "mine").write_text("keep me")
        with pytest.raises(UsageError, match="is not a model folder"):
            write_model(tmp_path / "mine", content)

    def test_a_write_that_fails_leaves_the_older_model(
        self, folder: Path, content: ModelContent, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = held(folder)
        monkeypatch.setattr("os.fsync", full)
        with pytest.raises(OSError, match="No space left"):
            write_model(folder, content)
        assert held(folder) == before
        assert list(folder.parent.iterdir()) == [folder]

    def test_a_report_that_finds_no_room_leaves_the_model_as_it_was(
        self, every: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = held(every)
        monkeypatch.setattr("os.fsync", full)
        with pytest.raises(OSError, match="No space left"):
            add_files(every, {"report.html": b"<html>" * 100})
        assert held(every) == before
        assert list(every.parent.iterdir()) == [every]

    def test_the_command_line_says_that_the_disk_is_full_in_one_line(
        self, every: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        before = held(every)
        monkeypatch.setattr("os.fsync", full)
        assert cli.main(["report", str(every)]) == 8
        assert capsys.readouterr().err.count("\n") == 1
        assert held(every) == before


class TestReading:
    def test_the_folder_of_these_tests_has_every_file(self, every: Path) -> None:
        assert set(ALL) == {*NEEDED, "model.json", SKETCH, STREAM, "weights.safetensors", "report.html", "report.json"}
        assert read_model(every).stream

    @pytest.mark.parametrize("name", ALL)
    def test_a_changed_byte_is_refused_and_its_file_named(self, every: Path, name: str) -> None:
        written = (every / name).read_bytes()
        middle = len(written) // 2
        (every / name).write_bytes(written[:middle] + bytes([written[middle] ^ 1]) + written[middle + 1 :])
        with pytest.raises(ModelError, match=name) as refused:
            read_model(every)
        assert "\n" not in str(refused.value)

    @pytest.mark.parametrize("name", [*ALL[:-2], "report.json"])
    def test_a_file_of_another_model_is_refused_and_named(self, every: Path, name: str) -> None:
        other = GOLDEN / "forecast" / "format-1" / name
        (every / name).write_bytes(other.read_bytes() if other.exists() else b"other")
        with pytest.raises(ModelError, match=f"{name} was changed" if name != "model.json" else "missing|changed"):
            read_model(every)

    @pytest.mark.parametrize("name", [name for name in ALL if name != "model.json"])
    def test_a_missing_file_is_named_with_the_mend(self, every: Path, name: str) -> None:
        (every / name).unlink()
        with pytest.raises(ModelError, match=f"{name} is missing; copy the folder again"):
            read_model(every)

    def test_a_changed_fact_is_found(self, folder: Path) -> None:
        text = (folder / "model.json").read_text()
        (folder / "model.json").write_text(text.replace('"target": "rich"', '"target": "poor"'))
        with pytest.raises(ModelError, match=r"model\.json was changed"):
            read_model(folder)

    def test_spacing_and_order_of_the_facts_do_not_matter(self, folder: Path) -> None:
        facts = json.loads((folder / "model.json").read_text())
        (folder / "model.json").write_text(json.dumps(dict(reversed(facts.items()))))
        assert read_model(folder).facts.target == "rich"

    def test_a_folder_that_is_no_model(self, tmp_path: Path) -> None:
        with pytest.raises(ModelError, match=r"is not a model folder: it has no model\.json"):
            read_model(tmp_path)

    def test_a_folder_that_does_not_exist(self, tmp_path: Path) -> None:
        with pytest.raises(ModelError, match="does not exist; name the folder that archwise fit wrote"):
            read_model(tmp_path / "none")

    def test_a_file_in_place_of_a_folder(self, folder: Path) -> None:
        with pytest.raises(ModelError, match="is a file"):
            read_model(folder / "model.json")

    @pytest.mark.parametrize("text", ["[]", "{}", '{"format": "one"}', '"format"'])
    def test_a_model_json_of_something_else(self, folder: Path, text: str) -> None:
        (folder / "model.json").write_text(text)
        with pytest.raises(ModelError, match="not of a model that archwise wrote"):
            read_model(folder)

    def test_a_newer_format_says_to_upgrade(self, folder: Path) -> None:
        change_facts(folder, format=FORMAT + 1, version="9.9")
        with pytest.raises(ModelError, match=r"written by archwise 9\.9.*pip install -U archwise"):
            read_model(folder)

    def test_facts_that_lack_something_are_named(self, folder: Path) -> None:
        change_facts(folder, signature={})
        with pytest.raises(ModelError, match="KeyError: 'inputs'"):
            read_model(folder)


class TestStranger:
    """A folder from a stranger, with hashes that fit, runs no code and reaches no other file."""

    def put(self, folder: Path, name: str, held: bytes) -> None:
        (folder / name).write_bytes(held)
        files = json.loads((folder / "model.json").read_text())["files"]
        change_facts(folder, files={**files, name: hashlib.sha256(held).hexdigest()})

    def test_a_pickle_among_the_arrays_is_refused(self, folder: Path, tmp_path: Path) -> None:
        np.savez(tmp_path / "bad.npz", c0_mean=np.array([object()]))
        self.put(folder, "prepared.npz", (tmp_path / "bad.npz").read_bytes())
        with pytest.raises(ModelError, match="not as archwise writes them"):
            read_model(folder)

    def test_arrays_that_are_no_archive_are_refused(self, folder: Path) -> None:
        self.put(folder, "prepared.npz", b"PK\x03\x04 broken")
        with pytest.raises(ModelError, match="not as archwise writes them"):
            read_model(folder)

    def test_a_model_that_is_no_onnx_is_refused(self, folder: Path) -> None:
        self.put(folder, "model.onnx", b"broken")
        with pytest.raises(ModelError, match="cannot open it"):
            load(folder)

    def test_a_pickle_in_the_place_of_weights_or_of_the_stream_is_not_run(self, every: Path, tmp_path: Path) -> None:
        pickled = pickle.dumps(Touch(tmp_path / "ran"))
        for name in ("weights.safetensors", STREAM, SKETCH, "report.json"):
            self.put(every, name, pickled)
        model = load(every)
        with pytest.raises(ModelError, match="cannot open it"):
            open_stream(model)
        with pytest.raises(ModelError, match=r"sketch\.json"):
            check(model, {"text": ["a film"]})
        assert not (tmp_path / "ran").exists()

    def test_the_preparation_of_another_model_is_refused(self, every: Path) -> None:
        write_model(every, read_again(every))
        self.put(every, "prepared.npz", (GOLDEN / "table" / "format-1" / "prepared.npz").read_bytes())
        with pytest.raises(ModelError, match="of another preparation"):
            read_model(every)

    def test_a_graph_of_other_outputs_is_refused(self, every: Path) -> None:
        self.put(every, "model.onnx", (GOLDEN / "forecast" / "format-1" / "model.onnx").read_bytes())
        with pytest.raises(ModelError, match="is of another model; copy the folder again"):
            load(every)

    def test_a_name_outside_the_folder_is_refused(self, folder: Path, tmp_path: Path) -> None:
        (tmp_path / "secret").write_bytes(b"secret")
        files = json.loads((folder / "model.json").read_text())["files"]
        change_facts(folder, files={**files, "../secret": hashlib.sha256(b"secret").hexdigest()})
        with pytest.raises(ModelError, match="missing"):
            read_model(folder)
