"""Published weights: found in the user's folder, held against the hash in their name, refused with the reason."""

from __future__ import annotations

import hashlib
import importlib
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from archwise.architectures import architecture, architectures, weights
from archwise.architectures.weights import Member, find_weights
from archwise.blocks.pretrained import fit_layout, load_model, make_model, read_weights
from archwise.blocks.vision_operators import define_missing_operators
from archwise.errors import ModelError
from archwise.records import Scalar

define_missing_operators()
timm = importlib.import_module("timm")
torchvision = importlib.import_module("torchvision")

PUBLISHED = {name: entry for name, entry in architectures().items() if entry.inherits is not None}
RESNET = Member("resnet18", "resnet18", "timm/resnet18.tv_in1k", "BSD-3-Clause", 46.8)
SHARED = Path(__file__).parents[2].parent / "shared"


@pytest.fixture(autouse=True)
def nothing_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.setenv("ARCHWISE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("ARCHWISE_WEIGHTS", raising=False)
    weights._silence.cache_clear()


def settings_of(name: str, member: str) -> dict[str, Scalar]:
    return {**PUBLISHED[name].defaults(), "member": member}


def torchvision_state(model: str) -> dict[str, torch.Tensor]:
    """A state dict of the layout in which torchvision publishes a network: each tensor one number, spread out."""
    options = {"init_weights": False} if model == "inception_v3" else {}
    with torch.device("meta"):
        names = torchvision.models.get_model(model, weights=None, **options).state_dict()
    return {
        name: torch.full((1,), 0.001 * (place % 7)).expand(tensor.shape)
        if tensor.is_floating_point()
        else tensor.new_zeros((), device="cpu")
        for place, (name, tensor) in enumerate(names.items())
    }


def test_the_folder_is_asked_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCHWISE_WEIGHTS", str(tmp_path))
    save_file({"a": torch.zeros(1)}, tmp_path / "resnet18.tv_in1k.safetensors")
    found = find_weights(RESNET)
    assert (found.why, Path(found.file).name) == ("", "resnet18.tv_in1k.safetensors")
    assert found.sha256 == hashlib.sha256(Path(found.file).read_bytes()).hexdigest()
    assert found.licence == "not told beside the file"


def test_a_licence_beside_the_file_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCHWISE_WEIGHTS", str(tmp_path))
    torch.save({"a": torch.zeros(1)}, tmp_path / "resnet18.pth")
    (tmp_path / "resnet18.licence").write_text("BSD-3-Clause\n")
    assert find_weights(RESNET).licence == "BSD-3-Clause"


def test_a_file_of_a_longer_name_is_another_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCHWISE_WEIGHTS", str(tmp_path))
    torch.save({"a": torch.zeros(1)}, tmp_path / "resnet18_bn-12345678.pth")
    assert "has no resnet18" in find_weights(RESNET).why


def test_a_hash_in_the_name_is_held_against_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCHWISE_WEIGHTS", str(tmp_path))
    torch.save({"a": torch.zeros(1)}, tmp_path / "plain.pth")
    content = (tmp_path / "plain.pth").read_bytes()
    good = tmp_path / f"resnet18-{hashlib.sha256(content).hexdigest()[:8]}.pth"
    good.write_bytes(content)
    assert find_weights(RESNET).file == str(good)
    good.unlink()
    (tmp_path / "resnet18-deadbeef.pth").write_bytes(content)
    found = find_weights(RESNET)
    assert found.file == ""
    assert "resnet18-deadbeef.pth: its SHA-256 begins with" in found.why
    assert "its name says deadbeef" in found.why


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_without_a_file_and_a_hub_the_reason_comes_at_once(name: str) -> None:
    inherits = PUBLISHED[name].inherits
    assert inherits is not None
    began = time.monotonic()
    found = inherits(PUBLISHED[name].defaults(), True)
    assert time.monotonic() - began < 5.0
    assert found.file == ""
    assert found.why.startswith("ARCHWISE_WEIGHTS names no folder, and ")
    assert "does not answer (HF_HUB_OFFLINE is set)" in found.why


def test_a_large_file_is_not_fetched_unasked() -> None:
    inherits = PUBLISHED["imagenet-vgg"].inherits
    assert inherits is not None
    assert (
        "531 MB are fetched only for an architecture that is named"
        in inherits(PUBLISHED["imagenet-vgg"].defaults(), False).why
    )


@pytest.mark.parametrize("name", [name for name in sorted(PUBLISHED) if "image" in PUBLISHED[name].reads])
def test_what_a_member_needs_of_its_input_is_what_timm_publishes(name: str) -> None:
    for member in _members(name):
        if "/" not in member.origin or "://" in member.origin:
            continue
        published = timm.get_pretrained_cfg(member.origin.removeprefix("timm/"))
        assert published.hf_hub_id == member.origin
        assert published.input_size == (3, member.size, member.size)
        assert (published.crop_pct, published.interpolation) == (member.share, member.resample)
        assert (published.mean, published.std) == (member.mean, member.std)
        assert published.license.lower() == member.licence.lower()


def _members(name: str) -> tuple[Member, ...]:
    found: tuple[Member, ...] = importlib.import_module(f"archwise.architectures.{name.replace('-', '_')}").MEMBERS
    return found


@pytest.mark.parametrize(
    ("model", "theirs"),
    [
        ("vgg11", "vgg11"),
        ("vgg16_bn", "vgg16_bn"),
        ("resnet18", "resnet18"),
        ("resnet50", "resnet50"),
        ("inception_v3", "inception_v3"),
        ("mobilenetv2_100", "mobilenet_v2"),
        ("efficientnet_b0", "efficientnet_b0"),
        ("convnext_tiny", "convnext_tiny"),
    ],
)
def test_the_true_layout_of_torchvision_is_read(model: str, theirs: str, tmp_path: Path) -> None:
    state = torchvision_state(theirs)
    torch.save(state, tmp_path / "held.pth")
    loaded = load_model("timm", model, tmp_path / "held.pth").state_dict()
    expected = make_model("timm", model).state_dict()
    assert {name: tensor.shape for name, tensor in loaded.items()} == {n: t.shape for n, t in expected.items()}
    taken = [tensor.flatten()[0].item() for name, tensor in state.items() if not name.startswith("AuxLogits.")]
    assert [tensor.flatten()[0].item() for tensor in loaded.values()] == taken


@pytest.mark.parametrize("wrapped", ["state_dict", "model", ""])
def test_a_wrapped_state_dict_is_unwrapped(wrapped: str, tmp_path: Path) -> None:
    state = {f"module.{name}" if wrapped else name: tensor for name, tensor in torchvision_state("resnet18").items()}
    torch.save({wrapped: state, "epoch": 3} if wrapped else state, tmp_path / "held.pth")
    assert "conv1.weight" in read_weights(tmp_path / "held.pth")


def test_a_file_of_another_network_is_refused_with_what_is_wrong(tmp_path: Path) -> None:
    torch.save(torchvision_state("resnet50"), tmp_path / "resnet18.pth")
    with pytest.raises(
        ModelError, match=r"resnet18\.pth as resnet18: the weights are of another network: \d+ unexpected"
    ):
        load_model("timm", "resnet18", tmp_path / "resnet18.pth")


def test_missing_keys_and_other_shapes_are_named() -> None:
    wanted = make_model("timm", "resnet18").state_dict()
    state = torchvision_state("resnet18")
    del state["layer1.0.conv1.weight"]
    state["fc.weight"] = torch.zeros(5, 512)
    with pytest.raises(ModelError) as refused:
        fit_layout(state, wanted, "a file")
    assert "1 missing (layer1.0.conv1.weight)" in str(refused.value)
    assert "fc.weight is (5, 512) in place of (1000, 512)" in str(refused.value)


def test_a_file_with_code_in_it_is_not_read(tmp_path: Path) -> None:
    torch.save({"a": Path("x")}, tmp_path / "held.pth")
    with pytest.raises(ModelError, match="the weights cannot be read"):
        read_weights(tmp_path / "held.pth")


def test_a_broken_file_is_refused(tmp_path: Path) -> None:
    for name in ("held.pth", "held.safetensors"):
        (tmp_path / name).write_bytes(b"no weights")
        with pytest.raises(ModelError, match="the weights cannot be read"):
            read_weights(tmp_path / name)


def test_the_name_of_a_trunk_tells_weights_stage_and_input_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARCHWISE_WEIGHTS", str(tmp_path))
    entry = architecture("imagenet-resnet")
    assert entry.inherits is not None
    torch.save({"a": torch.zeros(1)}, tmp_path / "resnet18.pth")
    frozen = entry.inherits(entry.defaults(), False).trunk
    tuned = entry.inherits({**entry.defaults(), "mode": "finetune"}, False).trunk
    torch.save({"a": torch.ones(1)}, tmp_path / "resnet18.pth")
    other = entry.inherits(entry.defaults(), False).trunk
    assert len({frozen, tuned, other}) == 3
    assert all("224x3-crop-0.875-bilinear" in name for name in (frozen, tuned, other))
