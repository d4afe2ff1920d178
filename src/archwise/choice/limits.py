"""The limits of a choice: what a model may weigh and how long a row may take, and the score that is required of it.

Size is that of the written ONNX. Latency is the median of one row in ONNX Runtime on one thread of this machine, from
prepared arrays to outputs; it is measured only where the user set a limit on it, also when the budget is in steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from archwise.architectures import need_of
from archwise.choice.run import read_batch
from archwise.choice.verdict import Sealed
from archwise.choice.wording import amount_of, join, score_words
from archwise.config import Config
from archwise.errors import RaceError
from archwise.model.session import open_session, row_latency_ms
from archwise.records import Candidate, Json, Metric, Verdict

TIMED_ROWS = 256
BYTES_A_MB = 1e6


@dataclass(frozen=True)
class Written:
    """A candidate as it would be handed over.

    weights: of a network, or None. words: what was done to it. stream: ONNX that reads a row in parts, or None.
    """

    onnx: bytes
    weights: bytes | None
    words: tuple[str, ...] = ()
    stream: bytes | None = None


@dataclass(frozen=True)
class Cost:
    """What a written candidate takes. latency_ms: of one row, or None where nobody asked."""

    label: str
    size_mb: float
    latency_ms: float | None


Decide = Callable[[frozenset[str]], Verdict | None]


def choose_within(
    config: Config,
    decide: Decide,
    *,
    write: Callable[[Candidate], Written],
    measure: Callable[[Candidate, bytes], float],
) -> tuple[Verdict, Written, dict[str, Json]]:
    """Take the first choice that keeps the limits: the simplest of those near the best, the next, the rest by score.

    Args:
        decide: the verdict when candidates of these ids cannot be chosen, or None where none is left.
        write: the files of a candidate.
        measure: the latency of a written candidate, ms; never called where it has no limit.

    Returns:
        the verdict, the files of its candidate, and the limits with what was measured, empty where there are none.

    Raises:
        RaceError: no candidate keeps the limits; each is named with its figures.
    """
    broken: dict[str, Cost] = {}
    while (verdict := decide(frozenset(broken))) is not None:
        written = write(verdict.candidate)
        if config.most_size_mb is None and config.most_latency_ms is None:
            return verdict, written, {}
        latency = measure(verdict.candidate, written.onnx) if config.most_latency_ms is not None else None
        cost = Cost(verdict.candidate.label, len(written.onnx) / BYTES_A_MB, latency)
        if not _breaks(cost, config):
            facts = {
                "latency_ms": config.most_latency_ms,
                "size_mb": config.most_size_mb,
                "measured": asdict(cost),
                "broken": [asdict(each) for each in broken.values()],
            }
            reasons = (*verdict.reasons, *limit_words(cost, list(broken.values()), config))
            return replace(verdict, reasons=reasons), written, facts
        broken[verdict.candidate.id] = cost
    told = "; ".join(f"{cost.label} takes {cost_words(cost)}" for cost in broken.values())
    raise RaceError(
        f"no candidate keeps the limit of {limits_told(config)}: {told}; "
        "loosen the limit, or race smaller ones (--add, --only, --set)"
    )


def measured_latency(folder: Path, candidate: Candidate, onnx: bytes) -> float:
    """The median time of one row of the validation part in ONNX Runtime on one thread, ms."""
    batch = read_batch(folder, need_of(candidate), "valid")
    return row_latency_ms(open_session(onnx), {name: np.array(held[:TIMED_ROWS]) for name, held in batch.items()})


def _breaks(cost: Cost, config: Config) -> bool:
    too_big = config.most_size_mb is not None and cost.size_mb > config.most_size_mb
    too_slow = config.most_latency_ms is not None and (cost.latency_ms or 0.0) > config.most_latency_ms
    return too_big or too_slow


def limit_words(chosen: Cost, broken: list[Cost], config: Config) -> list[str]:
    """What the limits did to the choice, in sentences with figures."""
    said = [f"It keeps the limit of {limits_told(config)}: it takes {cost_words(chosen)}."]
    if broken:
        told = join([f"{cost.label} ({cost_words(cost)})" for cost in broken], most=5)
        said.append(f"The limit rules out what would have been chosen before it: {told}.")
    return said


def limits_told(config: Config) -> str:
    """The limits of a configuration, such as "2 ms a row and 5 MB"."""
    told = [f"{config.most_latency_ms:g} ms a row"] if config.most_latency_ms is not None else []
    return " and ".join([*told, *([f"{config.most_size_mb:g} MB"] if config.most_size_mb is not None else [])])


def cost_words(cost: Cost) -> str:
    """Its figures, such as "0.05 ms a row and 0.31 MB"."""
    size = f"{cost.size_mb:.3g} MB"
    return size if cost.latency_ms is None else f"{cost.latency_ms:.3g} ms a row and {size}"


# ---------------------------------------------------------------- what is required


def requirement(required: float | None, sealed: Sealed, metric: Metric) -> dict[str, Json]:
    """Whether the sealed score reaches what is required: at least, or at most for an error; empty where nothing is.

    Returns:
        required, reached, and sentence.
    """
    if required is None:
        return {}
    missing = metric.sign * (required - sealed.score)
    reached = bool(missing <= 0)
    bound = "at least" if metric.greater_is_better else "at most"
    name = f"{metric.name} of {bound} {score_words(metric, required)}"
    if reached:
        sentence = f"It reaches the required {name} on the sealed rows."
    else:
        sentence = (
            f"It does not reach the required {name} on the sealed rows: it is {amount_of(metric, missing)} short."
        )
    return {"required": required, "reached": reached, "sentence": sentence}


def with_limits(
    written: Mapping[str, Json], limits: Mapping[str, Json], required: Mapping[str, Json]
) -> dict[str, Json]:
    """The verdict as JSON with what was asked of it, where anything was."""
    held = dict(written)
    if limits:
        held["limits"] = dict(limits)
    if required:
        held["require"] = {"required": required["required"], "reached": required["reached"]}
        held["test"] = {**held["test"], "sentences": [*held["test"]["sentences"], required["sentence"]]}
    return held
