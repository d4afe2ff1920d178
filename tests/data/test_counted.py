"""Counts in sentences."""

from __future__ import annotations

import pytest

from archwise.data.counted import counted


@pytest.mark.parametrize(("count", "told"), [(0, "0 files are"), (1, "1 file is"), (1_234, "1,234 files are")])
def test_one_is_told_as_one(count: int, told: str) -> None:
    assert counted(count, "file is", "files are") == told
