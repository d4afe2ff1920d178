"""How networks are trained on texts and series, and the facts of these that decide whether they suit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from archwise.records import Need, Plan, Profile, Scalar, SeriesNeed, Setting, Suits, TextNeed

READS = ("text", "series", "number", "category", "boolean", "date")  # of networks that join a table's columns to it
_SEQUENCES = {"text": ("texts", "words"), "series": ("series", "steps")}  # kind -> its rows and their steps, in words
FEW, MANY = 1_000, 5_000  # rows
_EPOCHS = (5, 40)  # fewest and most
_SEEN = 80_000  # rows in a whole training, each as often as it is seen
_BATCHES = (16, 64)  # least and greatest
_SERIES_EPOCHS, _SERIES_SEEN = (20, 120), 30_000  # the same of series, in which there is less to learn by heart
_FEWEST_STEPS = 20  # an epoch, for which the batch is made smaller


@dataclass(frozen=True)
class SequenceFacts:
    """What a table of sequences has. rows, steps: what they are called. mean: steps of a row."""

    n_rows: int
    rows: str
    steps: str
    mean: float


def sequence_facts(profile: Profile, *, kinds: tuple[str, ...] = tuple(_SEQUENCES)) -> SequenceFacts | None:
    """Tell how many sequences of some kinds there are and of what length; None where there are none."""
    column = next((column for column in profile.used if column.kind in kinds), None)
    if column is None:
        return None
    rows, steps = _SEQUENCES[column.kind]
    return SequenceFacts(profile.n_rows, rows, steps, float(column.summary.get(steps, 0.0)))


def text_space(*, unit: str = "word", embedding: int = 128) -> tuple[Setting, ...]:
    """The settings that say in which form texts are read, and how wide the vector of a word is."""
    return (
        Setting("unit", unit, "into what texts are cut", choices=("word", "subword"), searched=False),
        Setting("vocabulary", 20_000, "words that are known, at most", low=100, high=200_000, log=True, searched=False),
        Setting("longest", 0, "words of a text that are read; 0 for nearly all", low=0, high=4096, searched=False),
        Setting("embedding", embedding, "numbers in the vector of a word", low=16, high=512, log=True),
    )


def series_setting() -> Setting:
    """The setting that says on which scale series are read."""
    return Setting(
        "scale", "channel", "how series are scaled: by all of them, or each alone", choices=("channel", "row")
    )


def text_need(settings: Mapping[str, Scalar]) -> Need:
    """Ask for sequences in the form that the settings say, and for numbers on one scale.

    Of texts that are the words in their order, of series the steps, as many as each has.
    """
    size, longest = int(settings["vocabulary"]), int(settings["longest"])
    text = TextNeed("tokens", "subword" if settings["unit"] == "subword" else "word", size, longest)
    return Need("standard", text=text, series=series_form(settings))


def series_form(settings: Mapping[str, Scalar]) -> SeriesNeed:
    """Series as long as they are, on the scale that the settings say."""
    return SeriesNeed("row" if settings["scale"] == "row" else "channel")


def series_facts(profile: Profile) -> SequenceFacts | None:
    """Tell how many series there are and of what length; None where there are none."""
    return sequence_facts(profile, kinds=("series",))


def judge_sequences(
    profile: Profile, *, many: tuple[float, str], some: tuple[float, str], few: tuple[float, str]
) -> Suits:
    """Judge the data by how many sequences there are: the prior and the reason for many, for some and for few.

    Where there is none, the prior is nought.
    """
    facts = sequence_facts(profile)
    if facts is None:
        return Suits(
            0.0, f"it reads texts or series; none of the {len(profile.used)} columns of {profile.n_rows:,} rows is one"
        )
    prior, reason = few if facts.n_rows < FEW else some if facts.n_rows < MANY else many
    return Suits(prior, f"{facts.n_rows:,} {facts.rows} of {facts.mean:.0f} {facts.steps} on average: {reason}")


def sequence_plan(profile: Profile, *, rate: float) -> Plan:
    """Plan the training of a network on sequences: about 80,000 texts are seen, each 5 to 40 times; series more often.

    Args:
        profile: of the whole table.
        rate: peak learning rate.
    """
    (fewest, most), seen = (_SERIES_EPOCHS, _SERIES_SEEN) if series_facts(profile) else (_EPOCHS, _SEEN)
    batch = _BATCHES[1]
    while batch > _BATCHES[0] and batch * _FEWEST_STEPS > profile.n_rows:
        batch //= 2
    epochs = min(most, max(fewest, round(seen / max(1, profile.n_rows))))
    return Plan(epochs=epochs, batch=batch, rate=rate, patience=max(3, epochs // 3), decay=0.01, average=0.99)
