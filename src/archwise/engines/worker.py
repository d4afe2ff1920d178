"""The other end of the pipe: a process that runs the jobs it is given, until the pipe is closed."""

from __future__ import annotations

import contextlib
import importlib
import os
import pickle
import signal
import sys
import threading
import traceback
from collections.abc import Sequence
from multiprocessing.connection import Connection

WATCH_S = 1.0  # how often a worker looks whether its parent still lives


def main(descriptor: int, memory_mb: int, *, modules: Sequence[str] = ()) -> None:
    """Run jobs from the pipe until it closes.

    Args:
        descriptor: of the pipe.
        memory_mb: that may be allocated beyond what the process has now.
        modules: to import first, where they are installed.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    os.dup2(2, 1)  # what libraries print must not stand in the parent's standard output
    _limit_memory(memory_mb)
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    for module in modules:
        with contextlib.suppress(ImportError, OSError):  # a library of the system may be missing; the job will say so
            importlib.import_module(module)
    pipe = Connection(descriptor)
    with contextlib.suppress(EOFError, ConnectionError):  # the parent is gone, and so is the need for this process
        while True:
            module, name, argument = pipe.recv()
            pipe.send(("began", None))
            pipe.send_bytes(_run(module, name, argument, pipe))


def _run(module: str, name: str, argument: object, pipe: Connection) -> bytes:
    """What became of a job, pickled."""

    def send(message: object) -> None:
        pipe.send(("message", message))

    try:
        function = getattr(importlib.import_module(module), name)
        return pickle.dumps(("ok", function(argument, send)))
    except Exception as error:  # noqa: BLE001  the one place: whatever a trial raises, it fails alone, with its reason
        words = " ".join(str(error).split()) or "no reason given"
        return pickle.dumps(("error", (f"{type(error).__name__}: {words[:500]}", traceback.format_exc())))


def _limit_memory(memory_mb: int) -> None:
    """Let an allocation that is too large fail in this process rather than bring down the machine."""
    try:
        import resource

        used = _data_bytes()
        resource.setrlimit(resource.RLIMIT_DATA, (used + memory_mb * 2**20, resource.RLIM_INFINITY))
    except (ImportError, ValueError, OSError):
        return  # a system without such limits


def _data_bytes() -> int:
    """What the process has allocated, in bytes; 0 where the system does not say."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[5]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def _end_with_parent(parent: int) -> None:
    """End this process soon after its parent is gone, even in the middle of a job."""
    pause = threading.Event()
    while os.getppid() == parent:
        pause.wait(WATCH_S)
    os._exit(1)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), modules=sys.argv[3:])
