"""A vision transformer with weights of ImageNet: patches that attend to each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archwise.architectures.backbone import FamilyOfBackbones, transfer_architecture
from archwise.architectures.weights import Member

if TYPE_CHECKING:
    from torch import nn

_HALF = (0.5, 0.5, 0.5)
MEMBERS = tuple(
    Member(name, name, f"timm/{name}.augreg_in21k_ft_in1k", "Apache-2.0", size_mb, share=0.9, mean=_HALF, std=_HALF)
    for name, size_mb in {"vit_tiny_patch16_224": 22.9, "vit_small_patch16_224": 88.2}.items()
)
_GROUPS = 6


def stages(model: nn.Module) -> list[nn.Module]:
    """Patches to tokens, six groups of blocks, and the first token after the last normalisation."""
    from torch import nn

    from archwise.blocks.patches import FirstToken, Patches

    blocks = list(model.blocks)  # type: ignore[arg-type]
    each = len(blocks) // _GROUPS
    groups = [nn.Sequential(*blocks[start : start + each]) for start in range(0, len(blocks), each)]
    return [Patches(model), *groups, FirstToken(model.norm)]  # type: ignore[arg-type]


ARCHITECTURE = transfer_architecture(
    FamilyOfBackbones(
        name="imagenet-vit",
        summary="a vision transformer trained on ImageNet: patches that attend to each other",
        source="Dosovitskiy et al. 2021; Steiner et al. 2022 for the weights",
        members=MEMBERS,
        stages=stages,
        thaw=1,
        most_thawed=6,
        prior=0.8,
        family="attention",
    )
)
