"""How networks are trained on pictures, and the facts of pictures that decide whether they suit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from archwise.records import ImageNeed, Need, Plan, Profile, Scalar, Setting, Suits

READS = ("image", "number", "category", "boolean", "date")  # of networks that join a table's columns to a picture
SIZE = 32  # pixels a side, by default
LARGEST_SIZE = 96  # pixels a side for networks that are trained from scratch
SMALL = 40  # pixels a side, up to which a picture is read as it is
FEW = 200  # pictures a class
_BATCH = 128
_EPOCHS = (8, 60)  # fewest and most
_SEEN = 400_000  # pictures in a whole training, each as often as it is seen
_FEWEST_STEPS = 8  # an epoch, for which the batch is made smaller


def picture_space(*, largest: int) -> tuple[Setting, Setting]:
    """The settings that say in which form pictures are read; `picture_settings` fits them to the data."""
    return (
        Setting("size", SIZE, "pixels a side in which pictures are read", low=8, high=largest, searched=False),
        Setting("channels", 3, "3 for colour, 1 for grey", choices=(1, 3), searched=False),
    )


@dataclass(frozen=True)
class PictureFacts:
    """What a table of pictures has.

    n_rows: pictures. size: pixels a side in which all can be read. channels: 3 where there is colour, else 1.
    """

    n_rows: int
    size: int
    channels: int


def picture_facts(profile: Profile) -> PictureFacts:
    """Tell the size in which pictures are read, never above LARGEST_SIZE, and whether they have colour."""
    summary = next((column.summary for column in profile.used if column.kind == "image"), {})
    shorter = min(int(summary.get("width", 32)), int(summary.get("height", 32)))
    size = shorter if shorter <= SMALL else min(LARGEST_SIZE, 16 * (shorter // 16))
    return PictureFacts(profile.n_rows, max(8, size), 3 if float(summary.get("colour", 1.0)) > 0.0 else 1)


def picture_settings(profile: Profile, *, largest: int = LARGEST_SIZE) -> dict[str, Scalar]:
    """The settings `size` and `channels` that fit the pictures, where they are not those of every network.

    Args:
        largest: pixels a side.
    """
    facts = picture_facts(profile)
    return changed({"size": min(largest, facts.size), "channels": facts.channels}, {"size": SIZE, "channels": 3})


def changed(settings: Mapping[str, Scalar], defaults: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """The settings whose values are not the defaults."""
    return {name: value for name, value in settings.items() if value != defaults[name]}


def picture_need(settings: Mapping[str, Scalar]) -> Need:
    """Ask for whole pictures of the settings' `size` and `channels`, and for numbers on one scale."""
    return Need("standard", ImageNeed(int(settings["size"]), 3 if settings["channels"] == 3 else 1))


def judge_pictures(profile: Profile, *, many: tuple[float, str], few: tuple[float, str]) -> Suits:
    """Judge the data by how many pictures there are: the prior and the reason for many of them, and for few.

    Where there is none, the prior is nought.
    """
    if all(column.kind != "image" for column in profile.used):
        return Suits(
            0.0, f"it reads pictures; none of the {len(profile.used)} columns of {profile.n_rows:,} rows is one"
        )
    facts = picture_facts(profile)
    each = facts.n_rows // max(1, profile.n_classes)
    share = f", {each:,} a class" if profile.n_classes else ""
    shown = "in colour" if facts.channels == 3 else "in grey"
    told = f"{facts.n_rows:,} pictures {shown}, read in {facts.size} x {facts.size} pixels{share}"
    prior, reason = few if each < FEW else many
    return Suits(prior, f"{told}: {reason}")


def ways_to_augment(profile: Profile) -> tuple[str, str]:
    """How pictures are changed in training: as a rule, and another way that is worth a race.

    Small grey pictures may be digits or letters, which a mirror makes into others: they are moved and turned alone.
    """
    facts = picture_facts(profile)
    if facts.channels == 1:
        return ("shift", "shift+rotate") if facts.size <= SMALL else ("shift+rotate", "flip+shift+rotate")
    return "flip+shift", "flip+shift+cutout" if facts.size <= SMALL else "flip+shift+rotate+colour"


def picture_plan(profile: Profile, *, rate: float, augment: str = "") -> Plan:
    """Plan the training of a network on pictures: about 400,000 are seen, each 8 to 60 times.

    Args:
        profile: of the whole table.
        rate: peak learning rate.
        augment: how the pictures are changed, "" for the way that suits them.
    """
    batch = _BATCH
    while batch > 16 and batch * _FEWEST_STEPS > profile.n_rows:
        batch //= 2
    epochs = min(_EPOCHS[1], max(_EPOCHS[0], round(_SEEN / max(1, profile.n_rows))))
    return Plan(
        epochs=epochs,
        batch=batch,
        rate=rate,
        schedule="one_cycle",
        patience=epochs,
        decay=0.05,
        smoothing=0.1 if profile.n_classes > 2 else 0.0,
        augment=augment or ways_to_augment(profile)[0],
        precision="mixed",
    )
