"""Where a call of training pauses, and how a plan that does not fit comes to its end there all the same.

A schedule that is cut off before its rate has fallen is worth far less than a shorter one that ends: so where the
limit comes before the end of the plan, the rest of the plan is walked through faster than step by step, and rate,
decay and dropout take at the limit the values that they have at the plan's end.
Source: Li, Yumer & Ramanan 2020 (Budgeted training: the schedule must end with the budget).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

SPARE = 0.02  # of the seconds of a call that are not promised away, for steps are not all as fast as those before


@dataclass(frozen=True)
class Limit:
    """Where to pause, whichever comes first.

    epochs, steps: in all, since the candidate began. seconds: of this call.
    lands: whether the plan is brought to its end at the limit, where it does not fit; where it fits, nothing changes.
    """

    epochs: float
    steps: int | None = None
    seconds: float | None = None
    lands: bool = False


class Landing:
    """Tells step by step how much of the plan is left out, from what is left of the limit.

    Args:
        last: step to pause at.
        deadline: when to pause, on the clock; math.inf for none, and then the clock is never read.
        clock: seconds. look_s: what a look is likely to take, until one has been timed.
    """

    def __init__(self, last: int, deadline: float, *, clock: Callable[[], float], look_s: float = 0.0) -> None:
        self._last, self._deadline, self._clock = last, deadline, clock
        self._aim = deadline
        if math.isfinite(deadline):
            self._aim -= SPARE * (deadline - clock())
        self._first: tuple[int, float] | None = None  # step of this call, and when it was done: it sets things up
        self._now = 0.0
        self._look_s = look_s

    def skipped(self, step: int, needed: float) -> float:
        """How many steps of the plan to leave out after a step.

        Args:
            step: the steps taken since the candidate began.
            needed: steps of the plan that are still to come.
        """
        if needed <= 0:
            return 0.0
        fitting = min(self._last - step, self._fitting(step))
        return 0.0 if math.isinf(fitting) else max(0.0, (needed - fitting) / (fitting + 1.0))  # as each that follows

    def has_looked(self) -> None:
        """Note what a look at the validation rows takes, after the step before it; one more is to come at the end."""
        if math.isfinite(self._deadline):
            self._look_s = self._clock() - self._now

    def _fitting(self, step: int) -> float:
        """How many more steps the seconds allow, at the pace of the call so far."""
        if math.isinf(self._deadline):
            return math.inf
        self._now = self._clock()
        left = self._aim - self._now - self._look_s
        if left <= 0.0:
            return 0.0
        if self._first is None:
            self._first = step, self._now
        steps, seconds = step - self._first[0], self._now - self._first[1]
        return left * steps / seconds if steps > 0 and seconds > 0.0 else math.inf
