"""Works on the parts of a source on several threads, in their order, while the next is read."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Part = TypeVar("Part")
Done = TypeVar("Done")

AT_ONCE = 2  # parts that are worked on; a third is read meanwhile


def work_ahead(parts: Iterator[Part], work: Callable[[Part], Done]) -> Iterator[Done]:
    """What becomes of the parts, in the same order: one is read and two are worked on while another is in use.

    Four parts are held at once at the most. What a part raises is raised where it would have come.
    """
    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(AT_ONCE) as workers:

        def begin() -> Future[Done | None]:
            read = reader.submit(next, parts, None)
            return workers.submit(lambda: None if (part := read.result()) is None else work(part))

        waiting = deque(begin() for _ in range(AT_ONCE + 1))
        while (done := waiting.popleft().result()) is not None:
            waiting.append(begin())
            yield done
            del done
