"""MobileNetV2 with weights of ImageNet: thin blocks that widen inside, made for small machines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archwise.architectures.backbone import FamilyOfBackbones, transfer_architecture
from archwise.architectures.weights import Member

if TYPE_CHECKING:
    from torch import nn

MEMBERS = (
    Member(
        "mobilenet_v2",
        "mobilenetv2_100",
        "https://download.pytorch.org/models/mobilenet_v2-b0353104.pth",
        "BSD-3-Clause",
        14.2,
        resample="bilinear",
    ),
    Member("mobilenetv2_100", "mobilenetv2_100", "timm/mobilenetv2_100.ra_in1k", "Apache-2.0", 14.2),
)


def stages(model: nn.Module) -> list[nn.Module]:
    """The stem, seven groups of blocks, and the last convolution with the mean over all places."""
    from torch import nn

    from archwise.blocks.transfer import Averaged

    stem = nn.Sequential(model.conv_stem, model.bn1)  # type: ignore[arg-type]
    last = nn.Sequential(model.conv_head, model.bn2)  # type: ignore[arg-type]
    return [stem, *model.blocks, last, Averaged()]  # type: ignore[misc]


ARCHITECTURE = transfer_architecture(
    FamilyOfBackbones(
        name="imagenet-mobilenet",
        summary="MobileNetV2 trained on ImageNet: thin blocks that widen inside, made for small machines",
        source="Sandler, Howard, Zhu, Zhmoginov & Chen 2018",
        members=MEMBERS,
        stages=stages,
        thaw=3,
        most_thawed=8,
        prior=0.9,
    )
)
