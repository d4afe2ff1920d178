"""EfficientNets with weights of ImageNet: depth, width and picture size scaled together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archwise.architectures.backbone import FamilyOfBackbones, transfer_architecture
from archwise.architectures.weights import Member

if TYPE_CHECKING:
    from torch import nn

MEMBERS = (Member("efficientnet_b0", "efficientnet_b0", "timm/efficientnet_b0.ra_in1k", "Apache-2.0", 21.4),)


def stages(model: nn.Module) -> list[nn.Module]:
    """The stem, seven groups of blocks, and the last convolution with the mean over all places."""
    from torch import nn

    from archwise.blocks.transfer import Averaged

    stem = nn.Sequential(model.conv_stem, model.bn1)  # type: ignore[arg-type]
    last = nn.Sequential(model.conv_head, model.bn2)  # type: ignore[arg-type]
    return [stem, *model.blocks, last, Averaged()]  # type: ignore[misc]


ARCHITECTURE = transfer_architecture(
    FamilyOfBackbones(
        name="imagenet-efficientnet",
        summary="EfficientNet-B0 trained on ImageNet: depth, width and picture size scaled together",
        source="Tan & Le 2019",
        members=MEMBERS,
        stages=stages,
        thaw=3,
        most_thawed=8,
        prior=0.86,
    )
)
