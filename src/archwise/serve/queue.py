"""Requests that arrive together are answered together: no one waits for company, but who comes meanwhile goes along."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeAlias

from archwise.errors import ArchwiseError
from archwise.records import Json

Row: TypeAlias = Mapping[str, object]
Answer: TypeAlias = "dict[str, Json] | ArchwiseError"
Together: TypeAlias = Callable[[Sequence[Row]], "list[Answer]"]

MOST_AT_ONCE = 64  # rows of one call: what they take together is still a few milliseconds
SWIFT_S = 0.002  # a row that takes less is answered on the event loop: handing it to a thread and back costs more


class FullError(Exception):
    """As many rows wait as may."""


class Queue:
    """The rows that wait for one model. All of it runs on the event loop; the answering too, where a row takes little.

    While a call runs, rows gather; when it ends, all that gathered are the next. So a row alone is answered at once,
    and the more come, the larger the calls.

    is_swift: whether rows are answered on the loop.
    """

    def __init__(self, answer: Together, *, most_waiting: int, tell: Callable[[int], None]) -> None:
        """Make an empty queue.

        Args:
            answer: rows -> an answer or an error for each.
            most_waiting: rows; one more is refused.
            tell: told the number of rows of each call.
        """
        self._answer = answer
        self._most_waiting = most_waiting
        self._tell = tell
        self._waiting: list[tuple[Row, asyncio.Future[Answer]]] = []
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="answer")
        self._loop: asyncio.AbstractEventLoop | None = None  # asking for it takes a call of the system each time
        self._is_busy = self.is_swift = False

    def __len__(self) -> int:
        return len(self._waiting)

    def ask(self, row: Row) -> asyncio.Future[Answer]:
        """A row's place in the queue.

        Raises:
            FullError: as many wait as may.
        """
        if len(self._waiting) >= self._most_waiting:
            raise FullError
        loop = self._own_loop()
        given: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append((row, given))
        if not self._is_busy:
            self._is_busy = True
            loop.call_soon(self._go)  # what else arrived in this turn of the loop comes along
        return given

    def warm_up(self, row: Row, *, n_calls: int) -> None:
        """Answer a row some times, so that no asker waits for what only the first needs; and see how long one takes."""
        self._answer([row])
        taken = []
        for _ in range(n_calls):
            started = time.perf_counter()
            self._answer([row])
            taken.append(time.perf_counter() - started)
        self.is_swift = sorted(taken)[n_calls // 2] < SWIFT_S

    def close(self) -> None:
        """End the thread; nothing may wait."""
        self._thread.shutdown()

    def _go(self) -> None:
        left = [(row, given) for row, given in self._waiting if not given.done()]  # those that gave up are gone
        now, self._waiting = left[:MOST_AT_ONCE], left[MOST_AT_ONCE:]
        if not now:
            self._is_busy = False
            return
        self._tell(len(now))
        rows, asked = [row for row, _ in now], [given for _, given in now]
        loop = self._own_loop()
        if self.is_swift:
            done: asyncio.Future[list[Answer]] = loop.create_task(self._on_loop(rows))
        else:
            done = loop.run_in_executor(self._thread, self._answer, rows)
        done.add_done_callback(partial(self._hand_out, asked))

    async def _on_loop(self, rows: Sequence[Row]) -> list[Answer]:
        """The answers as a task, which keeps a failure for those who asked."""
        return self._answer(rows)

    def _hand_out(self, asked: Sequence[asyncio.Future[Answer]], ended: asyncio.Future[list[Answer]]) -> None:
        failure = ended.exception()
        for place, given in enumerate(asked):
            if given.done():
                continue
            if failure is not None:
                given.set_exception(failure)
            else:
                given.set_result(ended.result()[place])
        if self._waiting:
            self._own_loop().call_soon(self._go)
        else:
            self._is_busy = False

    def _own_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        return self._loop
