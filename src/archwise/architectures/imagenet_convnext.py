"""ConvNeXt with weights of ImageNet: convolutions laid out as transformers are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archwise.architectures.backbone import FamilyOfBackbones, transfer_architecture
from archwise.architectures.weights import Member

if TYPE_CHECKING:
    from torch import nn

MEMBERS = (
    Member("convnext_atto", "convnext_atto", "timm/convnext_atto.d2_in1k", "Apache-2.0", 14.8),
    Member("convnext_tiny", "convnext_tiny", "timm/convnext_tiny.fb_in1k", "Apache-2.0", 114.4),
)


def stages(model: nn.Module) -> list[nn.Module]:
    """The stem, four groups of blocks, and the mean over all places with its normalisation."""
    from torch import nn

    head = model.head
    return [model.stem, *model.stages, nn.Sequential(head.global_pool, head.norm, head.flatten)]  # type: ignore[misc,union-attr,list-item,arg-type]


ARCHITECTURE = transfer_architecture(
    FamilyOfBackbones(
        name="imagenet-convnext",
        summary="ConvNeXt trained on ImageNet: convolutions laid out as transformers are",
        source="Liu, Mao, Wu, Feichtenhofer, Darrell & Xie 2022",
        members=MEMBERS,
        stages=stages,
        thaw=1,
        most_thawed=4,
        prior=0.87,
    )
)
