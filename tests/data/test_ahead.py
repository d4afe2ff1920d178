"""Parts that are worked on ahead come in their order, a few at a time, and fail where they stand."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from archwise.data.ahead import AT_ONCE, work_ahead


def test_parts_come_in_order_though_the_first_takes_longest() -> None:
    later = threading.Event()

    def work(part: int) -> int:
        if part == 0:
            assert later.wait(10)  # the second is worked on meanwhile
        else:
            later.set()
        return part * part

    assert list(work_ahead(iter(range(20)), work)) == [part * part for part in range(20)]


def test_no_more_parts_are_read_than_are_worked_on_and_one() -> None:
    read = []

    def parts() -> Iterator[int]:
        for part in range(100):
            read.append(part)
            yield part

    done = work_ahead(parts(), lambda part: part)
    assert next(done) == 0
    done.close()
    assert len(read) <= AT_ONCE + 2


def test_what_a_part_raises_is_raised_behind_those_before_it() -> None:
    def work(part: int) -> int:
        if part == 3:
            raise ValueError("the fourth")
        return part

    done = work_ahead(iter(range(10)), work)
    assert [next(done) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="the fourth"):
        next(done)


def test_what_the_reading_raises_is_raised_too() -> None:
    def parts() -> Iterator[int]:
        yield 0
        raise OSError("the disk")

    done = work_ahead(parts(), lambda part: part)
    assert next(done) == 0
    with pytest.raises(OSError, match="the disk"):
        list(done)


def test_no_parts() -> None:
    assert list(work_ahead(iter(()), lambda part: part)) == []
