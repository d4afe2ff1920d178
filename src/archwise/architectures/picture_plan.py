"""How networks are trained on pictures, and the facts of pictures that decide whether they suit."""

from __future__ import annotations

from dataclasses import dataclass

from archwise.records import Plan, Profile, Scalar

LARGEST_SIZE = 96  # pixels a side for networks that are trained from scratch
_BATCH = 64
_EPOCHS = (10, 80)  # fewest and most
_STEPS = 8_000


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
    size = shorter if shorter <= 40 else min(LARGEST_SIZE, 16 * (shorter // 16))
    return PictureFacts(profile.n_rows, max(8, size), 3 if float(summary.get("colour", 1.0)) > 0.0 else 1)


def picture_settings(profile: Profile) -> dict[str, Scalar]:
    """The settings `size` and `channels` that fit the pictures."""
    facts = picture_facts(profile)
    return {"size": facts.size, "channels": facts.channels}


def picture_plan(profile: Profile, *, rate: float) -> Plan:
    """Plan the training of a network on pictures: about 8,000 steps of 64 pictures, 10 to 80 epochs of them."""
    steps_an_epoch = max(1, profile.n_rows // _BATCH)
    epochs = min(_EPOCHS[1], max(_EPOCHS[0], round(_STEPS / steps_an_epoch)))
    return Plan(epochs=epochs, batch=_BATCH, rate=rate, patience=max(4, epochs // 4), decay=0.05)
