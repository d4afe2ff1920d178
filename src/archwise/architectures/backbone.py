"""What architectures share that begin from published weights, those of ImageNet above all: settings, needs, plans.

Source: Yosinski et al. 2014 and Kornblith, Shlens & Le 2019 (features that transfer); Howard & Ruder 2018 (lower rates
below); Izmailov et al. 2018 (weights averaged).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from archwise.architectures.picture_plan import picture_facts
from archwise.architectures.weights import Member, find_weights
from archwise.records import (
    Architecture,
    Family,
    Inherited,
    Need,
    Plan,
    Profile,
    Scalar,
    Setting,
    Signature,
    Suits,
)

if TYPE_CHECKING:
    from torch import nn

    from archwise.blocks.transfer import Backbone, TrunkInputs

SMALL = 64  # pixels a side, below which a picture is mostly scaling once it is as large as ImageNet's
MANY = 5_000  # pictures a class, of which a network learns as much from nothing
_BATCH, _STEPS, _EPOCHS = 32, 1_500, (3, 12)


@dataclass(frozen=True)
class FamilyOfBackbones:
    """One architecture of published networks.

    members: the first is the default. stages: cuts a network of any member, as blocks.transfer.Backbone says.
    thaw: stages that learn when it is fine-tuned. most_thawed: that may. prior: on a few hundred photos.
    """

    name: str
    summary: str
    source: str
    members: tuple[Member, ...]
    stages: Callable[[nn.Module], list[nn.Module]]
    thaw: int
    most_thawed: int
    prior: float
    family: Family = "transfer"

    def member(self, settings: Mapping[str, Scalar]) -> Member:
        """The member that settings name."""
        return next(member for member in self.members if member.name == settings["member"])


def transfer_architecture(family: FamilyOfBackbones) -> Architecture:
    """The entry of the catalogue for a family of published networks."""

    def need(settings: Mapping[str, Scalar]) -> Need:
        return Need("standard", family.member(settings).need)

    def build(signature: Signature, settings: Mapping[str, Scalar]) -> nn.Module:
        return _build(family, signature, settings)

    def suits(profile: Profile) -> Suits:
        return _suits(family, profile)

    def inherits(settings: Mapping[str, Scalar], asked: bool) -> Inherited:
        return _inherits(family, settings, asked)

    return Architecture(
        name=family.name,
        family=family.family,
        summary=family.summary,
        source=family.source,
        reads=("image",),
        gives=("vector",),
        suits=suits,
        space=_space(family),
        need=need,
        build=build,
        plan=_plan,
        variants=ways_to_enter,
        inherits=inherits,
    )


def _space(family: FamilyOfBackbones) -> tuple[Setting, ...]:
    names = tuple(member.name for member in family.members)
    return (
        Setting("member", names[0], "which of the published networks", choices=names, searched=False),
        *opening_space(thaw=family.thaw, most_thawed=family.most_thawed),
    )


def opening_space(
    *, thaw: int, most_thawed: int, rate: float = 0.1, falls: float = 0.5, dropout: float = 0.2
) -> tuple[Setting, ...]:
    """The settings that say what of an inherited network learns, and at which rates; their defaults are given."""
    of_top = "rate of the top stage, in rates of the head"
    of_each = "rate of each stage, in rates of the stage above it"
    return (
        Setting("mode", "frozen", "whether stages learn", choices=("frozen", "finetune"), searched=False),
        Setting("thaw", thaw, "stages from the top that learn in finetune", low=1, high=most_thawed, searched=False),
        Setting("upper_rate", rate, of_top, low=0.01, high=1.0, log=True, searched=False),
        Setting("falls", falls, of_each, low=0.1, high=1.0, searched=False),
        Setting("dropout", dropout, "share of the features that is dropped", low=0.0, high=0.7),
    )


def n_thawed(settings: Mapping[str, Scalar]) -> int:
    """Stages from the top that learn with these settings."""
    return int(settings["thaw"]) if settings["mode"] == "finetune" else 0


def build_transfer(inputs: TrunkInputs, backbone: Backbone, settings: Mapping[str, Scalar]) -> nn.Module:
    """Build the body over a backbone, with random weights; the settings are those of `opening_space`."""
    from archwise.blocks.transfer import Opening, TransferBody

    rates = float(settings["upper_rate"]), float(settings["falls"])
    return TransferBody(inputs, backbone, opening=Opening(n_thawed(settings), *rates, float(settings["dropout"])))


def _build(family: FamilyOfBackbones, signature: Signature, settings: Mapping[str, Scalar]) -> nn.Module:
    """Build the body, (B, H, W, C) pictures to (B, width) features, with random weights."""
    from archwise.blocks.picture import PictureInputs
    from archwise.blocks.transfer import Backbone

    member = family.member(settings)
    inputs = PictureInputs(signature, mean=member.mean, std=member.std)
    return build_transfer(inputs, Backbone(member.library, member.model, family.stages), settings)


def _inherits(family: FamilyOfBackbones, settings: Mapping[str, Scalar], asked: bool) -> Inherited:
    member = family.member(settings)
    found = find_weights(member, asked=asked)
    if found.why:
        return found
    trunk = f"{member.name}-{found.sha256[:16]}-thaw{n_thawed(settings)}-{member.need.key}"
    return replace(found, trunk=trunk, reads="image")


def _suits(family: FamilyOfBackbones, profile: Profile) -> Suits:
    """Judge the data: features of photos serve photos, and most where there are few to learn from."""
    facts = picture_facts(profile)
    summary = next((column.summary for column in profile.used if column.kind == "image"), {})
    shorter = min(int(summary.get("width", 0)), int(summary.get("height", 0)))
    each = facts.n_rows // max(1, profile.n_classes)
    colour = "colour" if facts.channels == 3 else "grey"
    told = f"{facts.n_rows:,} {colour} pictures of {shorter} pixels on the shorter side, {each:,} a class"
    if shorter < SMALL and facts.channels == 1:
        return Suits(0.03, f"{told}: small and grey, unlike the photos it learnt from")
    if shorter < SMALL:
        return Suits(0.04 if each > 500 else 0.3, f"{told}: too small to show what it learnt to see")
    if facts.channels == 1:
        return Suits(0.6 * family.prior, f"{told}: edges and textures of photos serve, their colours do not")
    if each > MANY:
        return Suits(0.6 * family.prior, f"{told}: enough to learn as much from nothing")
    return Suits(family.prior, f"{told}: few, so that what 1.3 million photos taught is worth most")


def _plan(profile: Profile) -> Plan:
    """Plan its training: short, for it begins near its end, with the mean of the weights over the last steps."""
    steps_an_epoch = max(1, profile.n_rows // _BATCH)
    epochs = min(_EPOCHS[1], max(_EPOCHS[0], round(_STEPS / steps_an_epoch)))
    return Plan(epochs=epochs, batch=_BATCH, rate=1e-3, decay=0.01, patience=epochs, average=0.95)


def ways_to_enter(profile: Profile) -> tuple[dict[str, Scalar], ...]:
    """Name the two ways to enter."""
    del profile
    return ({}, {"mode": "finetune"})
