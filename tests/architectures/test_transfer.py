"""Bodies that begin from published weights of ImageNet: their features, their trunk, what learns and what stays."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from archwise.architectures import architecture, architectures
from archwise.blocks.picture import PictureInputs
from archwise.blocks.pretrained import load_model
from archwise.blocks.vision_operators import define_missing_operators
from archwise.data.picture import picture_pixels
from archwise.records import Candidate, InputSpec, Need, Plan, Scalar, Signature
from archwise.records import settings_of as in_order
from archwise.tasks import main_metric, task
from archwise.training.landing import Limit
from archwise.training.loop import Examples, Tools, TrainJob, train
from archwise.training.network import (
    Network,
    above_trunk,
    best_network,
    learn_mode,
    learnt_weights,
    make_network,
    put_back,
    take_over,
)

SHARED = Path(__file__).parents[2].parent / "shared"
PHOTOS = SHARED / "data" / "photos-imagenet"
TASK = task("classify")
STATE = {"classes": ["a", "b"], "counts": [4, 4], "positive": 1}
define_missing_operators()
timm = importlib.import_module("timm")
torchvision = importlib.import_module("torchvision")

PUBLISHED = sorted(n for n, e in architectures().items() if e.inherits is not None and "image" in e.reads)
has_weights = pytest.mark.skipif(not (SHARED / "weights").is_dir(), reason="../shared/weights is absent")
over_all = pytest.mark.parametrize("name", PUBLISHED)


def signature_of(need: Need) -> Signature:
    form = need.image
    assert form is not None
    shape = (form.size, form.size, form.channels)
    return Signature((InputSpec("image", "uint8", form.size * form.size * form.channels, shape=shape),), 2)


def made(name: str, plan: Plan | None = None, **settings: Scalar) -> Network:
    entry = architecture(name)
    pairs = in_order({**entry.defaults(), **settings}.items())
    signature = signature_of(entry.need_of(dict(pairs)))
    return make_network(entry, Candidate(name, pairs, plan or Plan()), signature, TASK, STATE)


def inherited(name: str, monkeypatch: pytest.MonkeyPatch, plan: Plan | None = None, **settings: Scalar) -> Network:
    monkeypatch.setenv("ARCHWISE_WEIGHTS", str(SHARED / "weights"))
    entry = architecture(name)
    assert entry.inherits is not None
    found = entry.inherits({**entry.defaults(), **settings}, False)
    assert found.why == ""
    return take_over(made(name, plan, **settings), found)


def pictures(network: Network, n: int, seed: int = 0) -> torch.Tensor:
    shape = network.signature.inputs[0].row
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 256, (n, *shape), dtype=np.uint8))


@over_all
def test_a_body_is_built_without_any_weights_and_cut_where_it_is_told(name: str) -> None:
    frozen, tuned = made(name), made(name, mode="finetune")
    assert len(frozen.body.upper) == 0
    assert len(tuned.body.upper) >= 2
    assert len(tuned.body.trunk.stages) >= 1
    assert not any(parameter.requires_grad for parameter in tuned.body.trunk.parameters())
    assert all(parameter.requires_grad for parameter in tuned.body.upper.parameters())
    assert frozen.body.width == tuned.body.width
    for network in (frozen, tuned):
        assert network.body.looked_at in dict(network.body.named_modules())


@over_all
def test_stages_one_after_the_other_are_the_features_of_the_library(name: str) -> None:
    network = made(name)
    member = dict(architecture(name).defaults())["member"]
    model = network.body._backbone
    torch.manual_seed(0)
    if model.library == "timm":
        whole = timm.create_model(model.model, pretrained=False, num_classes=0).eval()
    else:
        whole = torchvision.models.get_model(model.model, weights=None).eval()
    maps = torch.randn(1, 3, 96 if "vit" not in str(member) else 224, 96 if "vit" not in str(member) else 224)
    with torch.no_grad():
        expected = whole(maps) if model.library == "timm" and "vgg" not in name else whole.features(maps).mean((2, 3))
        found = maps
        for stage in model.stages(whole):
            found = stage(found)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@has_weights
@pytest.mark.skipif(not PHOTOS.is_dir(), reason="../shared/data is absent")
@pytest.mark.parametrize(
    ("library", "model", "file"),
    [
        ("timm", "mobilenetv2_100", "mobilenet_v2-converted-2674e141.pth"),
        ("torchvision", "squeezenet1_0", "squeezenet1_0-converted-41271c81.pth"),
    ],
)
def test_a_known_photo_is_told_as_with_timms_own_preparation(library: str, model: str, file: str) -> None:
    network = load_model(library, model, SHARED / "weights" / file)
    name = "imagenet-mobilenet" if library == "timm" else "imagenet-squeezenet"
    need = architecture(name).need_of(architecture(name).defaults())
    assert need.image is not None
    inputs = PictureInputs(signature_of(need), mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    theirs = timm.data.create_transform(
        input_size=(3, 224, 224), interpolation="bilinear", crop_pct=0.875,
        mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225),
    )  # fmt: skip
    known = {"bird": 19, "dragonfly": 319, "hot_dog": 934}  # classes of ImageNet
    seen = set()
    for path in sorted(PHOTOS.glob("*.*")):
        pixels = torch.from_numpy(picture_pixels(str(path), need.image)[None].copy())
        with torch.no_grad():
            ours = inputs({"image": pixels})
            expected = theirs(Image.open(path).convert("RGB"))[None]
            torch.testing.assert_close(ours, expected, rtol=0, atol=1e-5)
            outputs, others = network(ours), network(expected)
        assert int(outputs.argmax()) == int(others.argmax())
        if path.stem in known:
            assert int(outputs.argmax()) == known[path.stem]
            seen.add(path.stem)
    assert seen == set(known)


@has_weights
def test_frozen_features_are_those_of_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    network = inherited("imagenet-mobilenet", monkeypatch)
    whole = load_model("timm", "mobilenetv2_100", SHARED / "weights" / "mobilenet_v2-converted-2674e141.pth")
    whole.reset_classifier(0)
    given = {"image": pictures(network, 2)}
    with torch.no_grad():
        found = network.eval().body.trunk(given)
        expected = whole(network.body.trunk.inputs(given))
        theirs = torchvision.models.mobilenet_v2(weights=None).eval()
        file = SHARED / "weights" / "mobilenet_v2-converted-2674e141.pth"
        theirs.load_state_dict(torch.load(file, weights_only=True))
        original = theirs.features(network.body.trunk.inputs(given)).mean((2, 3))
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(found, original, rtol=1e-4, atol=1e-4)


@has_weights
def test_what_the_trunk_gave_stands_for_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    network = inherited("imagenet-squeezenet", monkeypatch, mode="finetune").eval()
    given = pictures(network, 2)
    with torch.no_grad():
        expected = network(given)
        held = network.body.trunk({"image": given})
        short = above_trunk(network, tuple(held.shape[1:]))
        assert torch.equal(short(held), expected)
    assert not [name for name in short.state_dict() if "trunk" in name]


def lesson(n: int = 24) -> tuple[Examples, Examples]:
    """Small pictures of two classes, dark and light."""
    random = np.random.default_rng(0)
    targets = np.arange(n) % 2
    pixels = random.integers(0, 120, (n, 224, 224, 3)) + 100 * targets[:, None, None, None]
    rows = Examples({"image": pixels.astype(np.uint8)}, targets)
    return rows, Examples({"image": pixels[:8].astype(np.uint8)}, targets[:8])


def trained(network: Network, plan: Plan, rows: tuple[Examples, Examples], path: Path, epochs: float) -> object:
    return train(
        network,
        TrainJob(TASK, STATE, main_metric(TASK, STATE, "accuracy"), plan, "cpu"),
        train=rows[0],
        valid=rows[1],
        limit=Limit(epochs),
        tools=Tools(path, lambda point: None, lambda: 0.0),
    )


def on_trunk(network: Network, rows: tuple[Examples, Examples]) -> tuple[Network, tuple[Examples, Examples]]:
    trunk = network.body.trunk.eval()
    with torch.no_grad():
        held = [
            replace(part, batch={"trunk": trunk({"image": torch.from_numpy(part.batch["image"])}).numpy()})
            for part in rows
        ]
    return above_trunk(network, held[0].batch["trunk"].shape[1:]), (held[0], held[1])


@has_weights
def test_fine_tuning_leaves_what_is_frozen_bit_equal_and_moves_the_rest(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plan = Plan(epochs=2, batch=8, rate=1e-2, average=0.9)
    network = inherited("imagenet-squeezenet", monkeypatch, plan, mode="finetune", thaw=1)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    trained(network, plan, lesson(), tmp_path / "checkpoint", 2.0)
    after = network.state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items() if name.startswith("body.trunk."))
    moved = [
        name
        for name, tensor in before.items()
        if name.startswith("body.upper.") and not torch.equal(after[name], tensor)
    ]
    assert moved
    saved = (tmp_path / "checkpoint").read_bytes()
    assert b"trunk" not in saved[: int.from_bytes(saved[:8], "little") + 8]


@has_weights
def test_normalisations_keep_the_statistics_they_were_inherited_with(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plan = Plan(epochs=1, batch=8, rate=1e-2)
    network = inherited("imagenet-mobilenet", monkeypatch, plan, mode="finetune", thaw=1)
    before = {name: tensor.clone() for name, tensor in network.named_buffers() if "running" in name}
    norm = next(module for module in network.body.upper.modules() if isinstance(module, torch.nn.BatchNorm2d))
    weight = norm.weight.detach().clone()
    short, rows = on_trunk(network, lesson(16))
    trained(short, plan, rows, tmp_path / "checkpoint", 1.0)
    assert all(torch.equal(dict(network.named_buffers())[n], t) for n, t in before.items() if "upper" in n)
    assert not torch.equal(norm.weight, weight)
    learn_mode(short)
    norms = [module for module in short.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    assert norms
    assert not any(module.training for module in norms)
    assert short.body.dropout.training


@has_weights
def test_training_from_what_the_trunk_gave_goes_on_as_if_it_never_stopped(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plan = Plan(epochs=4, batch=8, rate=1e-3, average=0.9)
    ends = []
    for name, stops in (("whole", (4.0,)), ("parts", (1.0, 4.0))):
        for stop in stops:
            network = inherited("imagenet-squeezenet", monkeypatch, plan, mode="finetune", thaw=1)
            short, rows = on_trunk(network, lesson(16))
            trained(short, plan, rows, tmp_path / name, stop)
        ends.append(learnt_weights(short))
    assert ends[0].keys() == ends[1].keys()
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])
    whole = best_network(
        inherited("imagenet-squeezenet", monkeypatch, plan, mode="finetune", thaw=1), tmp_path / "whole"
    )
    rows = lesson(16)
    assert (whole(torch.from_numpy(rows[0].batch["image"])).argmax(1).numpy() == rows[0].targets).all()


@has_weights
def test_the_head_begins_where_its_loss_is_least(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    plan = Plan(epochs=3, batch=8, rate=1e-9, decay=0.0)
    network = inherited("imagenet-squeezenet", monkeypatch, plan)
    short, rows = on_trunk(network, lesson(16))
    trained(short, plan, rows, tmp_path / "checkpoint", 1.0)
    answers = short.eval()(torch.from_numpy(rows[0].batch["trunk"]))
    assert (answers.argmax(1).numpy() == rows[0].targets).all()


def test_lower_stages_learn_at_lower_rates() -> None:
    from archwise.training.optimizer import make_optimizer

    network = made("imagenet-resnet", mode="finetune", thaw=2)
    factors = {group["factor"] for group in make_optimizer(network, Plan()).param_groups}
    assert factors == {1.0, 0.05, 0.025}


def test_weights_of_another_network_are_not_put_back() -> None:
    network = made("imagenet-squeezenet")
    with pytest.raises(Exception, match="of another network"):
        put_back(network, {"head.linear.bias": torch.zeros(2)})
