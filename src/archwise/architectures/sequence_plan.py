"""How networks are trained on texts and series, and the facts of these that decide whether they suit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from archwise.architectures.recurrent_window import RATE, suits_window
from archwise.architectures.window_plan import window_plan
from archwise.records import Need, Plan, Profile, Scalar, SeriesNeed, Setting, Suits, TextNeed

READS = ("text", "series", "timeline", "number", "category", "boolean", "date")  # a table's columns beside sequences
WORDS = ("text", "words")  # kinds of columns whose steps are words
TEXTS = tuple(kind for kind in READS if kind not in ("series", "timeline"))  # of what looks for words
_SEQUENCES = {
    "text": ("texts", "words"),
    "words": ("sentences", "words"),
    "series": ("series", "steps"),
}  # kind -> its rows and their steps, in words
FEW, MANY = 1_000, 5_000  # rows
_EPOCHS = (4, 30)  # fewest and most
_SEEN = 40_000  # rows in a whole training, each as often as it is seen
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
    found = [column for column in profile.used if column.kind in kinds]
    if not found:
        return None
    rows, steps = _SEQUENCES[found[0].kind]
    read = [column for column in found if column.kind == "text"] or found[:1]  # texts of a row follow each other
    return SequenceFacts(profile.n_rows, rows, steps, sum(float(column.summary.get(steps, 0.0)) for column in read))


def text_space(*, unit: str = "word", embedding: int = 128) -> tuple[Setting, ...]:
    """The settings that say in which form texts are read, and how wide the vector of a word is."""
    return (
        Setting("unit", unit, "into what texts are cut", choices=("word", "subword"), searched=False),
        Setting("vocabulary", 20_000, "words that are known, at most", low=100, high=200_000, log=True, searched=False),
        Setting("longest", 0, "words of a text that are read; 0 for nearly all", low=0, high=4096, searched=False),
        Setting("vectors", "", 'file of word vectors to begin from (GloVe, .vec); "" for none', searched=False),
        Setting("embedding", embedding, "numbers in the vector of a word", low=16, high=512, log=True, of=WORDS),
    )


def series_setting() -> Setting:
    """The setting that says on which scale series are read."""
    return Setting(
        "scale",
        "channel",
        "how series are scaled: by all of them, or each alone",
        choices=("channel", "row"),
        of=("series",),
    )


def sequence_need(settings: Mapping[str, Scalar]) -> Need:
    """Ask for sequences in the form that the settings say, and for numbers on one scale.

    Of texts the words in their order, of series the steps, as many as each has, of a forecast those of the past.
    """
    if settings.get("past"):
        return Need("raw", past=int(settings["past"]))
    size, longest, vectors = int(settings["vocabulary"]), int(settings["longest"]), str(settings["vectors"])
    unit: Literal["word", "subword"] = "subword" if settings["unit"] == "subword" else "word"
    text = TextNeed("tokens", unit, size, longest, vectors)
    return Need("standard", text=text, series=series_form(settings))


def series_form(settings: Mapping[str, Scalar]) -> SeriesNeed:
    """Series as long as they are, on the scale that the settings say."""
    return SeriesNeed("row" if settings.get("scale") == "row" else "channel")


def series_facts(profile: Profile) -> SequenceFacts | None:
    """Tell how many series there are and of what length; None where there are none."""
    return sequence_facts(profile, kinds=("series",))


def judge_sequences(
    profile: Profile, *, many: tuple[float, str], some: tuple[float, str], few: tuple[float, str]
) -> Suits:
    """Judge the data by how many sequences there are: the prior and the reason for many, for some and for few.

    Where there is none, the prior is nought.
    """
    if profile.forecast is not None:
        return suits_window(profile)
    facts = sequence_facts(profile)
    if facts is None:
        return Suits(
            0.0, f"it reads texts or series; none of the {len(profile.used)} columns of {profile.n_rows:,} rows is one"
        )
    prior, reason = few if facts.n_rows < FEW else some if facts.n_rows < MANY else many
    return Suits(prior, f"{facts.n_rows:,} {facts.rows} of {facts.mean:.0f} {facts.steps} on average: {reason}")


def sequence_plan(profile: Profile, *, rate: float) -> Plan:
    """Plan the training of a network on sequences: about 40,000 texts are seen, each 4 to 30 times; series more often.

    Args:
        profile: of the whole table.
        rate: peak learning rate.
    """
    if profile.forecast is not None:
        return window_plan(profile, rate=RATE, average=0.99)
    (fewest, most), seen = (_SERIES_EPOCHS, _SERIES_SEEN) if series_facts(profile) else (_EPOCHS, _SEEN)
    batch = _BATCHES[1]
    while batch > _BATCHES[0] and batch * _FEWEST_STEPS > profile.n_rows:
        batch //= 2
    epochs = min(most, max(fewest, round(seen / max(1, profile.n_rows))))
    return Plan(epochs=epochs, batch=batch, rate=rate, patience=max(3, epochs // 3), decay=0.01, average=0.99)
