"""The vocabulary: every frozen record and Protocol that the rooms of archwise pass to each other.

Standard library and NumPy only, so that any room may import it at no cost.
Letters: B batch, N rows, T time or tokens, C channels, H W pixels, D features, K classes or outputs, R resamples.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

if TYPE_CHECKING:
    import polars as pl
    import torch

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]
Batch: TypeAlias = dict[str, Array]  # named inputs of a network, first axis is the row
Scalar: TypeAlias = bool | int | float | str
Json: TypeAlias = Any  # whatever json.dumps writes and json.loads gives back

Family = Literal["reference", "ann", "cnn", "transfer", "sequence", "attention"]
Form = Literal["vector", "sequence", "pyramid"]
Severity = Literal["note", "warning", "error"]
TrialState = Literal["done", "paused", "failed"]


# ---------------------------------------------------------------- data


@dataclass(frozen=True)
class Guess:
    """What kind a column is taken for: confidence from 0 (not at all) to 1 (certain), and the reason."""

    kind: str
    confidence: float
    because: str


@dataclass(frozen=True)
class Finding:
    """Something `look` found that the user should know, with its evidence and the mend in the message.

    code: short stable name (missing, duplicate-rows, identifier, constant, text, leak, imbalance, bad-cells,
    all-missing, sentinel, header, encoding, decimal-comma, ragged).
    """

    code: str
    severity: Severity
    message: str
    column: str | None = None
    n_rows: int = 0


@dataclass(frozen=True)
class ColumnProfile:
    """One column as `look` saw it. `use` is false when it is set aside; `because` always says why.

    summary: kind-dependent figures for people, such as {"min": 17, "max": 90, "mean": 38.6}.
    """

    name: str
    kind: str
    because: str
    use: bool
    n_missing: int
    n_distinct: int
    summary: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True)
class Profile:
    """What the data are: kinds, sizes, what is wrong with them, and the task they pose.

    n_classes is 0 for regression. class_counts are in the order of `classes`, largest-count first is not assumed.
    """

    source: str
    n_rows: int
    columns: tuple[ColumnProfile, ...]
    target: str
    task: str
    task_because: str
    classes: tuple[str, ...] = ()
    class_counts: tuple[int, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def n_classes(self) -> int:
        """Number of classes of the target; 0 for a number."""
        return len(self.classes)

    @property
    def used(self) -> tuple[ColumnProfile, ...]:
        """The columns that a model may read."""
        return tuple(column for column in self.columns if column.use)


@dataclass(frozen=True)
class Split:
    """Which rows train, which decide, and which are sealed.

    train, valid, test: sorted int64 row numbers of the table, disjoint.
    groups: (N,) int64 group of each row of the table, or None where rows are independent.
    how: the rule in words. test_sha256: fingerprint of the sealed rows.
    """

    train: Array
    valid: Array
    test: Array
    how: str
    test_sha256: str
    groups: Array | None = None


@dataclass(frozen=True)
class Need:
    """What an architecture asks of its input; it flows into the fitting of the preparation.

    numbers: "raw" float32 with NaN for missing; "standard" zero mean and unit variance, missing → 0 with a flag column;
    "quantile" mapped to a normal distribution by the training quantiles, missing → 0 with a flag column.
    """

    numbers: Literal["raw", "standard", "quantile"] = "standard"

    @property
    def key(self) -> str:
        """A name for files and caches."""
        return f"numbers-{self.numbers}"


@dataclass(frozen=True)
class InputSpec:
    """One named input: (B, width) of dtype. levels: for codes, how many values each column may take; else empty."""

    name: str
    dtype: Literal["float32", "int64"]
    width: int
    levels: tuple[int, ...] = ()


@dataclass(frozen=True)
class Signature:
    """All that a body may know of the data: its named inputs (in the order a network takes them) and its outputs."""

    inputs: tuple[InputSpec, ...]
    n_outputs: int

    def input(self, name: str) -> InputSpec | None:
        """The input of that name, or None where the data have no such input."""
        return next((spec for spec in self.inputs if spec.name == name), None)


@dataclass(frozen=True)
class Kind:
    """A kind of column: how it is recognised and how its values become arrays, the same in training and serving.

    name: as used in `--kind age=category`.
    sniff(values): how surely the training column is of this kind.
    parse(values): typed values of the column and a (N,) bool mask of the cells that cannot be read as this kind
        (missing cells are null, not bad).
    summarise(typed): figures for people.
    fit(typed, need): the prepared state, from training rows only: a JSON-able dict in which values may be arrays.
    spec(state): input name -> how this column extends it: (width, levels).
    apply(state, typed): input name -> (N, width) array. Row by row it gives exactly what it gives at once.
    """

    name: str
    summary: str
    sniff: Callable[[pl.Series], Guess]
    parse: Callable[[pl.Series], tuple[pl.Series, Array]]
    summarise: Callable[[pl.Series], dict[str, Scalar]]
    fit: Callable[[pl.Series, Need], dict[str, Json]]
    spec: Callable[[Mapping[str, Json]], dict[str, tuple[int, tuple[int, ...]]]]
    apply: Callable[[Mapping[str, Json], pl.Series], Batch]


@dataclass(frozen=True)
class Table:
    """A data set as it was read, before any column has a kind.

    frame: one row an example. A text source (CSV, TSV) gives only string columns, so that a bad cell can be named.
    source: how to name it to the user. findings: what was met while reading (encoding, delimiter, ragged rows).
    set_aside: positions among all data rows of the source (from 0, rising) of the broken rows that `frame` leaves out.
    """

    frame: pl.DataFrame
    source: str
    findings: tuple[Finding, ...] = ()
    set_aside: tuple[int, ...] = ()


@dataclass(frozen=True)
class Reader:
    """One source of tables.

    accepts(source): whether this reader is the one for it, by type, suffix or magic bytes.
    read(source, names): the table; names are the user's column names for a source without a header line, or ().
    """

    name: str
    summary: str
    accepts: Callable[[object], bool]
    read: Callable[[object, tuple[str, ...]], Table]


# ---------------------------------------------------------------- tasks


@dataclass(frozen=True)
class Metric:
    """A figure of merit. score(truth, outputs, weights) -> (R,) one value for each row of weights.

    truth: (N,) encoded target. outputs: (N, K) network outputs. weights: (R, N) float64, how often each row counts.
    """

    name: str
    greater_is_better: bool
    score: Callable[[Array, Array, Array], Array]
    unit: str = ""

    @property
    def sign(self) -> float:
        """+1.0 where greater is better, else -1.0."""
        return 1.0 if self.greater_is_better else -1.0


@dataclass(frozen=True)
class Task:
    """What is asked of the features: the head, the loss, how outputs become answers, and how they are judged.

    encode_fit(target values) -> JSON-able target state, from training rows only (classes; or mean and scale).
    encode(state, values) -> (N,) int64 or float32 targets as the loss wants them.
    n_outputs(state) -> K.
    head(width, state) -> torch module from (B, D) features to (B, K) outputs.
    losses: name -> loss(outputs (B, K), targets (B,), options) -> (B,) loss of each row; torch. First is the default.
    metrics(state): every metric that applies, the main one first.
    calibrate(state, outputs (N, K), targets (N,)) -> JSON-able calibration, from validation rows.
    answers(state, calibration, outputs (N, K)) -> column name -> (N,) array, `prediction` first.
    """

    name: str
    summary: str
    needs: Form
    stratify: bool
    encode_fit: Callable[[pl.Series], dict[str, Json]]
    encode: Callable[[Mapping[str, Json], pl.Series], Array]
    n_outputs: Callable[[Mapping[str, Json]], int]
    head: Callable[[int, Mapping[str, Json]], torch.nn.Module]
    losses: Mapping[str, Callable[..., torch.Tensor]]
    metrics: Callable[[Mapping[str, Json]], tuple[Metric, ...]]
    calibrate: Callable[[Mapping[str, Json], Array, Array], dict[str, Json]]
    answers: Callable[[Mapping[str, Json], Mapping[str, Json], Array], dict[str, Array]]


# ---------------------------------------------------------------- architectures


@dataclass(frozen=True)
class Suits:
    """How likely an architecture is to do well, from 0 (cannot) to 1, with a reason that names facts of the profile."""

    prior: float
    because: str


@dataclass(frozen=True)
class Setting:
    """One setting of an architecture: a default and either its choices or its range.

    log: whether values are drawn evenly in the logarithm. The type of the default is the type of the setting.
    """

    name: str
    default: Scalar
    summary: str
    choices: tuple[Scalar, ...] = ()
    low: float | None = None
    high: float | None = None
    log: bool = False


@dataclass(frozen=True)
class Plan:
    """How a network is trained; never mixed into an architecture's settings.

    epochs: the horizon of the schedule. rate: peak learning rate. patience: epochs without a better score.
    clip: largest gradient norm, 0 for none. average: decay a step of the weight average that is judged, 0 for none.
    loss, optimizer, schedule: names from the catalogues ("" for the task's default loss).
    """

    epochs: int = 60
    batch: int = 256
    optimizer: str = "adamw"
    rate: float = 1e-3
    schedule: str = "cosine"
    decay: float = 1e-2
    momentum: float = 0.9
    patience: int = 12
    clip: float = 1.0
    average: float = 0.0
    loss: str = ""
    smoothing: float = 0.0
    seed: int = 0


@dataclass(frozen=True)
class Solved:
    """A fitted reference: its ONNX bytes, its own outputs for the parity gate, and its size.

    onnx: a graph from the inputs of the signature to `outputs` (B, K) float32.
    outputs(batch): what the library itself answers, (N, K).
    """

    onnx: bytes
    outputs: Callable[[Batch], Array]
    n_parameters: int


@dataclass(frozen=True)
class Architecture:
    """An architecture of the catalogue. Networks have `build`; references have `solve` in its place.

    reads: kinds of columns it can use. tasks: names of tasks it serves; empty for every task that takes its form.
    space: its settings, defaults first tried. need: what it asks of its input.
    suits(profile): prior and reason. source: the paper or the book.
    build(signature, settings) -> torch module: batch dict of tensors -> (B, D) features, with an int attribute `width`.
    plan(profile): how it is best trained on such data, before the user's overrides.
    variants(profile): settings worth trying, the defaults ({}) first; each only names what differs from the defaults.
    solve(signature, settings, batch, targets, task name, seed) -> Solved, fitted on training rows by a library.
    """

    name: str
    family: Family
    summary: str
    source: str
    reads: tuple[str, ...]
    gives: Form
    suits: Callable[[Profile], Suits]
    space: tuple[Setting, ...] = ()
    need: Need = Need()
    tasks: tuple[str, ...] = ()
    build: Callable[[Signature, Mapping[str, Scalar]], torch.nn.Module] | None = None
    plan: Callable[[Profile], Plan] | None = None
    variants: Callable[[Profile], tuple[dict[str, Scalar], ...]] | None = None
    solve: Callable[[Signature, Mapping[str, Scalar], Batch, Array, str, int], Solved] | None = None

    @property
    def is_reference(self) -> bool:
        """Whether a library fits it, without gradient training of ours."""
        return self.solve is not None

    def defaults(self) -> dict[str, Scalar]:
        """The default of every setting."""
        return {setting.name: setting.default for setting in self.space}


# ---------------------------------------------------------------- choice


@dataclass(frozen=True)
class Shortlisted:
    """One line of the shortlist: the architecture's name, its family, its prior and why."""

    architecture: str
    family: Family
    prior: float
    because: str


@dataclass(frozen=True)
class Candidate:
    """One entrant of the race: an architecture with all its settings and a plan. Hashable, JSON, with a stable id."""

    architecture: str
    settings: tuple[tuple[str, Scalar], ...]
    plan: Plan
    label: str = ""

    @property
    def id(self) -> str:
        """A stable name for files: the architecture and ten digits of the content's hash."""
        content = json.dumps([self.architecture, sorted(self.settings), asdict(self.plan)], sort_keys=True)
        return f"{self.architecture}-{hashlib.sha256(content.encode()).hexdigest()[:10]}"

    def to_json(self) -> dict[str, Json]:
        """A JSON object from which `from_json` makes the same candidate."""
        return {
            "architecture": self.architecture,
            "settings": dict(self.settings),
            "plan": asdict(self.plan),
            "label": self.label,
        }

    def changes(self, defaults: Mapping[str, Scalar]) -> str:
        """The settings that differ from the defaults, in words such as "dropout=0.4 layers=2"."""
        changed = [(name, value) for name, value in self.settings if defaults.get(name) != value]
        return " ".join(
            f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}" for name, value in changed
        )

    @staticmethod
    def from_json(data: Mapping[str, Json]) -> Candidate:
        """The candidate that `to_json` wrote."""
        return Candidate(
            data["architecture"], tuple(sorted(data["settings"].items())), Plan(**data["plan"]), data["label"]
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
    outputs: (N_valid, K) there, None when failed.
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

    tied: ids of all that cannot be told from the best, the chosen among them.
    comparisons: the best against each of the others. reasons: sentences with numbers. next_steps: what would change it.
    """

    chosen: str
    candidate: Candidate
    best: str
    tied: tuple[str, ...]
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
