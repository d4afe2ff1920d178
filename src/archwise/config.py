"""The configuration of a run: every choice a user may make, checked at the door, written so that it runs again."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from archwise.errors import UsageError, nearest
from archwise.records import Json, Scalar

SHORTEST_BUDGET_S = 10.0
OPTIMIZERS = ("sgd", "nesterov", "rmsprop", "adam", "adamw")  # what training/optimizer.py makes, named without torch
AUGMENTATIONS = ("flip", "shift", "rotate", "colour", "cutout", "mixup")  # what training/augment.py makes, likewise
PRECISIONS = ("full", "mixed")
DEVICES = ("auto", "cpu", "cuda", "mps")
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
_LATENCY_UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3}
_SIZE_UNITS = {"kB": 1e-3, "KB": 1e-3, "MB": 1.0, "GB": 1e3}
_POSITIVE = r"(?=[\d.]*[1-9])\d+(?:\.\d+)?"


@dataclass(frozen=True)
class Budget:
    """What a race may spend: wall seconds of the whole fit, or training steps over all candidates; one is None."""

    seconds: float | None = None
    steps: int | None = None


class Config(BaseModel):
    """Everything a user may fix about a run; what is not fixed is found from the data.

    names: column names for a source without a header line. kinds: column -> kind. only, add,
    skip: architectures. test, valid: shares of the rows, or the paths of files that hold those parts.
    settings: "mlp.activation" -> value. workers: processes, 0 for one a core.
    order: classes from the lowest to the highest, of an ordered target.
    horizon: steps to forecast, 0 for no forecast; target may then be several columns. series: column that tells series
    apart. known: columns that are known ahead. gaps: "error" (as "") or "fill". zone: of the clock.
    valid_from, test_from, until: stamps from which rows decide, are sealed, and are left out.
    threshold: what the positive of two classes is answered for. require: score that the sealed rows must reach.
    latency, size: what a model may take, in ONNX Runtime and on disk.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str = ""
    target: str = ""
    names: tuple[str, ...] = ()
    task: str = ""
    kinds: dict[str, str] = Field(default_factory=dict)
    drop: tuple[str, ...] = ()
    group: str = ""
    time: str = ""
    test: float | str = 0.2
    valid: float | str = 0.2
    only: tuple[str, ...] = ()
    add: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    settings: dict[str, Scalar] = Field(default_factory=dict)
    optimizer: str = ""
    loss: str = ""
    order: tuple[str, ...] = ()
    metric: str = ""
    threshold: str = ""
    require: float | None = Field(default=None, allow_inf_nan=False)
    latency: str = ""
    size: str = ""
    budget: str = "2m"
    workers: int = Field(default=0, ge=0)
    device: str = "auto"
    seed: int = Field(default=0, ge=0)
    out: str = ""
    horizon: int = Field(default=0, ge=0)
    series: str = ""
    known: tuple[str, ...] = ()
    gaps: Literal["", "error", "fill"] = ""
    zone: str = ""
    valid_from: str = ""
    test_from: str = ""
    until: str = ""

    @field_validator("test", "valid", mode="before")
    @classmethod
    def _part_reads(cls, part: object) -> object:
        try:
            share = float(part) if isinstance(part, str | int | float) and part != "" else 0.0
        except ValueError:
            return part
        if not 0.0 < share < 0.9:
            raise ValueError("give a share of the rows between 0 and 0.9, such as 0.2, or a file of its own")
        return share

    @field_validator("budget")
    @classmethod
    def _budget_reads(cls, text: str) -> str:
        parse_budget(text)
        return text

    @field_validator("threshold")
    @classmethod
    def _threshold_reads(cls, text: str) -> str:
        if text and not re.fullmatch(rf"f1|balanced_accuracy|cost:{_POSITIVE}:{_POSITIVE}", text):
            raise ValueError(
                f"'{text}' is no rule for a threshold; write f1, balanced_accuracy, or cost:5:1 where a positive that "
                "is missed costs 5 and a false alarm 1"
            )
        return text

    @field_validator("latency")
    @classmethod
    def _latency_reads(cls, text: str) -> str:
        parse_measure(text, _LATENCY_UNITS, "2ms")
        return text

    @field_validator("size")
    @classmethod
    def _size_reads(cls, text: str) -> str:
        parse_measure(text, _SIZE_UNITS, "5MB")
        return text

    @field_validator("device")
    @classmethod
    def _device_exists(cls, name: str) -> str:
        if name not in DEVICES:
            raise ValueError(f"there is no device '{name}'.{nearest(name, DEVICES)}")
        return name

    @property
    def shares(self) -> tuple[float, float]:
        """The shares of the rows that decide and that are sealed; 0 for a part that is a file of its own."""
        valid, test = (share if isinstance(share, float) else 0.0 for share in (self.valid, self.test))
        return valid, test

    @property
    def limit(self) -> Budget:
        """The budget as figures."""
        return parse_budget(self.budget)

    @property
    def most_latency_ms(self) -> float | None:
        """The longest that one row may take, ms, or None for no limit."""
        return parse_measure(self.latency, _LATENCY_UNITS, "2ms")

    @property
    def most_size_mb(self) -> float | None:
        """The largest that the written model may be, MB, or None for no limit."""
        return parse_measure(self.size, _SIZE_UNITS, "5MB")


