"""When the trials of a rung are stopped: a reference that learns goes on as long as nobody who learns has answered."""

from __future__ import annotations

import math
import time
from collections import deque

from archwise.choice.rung import GRACE_S, _Bounded, _learned
from archwise.choice.trial import Grant, TrialJob
from archwise.engines.processes import Job
from archwise.records import Candidate, Plan, Trial

LINEAR = Candidate("linear", (("penalty", 1.0),), Plan(), label="linear")
MAJORITY = Candidate("majority", (), Plan(), label="majority")


def until(job: Job) -> float:
    assert callable(job.until)
    return job.until()


def test_a_reference_is_stopped_at_its_time_or_later_where_nobody_who_learns_has_answered() -> None:
    now = time.monotonic()
    learned: list[str] = []
    grant = Grant(0, 1.0, stop_at=now + 10.0, last_at=now + 20.0)
    (job,) = _Bounded(deque([TrialJob("run", LINEAR, grant)]), [], [], has_learned=lambda: bool(learned))
    assert job.seconds is None
    assert until(job) == now + 20.0 + GRACE_S
    learned.append("another")
    assert until(job) == now + 10.0 + GRACE_S


def test_a_reference_may_still_begin_after_its_time_where_nobody_who_learns_has_answered() -> None:
    now = time.monotonic()
    grant = Grant(0, 1.0, stop_at=now - 1.0, last_at=now + 20.0)
    for has_learned in (False, True):
        late: list[TrialJob] = []
        given = list(
            _Bounded(deque([TrialJob("run", LINEAR, grant)]), [], late, has_learned=lambda has=has_learned: has)
        )
        assert (len(given), len(late)) == ((0, 1) if has_learned else (1, 0))


def test_a_network_has_no_more_time_than_it_was_given() -> None:
    now = time.monotonic()
    grant = Grant(0, 1.0, seconds=3.0, stop_at=now + 10.0)
    (job,) = _Bounded(deque([TrialJob("run", LINEAR, grant)]), [], [], has_learned=lambda: False)
    assert job.seconds is not None
    assert until(job) == now + 10.0 + GRACE_S
    assert Grant(0, 1.0).ends() is None


def test_only_who_learns_and_has_answered_counts() -> None:
    assert _learned(Trial(LINEAR, 0, "done", score=0.7)) == [LINEAR.id]
    assert _learned(Trial(LINEAR, 0, "failed", why="stopped")) == []
    assert _learned(Trial(LINEAR, 0, "paused", score=math.nan)) == []
    assert _learned(Trial(MAJORITY, 0, "done", score=0.5)) == []
