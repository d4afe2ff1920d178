"""The model folder is written whole or not at all, and read only where nothing in it was changed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from archwise.errors import ModelError, UsageError
from archwise.model.folder import FORMAT, NEEDED, ModelContent, read_model, write_model
from archwise.model.folder import _hash_of as hash_of
from archwise.model.predict import load

GOLDEN = Path(__file__).parent / "golden"


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
        def full(descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        before = {path.name: path.read_bytes() for path in folder.iterdir()}
        monkeypatch.setattr("os.fsync", full)
        with pytest.raises(OSError, match="No space left"):
            write_model(folder, content)
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
        assert list(folder.parent.iterdir()) == [folder]


class TestReading:
    @pytest.mark.parametrize("name", [*NEEDED, "model.json"])
    def test_a_changed_file_is_named(self, folder: Path, name: str) -> None:
        held = (folder / name).read_bytes()
        middle = len(held) // 2
        (folder / name).write_bytes(held[:middle] + bytes([held[middle] ^ 1]) + held[middle + 1 :])
        with pytest.raises(ModelError, match=name):
            read_model(folder)

    @pytest.mark.parametrize("name", NEEDED)
    def test_a_missing_file_is_named_with_the_mend(self, folder: Path, name: str) -> None:
        (folder / name).unlink()
        with pytest.raises(ModelError, match=f"{name} is missing; copy the folder again"):
            read_model(folder)

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

    def test_a_name_outside_the_folder_is_refused(self, folder: Path, tmp_path: Path) -> None:
        (tmp_path / "secret").write_bytes(b"secret")
        files = json.loads((folder / "model.json").read_text())["files"]
        change_facts(folder, files={**files, "../secret": hashlib.sha256(b"secret").hexdigest()})
        with pytest.raises(ModelError, match="missing"):
            read_model(folder)
