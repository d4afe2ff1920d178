"""Records of what networks read: what an architecture asks of its input, and all it may know of the data."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from archwise.records.types import Form, Json


@dataclass(frozen=True)
class ImageNeed:
    """The form in which an architecture asks for pictures, (size, size, channels) uint8.

    channels: 3 for colour, 1 for grey. fit: "crop" scales the shorter side to size / share and cuts the middle out;
    "stretch" scales both sides to size. resample: "bilinear" or "bicubic", as Pillow scales.
    """

    size: int
    channels: Literal[1, 3] = 3
    fit: Literal["crop", "stretch"] = "stretch"
    share: float = 1.0
    resample: Literal["bilinear", "bicubic"] = "bilinear"

    @property
    def key(self) -> str:
        """A name for files and caches."""
        return f"{self.size}x{self.channels}-{self.fit}-{self.share:g}-{self.resample}"


@dataclass(frozen=True)
class TextNeed:
    """The form in which an architecture asks for texts.

    form: "tokens" are the words of a text in their order, as whole numbers; "terms" are the words or letters that it
    holds, each with a weight. unit: of what tokens and terms are made. size: of the vocabulary, at most.
    longest: tokens or terms of a text that are kept; 0 for as many as nearly all training texts have.
    vectors: the file of word vectors that a network begins from, "" for none.
    encoder: the published encoder whose own tokenizer makes the tokens, "" for one that is learnt from training texts.
    """

    form: Literal["tokens", "terms"] = "tokens"
    unit: Literal["word", "subword", "letter"] = "word"
    size: int = 20_000
    longest: int = 0
    vectors: str = ""
    encoder: str = ""

    @property
    def key(self) -> str:
        """A name for files and caches."""
        given = [("", self.vectors), ("of-", self.encoder)]
        told = "".join(f"-{of}{hashlib.sha256(name.encode()).hexdigest()[:10]}" for of, name in given if name)
        return f"{self.form}-{self.unit}-{self.size}-{self.longest}{told}"


@dataclass(frozen=True)
class SeriesNeed:
    """The form in which an architecture asks for whole series, (steps, channels) float32.

    scale: "channel" puts each channel on one scale by all training series, so that levels can be told apart; "row" each
    channel of each series on its own, so that only its shape is seen.
    length: "own" leaves each series as long as it is, with NaN behind its end; "same" stretches all to as many steps.
    longest: steps that are kept, or stretched to; 0 for as many as nearly all training series have.
    """

    scale: Literal["channel", "row"] = "channel"
    length: Literal["own", "same"] = "own"
    longest: int = 0

    @property
    def key(self) -> str:
        """A name for files and caches."""
        return f"{self.scale}-{self.length}-{self.longest}"


@dataclass(frozen=True)
class Need:
    """What an architecture asks of its input; it flows into the fitting of the preparation.

    numbers: "raw" float32 with NaN for missing; "standard" zero mean and unit variance, missing → 0 with a flag column;
    "quantile" mapped to a normal distribution by the training quantiles, missing → 0 with a flag column;
    "robust" distance from the median in quartile ranges, smoothly clipped to ±3, missing → 0 with a flag column.
    image, text, series: the form of images, of texts and of whole series; None where they are not read.
    past: steps of a series before the first that is forecast; 0 where nothing is forecast.
    """

    numbers: Literal["raw", "standard", "quantile", "robust"] = "standard"
    image: ImageNeed | None = None
    text: TextNeed | None = None
    series: SeriesNeed | None = None
    past: int = 0

    @property
    def key(self) -> str:
        """A name for files and caches."""
        asked = {"image": self.image, "text": self.text, "series": self.series}
        forms = "".join(f"-{name}-{form.key}" for name, form in asked.items() if form)
        return f"numbers-{self.numbers}{forms}" + (f"-past-{self.past}" if self.past else "")

    @staticmethod
    def from_json(data: Mapping[str, Json]) -> Need:
        """The need that `dataclasses.asdict` made a JSON object of."""
        forms = {"image": ImageNeed, "text": TextNeed, "series": SeriesNeed}
        asked = {name: form(**data[name]) for name, form in forms.items() if data.get(name)}
        return Need(data["numbers"], **asked, past=data.get("past", 0))


STEPS = "steps"  # vectors of the steps of a sequence as the trunk of a network gave them, beside that sequence
PADDED = ("tokens", "forms", "series", STEPS)  # inputs whose rows are sequences, (T,) or (T, C), padded at their end


@dataclass(frozen=True)
class InputSpec:
    """One named input: (B, width) of dtype, or (B, *shape) where its rows have a shape.

    levels: for codes, tokens, forms and terms, how many values each column may take; else empty.
    """

    name: str
    dtype: Literal["float32", "int64", "uint8"]
    width: int
    levels: tuple[int, ...] = ()
    shape: tuple[int, ...] = ()

    @property
    def row(self) -> tuple[int, ...]:
        """The shape of one row."""
        return self.shape or (self.width,)

    @property
    def is_padded(self) -> bool:
        """Whether its rows are sequences of up to `shape[0]` steps: behind their end NaN of floats, 0 of others."""
        return self.name in PADDED

    @staticmethod
    def from_json(data: Mapping[str, Json]) -> InputSpec:
        """The input that `dataclasses.asdict` made a JSON object of."""
        return InputSpec(**{**data, "levels": tuple(data["levels"]), "shape": tuple(data.get("shape", ()))})


@dataclass(frozen=True)
class Signature:
    """All that a body may know of the data: its named inputs (in the order a network takes them) and its outputs.

    n_outputs: K, that a reference gives; a network gives two more where it learns intervals.
    zero: what the target's nought is among encoded targets, where it is a count or an amount.
    form: of the features that the head takes, which a body that can give several is asked for.
    horizon: H, steps that are forecast; the outputs are those of the first target, then of the next. 0 for other tasks.
    """

    inputs: tuple[InputSpec, ...]
    n_outputs: int
    zero: float = 0.0
    form: Form = "vector"
    horizon: int = 0

    @property
    def n_targets(self) -> int:
        """M, how many columns are forecast; 0 for other tasks."""
        return self.n_outputs // self.horizon if self.horizon else 0

    def input(self, name: str) -> InputSpec | None:
        """The input of that name, or None where the data have no such input."""
        return next((spec for spec in self.inputs if spec.name == name), None)
