"""What is typed becomes a configuration, and what goes wrong an exit code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from archwise import api, use, view
from archwise.cli import app, main
from archwise.config import Config


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[Config]:
    """The configurations with which `look` is called."""
    given: list[Config] = []
    monkeypatch.setattr(api, "look", lambda _, config: given.append(config))
    monkeypatch.setattr(view, "show_profile", lambda _: None)
    return given


def test_an_option_lies_over_the_file_and_leaves_the_rest_of_it(looked: list[Config], tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text('source = "old.csv"\ntarget = "y"\nhorizon = 12\nkinds = {age = "number", day = "date"}\n')
    typed = ["look", "new.csv", "--config", str(file), "--kind", "age=category", "--drop", "a, b", "--drop", "c"]
    assert main(typed) == 0
    config = looked[0]
    assert (config.source, config.target, config.horizon) == ("new.csv", "y", 12)
    assert config.kinds == {"age": "category", "day": "date"}
    assert list(config.drop) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (["frobnicate"], "No such command 'frobnicate'"),
        (["fit", "x.csv", "--bugdet", "3s"], "Did you mean one of: '--budget'"),
        (["fit", "x.csv", "--seed", "three"], "'three' is not a valid integer"),
        (["predict"], "Missing argument 'MODEL'"),
        (["fit", "x.csv", "--set", "mlp.width"], "--set mlp.width: write name=value"),
        (["fit"], "name the data to fit"),
    ],
)
def test_what_is_typed_wrong_is_told_and_ends_with_2(
    typed: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(typed) == 2
    assert told in capsys.readouterr().err


def test_ctrl_c_ends_with_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(use, "load", stop)
    assert main(["show", "a.archwise"]) == 130
    assert "interrupted" in capsys.readouterr().err


def test_the_help_tells_of_every_verb_and_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    told = capsys.readouterr().out
    places = [told.index(f"\n  {name} ") for name in app.commands]
    assert places == sorted(places)
    assert "130 interrupted" in " ".join(told.split())
    assert main(["--version"]) == 0
