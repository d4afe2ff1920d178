"""Worker processes: each job fails alone and says why, limits are held, and workers end with their parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from archwise.engines.processes import Job, Outcome, Workers

JOBS = '''
"""Jobs that behave, and jobs that do not."""

import os, signal, sys, threading, time
from pathlib import Path

def double(number, send):
    return 2 * number

def tell(number, send):
    for part in range(number):
        send({"part": part})
    return "told"

def fail(words, send):
    raise ValueError(words)

def leave(code, send):
    os._exit(code)

def system_exit(code, send):
    sys.exit(code)

def shoot(number, send):
    os.kill(os.getpid(), number)

def hang(_, send):
    time.sleep(600)

def chatter(_, send):
    while True:
        send("still here")

def loop(_, send):
    while True:
        pass

def allocate_at_once(_, send):
    import numpy as np
    np.empty(2**40, np.uint8)[:] = 1

def allocate_by_and_by(_, send):
    import numpy as np
    return len([np.ones(2**20) for _ in range(4_000)])

def function(_, send):
    return lambda: 1

def lock(_, send):
    send(threading.Lock())

def break_off(_, send):
    threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGKILL)).start()
    send(b"x" * 300_000_000)
    time.sleep(60)

def die_afterwards(seconds, send):
    threading.Timer(seconds, lambda: os._exit(3)).start()
    return "done"

def shout(words, send):
    print(words)
    os.write(1, words.encode())
    sys.stdout.flush()

def meet(places, send):
    """Wait for another job that runs at the same time."""
    Path(places[0]).touch()
    began, late = time.monotonic(), time.monotonic() + 30
    while not Path(places[1]).exists():
        if time.monotonic() > late:
            raise TimeoutError("nobody came")
        time.sleep(0.01)
    return began, time.monotonic()

def who(_, send):
    return os.getpid()

def threads(_, send):
    return os.environ["OMP_NUM_THREADS"]

def loaded(names, send):
    return [name for name in names if name in sys.modules]

def note(path, send):
    Path(path).write_text(str(os.getpid()))
    send("noted")
    time.sleep(600)

def apply(job, send):
    return globals()[job[0]](job[1], send)
'''

BAD_JOBS = {  # what a job does -> its name, its argument, and the kind and reason of its outcome
    "leaves": ("leave", 3, "died", "its process ended by itself with exit code 3"),
    "is killed": ("shoot", int(signal.SIGKILL), "died", "its process was ended by SIGKILL"),
    "crashes": ("shoot", int(signal.SIGSEGV), "died", "its process was ended by SIGSEGV"),
    "raises": ("fail", "the rows are odd", "error", "ValueError: the rows are odd"),
    "raises without a word": ("fail", "", "error", "ValueError: no reason given"),
    "raises in many lines": ("fail", "one\n  two", "error", "ValueError: one two"),
    "asks for a terabyte": ("allocate_at_once", 0, "error", "MemoryError: Unable to allocate 1.00 TiB"),
    "returns what cannot be sent": ("function", 0, "error", "function"),
    "tells what cannot be sent": ("lock", 0, "error", "lock"),
    "dies in the middle of a word": ("break_off", 0, "died", "its process was ended by SIGKILL"),
    "is not there": ("no_such_job", 0, "error", "no_such_job"),
}


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A module of jobs that workers find by its name, as they find everything on the path of this process."""
    (tmp_path / "some_jobs.py").write_text(JOBS)
    monkeypatch.syspath_prepend(str(tmp_path))
    import some_jobs  # type: ignore[import-not-found]

    some_jobs.no_such_job = lambda argument, send: None
    some_jobs.no_such_job.__module__, some_jobs.no_such_job.__qualname__ = "some_jobs", "no_such_job"
    yield some_jobs
    del sys.modules["some_jobs"]


def run(function: Callable[..., object], *given: Job, n_workers: int = 1, memory_mb: int = 2_000) -> list[Outcome]:
    """The outcomes of some jobs, in the order in which they were given."""
    with Workers(n_workers, memory_mb=memory_mb) as workers:
        return sorted(workers.run(function, given), key=lambda outcome: outcome.index)


