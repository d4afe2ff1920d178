"""Inception v3 with weights of ImageNet: branches of several filter sizes side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archwise.architectures.backbone import FamilyOfBackbones, transfer_architecture
from archwise.architectures.weights import Member

if TYPE_CHECKING:
    from torch import nn

_HALF = (0.5, 0.5, 0.5)
MEMBERS = (
    Member(
        "inception_v3",
        "inception_v3",
        "timm/inception_v3.tv_in1k",
        "Apache-2.0",
        109.0,
        size=299,
        mean=_HALF,
        std=_HALF,
    ),
)


def stages(model: nn.Module) -> list[nn.Module]:
    """The stem up to its second pooling, then each block of branches, and the mean over all places."""
    from torch import nn

    from archwise.blocks.transfer import Averaged

    layers = dict(model.named_children())
    names = list(layers)
    stem = names[: names.index("Pool2") + 1]
    mixed = [name for name in names if name.startswith("Mixed_")]
    return [nn.Sequential(*(layers[name] for name in stem)), *(layers[name] for name in mixed), Averaged()]


ARCHITECTURE = transfer_architecture(
    FamilyOfBackbones(
        name="imagenet-inception",
        summary="Inception v3 trained on ImageNet: branches of several filter sizes side by side",
        source="Szegedy, Vanhoucke, Ioffe, Shlens & Wojna 2016",
        members=MEMBERS,
        stages=stages,
        thaw=3,
        most_thawed=11,
        prior=0.7,
    )
)
