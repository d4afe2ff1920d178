"""ResNets with weights of ImageNet: blocks that add to what they are given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archwise.architectures.backbone import FamilyOfBackbones, transfer_architecture
from archwise.architectures.weights import Member

if TYPE_CHECKING:
    from torch import nn

MEMBERS = tuple(
    Member(name, name, f"timm/{name}.tv_in1k", "BSD-3-Clause", size_mb, resample="bilinear")
    for name, size_mb in {"resnet18": 46.8, "resnet34": 87.3, "resnet50": 102.5}.items()
)


def stages(model: nn.Module) -> list[nn.Module]:
    """The stem, the four groups of blocks, and the mean over all places."""
    from torch import nn

    from archwise.blocks.transfer import Averaged

    stem = nn.Sequential(model.conv1, model.bn1, model.act1, model.maxpool)  # type: ignore[arg-type]
    return [stem, model.layer1, model.layer2, model.layer3, model.layer4, Averaged()]  # type: ignore[list-item]


ARCHITECTURE = transfer_architecture(
    FamilyOfBackbones(
        name="imagenet-resnet",
        summary="a ResNet trained on ImageNet: blocks that add to what they are given",
        source="He, Zhang, Ren & Sun 2016",
        members=MEMBERS,
        stages=stages,
        thaw=1,
        most_thawed=4,
        prior=0.88,
    )
)