def run_alone(script: str, *, at: Path, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """Run a script in an interpreter of its own."""
    path = at / "script.py"
    path.write_text(script)
    return subprocess.run(
        [sys.executable, str(path)], capture_output=True, text=True, timeout=timeout, check=False, cwd=at
    )


def is_gone(process: int, *, within_s: float) -> bool:
    """Whether a process ends in time; one that only waits to be collected has ended."""
    late = time.monotonic() + within_s
    while time.monotonic() < late:
        try:
            state = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


# ---------------------------------------------------------------- what a job can do


def test_every_job_has_its_outcome(jobs: ModuleType) -> None:
    outcomes = run(jobs.double, *[Job(number) for number in range(5)], n_workers=2)
    assert [(outcome.kind, outcome.value) for outcome in outcomes] == [("ok", 2 * number) for number in range(5)]


def test_no_jobs_have_no_outcomes_and_begin_no_worker(jobs: ModuleType) -> None:
    with Workers(2) as workers:
        assert list(workers.run(jobs.double, [])) == []
        assert workers._workers == []


@pytest.mark.parametrize("how", BAD_JOBS)
def test_a_bad_job_fails_alone_with_a_reason(jobs: ModuleType, how: str) -> None:
    name, argument, kind, reason = BAD_JOBS[how]
    with Workers(1, memory_mb=2_000) as workers:
        (bad,) = workers.run(getattr(jobs, name), [Job(argument)])
        (good,) = workers.run(jobs.double, [Job(21)])
    assert bad.kind == kind
    assert reason in bad.reason
    assert "\n" not in bad.reason
    assert good == Outcome(0, "ok", value=42)


def test_a_job_that_raises_leaves_its_traceback(jobs: ModuleType) -> None:
    (outcome,) = run(jobs.fail, Job("the rows are odd"))
    assert "some_jobs.py" in outcome.trace
    assert "raise ValueError(words)" in outcome.trace


def test_a_job_that_calls_exit_does_not_hang_the_parent(jobs: ModuleType) -> None:
    (outcome,) = run(jobs.system_exit, Job(4))
    assert (outcome.kind, outcome.reason) == ("died", "its process ended by itself with exit code 4")


def test_many_small_allocations_beyond_the_limit_end_in_a_memory_error(jobs: ModuleType) -> None:
    with Workers(1, memory_mb=300) as workers:
        (greedy,) = workers.run(jobs.allocate_by_and_by, [Job(0)])
        (modest,) = workers.run(jobs.double, [Job(21)])
    assert greedy.kind == "error"
    assert "MemoryError" in greedy.reason
    assert modest.value == 42


def test_others_complete_while_one_dies(jobs: ModuleType) -> None:
    outcomes = run(jobs.apply, Job(("leave", 1)), Job(("double", 1)), Job(("double", 2)), n_workers=2)
    assert [(outcome.kind, outcome.value) for outcome in outcomes] == [("died", None), ("ok", 2), ("ok", 4)]


# ---------------------------------------------------------------- limits


def test_a_job_that_takes_too_long_is_stopped(jobs: ModuleType) -> None:
    began = time.monotonic()
    (outcome,) = run(jobs.loop, Job(0, seconds=0.5))
    assert (outcome.kind, outcome.reason) == ("killed", "stopped: it took longer than the 0.5 s it was given")
    assert time.monotonic() - began < 20


def test_a_job_that_never_stops_talking_is_stopped_too(jobs: ModuleType) -> None:
    (outcome,) = run(jobs.chatter, Job(0, seconds=0.5))
    assert outcome.kind == "killed"


def test_a_job_that_says_nothing_is_taken_to_hang(jobs: ModuleType) -> None:
    (outcome,) = run(jobs.hang, Job(0, silence_s=2.0))
    assert (outcome.kind, outcome.reason) == ("killed", "stopped: it hangs, nothing was heard of it for 2 s")


def test_a_job_that_talks_does_not_hang(jobs: ModuleType) -> None:
    (outcome,) = run(jobs.chatter, Job(0, silence_s=5.0, seconds=1.0))
    assert "longer than" in outcome.reason


def test_all_stop_at_the_moment_when_the_time_for_all_is_over(jobs: ModuleType) -> None:
    until = time.monotonic() + 1.0
    outcomes = run(jobs.hang, Job(0, until=until), Job(1, until=until), n_workers=2)
    assert {outcome.reason for outcome in outcomes} == {"stopped: the time for all was over"}


def test_the_moment_when_a_job_is_stopped_may_change_while_it_runs(jobs: ModuleType) -> None:
    began = time.monotonic()
    moved = began + 2.5
    (outcome,) = run(jobs.hang, Job(0, until=lambda: moved if time.monotonic() < began + 1.5 else began + 0.5))
    assert outcome.reason == "stopped: the time for all was over"
    assert time.monotonic() - began > 1.4


def test_the_start_of_a_worker_is_not_charged_to_the_job(jobs: ModuleType) -> None:
    with Workers(1, modules=("polars",)) as workers:
        (outcome,) = workers.run(jobs.double, [Job(1, seconds=0.2)])
    assert outcome.value == 2


def test_the_pool_can_be_used_again_after_a_job_was_killed(jobs: ModuleType) -> None:
    with Workers(2) as workers:
        killed = list(workers.run(jobs.hang, [Job(0, seconds=0.3), Job(1, seconds=0.3)]))
        done = list(workers.run(jobs.double, [Job(1), Job(2)]))
    assert [outcome.kind for outcome in (*killed, *done)] == ["killed", "killed", "ok", "ok"]


# ---------------------------------------------------------------- messages and order


def test_messages_arrive_in_order_and_before_the_outcome(jobs: ModuleType) -> None:
    heard: list[object] = []
    with Workers(1) as workers:
        for outcome in workers.run(jobs.tell, [Job(2), Job(1)], on_message=lambda *said: heard.append(said)):
            heard.append(outcome.value)
    assert heard == [(0, {"part": 0}), (0, {"part": 1}), "told", (1, {"part": 0}), "told"]


def test_jobs_are_taken_when_a_worker_is_free(jobs: ModuleType) -> None:
    taken: list[int] = []

    def endless() -> Iterator[Job]:
        for number in range(1_000_000):
            taken.append(number)
            yield Job(number)

    with Workers(1) as workers:
        outcomes = workers.run(jobs.double, endless())
        assert [next(outcomes).value for _ in range(3)] == [0, 2, 4]
        assert len(taken) <= 4
        outcomes.close()


def test_two_workers_run_side_by_side(jobs: ModuleType, tmp_path: Path) -> None:
    left, right = str(tmp_path / "left"), str(tmp_path / "right")
    first, second = run(jobs.meet, Job((left, right)), Job((right, left)), n_workers=2)
    assert (first.kind, second.kind) == ("ok", "ok"), (first.reason, second.reason)
    (began, ended), (also_began, also_ended) = first.value, second.value
    assert max(began, also_began) < min(ended, also_ended)


def test_a_worker_is_kept_for_the_next_job(jobs: ModuleType) -> None:
    assert len({outcome.value for outcome in run(jobs.who, Job(0), Job(1), Job(2))}) == 1


# ---------------------------------------------------------------- what cannot be sent


def test_an_argument_that_cannot_be_sent_fails_alone(jobs: ModuleType) -> None:
    bad, good = run(jobs.double, Job(lambda: 1), Job(21))
    assert bad.kind == "error"
    assert "its argument cannot be sent to a worker" in bad.reason
    assert good.value == 42


def test_a_lock_as_an_argument_fails_alone(jobs: ModuleType) -> None:
    bad, good = run(jobs.double, Job(threading.Lock()), Job(21))
    assert (bad.kind, good.value) == ("error", 42)


def test_a_worker_that_died_while_it_was_idle_gets_no_job(jobs: ModuleType) -> None:
    with Workers(1) as workers:
        (first,) = workers.run(jobs.die_afterwards, [Job(0.1)])
        workers._workers[0].process.wait(timeout=30)
        (second,) = workers.run(jobs.double, [Job(21)])
    assert (first.value, second.value) == ("done", 42)


def test_a_worker_that_is_gone_when_it_is_sent_a_job_fails_that_job_alone(
    jobs: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Workers(1) as workers:
        list(workers.run(jobs.double, [Job(1)]))
        workers._workers[0].process.kill()
        workers._workers[0].process.wait()
        with monkeypatch.context() as late:
            late.setattr(workers, "_drop_the_dead", lambda: None)  # as if it died between the look and the word
            outcomes = workers.run(jobs.double, [Job(b"x" * 1_000_000)])
            lost = next(outcomes)
        assert list(outcomes) == []
        (found,) = workers.run(jobs.double, [Job(21)])
    assert (lost.kind, lost.reason[:33]) == ("died", "its process was ended by SIGKILL;")
    assert found.value == 42


# ---------------------------------------------------------------- how workers begin and end


def test_workers_begin_early_on_demand(jobs: ModuleType) -> None:
    with Workers(2) as workers:
        workers.begin()
        begun = [worker.process.pid for worker in workers._workers]
        (outcome,) = workers.run(jobs.who, [Job(0)])
    assert outcome.value in begun
    assert len(begun) == 2


def test_numerical_libraries_get_the_threads_they_are_given(jobs: ModuleType) -> None:
    with Workers(1, threads=3) as workers:
        (outcome,) = workers.run(jobs.threads, [Job(0)])
    assert outcome.value == "3"


def test_a_worker_loads_only_what_it_is_told_to(jobs: ModuleType) -> None:
    asked = ("torch", "sklearn", "lightgbm", "onnx", "polars", "numpy", "fractions")
    with Workers(1, modules=("fractions", "no_such_module")) as workers:
        (outcome,) = workers.run(jobs.loaded, [Job(asked)])
    assert outcome.value == ["fractions"]


def test_what_a_job_prints_goes_to_standard_error(jobs: ModuleType, capfd: pytest.CaptureFixture[str]) -> None:
    run(jobs.shout, Job("a library says hello"))
    printed = capfd.readouterr()
    assert printed.out == ""
    assert printed.err.count("a library says hello") == 2


def test_the_end_of_the_block_ends_every_worker_even_in_the_middle_of_a_job(jobs: ModuleType) -> None:
    with Workers(2) as workers:
        outcomes = workers.run(jobs.apply, [Job(("double", 1)), Job(("hang", 0))])
        next(outcomes)
        processes = [worker.process for worker in workers._workers]
    assert all(process.poll() is not None for process in processes)
    outcomes.close()


def test_a_script_without_a_main_guard_can_use_workers(tmp_path: Path, jobs: ModuleType) -> None:
    script = (
        "print('here')\n"
        "from archwise.engines.processes import Job, Workers\n"
        "import some_jobs\n"
        "with Workers(2) as workers:\n"
        "    print(sorted(o.value for o in workers.run(some_jobs.double, [Job(1), Job(2)])))\n"
    )
    done = run_alone(script, at=tmp_path)
    assert (done.stdout, done.stderr) == ("here\n[2, 4]\n", "")


BUSY_SCRIPT = """
import sys
from archwise.engines.processes import Job, Workers
import some_jobs
with Workers(1) as workers:
    list(workers.run(some_jobs.note, [Job(sys.argv[1])], on_message=lambda *said: print(*said, flush=True)))
"""


@pytest.fixture
def busy(tmp_path: Path, jobs: ModuleType) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A script in the middle of a job that sleeps, and the process that runs the job."""
    script, noted = tmp_path / "busy.py", tmp_path / "worker"
    script.write_text(BUSY_SCRIPT)
    with subprocess.Popen(
        [sys.executable, str(script), str(noted)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        cwd=tmp_path,
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "0 noted\n"
        yield parent, int(noted.read_text())
        parent.kill()


def test_workers_end_soon_after_their_parent_was_killed(busy: tuple[subprocess.Popen[str], int]) -> None:
    parent, worker = busy
    parent.kill()
    parent.wait()
    assert is_gone(worker, within_s=10)


def test_ctrl_c_is_the_parents_to_handle(busy: tuple[subprocess.Popen[str], int]) -> None:
    parent, worker = busy
    os.killpg(parent.pid, signal.SIGINT)  # a terminal sends it to the workers too
    _, errors = parent.communicate(timeout=30)
    assert is_gone(worker, within_s=10)
    assert errors.count("Traceback") == 1
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert "worker.py" not in errors
