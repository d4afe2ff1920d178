"""Worker processes of this machine: each runs one job at a time and can be killed without harm to the others.

A worker is a fresh interpreter that runs archwise.engines.worker at the other end of a private pipe, so that a script
or a notebook that calls archwise is never run again by its own workers. Needs a POSIX system.
"""

from __future__ import annotations

import math
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Pipe, wait
from types import TracebackType
from typing import Literal, Self

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
POLL_S = 0.25  # how often limits are looked at while nobody speaks


@dataclass(frozen=True)
class Job:
    """What a worker is given: the argument of the function, and its limits in seconds (None for none).

    seconds: wall time since the worker took it up, after which the worker is killed. until: the same as a moment of
    the monotonic clock, whenever it was taken up; a function where that moment may yet change. silence_s: the longest
    time without a message.
    """

    argument: object
    seconds: float | None = None
    until: float | Callable[[], float] | None = None
    silence_s: float | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of a job.

    kind: "ok" (`value` is what the function returned), "error" (it raised), "killed" (a limit was passed) or
    "died" (the process ended by itself). reason: one line. trace: the traceback, where there is one.
    """

    index: int
    kind: Literal["ok", "error", "killed", "died"]
    value: object = None
    reason: str = ""
    trace: str = ""


@dataclass
class _Worker:
    """A running worker and the job it is at."""

    process: subprocess.Popen[bytes]
    pipe: Connection
    index: int | None = None
    job: Job | None = None
    began: float = 0.0
    heard: float = field(default=0.0)


class Workers:
    """A pool of worker processes, begun when they are needed and ended with the `with` block."""

    def __init__(
        self, n_workers: int, *, threads: int = 1, memory_mb: int | None = None, modules: tuple[str, ...] = ()
    ) -> None:
        """Say how many workers there may be.

        Args:
            threads: that numerical libraries may use in each worker.
            memory_mb: that each may allocate beyond what it has at its start; its share of what is free now when
                not given.
            modules: that each imports before its first job, where they are installed.
        """
        self._n_workers = n_workers
        self._threads = threads
        self._memory_mb = memory_mb if memory_mb is not None else _free_mb() // n_workers
        self._modules = modules
        self._workers: list[_Worker] = []

    @property
    def n_workers(self) -> int:
        """How many there may be."""
        return self._n_workers

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def begin(self) -> None:
        """Begin every worker now, so that they import their modules while this process does something else."""
        while len(self._workers) < self._n_workers:
            self._begin()

    def close(self) -> None:
        """End every worker at once."""
        for worker in self._workers:
            _end(worker)
        self._workers = []

    def run(
        self,
        function: Callable[..., object],
        jobs: Iterable[Job],
        *,
        on_message: Callable[[int, object], None] = lambda index, message: None,
    ) -> Iterator[Outcome]:
        """Run function(argument, send) for every job, as many at once as there are workers.

        Args:
            function: found by its name in its module by the workers.
            jobs: taken one by one as workers become free, so that their limits may depend on the clock.
            on_message: told of what a job sends, with the job's number.

        Returns:
            outcomes in the order in which the jobs end.
        """
        waiting = enumerate(jobs)
        while True:
            yield from self._give(function, waiting)
            busy = [worker for worker in self._workers if worker.index is not None]
            if not busy:
                return
            ready = wait([worker.pipe for worker in busy], timeout=POLL_S)
            heard = [_hear(worker, on_message) for worker in busy if worker.pipe in ready]
            self._drop_the_dead()
            late = [_check_limits(worker) for worker in self._workers]  # of those too that never stop talking
            self._drop_the_dead()
            yield from (outcome for outcome in (*heard, *late) if outcome is not None)

    def _give(self, function: Callable[..., object], waiting: Iterator[tuple[int, Job]]) -> Iterator[Outcome]:
        """Give a job to every free worker, beginning workers as long as there are jobs for them.

        Returns:
            outcomes of the jobs that could not be given.
        """
        while True:
            self._drop_the_dead()
            free = next((worker for worker in self._workers if worker.index is None), None)
            if free is None and len(self._workers) >= self._n_workers:
                return
            following = next(waiting, None)
            if following is None:
                return
            if free is None:
                free = self._begin()
            index, job = following
            try:
                free.pipe.send((function.__module__, function.__qualname__, job.argument))
            except (pickle.PicklingError, AttributeError, TypeError) as error:
                yield Outcome(index, "error", reason=f"its argument cannot be sent to a worker: {error}")
                continue
            except ConnectionError:
                yield Outcome(index, "died", reason=_last_words(free))
                continue
            free.index, free.job = index, job
            free.began, free.heard = math.inf, time.monotonic()

    def _drop_the_dead(self) -> None:
        """Forget workers that were ended, and idle ones that ended by themselves, so that no job is given to them."""
        for worker in list(self._workers):
            if worker.index is None and worker.process.poll() is not None:
                worker.pipe.close()
            if worker.pipe.closed:
                self._workers.remove(worker)

    def _begin(self) -> _Worker:
        here, there = Pipe()
        environment = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(self._threads))}
        environment["PYTHONPATH"] = os.pathsep.join(path or os.getcwd() for path in sys.path)  # it finds what we find
        command = [sys.executable, "-P", "-m", "archwise.engines.worker", str(there.fileno()), str(self._memory_mb)]
        command += self._modules
        with there:
            process = subprocess.Popen(command, pass_fds=(there.fileno(),), env=environment, stdin=subprocess.DEVNULL)
        worker = _Worker(process, here)
        self._workers.append(worker)
        return worker


def _hear(worker: _Worker, on_message: Callable[[int, object], None]) -> Outcome | None:
    """Take what a worker says: a message, the outcome of its job, or its end."""
    assert worker.index is not None  # only busy workers are heard
    index = worker.index
    try:
        said, content = worker.pipe.recv()
    except (EOFError, OSError):  # OSError: it ended in the middle of a word
        return Outcome(index, "died", reason=_last_words(worker))
    worker.heard = time.monotonic()
    if said == "began":
        worker.began = worker.heard
        return None
    if said == "message":
        on_message(index, content)
        return None
    worker.index = None
    if said == "ok":
        return Outcome(index, "ok", value=content)
    reason, trace = content
    return Outcome(index, "error", reason=reason, trace=trace)


def _check_limits(worker: _Worker) -> Outcome | None:
    """Kill a worker whose job passed a limit."""
    if worker.index is None or worker.job is None:
        return None
    now = time.monotonic()
    if worker.job.seconds is not None and now - worker.began > worker.job.seconds:
        reason = f"stopped: it took longer than the {worker.job.seconds:.1f} s it was given"
    elif _is_past(worker.job.until, now):
        reason = "stopped: the time for all was over"
    elif worker.job.silence_s is not None and now - worker.heard > worker.job.silence_s:
        reason = f"stopped: it hangs, nothing was heard of it for {worker.job.silence_s:.0f} s"
    else:
        return None
    _end(worker)
    return Outcome(worker.index, "killed", reason=reason)


def _is_past(until: float | Callable[[], float] | None, now: float) -> bool:
    return until is not None and now > (until() if callable(until) else until)


def _last_words(worker: _Worker) -> str:
    """How a process ended, in words."""
    code = worker.process.wait()
    worker.pipe.close()
    if code >= 0:
        return f"its process ended by itself with exit code {code}"
    name = signal.Signals(-code).name
    hint = "; the system may have run out of memory" if -code == signal.SIGKILL else ""
    return f"its process was ended by {name}{hint}"


def _end(worker: _Worker) -> None:
    worker.process.kill()
    worker.process.wait()
    worker.pipe.close()


def _free_mb() -> int:
    """Memory that may still be used, MB, counting caches that the system gives back; 8 GB where it does not say."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            available = next(line for line in file if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        return 8_192
    return int(available.split()[1]) // 1024
