"""Runs a written model: ONNX Runtime on the CPU, in chunks of rows, as many at once as there are cores."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from archwise.data.padding import join_steps, n_steps
from archwise.errors import ModelError
from archwise.records import Array, Batch

MOST_CELLS = 1_000_000  # of one input at a time, of which a graph may make many times as many: 6 photos of 224 pixels
CHUNK = 512  # rows: the activations of a network stay in the cache of a core, and those of sequences within memory
LARGE_MB, STEPS_OF_LARGE = 20.0, 16_384  # a model above it is wide inside: steps of sequences that it takes at a time
THREADS_VARIABLE = "OMP_NUM_THREADS"  # by which whoever began this process may say how many cores are its own
_DTYPES = {"tensor(float)": np.float32, "tensor(int64)": np.int64, "tensor(uint8)": np.uint8}


@dataclass(frozen=True)
class Session:
    """An open model.

    inputs: (name, dtype, shape of a row) of what the graph reads; a graph may leave out inputs of its signature.
        The steps of a sequence are None: it takes any number of them.
    n_outputs: K. answers_steps: whether it answers every step of a sequence. size_mb: of the model.
    """

    runtime: Any
    inputs: tuple[tuple[str, Any, tuple[int | None, ...]], ...]
    n_outputs: int
    answers_steps: bool = False
    size_mb: float = 0.0

    @property
    def padded(self) -> tuple[str, ...]:
        """The inputs that are sequences of any length."""
        return tuple(name for name, _, row in self.inputs if row[0] is None)


def open_session(model: bytes | Path, *, threads: int = 1) -> Session:
    """Open an ONNX model.

    Args:
        model: its bytes, or its file.
        threads: of one call; 1 is fastest for single rows.

    Raises:
        ModelError: it is not an ONNX model that this ONNX Runtime reads, or not one of ours.
    """
    runtime = open_runtime(model, threads=threads)
    n_bytes = len(model) if isinstance(model, bytes) else model.stat().st_size
    return replace(_describe(runtime, "the model" if isinstance(model, bytes) else str(model)), size_mb=n_bytes / 1e6)


def open_runtime(model: bytes | Path, *, threads: int = 1) -> Any:
    """Open an ONNX model as ONNX Runtime has it; arguments and errors as for `open_session`."""
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as failures

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # fatal only: what is wrong is raised
    where = "the model" if isinstance(model, bytes) else str(model)
    content = model if isinstance(model, bytes) else str(model)
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except (failures.Fail, failures.InvalidGraph, failures.InvalidProtobuf, failures.InvalidArgument,
            failures.NoSuchFile, failures.NotImplemented, failures.RuntimeException) as error:  # fmt: skip
        first_line = str(error).splitlines()[0]
        raise ModelError(
            f"{where}: ONNX Runtime {onnxruntime.__version__} cannot open it ({first_line}); "
            "write the model again, or upgrade onnxruntime"
        ) from None


def outputs(session: Session, batch: Batch, *, cores: int = 0) -> Array:
    """The outputs of every row.

    Args:
        session: an open model.
        batch: name -> (N, ...); inputs that the graph does not read are left aside.
        cores: that are kept busy; all of this process when 0.

    Returns:
        (N, K) float32; of a model that answers every step (N, T, K), NaN behind the end of a row.

    Raises:
        ModelError: the batch lacks an input of the graph, or gives it another width.
    """
    _check_inputs(session, batch)
    n_rows = _n_rows(batch)
    if not session.padded or n_rows <= 1:
        return _run_of(session, batch, cores)(0, n_rows)
    lengths = np.max([n_steps(batch[name]) for name in session.padded], axis=0)
    order = np.argsort(lengths, kind="stable")  # rows of like length share a chunk
    sorted_by_length = _run_of(session, {name: array[order] for name, array in batch.items()}, cores)(0, n_rows)
    answered = np.empty_like(sorted_by_length)
    answered[order] = sorted_by_length
    return answered


def row_latency_ms(session: Session, batch: Batch, *, n: int = 200) -> float:
    """The median time of one row, ms, over n calls that take the rows of the batch in turn."""
    _check_inputs(session, batch)
    run = _run_of(session, batch)
    n_rows = _n_rows(batch)
    times = []
    for call in range(n + 5):
        row = call % n_rows
        started = time.perf_counter()
        run(row, row + 1)
        times.append(time.perf_counter() - started)
    return float(np.median(times[5:]) * 1e3)  # the first few warm the caches


def _describe(runtime: Any, where: str) -> Session:
    found = runtime.get_outputs()
    readable = all(node.type in _DTYPES and len(node.shape) >= 2 for node in runtime.get_inputs())
    if not readable or len(found) != 1 or found[0].name != "outputs" or len(found[0].shape) not in (2, 3):
        raise ModelError(f"{where}: not a model that archwise wrote: expected one output 'outputs' (B, K) or (B, T, K)")
    inputs = tuple(
        (node.name, _DTYPES[node.type], tuple(axis if isinstance(axis, int) else None for axis in node.shape[1:]))
        for node in runtime.get_inputs()
    )
    return Session(runtime, inputs, found[0].shape[-1], len(found[0].shape) == 3)


def _n_rows(batch: Batch) -> int:
    return len(next(iter(batch.values()), ()))


def _tell(row: tuple[int | None, ...]) -> str:
    """The shape of a row in words."""
    if row[0] is None:
        return " x ".join(["steps", *(str(axis) for axis in row[1:])])
    return f"{row[0]} columns" if len(row) == 1 else " x ".join(str(axis) for axis in row)


def _fits(row: tuple[int | None, ...], found: tuple[int, ...]) -> bool:
    """Whether rows of a shape can be read as rows of another, whose steps are free."""
    return len(row) == len(found) and all(axis in (None, given) for axis, given in zip(row, found, strict=True))


def _check_inputs(session: Session, batch: Batch) -> None:
    for name, _, row in session.inputs:
        if name not in batch or not _fits(row, batch[name].shape[1:]):
            found = f"{_tell(batch[name].shape[1:])}" if name in batch else "none"
            raise ModelError(f"the model reads {_tell(row)} of '{name}', and was given {found}; it is not whole")


def _run_of(session: Session, batch: Batch, cores: int = 0) -> Callable[[int, int], Array]:
    """A function from a range of rows to their outputs, of inputs that were checked."""
    widest = max(prod(batch[name].shape[1:]) for name, _, _ in session.inputs)
    at_once = max(1, min(CHUNK, MOST_CELLS // max(1, widest)))
    if session.padded and session.size_mb > LARGE_MB:
        at_once = max(1, min(at_once, STEPS_OF_LARGE // max(1, *(batch[name].shape[1] for name in session.padded))))

    def answer(start: int, stop: int) -> Array:
        rows = {name: np.ascontiguousarray(batch[name][start:stop], dtype) for name, dtype, _ in session.inputs}
        longest = max((int(n_steps(rows[name]).max()) for name in session.padded), default=0)
        is_bare = longest == 1 and any(np.isnan(rows[name]).all() for name in session.padded)
        if not is_bare:  # where no row has a series there is nothing to go by, and not every graph takes one step
            for name in session.padded:  # what is padding in all rows is not computed
                rows[name] = np.ascontiguousarray(rows[name][:, :longest])
        given: Array = session.runtime.run(None, rows)[0]
        return given

    def run(start: int, stop: int) -> Array:
        if start == stop:
            return np.empty((0, *((1,) if session.answers_steps else ()), session.n_outputs), np.float32)
        if stop - start <= at_once:
            return answer(start, stop)
        # Each chunk is answered on one thread, so that its sums are the same however many are answered at once.
        starts = range(start, stop, at_once)
        if cores == 1:
            return join_steps([answer(at, min(at + at_once, stop)) for at in starts])
        with ThreadPoolExecutor(cores or n_cores()) as pool:
            return join_steps(list(pool.map(lambda at: answer(at, min(at + at_once, stop)), starts)))

    return run


def n_cores() -> int:
    """How many threads this process may keep busy: as it was told by OMP_NUM_THREADS, or one for each of its cores."""
    told = os.environ.get(THREADS_VARIABLE, "").split(",")[0].strip()
    if told.isdigit() and int(told) > 0:
        return int(told)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
