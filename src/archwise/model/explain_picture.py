"""Where a network looked: how much each part of a picture spoke for the answer, drawn as heat over the picture.

Source: Selvaraju et al. 2017 (Grad-CAM), as captum computes it; for tokens, which have no maps, the gradient times the
activation of each token (Draelos & Carin 2021 for the same on maps).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from archwise.architectures import architecture
from archwise.data.picture import decode, read_cell, to_pixels
from archwise.errors import DataError, MissingExtraError, UsageError
from archwise.model.predict import Model
from archwise.records import Array, ImageNeed
from archwise.tasks import task

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image
    from torch import nn

    from archwise.training.network import Network

WEIGHTS = "weights.safetensors"
STRENGTH = 0.55  # of the heat where it is greatest, over the picture
_STOPS = np.array([[0, 0, 131], [0, 60, 170], [5, 255, 255], [255, 255, 0], [250, 0, 0], [128, 0, 0]], dtype=np.float64)


@dataclass(frozen=True)
class Explained:
    """What a network answered for a picture and where it looked.

    prediction: the answer. of: the output that is explained. heat: (H, W) float32 from 0 to 1, in the pixels that the
    network reads. picture: these pixels, (H, W, 3) uint8.
    """

    prediction: object
    of: str
    heat: Array
    picture: Array


def explain_picture(
    model: Model, picture: str | Path | bytes, *, label: str = "", networks: list[Network] | None = None
) -> Explained:
    """Find where a network looked.

    Args:
        model: opened; of pictures, and a network.
        picture: its file, or its bytes.
        label: of the class to explain; the answered one where it is empty.
        networks: those of the model from `networks_of`, where several pictures are explained.

    Raises:
        UsageError: the model reads no pictures, is no network, has no maps or tokens to look through, or no such class.
        DataError: the picture cannot be read.
        MissingExtraError: captum or torch is not installed.
    """
    form = _form(model)
    cell = str(picture) if isinstance(picture, Path) else picture
    try:
        pixels = to_pixels(decode(read_cell(cell)), form)
    except DataError as error:
        name = "the picture" if isinstance(cell, bytes) else cell
        raise DataError(f"{name}: {error}; name another picture") from None
    networks = networks_of(model) if networks is None else networks
    outputs, heats = _outputs_and_heats(networks, pixels, _place_of(model, label))
    facts = model.facts
    answers = task(facts.task).answers(facts.target_state, facts.calibration, outputs)
    prediction = answers["prediction"][0]
    heat = np.maximum(np.mean(heats, axis=0), 0.0)
    heat = heat / (heat.max() or 1.0)
    shown = np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels
    return Explained(prediction, label or str(prediction), heat.astype(np.float32), shown)


def draw(explained: Explained) -> Image:
    """The picture with the heat over it, from blue (little) to red (most)."""
    from PIL import Image

    heat = explained.heat[:, :, None].astype(np.float64)
    scaled = explained.heat.astype(np.float64) * (len(_STOPS) - 1)
    colours = np.stack([np.interp(scaled, np.arange(len(_STOPS)), _STOPS[:, c]) for c in range(3)], axis=2)
    share = STRENGTH * np.sqrt(heat)
    return Image.fromarray(np.uint8((1.0 - share) * explained.picture + share * colours + 0.5))


# ---------------------------------------------------------------- the network


def _form(model: Model) -> ImageNeed:
    """The form in which a model reads pictures.

    Raises:
        UsageError: it reads none, or is no network.
    """
    facts = model.facts
    if facts.signature.input("image") is None or facts.need.image is None:
        raise UsageError(f"{model.folder} reads no pictures; explain shows where in a picture a network looked")
    if architecture(facts.candidate.architecture).is_reference or not (model.folder / WEIGHTS).is_file():
        raise UsageError(
            f"{model.folder} holds {facts.candidate.label}, which is no network; fit again with networks alone, such "
            "as cnn"
        )
    if any(spec.name != "image" for spec in facts.signature.inputs):
        raise UsageError(f"{model.folder} reads other columns beside the picture, which are not explained")
    return facts.need.image


def _place_of(model: Model, label: str) -> int | None:
    """The output of a class; None for the answered one."""
    if not label:
        return None
    state = model.facts.target_state
    known = [str(each) for each in state.get("classes", state.get("labels", ()))]
    if label not in known:
        raise UsageError(f"the model has no class '{label}'; it has {', '.join(known) or 'a number to answer'}")
    return known.index(label)


def networks_of(model: Model) -> list[Network]:
    """The network of a model folder, or its members, as torch has them.

    Raises:
        UsageError, MissingExtraError: as for `explain_picture`.
    """
    _form(model)
    try:
        from safetensors.torch import load_file

        from archwise.training.network import make_network
    except ImportError as error:
        raise MissingExtraError(f"explain needs {error.name}: pip install 'archwise[vision]'") from None
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


def looked_at(network: Network) -> nn.Module:
    """The last layer that has maps or tokens.

    Raises:
        UsageError: there is none.
    """
    named = getattr(network.body, "looked_at", "blocks")
    modules = dict(network.body.named_modules())
    if named not in modules:
        raise UsageError("this network has no maps through which it looks; explain another, such as cnn")
    found: nn.Module = modules[named]
    return found


def _outputs_and_heats(networks: list[Network], pixels: Array, place: int | None) -> tuple[Array, list[Array]]:
    """The joined outputs (1, K) of networks, and the heat (H, W) of each."""
    import torch

    try:
        from captum.attr import LayerAttribution, LayerGradCam, LayerGradientXActivation
    except ImportError:
        raise MissingExtraError("explain needs captum: pip install 'archwise[vision]'") from None
    given = torch.from_numpy(pixels[None].copy())
    with torch.no_grad():
        outputs = torch.stack([network(given) for network in networks]).mean(dim=0)
    target = int(outputs.argmax()) if place is None else place
    target = target if outputs.shape[1] > 1 else 0
    heats = []
    for network in networks:
        layer, maps = looked_at(network), _seen(network, given)
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


def _seen(network: Network, given: torch.Tensor) -> torch.Tensor:
    """What the layer that is looked through gives for a picture."""
    import torch

    found: list[torch.Tensor] = []
    hook = looked_at(network).register_forward_hook(lambda module, inputs, output: found.append(output))
    with torch.no_grad():
        network(given)
    hook.remove()
    return found[0]
