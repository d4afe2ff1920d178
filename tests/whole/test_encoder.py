"""Texts, from a file to a model that began from a published encoder and answers without it."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import polars.testing
import pytest

import archwise
from archwise import cli

pytest.importorskip("transformers")
from tiny_encoder import KINDS, make_encoder

ALONE = """
import sys
for name in ("torch", "transformers", "huggingface_hub", "safetensors", "timm"):
    sys.modules[name] = None
from archwise import cli
sys.exit(cli.main(sys.argv[1:]))
"""


def reviews(n: int) -> pl.DataFrame:
    """Texts whose label one of their words tells."""
    chance = random.Random(0)
    rows = []
    for row in range(n):
        words = [chance.choice(["film", "plot", "acting", "scene", "picture", "family", "minute"]) for _ in range(4)]
        words.insert(chance.randint(0, 4), chance.choice(["lovely", "great"] if row % 2 else ["dull", "boring"]))
        rows.append(
            {"text": " ".join([*words, str(row % 10), chance.choice("abcdefgh")]), "label": "yes" if row % 2 else "no"}
        )
    return pl.DataFrame(rows)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ARCHWISE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.delenv("ARCHWISE_WEIGHTS", raising=False)
    reviews(240).write_csv(tmp_path / "reviews.csv")
    return tmp_path


def fitted(place: Path, out: Path, *more: str) -> int:
    return cli.main(
        ["fit", str(place / "reviews.csv"), "--target", "label", "--budget", "400steps", "--workers", "2", "--quiet",
         "--only", "majority", "--only", "text-encoder", "--set", "plan.epochs=2", "--out", str(out), *more]
    )  # fmt: skip


@pytest.mark.whole
@pytest.mark.parametrize("kind", KINDS)
def test_frozen_and_fine_tuned_it_goes_the_whole_way_and_answers_without_torch(
    place: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    encoder, out = make_encoder(place / "own" / kind, kind, licence="mit"), place / "model"
    code = fitted(place, out, "--set", f"text-encoder.encoder={encoder}", "--set", "text-encoder.thaw=1")
    assert code == 0, capsys.readouterr().err
    facts = json.loads((out / "model.json").read_text())
    trials = {trial["label"]: trial for trial in json.loads((out / "trials.json").read_text())}
    assert facts["candidate"]["architecture"] == "text-encoder"
    assert {trials[name]["state"] for name in ("text-encoder", "text-encoder 2")} <= {"done", "paused"}
    card = (out / "README.md").read_text()
    assert f"`model.safetensors` (the folder {kind}), SHA-256 `{facts['inherited']['sha256']}`" in card
    assert "Their licence: mit." in card
    texts = pl.DataFrame({"text": ["a lovely film", "", "boring \U0001f44d [PAD]", "a dull " * 300]})
    together = archwise.predict(out, texts).answers
    shutil.rmtree(encoder)
    shutil.rmtree(place / "cache")
    texts.write_csv(place / "new.csv")
    command = ["predict", str(out), str(place / "new.csv"), "--out", str(place / "answers.csv")]
    done = subprocess.run([sys.executable, "-c", ALONE, *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    pl.testing.assert_frame_equal(pl.read_csv(place / "answers.csv"), together, check_exact=False)
    alone = archwise.predict(out, {"text": "boring \U0001f44d [PAD]"}).answers
    assert alone["p:yes"][0] == pytest.approx(together["p:yes"][2], abs=1e-6)


@pytest.mark.whole
def test_what_was_done_is_not_done_again_and_words_are_marked(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ARCHWISE_WEIGHTS", str(place / "weights"))
    make_encoder(place / "weights" / "small")
    out = place / "model"
    assert fitted(place, out) == 0, capsys.readouterr().err
    run = next(place.glob("model-*.run"))
    trials = {trial["label"]: trial["score"] for trial in json.loads((out / "trials.json").read_text())}
    shutil.rmtree(out)
    for record in (run / "trials").glob("*/rung-2.json"):  # as if it had been stopped before the last rung
        record.unlink()
    assert cli.main(["resume", str(run), "--quiet"]) == 0, capsys.readouterr().err
    again = {trial["label"]: trial["score"] for trial in json.loads((out / "trials.json").read_text())}
    assert again == trials
    capsys.readouterr()
    assert cli.main(["explain", str(out), "film plot lovely scene family 3 b", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert max(told["words"], key=lambda each: abs(each["weight"]))["word"] == "lovely"


@pytest.mark.whole
@pytest.mark.parametrize(
    ("missing", "told"),
    [
        ("", "has no small, and there is no folder small; name the folder of an encoder"),
        ("model.safetensors", "there is no such file; save the encoder as safetensors"),
        ("tokenizer.json", "by which the encoder's texts are cut; save its fast tokenizer"),
    ],
)
def test_who_has_no_weights_leaves_with_the_reason(
    place: Path, missing: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARCHWISE_WEIGHTS", str(place / "weights"))
    encoder = make_encoder(place / "weights" / "small")
    if missing:
        (encoder / missing).unlink()
    else:
        shutil.rmtree(encoder)
    assert fitted(place, place / "model", "--set", "text-encoder.encoder=small") == 0
    trials = {trial["label"]: trial for trial in json.loads((place / "model" / "trials.json").read_text())}
    assert trials["text-encoder"]["state"] == "failed"
    assert told in trials["text-encoder"]["why"]
