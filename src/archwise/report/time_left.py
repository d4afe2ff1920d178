"""How long a report may take: what is dear is cut short when the time is over, and says so."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

DRAWING_S = 1.5  # kept for the charts and the page
SHORTEST_S = 1.0  # below which no report is begun


@dataclass(frozen=True)
class Allowed:
    """When everything must be gathered, on the clock. clock: seconds, such as time.monotonic."""

    until: float
    clock: Callable[[], float] = time.monotonic

    def left(self) -> float:
        """Seconds that are left."""
        return self.until - self.clock()

    def share(self, part: float) -> Allowed:
        """What a part of the time that is left allows."""
        return Allowed(self.clock() + part * max(0.0, self.left()), self.clock)


def allow(seconds: float, clock: Callable[[], float] = time.monotonic) -> Allowed:
    """So many seconds from now on, without those that drawing takes."""
    return Allowed(clock() + max(0.0, seconds - DRAWING_S), clock)
