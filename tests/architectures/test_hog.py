"""The graph of histograms of oriented gradients beside scikit-image, on real pictures and at every gradient."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from archwise.architectures import architecture
from archwise.architectures.graph import write_graph
from archwise.architectures.hog_graph import FEATURES, HogForm, hog_features, hog_nodes
from archwise.model.session import open_session, outputs
from archwise.records import Array, InputSpec, Signature

PHOTOS = Path(__file__).parents[3] / "shared" / "data" / "cifar10-subset" / "test"


def by_graph(pictures: Array, form: HogForm) -> Array:
    """The features as the graph gives them, cast to float32."""
    from onnx import TensorProto, helper

    nodes, constants = hog_nodes(form)
    nodes.append(helper.make_node("Cast", [FEATURES], ["outputs"], to=TensorProto.FLOAT))
    shape = pictures.shape[1:]
    signature = Signature((InputSpec("image", "uint8", int(np.prod(shape)), shape=shape),), form.n_features)
    return outputs(open_session(write_graph(signature, nodes, constants=constants)), {"image": pictures})


def photos(n: int, size: int) -> Array:
    if not PHOTOS.exists():
        pytest.skip(f"{PHOTOS} is absent")
    files = sorted(PHOTOS.rglob("*.jpg"))[:: 1000 // n][:n]
    return np.stack([np.asarray(Image.open(file).convert("RGB").resize((size, size))) for file in files])


@pytest.mark.parametrize("cell", [4, 8])
@pytest.mark.parametrize("size", [32, 45])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_graph_gives_what_scikit_image_gives(size: int, channels: int, cell: int) -> None:
    pictures = photos(50, size)[..., :channels]
    form = HogForm(size, size, channels, cell)
    np.testing.assert_allclose(by_graph(pictures, form), hog_features(pictures, form), atol=2e-6)


def test_every_gradient_of_bytes_falls_into_its_bin() -> None:
    """Each picture has one gradient alone: of its middle pixel, down and across."""
    steps = np.arange(-255, 256, 3)
    down, across = (each.ravel() for each in np.meshgrid(steps, steps))
    pictures = np.zeros((len(down), 4, 4, 1), np.uint8)
    pictures[:, 2, 1, 0], pictures[:, 0, 1, 0] = np.maximum(down, 0), np.maximum(-down, 0)
    pictures[:, 1, 2, 0], pictures[:, 1, 0, 0] = np.maximum(across, 0), np.maximum(-across, 0)
    form = HogForm(4, 4, 1, 2)
    np.testing.assert_allclose(by_graph(pictures, form), hog_features(pictures, form), atol=2e-6)


def test_it_learns_from_edges() -> None:
    pictures = photos(200, 32)
    is_upright = np.arange(200) % 2
    striped = pictures.astype(float) * 0.3
    striped[is_upright == 1] += 80 * (np.arange(32) // 2 % 2)[None, None, :, None]
    striped[is_upright == 0] += 80 * (np.arange(32) // 2 % 2)[None, :, None, None]
    entry = architecture("hog")
    signature = Signature((InputSpec("image", "uint8", 3072, shape=(32, 32, 3)),), 2)
    assert entry.solve is not None
    batch = {"image": striped.astype(np.uint8)}
    solved = entry.solve(signature, entry.defaults(), batch, is_upright, "classify", 0)
    assert (outputs(open_session(solved.onnx), batch).argmax(1) == is_upright).all()
