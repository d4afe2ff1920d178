"""The outlook of a paused candidate: where its curve points, and whether it can still reach the best.

Rule: a candidate is left where it stands when the probability that it reaches, at the end of its plan, the score that
the best standing candidate has already is under 5 %. The end of its curve is told by an ensemble: no further gain, a
power law, an exponential and a log-power law, each fitted to its looks so far. What such a fit misses, above all that
schedules with decay gain most at their end, is told by the race itself: the same fit is made to every candidate of
the same schedule that has finished, cut at the same share of its plan, and what it missed there is added here, with
its spread. So nobody is left before others of the schedule have finished, nor on a handful of looks.
Sources: Domhan, Springenberg & Hutter 2015 (the rule, the ensemble, 5 %); Klein et al. 2017 (learnt from other
curves); Viering & Loog 2022 (power laws and exponentials fit best); Egele et al. 2024 (the last look is hard to beat).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np

from archwise.choice.trial import SHORTENED
from archwise.records import Array, Trial

LEAST_CHANCE = 0.05  # of reaching the best, under which a candidate is left
FEWEST_LOOKS = 4  # of a curve that is continued
FEWEST_FINISHED = 2  # candidates of the same schedule that are trained to the end
LEFT = "left at"  # how the reason of a candidate that was left begins
_MOST_LOOKS = 64  # that a fit reads, spread evenly over the curve
_DOUBT = 2.0  # finished candidates that the spread assumed beforehand counts for
_ASSUMED = 0.5  # of the gain seen: that spread
_LEVEL = 0.95
_NORMAL = NormalDist()


@dataclass(frozen=True)
class Outlook:
    """The best score a candidate will have had at the end of its plan, its 95 % interval, and the chance to reach."""

    score: float
    low: float
    high: float
    chance: float


@dataclass(frozen=True)
class _Scale:
    """How scores are compared; greater is better on the scale.

    Minus the logarithm of the error where all errors are positive, so that a gain is a share of the error; else the
    score itself.
    """

    sign: float
    logarithmic: bool

    def of(self, score: Array) -> Array:
        """Scores on the scale."""
        if not self.logarithmic:
            return self.sign * score
        return -np.log(1.0 - score if self.sign > 0 else score)

    def back(self, value: float) -> float:
        """The score of a value on the scale."""
        if not self.logarithmic:
            return self.sign * value
        return 1.0 - math.exp(-value) if self.sign > 0 else math.exp(-value)


@dataclass(frozen=True)
class _Curve:
    """Looks of a trial on the scale: times (T,), shares of its plan, and values (T,)."""

    times: Array
    values: Array

    def until(self, share: float) -> _Curve:
        """The looks up to a share of the plan."""
        seen = self.times <= share * (1.0 + 1e-9)
        return _Curve(self.times[seen], self.values[seen])

    @property
    def best(self) -> float:
        """The best value so far, which is what a trial keeps."""
        return float(self.values.max())


def look_ahead(standing: dict[str, Trial], *, sign: float) -> list[Trial]:
    """Mark in the standing who cannot reach the best any more.

    Args:
        standing: id -> where each candidate stands; what is marked is put in place.
        sign: +1 where a greater score is better, else -1.

    Returns:
        those that are left now and were not before, in the order of their ids.
    """
    judged = judge(standing.values(), sign=sign)
    newly = [judged[name] for name in sorted(judged) if is_left(judged[name]) and not is_left(standing[name])]
    standing.update(judged)
    return newly


def judge(standing: Iterable[Trial], *, sign: float) -> dict[str, Trial]:
    """Judge the paused trials anew by all that has been seen so far.

    Args:
        standing: where every candidate stands.
        sign: +1 where a greater score is better, else -1.

    Returns:
        id -> trial of the paused ones, whose `why` says that they are left and for what, or is empty.
    """
    standing = [trial for trial in standing if math.isfinite(trial.score)]
    if not standing:
        return {}
    best = max(standing, key=lambda trial: (sign * trial.score, trial.candidate.id))
    whole = [trial for trial in standing if not trial.why.startswith(SHORTENED)]  # of the others no share is known
    finished = [trial for trial in whole if trial.state == "done" and trial.curve]
    judged = {}
    for trial in standing:
        if trial.state == "paused":
            found = outlook(trial, finished, sign=sign, bar=best.score) if trial is not best else None
            why = _why(trial, found, best) if found and found.chance < LEAST_CHANCE else ""
            judged[trial.candidate.id] = replace(trial, why=why)
    return judged


def is_left(trial: Trial) -> bool:
    """Whether a trial was left where it stands."""
    return trial.state == "paused" and trial.why.startswith(LEFT)


def outlook(trial: Trial, finished: Sequence[Trial], *, sign: float, bar: float) -> Outlook | None:
    """Tell where a trial will stand at the end of its plan.

    Args:
        trial: with its looks so far.
        finished: trials whose plan is at its end, or that stopped early; those of another schedule are passed over.
        bar: the score to be reached.

    Returns:
        None where the looks or the finished are too few to tell.
    """
    alike = [other for other in finished if other.candidate.plan.schedule == trial.candidate.plan.schedule]
    scale = _scale([trial, *alike], sign, bar)
    curve = _curve(trial, scale)
    if len(curve.times) < FEWEST_LOOKS:
        return None
    share = float(curve.times[-1])
    others = [other for other in (_curve(each, scale) for each in alike) if _is_telling(other, share)]
    if len(others) < FEWEST_FINISHED:
        return None
    gain = float(np.mean([other.best - other.until(share).best for other in others]))
    members = [_member(shape, curve, others, assumed=_ASSUMED * gain) for shape in _SHAPES]
    mixed = _Mixture(tuple(members), curve.best)
    low, middle, high = (scale.back(mixed.quantile(level)) for level in ((1 - _LEVEL) / 2, 0.5, (1 + _LEVEL) / 2))
    return Outlook(middle, min(low, high), max(low, high), mixed.chance(float(scale.of(np.asarray(bar)))))


def _why(trial: Trial, found: Outlook, best: Trial) -> str:
    share = trial.curve[-1].epoch / trial.candidate.plan.epochs
    digits = _digits(found.high - found.low)
    told, low, high, bar = (f"{value:,.{digits}f}" for value in (found.score, found.low, found.high, best.score))
    side = "below" if best.score > found.score else "above"
    return f"{LEFT} {share:.0%}: its curve points to {told} ({low} to {high}), {side} {bar} of {best.candidate.label}"


def _digits(width: float) -> int:
    """Decimals that show the width of an interval in three digits."""
    return 4 if width <= 0 else min(6, max(0, 2 - math.floor(math.log10(width))))


# ---------------------------------------------------------------- curves


def _scale(trials: Sequence[Trial], sign: float, bar: float) -> _Scale:
    scores = np.asarray([point.score for trial in trials for point in trial.curve] + [bar])
    errors = 1.0 - scores if sign > 0 else scores
    return _Scale(sign, bool((errors[np.isfinite(errors)] > 0).all()))


def _curve(trial: Trial, scale: _Scale) -> _Curve:
    points = [point for point in trial.curve if math.isfinite(point.score)]
    times = np.asarray([point.epoch / trial.candidate.plan.epochs for point in points])
    return _Curve(times, scale.of(np.asarray([point.score for point in points])))


def _is_telling(curve: _Curve, share: float) -> bool:
    """Whether a finished curve shows what is gained after a share of the plan."""
    return len(curve.times) > 0 and curve.times[-1] > share and len(curve.until(share).times) >= FEWEST_LOOKS


# ---------------------------------------------------------------- the ensemble: each predicts the value at the end

Shape = Callable[[_Curve], float]
_POWERS = np.asarray([0.1, 0.3, 0.5, 1.0, 2.0, 4.0])
_PACES = np.asarray([1.0, 3.0, 10.0, 30.0, 100.0])
_STEEPS, _BENDS = (1.0, 2.0, 4.0), (0.03, 0.1, 0.3, 0.6)


def _no_more(curve: _Curve) -> float:
    """Nothing is gained any more."""
    return curve.best


def _power(curve: _Curve) -> float:
    """Predict by a - b t^-c."""
    return _fitted(curve, lambda times: times ** -_POWERS[:, None])


def _exponential(curve: _Curve) -> float:
    """Predict by a - b exp(-c t)."""
    return _fitted(curve, lambda times: np.exp(-_PACES[:, None] * times))


def _log_power(curve: _Curve) -> float:
    """Predict by a - b / (1 + (t / d)^c)."""
    powers, bends = (values.reshape(-1, 1) for values in np.meshgrid(_STEEPS, _BENDS))
    return _fitted(curve, lambda times: 1.0 / (1.0 + (times / bends) ** powers))


_SHAPES: tuple[Shape, ...] = (_no_more, _power, _exponential, _log_power)


def _fitted(curve: _Curve, falls: Callable[[Array], Array]) -> float:
    """The value at the end by a - b fall(t), b at least 0, with the best of the falls by weighted least squares.

    Later looks weigh more, in proportion to their time (Domhan et al. 2015 weigh them so too). A trial keeps its best,
    so it never ends below it.

    Args:
        falls: times (T,) -> (F, T), each falling.
    """
    chosen = np.unique(np.linspace(0, len(curve.times) - 1, min(len(curve.times), _MOST_LOOKS)).round().astype(int))
    times, values = curve.times[chosen], curve.values[chosen]
    weights = times / times.sum()
    seen = falls(np.append(times, 1.0))
    middle = (seen[:, :-1] * weights).sum(axis=1)
    apart = seen[:, :-1] - middle[:, None]
    rest = values - (values * weights).sum()
    slope = np.minimum(0.0, (apart * weights * rest).sum(axis=1) / (apart**2 * weights).sum(axis=1))
    error = ((rest - slope[:, None] * apart) ** 2 * weights).sum(axis=1)
    best = int(error.argmin())
    end = float((values * weights).sum() + slope[best] * (seen[best, -1] - middle[best]))
    return max(curve.best, end)


# ---------------------------------------------------------------- what the finished ones add


@dataclass(frozen=True)
class _Member:
    """What one shape predicts, after what it missed on the finished: Student's t at `middle`."""

    middle: float
    spread: float
    freedom: float

    def below(self, value: float) -> float:
        """The probability of a lower value (Wallace 1959 for t as a normal deviate)."""
        t = (value - self.middle) / self.spread
        bent = math.sqrt(self.freedom * math.log1p(t * t / self.freedom))
        return _NORMAL.cdf(math.copysign(bent * (8 * self.freedom + 1) / (8 * self.freedom + 3), t))


