"""Parts that are read ahead come as they are, in order, two at once at the most."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from archwise.data.ahead import read_ahead


def test_parts_come_in_their_order() -> None:
    assert list(read_ahead(iter(range(20)))) == list(range(20))


def test_no_parts_give_none() -> None:
    assert list(read_ahead(iter(()))) == []


def test_only_the_next_part_is_read_ahead() -> None:
    begun = []

    def parts() -> Iterator[int]:
        for number in range(5):
            begun.append(number)
            yield number

    ahead = read_ahead(parts())
    for number in range(3):
        assert next(ahead) == number
    ahead.close()
    assert max(begun) <= 3


def test_what_a_part_raises_comes_after_the_parts_before_it() -> None:
    def parts() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    ahead = read_ahead(parts())
    assert next(ahead) == 1
    with pytest.raises(ValueError, match="broken"):
        next(ahead)
