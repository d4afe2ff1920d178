"""Schedules: the factor on the peak learning rate at each step, as pure functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import cos, pi
from types import MappingProxyType

_WARM_SHARE = 0.3  # of one cycle that rises
_START, _END = 1 / 25, 1 / 250_000  # of the peak, in one cycle


def constant(step: int, total: int) -> float:
    """The peak rate throughout.

    Args:
        step: from 0.
        total: steps of the whole training.
    """
    del step, total  # it does not change
    return 1.0


def cosine(step: int, total: int) -> float:
    """From the peak to zero along half a cosine wave.

    Args:
        step: from 0.
        total: steps of the whole training; the rate stays at zero after them.

    Source:
        Loshchilov & Hutter 2017 (SGDR), eq. 5, without restarts.
    """
    return 0.5 * (1.0 + cos(pi * min(step, total) / total))


def one_cycle(step: int, total: int) -> float:
    """From a 25th of the peak up to it in three tenths of the steps, then down to nearly nothing.

    Args:
        step: from 0.
        total: steps of the whole training; the rate stays at its end after them.

    Source:
        Smith & Topin 2018, with the cosine waves and shares that are usual since.
    """
    done = min(step, total) / total
    if done < _WARM_SHARE:
        return _START + (1.0 - _START) * 0.5 * (1.0 - cos(pi * done / _WARM_SHARE))
    return _END + (1.0 - _END) * 0.5 * (1.0 + cos(pi * (done - _WARM_SHARE) / (1.0 - _WARM_SHARE)))


SCHEDULES: Mapping[str, Callable[[int, int], float]] = MappingProxyType(
    {"constant": constant, "cosine": cosine, "one_cycle": one_cycle}
)