def parse_augmentations(text: str) -> tuple[str, ...]:
    """The changes of pictures that a text such as "flip+shift" names, in the order in which they are made.

    Raises:
        UsageError: one does not exist, or is named twice.
    """
    names = [] if text == "none" else text.split("+")
    for name in names:
        if name not in AUGMENTATIONS:
            raise UsageError(f"there is no augmentation '{name}'.{nearest(name, AUGMENTATIONS)}")
    if len(set(names)) < len(names):
        raise UsageError(f"the augmentation '{text}' names one twice; write each once, as in flip+shift, or none")
    return tuple(name for name in AUGMENTATIONS if name in names)


def write_augmentations(names: Iterable[str]) -> str:
    """The text from which `parse_augmentations` reads the names, the same for every order of them."""
    return "+".join(name for name in AUGMENTATIONS if name in set(names)) or "none"


def parse_measure(text: str, units: Mapping[str, float], example: str) -> float | None:
    """Read a figure with its unit; None for an empty text.

    Raises:
        ValueError: it is not one figure greater than 0 with one of the units.
    """
    if not text:
        return None
    match = re.fullmatch(rf"\s*({_POSITIVE})\s*({'|'.join(units)})\s*", text)
    if match is None:
        raise ValueError(f"'{text}' cannot be read; write a figure in {', '.join(units)}, as in {example}")
    return float(match[1]) * units[match[2]]


def parse_budget(text: str) -> Budget:
    """Read a budget such as "90s", "2m", "1.5h" or "2000steps".

    Raises:
        ValueError: it is none of these, or too short to train anything.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(s|m|h|steps)\s*", text)
    if match is None:
        raise ValueError(
            f"'{text}' is not a budget; write seconds, minutes, hours or steps, as in 90s, 2m, 1h, 2000steps"
        )
    value, unit = float(match[1]), match[2]
    if unit == "steps":
        if value < 1 or value != int(value):
            raise ValueError(f"'{text}': steps are counted in whole numbers from 1")
        return Budget(steps=int(value))
    seconds = value * _UNITS[unit]
    if seconds < SHORTEST_BUDGET_S:
        raise ValueError(f"'{text}' is too short to race anything; give at least {SHORTEST_BUDGET_S:.0f}s")
    return Budget(seconds=seconds)


def make_config(values: Mapping[str, Json]) -> Config:
    """Check values and make the configuration.

    Raises:
        UsageError: an unknown name (the nearest is suggested) or a value that cannot be.
    """
    try:
        return Config(**values)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            raise UsageError(f"there is no option '{name}'.{nearest(name, Config.model_fields)}") from None
        message = str(first["msg"]).removeprefix("Value error, ")
        raise UsageError(f"option '{name}': {message} (found: {first['input']!r})") from None


def read_config(path: str | Path) -> dict[str, Json]:
    """The values of a configuration file (TOML), unchecked.

    Raises:
        UsageError: the file is missing or is not TOML; the line is named.
    """
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: the configuration cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not a TOML file: {error}") from None


def write_config(config: Config, path: Path) -> None:
    """Write the configuration as TOML that `read_config` reads."""
    path.write_text(tomli_w.dumps(config.model_dump(exclude_none=True)), encoding="utf-8")
