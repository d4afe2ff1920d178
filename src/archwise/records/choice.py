"""Records of the choice: who races, what each reached, how they compare, and the verdict."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace

from archwise.records.learning import Plan
from archwise.records.types import Array, Family, Json, Scalar, TrialState


@dataclass(frozen=True)
class Shortlisted:
    """One line of the shortlist: the architecture's name, its family, its prior and why."""

    architecture: str
    family: Family
    prior: float
    because: str


@dataclass(frozen=True)
class Candidate:
    """One entrant of the race: an architecture with all its settings and a plan. Hashable, JSON, with a stable id.

    seeds: of how many trained networks it is the mean, their plans' seeds counted up from the plan's own.
    """

    architecture: str
    settings: tuple[tuple[str, Scalar], ...]
    plan: Plan
    label: str = ""
    seeds: int = 1

    @property
    def id(self) -> str:
        """A stable name for files: the architecture and ten digits of the content's hash."""
        parts = [self.architecture, sorted(self.settings), asdict(self.plan)]
        content = json.dumps(parts if self.seeds == 1 else [*parts, self.seeds], sort_keys=True)
        return f"{self.architecture}-{hashlib.sha256(content.encode()).hexdigest()[:10]}"

    @property
    def members(self) -> tuple[Candidate, ...]:
        """The candidates of which it is the mean, one a seed; of a single network, itself."""
        if self.seeds == 1:
            return (self,)
        plans = [replace(self.plan, seed=self.plan.seed + place) for place in range(self.seeds)]
        return tuple(replace(self, plan=plan, seeds=1) for plan in plans)

    def to_json(self) -> dict[str, Json]:
        """A JSON object from which `from_json` makes the same candidate."""
        return {
            "architecture": self.architecture,
            "settings": dict(self.settings),
            "plan": asdict(self.plan),
            "label": self.label,
            "seeds": self.seeds,
        }

    def changes(self, defaults: Mapping[str, Scalar]) -> str:
        """What differs from the defaults, and a named loss, in words such as "dropout=0.4 layers=2 augment=flip".

        Args:
            defaults: of the settings, and of `augment` where that is not "none".
        """
        changed = [(name, value) for name, value in self.settings if defaults.get(name) != value]
        changed += [("loss", self.plan.loss)] if self.plan.loss else []
        if self.plan.augment != defaults.get("augment", "none"):
            changed.append(("augment", self.plan.augment))
        return " ".join(
            f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}" for name, value in changed
        )

    @staticmethod
    def from_json(data: Mapping[str, Json]) -> Candidate:
        """The candidate that `to_json` wrote."""
        return Candidate(
            data["architecture"],
            tuple(sorted(data["settings"].items())),
            Plan(**data["plan"]),
            data["label"],
            data.get("seeds", 1),
        )


@dataclass(frozen=True)
class CurvePoint:
    """One look at the validation rows: when, the mean training loss since the look before, and the score."""

    step: int
    epoch: float
    loss: float
    score: float


@dataclass(frozen=True)
class Trial:
    """What a candidate reached at a rung.

    state: "done" (nothing more to train), "paused" (may go on from its checkpoint) or "failed" (`why` says).
    score: main metric on the validation rows at the best point; low, high: its 95 % interval.
    outputs: (N_valid, K) there, or (N_valid, T, K) of every step; None when failed.
    steps, seconds: spent in all, over every rung. latency_ms: median time of one row in ONNX Runtime or the framework.
    """

    candidate: Candidate
    rung: int
    state: TrialState
    why: str = ""
    score: float = float("nan")
    steps: int = 0
    seconds: float = 0.0
    n_parameters: int = 0
    latency_ms: float = float("nan")
    low: float = float("nan")
    high: float = float("nan")
    curve: tuple[CurvePoint, ...] = ()
    outputs: Array | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class Comparison:
    """Paired difference of two candidates on the same rows, in the main metric, positive where `left` is better.

    low, high: simultaneous interval over all comparisons of the race. n_rows: rows (or groups) that were resampled.
    """

    left: str
    right: str
    difference: float
    low: float
    high: float
    n_rows: int

    @property
    def tied(self) -> bool:
        """Whether the two cannot be told apart."""
        return self.low <= 0.0 <= self.high


@dataclass(frozen=True)
class Verdict:
    """The choice and its evidence. Ids are candidates' ids; `chosen` is the architecture's name.

    tied: ids of all that cannot be told from the best. near: of these, who is at most one standard error behind it.
    comparisons: the best against each of the others. reasons: sentences with numbers. next_steps: what would change it.
    """

    chosen: str
    candidate: Candidate
    best: str
    tied: tuple[str, ...]
    near: tuple[str, ...]
    comparisons: tuple[Comparison, ...]
    reasons: tuple[str, ...]
    next_steps: tuple[str, ...]
    metric: str
    score: float
    low: float
    high: float


def settings_of(pairs: Iterable[tuple[str, Scalar]]) -> tuple[tuple[str, Scalar], ...]:
    """Settings in their canonical order, so that equal settings are equal tuples."""
    return tuple(sorted(pairs))
