"""Photos, from a folder to a model that began from published weights, and where it looked."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import archwise
from archwise import cli
from archwise.errors import RaceError

SHARED = Path(__file__).parents[2].parent / "shared"
PHOTOS = SHARED / "data" / "hymenoptera" / "train"
needs_photos = pytest.mark.skipif(not PHOTOS.is_dir(), reason="../shared/data is absent")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Forty small photos of two classes."""
    for name in ("ants", "bees"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for path in sorted((PHOTOS / name).glob("*.jpg"))[:20]:
            with Image.open(path) as photo:
                photo.convert("RGB").resize((160, 120)).save(tmp_path / "photos" / name / f"{path.stem}.png")
    return tmp_path / "photos"


def fitted(photos: Path, out: Path, *more: str) -> int:
    return cli.main(["fit", str(photos), "--budget", "90steps", "--out", str(out), "--quiet", "--workers", "2", *more])


@needs_photos
@pytest.mark.whole
def test_frozen_features_and_a_fine_tuned_network_go_the_whole_way(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ARCHWISE_WEIGHTS", str(SHARED / "weights"))
    monkeypatch.setenv("ARCHWISE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    out = tmp_path / "photos.archwise"
    only = ("majority", "imagenet-squeezenet", "imagenet-resnet")
    code = fitted(
        photos, out, *(part for name in only for part in ("--only", name)),
        "--set", "plan.epochs=1", "--set", "imagenet-squeezenet.thaw=1",
    )  # fmt: skip
    assert code == 0, capsys.readouterr().err
    facts = json.loads((out / "model.json").read_text())
    trials = {trial["label"]: trial for trial in json.loads((out / "trials.json").read_text())}
    assert facts["candidate"]["architecture"] == "imagenet-squeezenet"
    assert facts["inherited"]["sha256"].startswith("41271c81")
    assert "squeezenet1_0-converted-41271c81.pth" in (out / "README.md").read_text()
    assert trials["imagenet-squeezenet"]["state"] == "done"
    assert trials["imagenet-squeezenet 2"]["state"] in ("done", "paused")
    assert trials["imagenet-resnet"]["state"] == "failed"
    assert "has no resnet18" in trials["imagenet-resnet"]["why"]
    run = next(tmp_path.glob("photos-*.run"))
    frozen = run / "trials" / trials["imagenet-squeezenet"]["id"]
    assert all(path.stat().st_size < 100_000 for path in frozen.rglob("checkpoint.safetensors"))
    new = sorted((PHOTOS / "bees").glob("*.jpg"))[30]
    capsys.readouterr()  # what the fit printed
    assert cli.main(["explain", str(out), str(new), "--out", str(tmp_path / "heat.png"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["prediction"] in ("ants", "bees")
    with Image.open(tmp_path / "heat.png") as heat:
        assert heat.size == (224, 224)
    explained = archwise.explain(out, new, label="ants")
    assert explained.heat.shape == (224, 224)
    assert 0.0 <= float(explained.heat.min()) <= float(explained.heat.max()) <= 1.0


@needs_photos
@pytest.mark.whole
def test_a_convolutional_network_is_explained_too(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ARCHWISE_CACHE", str(tmp_path / "cache"))
    for path in photos.rglob("*.png"):  # how large they are is of no account here
        with Image.open(path) as photo:
            photo.resize((64, 48)).save(path)
    out = tmp_path / "photos.archwise"
    assert fitted(photos, out, "--only", "cnn", "--set", "plan.epochs=1") == 0, capsys.readouterr().err
    explained = archwise.explain(out, next((photos / "ants").iterdir()), out=tmp_path / "heat.png")
    assert explained.heat.shape == explained.picture.shape[:2]
    assert (tmp_path / "heat.png").is_file()
    assert cli.main(["explain", str(out), str(photos / "none.png")]) == 3
    assert "none.png: there is no such file" in capsys.readouterr().err
    assert cli.main(["explain", str(out), str(next((photos / "ants").iterdir())), "--label", "ant"]) == 2
    assert "the model has no class 'ant'; it has ants, bees" in capsys.readouterr().err


def test_a_model_of_a_table_is_not_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    golden = Path(__file__).parents[1] / "model" / "golden" / "trees" / "format-1"
    assert cli.main(["explain", str(golden), "some.png"]) == 2
    assert "reads neither a text nor a picture" in capsys.readouterr().err


@needs_photos
def test_without_any_weights_the_race_of_them_alone_ends_with_the_reason(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARCHWISE_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("ARCHWISE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(RaceError, match=r"imagenet-resnet: the folder .* has no resnet18"):
        archwise.fit(
            str(photos),
            budget="100steps",
            out=tmp_path / "x.archwise",
            config=archwise.Config(only=("imagenet-resnet",)),
        )


def test_heat_is_drawn_over_the_picture() -> None:
    from archwise.model.explain_picture import Explained, draw

    heat = np.zeros((4, 4), np.float32)
    heat[1, 2] = 1.0
    drawn = np.asarray(draw(Explained("a", "a", heat, np.full((4, 4, 3), 100, np.uint8), "gradients")))
    assert (drawn[0, 0] == 100).all()
    assert not (drawn[1, 2] == 100).all()
