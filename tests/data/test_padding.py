"""Where the steps of a padded sequence end."""

from __future__ import annotations

import numpy as np

from archwise.data.padding import n_steps


def test_steps_end_behind_the_last_that_is_no_padding() -> None:
    tokens = np.array([[5, 6, 0, 0], [0, 0, 0, 0], [1, 1, 1, 1], [3, 0, 4, 0]])
    assert n_steps(tokens).tolist() == [2, 1, 4, 3]


def test_a_series_ends_behind_the_last_step_with_a_value() -> None:
    series = np.full((3, 4, 2), np.nan, np.float32)
    series[0, :3] = 1.0
    series[0, 1] = np.nan
    series[1, 1, 0] = 2.0
    assert n_steps(series).tolist() == [3, 2, 1]