def _member(shape: Shape, curve: _Curve, others: Sequence[_Curve], *, assumed: float) -> _Member:
    """Correct a shape by what it missed on finished curves that were cut where this one ends.

    Args:
        assumed: the spread of what is missed, before any is seen.
    """
    share = float(curve.times[-1])
    missed = np.asarray([other.best - shape(other.until(share)) for other in others])
    n_seen = len(missed)
    freedom = n_seen - 1 + _DOUBT
    squares = float(np.square(missed - missed.mean()).sum()) + _DOUBT * assumed**2
    spread = math.sqrt(squares / freedom * (1.0 + 1.0 / n_seen))
    return _Member(shape(curve) + float(missed.mean()), max(spread, 1e-9), freedom)


@dataclass(frozen=True)
class _Mixture:
    """All members with equal weights, none of which ends below what the trial has."""

    members: tuple[_Member, ...]
    least: float

    def chance(self, value: float) -> float:
        """The probability of reaching a value."""
        if value <= self.least:
            return 1.0
        return 1.0 - sum(member.below(value) for member in self.members) / len(self.members)

    def quantile(self, level: float) -> float:
        """The value under which a share of the probability lies, by bisection."""
        low = min(member.middle - 50 * member.spread for member in self.members)
        high = max(member.middle + 50 * member.spread for member in self.members)
        for _ in range(60):
            middle = (low + high) / 2
            under = sum(member.below(middle) for member in self.members) / len(self.members)
            low, high = (middle, high) if under < level else (low, middle)
        return max(self.least, (low + high) / 2)
