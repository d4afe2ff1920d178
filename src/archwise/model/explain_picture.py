"""Where a network looked: how much each part of a picture spoke for the answer, drawn as heat over the picture.

Source: Selvaraju et al. 2017 (Grad-CAM), as captum computes it; for tokens, which have no maps, the gradient times the
activation of each token (Draelos & Carin 2021 for the same on maps).
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from archwise.architectures import architecture
from archwise.data.picture import decode, read_cell, to_pixels
from archwise.errors import DataError, UsageError
from archwise.model.predict import Model
from archwise.records import Array
from archwise.tasks import task

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image
    from torch import nn

    from archwise.training.network import Network

WEIGHTS = "weights.safetensors"
STRENGTH = 0.55  # of the heat where it is greatest, over the picture
GRADIENTS, COVERING = "gradients", "covering"  # how it is told where a model looked
_STOPS = np.array([[0, 0, 131], [0, 60, 170], [5, 255, 255], [255, 255, 0], [250, 0, 0], [128, 0, 0]], dtype=np.float64)


@dataclass(frozen=True)
class Explained:
    """What a model answered for a picture and where it looked.

    prediction: the answer. of: the output that is explained. heat: (H, W) float32 from 0 to 1, in the pixels that the
    model reads. picture: these pixels, (H, W, 3) uint8. how: by the GRADIENTS of a network, or by COVERING fields of
    the picture.
    """

    prediction: object
    of: str
    heat: Array
    picture: Array
    how: str


def explain_picture(
    model: Model, picture: str | Path | bytes, networks: list[Network], *, label: str = ""
) -> Explained:
    """Find where a network looked.

    Args:
        model: opened; of pictures.
        picture: its file, or its bytes.
        networks: those of the model, from `readable_networks`.
        label: of the class to explain; the answered one where it is empty.

    Raises:
        UsageError: there is no such class.
        DataError: the picture cannot be read.
    """
    pixels = read_pixels(model, picture)
    outputs, heats = _outputs_and_heats(networks, pixels, _place_of(model, label))
    facts = model.facts
    answers = task(facts.task).answers(facts.target_state, facts.calibration, outputs)
    prediction = answers["prediction"][0]
    heat = np.maximum(np.mean(heats, axis=0), 0.0)
    heat = heat / (heat.max() or 1.0)
    return Explained(prediction, label or str(prediction), heat.astype(np.float32), in_colours(pixels), GRADIENTS)


def read_pixels(model: Model, picture: str | Path | bytes) -> Array:
    """(H, W, C) uint8, a picture as a model reads it.

    Args:
        model: opened; it reads pictures.

    Raises:
        DataError: the picture cannot be read.
    """
    form = model.facts.need.image
    assert form is not None  # as it reads pictures
    cell = str(picture) if isinstance(picture, Path) else picture
    try:
        return to_pixels(decode(read_cell(cell)), form)
    except DataError as error:
        name = "the picture" if isinstance(cell, bytes) else cell
        raise DataError(f"{name}: {error}; name another picture") from None


def in_colours(pixels: Array) -> Array:
    """(H, W, 3) of pixels in grey or in colours."""
    return np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels


def draw(explained: Explained) -> Image:
    """The picture with the heat over it, from blue (little) to red (most)."""
    from PIL import Image

    heat = explained.heat[:, :, None].astype(np.float64)
    scaled = explained.heat.astype(np.float64) * (len(_STOPS) - 1)
    colours = np.stack([np.interp(scaled, np.arange(len(_STOPS)), _STOPS[:, c]) for c in range(3)], axis=2)
    share = STRENGTH * np.sqrt(heat)
    return Image.fromarray(np.uint8((1.0 - share) * explained.picture + share * colours + 0.5))


# ---------------------------------------------------------------- the network


def _place_of(model: Model, label: str) -> int | None:
    """The output of a class; None for the answered one.

    Raises:
        UsageError: there is no such class.
    """
    if not label:
        return None
    state = model.facts.target_state
    known = [str(each) for each in state.get("classes", state.get("labels", ()))]
    if label not in known:
        raise UsageError(f"the model has no class '{label}'; it has {', '.join(known) or 'a number to answer'}")
    return known.index(label)


def readable_networks(model: Model) -> list[Network] | None:
    """The network of a model of pictures alone, or its members, as torch has them, to look through their gradients.

    None where there is none, or none that has maps or tokens, or captum or torch is not installed.
    """
    facts = model.facts
    is_network = not architecture(facts.candidate.architecture).is_reference and (model.folder / WEIGHTS).is_file()
    is_alone = [spec.name for spec in facts.signature.inputs] == ["image"]
    if not (is_network and is_alone and all(find_spec(name) is not None for name in ("torch", "captum"))):
        return None
    networks = _networks_of(model)
    return networks if all(_looked_at(network) is not None for network in networks) else None


def _networks_of(model: Model) -> list[Network]:
    from safetensors.torch import load_file

    from archwise.training.network import make_network

    facts = model.facts
    weights = {
        name: tensor.float() if tensor.is_floating_point() else tensor
        for name, tensor in load_file(model.folder / WEIGHTS).items()
    }
    networks = []
    for number, member in enumerate(facts.candidate.members):
        network = make_network(
            architecture(member.architecture), member, facts.signature, task(facts.task), facts.target_state
        )
        prefix = "" if facts.candidate.seeds == 1 else f"members.{number}."
        network.load_state_dict(
            {name.removeprefix(prefix): held for name, held in weights.items() if name.startswith(prefix)}
        )
        networks.append(network.eval())
    return networks


def _looked_at(network: Network) -> nn.Module | None:
    """The last layer that has maps or tokens; None where there is none."""
    found: nn.Module | None = dict(network.body.named_modules()).get(getattr(network.body, "looked_at", "blocks"))
    return found


def _outputs_and_heats(networks: list[Network], pixels: Array, place: int | None) -> tuple[Array, list[Array]]:
    """The joined outputs (1, K) of networks, and the heat (H, W) of each."""
    import torch
    from captum.attr import LayerAttribution, LayerGradCam, LayerGradientXActivation

    given = torch.from_numpy(pixels[None].copy())
    with torch.no_grad():
        outputs = torch.stack([network(given) for network in networks]).mean(dim=0)
    target = int(outputs.argmax()) if place is None else place
    target = target if outputs.shape[1] > 1 else 0
    heats = []
    for network in networks:
        layer = _looked_at(network)
        assert layer is not None  # as `readable_networks` found
        maps = _seen(network, layer, given)
        for parameter in network.parameters():
            parameter.requires_grad_(True)
        if maps.ndim == 4:
            heat = LayerGradCam(network, layer).attribute(given, target=target, relu_attributions=True)
        else:
            by_token = LayerGradientXActivation(network, layer).attribute(given, target=target).sum(dim=2)
            side = int((by_token.shape[1] - 1) ** 0.5)
            heat = by_token[:, -side * side :].relu().reshape(1, 1, side, side)
        wide = LayerAttribution.interpolate(heat.detach(), pixels.shape[:2], interpolate_mode="bilinear")
        heats.append(wide[0, 0].numpy())
    return outputs.numpy(), heats


def _seen(network: Network, layer: nn.Module, given: torch.Tensor) -> torch.Tensor:
    """What the layer that is looked through gives for a picture."""
    import torch

    found: list[torch.Tensor] = []
    hook = layer.register_forward_hook(lambda module, inputs, output: found.append(output))
    with torch.no_grad():
        network(given)
    hook.remove()
    return found[0]
