"""SqueezeNet with weights of ImageNet: 1 x 1 convolutions that squeeze, 3 x 3 ones that expand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archwise.architectures.backbone import FamilyOfBackbones, transfer_architecture
from archwise.architectures.weights import Member

if TYPE_CHECKING:
    from torch import nn

_PLACE = "https://download.pytorch.org/models/"
MEMBERS = tuple(
    Member(name, name, _PLACE + file, "BSD-3-Clause", 5.0, library="torchvision", resample="bilinear")
    for name, file in {
        "squeezenet1_0": "squeezenet1_0-b66bff10.pth",
        "squeezenet1_1": "squeezenet1_1-b8a52dc0.pth",
    }.items()
)


def stages(model: nn.Module) -> list[nn.Module]:
    """The stem, each fire module with the pooling behind it, and the mean over all places."""
    from torch import nn

    from archwise.blocks.transfer import Averaged

    cut: list[list[nn.Module]] = [[]]
    for layer in model.features:  # type: ignore[union-attr]
        if type(layer).__name__ == "Fire":
            cut.append([])
        cut[-1].append(layer)
    return [*(nn.Sequential(*layers) for layers in cut), Averaged()]


ARCHITECTURE = transfer_architecture(
    FamilyOfBackbones(
        name="imagenet-squeezenet",
        summary="SqueezeNet trained on ImageNet: layers that squeeze before they expand, in a megabyte of weights",
        source="Iandola et al. 2016",
        members=MEMBERS,
        stages=stages,
        thaw=3,
        most_thawed=8,
        prior=0.75,
    )
)
