"""Records of what is learnt: tasks with their metrics, architectures with their settings, and plans of training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from archwise.records.data import Profile
from archwise.records.need import Need, Signature
from archwise.records.types import Array, Batch, Family, Form, Json, Scalar

if TYPE_CHECKING:
    import polars as pl
    import torch


@dataclass(frozen=True)
class Metric:
    """A figure of merit. score(truth, outputs, weights) -> (R,) one value for each row of weights.

    truth: (N,) encoded target. outputs: (N, K) network outputs. weights: (R, N) float64, how often each row counts.
        Where every step of a row is answered: (N, T) with -1 behind the end, and (N, T', K) with NaN there.
    of_labels: whether only the answered label counts, the largest of the outputs.
    """

    name: str
    greater_is_better: bool
    score: Callable[[Array, Array, Array], Array]
    unit: str = ""
    of_labels: bool = False

    @property
    def sign(self) -> float:
        """+1.0 where greater is better, else -1.0."""
        return 1.0 if self.greater_is_better else -1.0


def _as_they_are(calibration: Mapping[str, Json], outputs: Array, metric: Metric) -> Array:
    """Outputs that calibration and threshold do not change."""
    del calibration, metric
    return outputs


@dataclass(frozen=True)
class Task:
    """What is asked of the features: the head, the loss, how outputs become answers, and how they are judged.

    Where `needs` is "sequence" every step of a row is answered: targets are (N, T), -1 behind the end of a row, outputs
        (N, T, K), NaN there; T is that of the longest row at hand, and may be another in targets and in outputs.
    encode_fit(target values) -> JSON-able target state, from training rows only (classes; or mean and scale).
    encode(state, values) -> (N,) int64 or float32 targets as the loss wants them.
    n_outputs(state) -> K.
    head(width, state) -> torch module from (B, D) features to (B, K) outputs; the state has the name of the loss under
        `loss`, for which outputs in training may be others than in answers.
    losses: name -> loss(outputs (B, K), targets (B,), options) -> (B,) loss of each row; torch. First is the default.
    metric_of_loss: loss -> the metric that decides where the user names that loss and no metric.
    aim(state, loss, classes) -> the target state for a loss that asks more of the target; None where none does.
    metrics(state): every metric that applies, the main one first.
    calibrate(state, outputs (N, K), targets (N,)) -> JSON-able calibration, from validation rows.
    answers(state, calibration, outputs (N, K)) -> column name -> (N,) array, `prediction` first; of steps (N, T), with
        "" or NaN behind the end.
    join(outputs (B, M, K)) -> (B, K), the one answer of an ensemble's M members; torch. None for their mean.
    served(calibration, outputs, metric) -> (N, K) outputs as the metric must see them to judge the answers.
    sets(state, calibration, outputs) -> (N, K) bool, which labels hold the truth together; None where there are none.
    cut(state, calibration, outputs, targets, rule) -> the calibration with a threshold; None where there is none.
    check(state, calibration, outputs, targets) -> JSON-able facts of how honest the answers are on unseen rows;
        coverage, n_held and size of sets or intervals among them; n_judged where a row has several.
    refits: whether a chosen network of one split is trained anew on the rows that decided too: the newest tell most.
    grows: whether parts of the training rows tell what more rows would bring; overlapping windows do not.
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
    served: Callable[[Mapping[str, Json], Array, Metric], Array] = _as_they_are
    sets: Callable[[Mapping[str, Json], Mapping[str, Json], Array], Array] | None = None
    cut: Callable[[Mapping[str, Json], Mapping[str, Json], Array, Array, str], dict[str, Json]] | None = None
    check: Callable[[Mapping[str, Json], Mapping[str, Json], Array, Array], dict[str, Json]] | None = None
    join: Callable[[torch.Tensor], torch.Tensor] | None = None
    aim: Callable[[Mapping[str, Json], str, tuple[str, ...]], dict[str, Json]] | None = None
    grows: bool = True
    refits: bool = False
    metric_of_loss: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Suits:
    """How likely an architecture is to do well, from 0 (cannot) to 1, with a reason that names facts of the profile."""

    prior: float
    because: str


@dataclass(frozen=True)
class Setting:
    """One setting of an architecture: a default and either its choices or its range.

    log: whether values are drawn evenly in the logarithm. The type of the default is the type of the setting.
    searched: whether the race may propose other values; not where the target says which one fits.
    of: forms of features and kinds of columns for which it says something, so that it is proposed for those alone;
        empty for any.
    """

    name: str
    default: Scalar
    summary: str
    choices: tuple[Scalar, ...] = ()
    low: float | None = None
    high: float | None = None
    log: bool = False
    searched: bool = True
    of: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """How a network is trained; never mixed into an architecture's settings.

    epochs: the horizon of the schedule. rate: peak learning rate. patience: epochs without a better score.
    clip: largest gradient norm, 0 for none. average: decay a step of the weight average that is judged, 0 for none.
    loss, optimizer, schedule: names from the catalogues ("" for the task's default loss).
    square_momentum: of the squared gradients in adam and adamw. fade: schedule of weight decay and dropout.
    augment: how pictures are changed while a network learns, such as "flip+shift", or "none".
    precision: "full", or "mixed" for products of bfloat16 where the device is faster at them; answers are always full.
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
    square_momentum: float = 0.999
    fade: str = "constant"
    augment: str = "none"
    precision: str = "full"


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
class Inherited:
    """What a network takes over that was learnt on other data.

    file: where the weights lie. sha256: of the file. licence: of the weights. origin: who published them.
    why: the reason for which they cannot be had, "" where they can.
    trunk: a name of the part of the network that stays as it was inherited, the same for the same part with the same
        weights on the same input; "" where there is none. reads: the input that the trunk is given.
    """

    file: str = ""
    sha256: str = ""
    licence: str = ""
    origin: str = ""
    why: str = ""
    trunk: str = ""
    reads: str = ""


@dataclass(frozen=True)
class Architecture:
    """An architecture of the catalogue. Networks have `build`; references have `solve` in its place.

    reads: kinds of columns it can use. gives: the forms of features it can give; the signature says which is asked.
    tasks: names of tasks it serves; empty for every task that takes a form it gives.
    space: its settings, defaults first tried. need: what it asks of its input, or a function from its settings to that.
    suits(profile): prior and reason. source: the paper or the book.
    build(signature, settings) -> torch module: batch dict of tensors -> features (B, D), or (B, T, D) where the
        signature's form is "sequence", with an int attribute `width`, D.
        It may also have: n_members, an int M, and give (B, M, D), one row of features for each member of an ensemble;
        begin(batch), called once with some training rows before the first step; head_rate_factors, the factors of
        the head's `weight` and `bias` on the learning rate. Any module in it may name parameters of its own in
        `undecayed` (no weight decay) and `rate_factors` (name -> factor on the learning rate), and say by `is_still`
        that it behaves in training as it does in answers.
        A body that inherits has take_over(inherited), which reads the weights. It may have a `trunk`, a module from
        the batch to (B, ...) that nothing changes and that names the input it reads as `reads`: where its outputs were
        computed once, the batch has them under `trunk` in the place of that input, and the rest trains from them. Of a
        sequence it may give a vector of every step, (B, T, D) with NaN behind the end: these come as `steps`, beside
        the sequence. A body with a true `solves_head` asks that its head begins where the loss is least on the
        features as they stand.
    plan(profile): how it is best trained on such data, before the user's overrides.
    variants(profile): settings worth trying, the likeliest first; each only names what differs from the defaults, of
        its plan as `plan.augment`.
    solve(signature, settings, batch, targets, task name, seed) -> Solved, fitted on training rows by a library.
    learns: whether its answers depend on the row at all.
    most_rows: that `solve` is given, drawn evenly from the training rows; 0 for all of them.
    inherits(settings, asked) -> what it takes over, found without torch; asked: whether the user named it, so that a
        large file may be fetched. None where it begins from nothing.
    """

    name: str
    family: Family
    summary: str
    source: str
    reads: tuple[str, ...]
    gives: tuple[Form, ...]
    suits: Callable[[Profile], Suits]
    space: tuple[Setting, ...] = ()
    need: Need | Callable[[Mapping[str, Scalar]], Need] = field(default_factory=Need)
    tasks: tuple[str, ...] = ()
    build: Callable[[Signature, Mapping[str, Scalar]], torch.nn.Module] | None = None
    plan: Callable[[Profile], Plan] | None = None
    variants: Callable[[Profile], tuple[dict[str, Scalar], ...]] | None = None
    solve: Callable[[Signature, Mapping[str, Scalar], Batch, Array, str, int], Solved] | None = None
    most_rows: int = 0
    learns: bool = True
    inherits: Callable[[Mapping[str, Scalar], bool], Inherited] | None = None

    @property
    def is_reference(self) -> bool:
        """Whether a library fits it, without gradient training of ours."""
        return self.solve is not None

    def need_of(self, settings: Mapping[str, Scalar]) -> Need:
        """What it asks of its input with these settings."""
        return self.need if isinstance(self.need, Need) else self.need(settings)

    def defaults(self) -> dict[str, Scalar]:
        """The default of every setting."""
        return {setting.name: setting.default for setting in self.space}
