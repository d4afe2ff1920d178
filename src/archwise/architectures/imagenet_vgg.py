"""VGG with weights of ImageNet: 3 x 3 convolutions and pooling, without its fully connected layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archwise.architectures.backbone import FamilyOfBackbones, transfer_architecture
from archwise.architectures.weights import Member

if TYPE_CHECKING:
    from torch import nn

_SIZES_MB = {"vgg11": 531.0, "vgg13": 532.0, "vgg16": 553.0, "vgg19": 575.0, "vgg11_bn": 531.0, "vgg16_bn": 553.0}
MEMBERS = tuple(
    Member(name, name, f"timm/{name}.tv_in1k", "BSD-3-Clause", size_mb, resample="bilinear")
    for name, size_mb in _SIZES_MB.items()
)


def stages(model: nn.Module) -> list[nn.Module]:
    """Cut behind every pooling; its two layers of 4,096 units, nine tenths of the weights, are left out."""
    from torch import nn

    from archwise.blocks.transfer import Averaged

    cut: list[list[nn.Module]] = [[]]
    for layer in model.features:  # type: ignore[union-attr]
        cut[-1].append(layer)
        if isinstance(layer, nn.MaxPool2d):
            cut.append([])
    return [*(nn.Sequential(*layers) for layers in cut if layers), Averaged()]


ARCHITECTURE = transfer_architecture(
    FamilyOfBackbones(
        name="imagenet-vgg",
        summary="VGG trained on ImageNet: 3 x 3 convolutions and pooling, over and over",
        source="Simonyan & Zisserman 2015",
        members=MEMBERS,
        stages=stages,
        thaw=1,
        most_thawed=4,
        prior=0.6,
    )
)
