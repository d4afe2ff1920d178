"""Schedules: the factor on the peak learning rate at each step, as pure functions.

A step may lie between two whole ones where a plan is walked through faster than step by step (training/landing.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import cos, log2, pi
from types import MappingProxyType

_CYCLES = 4  # of coslog4, each twice as long as the one before
_FLAT_SHARE = 0.5  # of flat_cosine
_WARM_SHARE = 0.3  # of one cycle that rises
_START, _END = 1 / 25, 1 / 250_000  # of the peak, in one cycle


def constant(step: float, total: int) -> float:
    """The peak rate throughout.

    Args:
        step: from 0.
        total: steps of the whole training.
    """
    del step, total  # it does not change
    return 1.0


def cosine(step: float, total: int) -> float:
    """From the peak to zero along half a cosine wave.

    Args:
        step: from 0.
        total: steps of the whole training; the rate stays at zero after them.

    Source:
        Loshchilov & Hutter 2017 (SGDR), eq. 5, without restarts.
    """
    return 0.5 * (1.0 + cos(pi * min(step, total) / total))


def one_cycle(step: float, total: int) -> float:
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


def coslog4(step: float, total: int) -> float:
    """Four cosine waves from zero to the peak and back, each twice as long as the one before.

    Args:
        step: from 0.
        total: steps of the whole training; the rate stays at zero after them.

    Source:
        Holzmüller, Grinsztajn & Steinwart 2024, section 3.2: 0.5 * (1 - cos(2 pi log2(1 + 15 t))).
    """
    return 0.5 * (1.0 - cos(2.0 * pi * log2(1.0 + (2**_CYCLES - 1) * min(step, total) / total)))


def flat_cosine(step: float, total: int) -> float:
    """The peak in the first half, then half a cosine wave to zero.

    Args:
        step: from 0.
        total: steps of the whole training; it stays at zero after them.

    Source:
        Holzmüller, Grinsztajn & Steinwart 2024, section 3.2, where it rules dropout and weight decay.
    """
    done = max(0.0, min(step, total) / total - _FLAT_SHARE) / (1.0 - _FLAT_SHARE)
    return 0.5 * (1.0 + cos(pi * done))


SCHEDULES: Mapping[str, Callable[[float, int], float]] = MappingProxyType(
    {
        "constant": constant,
        "cosine": cosine,
        "one_cycle": one_cycle,
        "coslog4": coslog4,
        "flat_cosine": flat_cosine,
    }
)
