"""The shape of a target of numbers: counts, or positive amounts over many sizes, told from the values with evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from archwise.data.kinds.number import number_array, parse_number
from archwise.errors import TargetError
from archwise.records import Array, Finding

COUNTS, AMOUNTS = (
    "poisson",
    "mean_squared_log",
)  # the losses that these targets call for, as tasks/regress.py names them
FEWEST_ROWS = 200
COUNT_SKEW, AMOUNT_SKEW = 0.5, 2.0  # from which a target is skewed enough to be a count, or an amount of many sizes
_DENSE = 0.5  # share of the whole numbers up to nearly the largest that a count takes
_MOST_COUNT = 1_000  # of nearly the largest
_N_BINS = 10  # of a column, in which mean and variance of the target are told
_MOVES = 1.3  # how much larger the mean of the upper bins must be, for the variance to be seen to go with it


@dataclass(frozen=True)
class _Law:
    """How the variance of the target goes with its mean over the tenths of a column: as the mean to a power."""

    column: str
    power: float
    means: tuple[float, float]
    variances: tuple[float, float]

    def told(self) -> str:
        """In words."""
        (low, high), (narrow, wide) = self.means, self.variances
        return (
            f"over tenths of the rows by '{self.column}' its variance goes from {narrow:.3g} to {wide:.3g} "
            f"as its mean goes from {low:.3g} to {high:.3g}"
        )


def find_shape(target: pl.Series, typed: pl.DataFrame, *, sampled: bool = False) -> tuple[str, tuple[Finding, ...]]:
    """The loss that a target of numbers calls for, and why, where it is no plain number.

    Args:
        target: (N,) Float64, null where unknown.
        typed: the columns that are read, in the same rows.
        sampled: whether the rows are a part of the table.

    Returns:
        the loss, "" for the default, and one finding where there is one.
    """
    known = target.is_not_null()
    values = number_array(target.filter(known))
    if len(values) < FEWEST_ROWS or values.min() < 0:
        return "", ()
    skew = skewness(values)
    columns = [column.filter(known) for column in typed.get_columns() if column.dtype.is_numeric()]
    told = "of the rows looked at " if sampled else ""
    if _are_whole_and_dense(values) and skew >= COUNT_SKEW:
        law = _law(values, columns)
        if law is None or law.power < 0.5:
            return "", ()
        message = (
            f"target '{target.name}': {told}{len(np.unique(values)):,} different whole numbers from {values.min():.0f} "
            f"on, skewed ({skew:.1f}), and {law.told()}, as with counts: networks learn expected counts "
            f"(--loss {COUNTS}), beside them also by squares; --loss mean_squared learns by squares alone"
        )
        return COUNTS, (Finding("count", "note", message, str(target.name), len(values)),)
    if values.min() > 0 and skew >= AMOUNT_SKEW and abs(skewness(np.log(values))) <= skew / 2:
        message = (
            f"target '{target.name}': {told}all above 0 and skewed ({skew:.1f}; its logarithm "
            f"{skewness(np.log(values)):.1f}): networks learn on the scale of logarithms (--loss {AMOUNTS}) and "
            "answer means, beside them also by squares; --loss mean_squared learns by squares alone"
        )
        return AMOUNTS, (Finding("skewed", "note", message, str(target.name), len(values)),)
    return "", ()


def refuse_unfit(values: pl.Series, loss: str, *, rows: Array | None = None) -> None:
    """Refuse a loss that the target's values cannot have.

    Args:
        values: the target column, as it was read.
        loss: as asked, or "".
        rows: (N,) numbers of the rows in their source, from 0, where the values are a part of it.

    Raises:
        TargetError: a value is negative where a count is to be learnt, or 0 or less where a logarithm is.
    """
    if loss not in (COUNTS, AMOUNTS):
        return
    numbers, _ = parse_number(values)
    bad = ((numbers <= 0) if loss == AMOUNTS else (numbers < 0)).fill_null(False)
    if not bad.any():
        return
    place = int(bad.arg_max() or 0)
    row = place if rows is None else int(rows[place])
    needs = "values above 0" if loss == AMOUNTS else "values of 0 or more"
    raise TargetError(
        f"target '{values.name}', row {row + 1}: {numbers[place]:g} ({int(bad.sum()):,} such cells); --loss {loss} "
        f"needs {needs}: choose --loss mean_squared, or mend the values"
    )


def skewness(values: Array) -> float:
    """The third standardised moment of (N,) values; 0 where they do not vary."""
    centred = values - values.mean()
    spread = float(np.sqrt(np.mean(centred**2)))
    return float(np.mean((centred / spread) ** 3)) if spread > 0 else 0.0


def _are_whole_and_dense(values: Array) -> bool:
    """Whether the values are whole numbers that fill a good part of the range from the least to nearly the largest."""
    if not (values == np.floor(values)).all():
        return False
    low, high = float(values.min()), float(np.quantile(values, 0.95))
    if high > _MOST_COUNT:
        return False
    return len(np.unique(values[values <= high])) >= _DENSE * (high - low + 1)


def _law(values: Array, columns: Sequence[pl.Series]) -> _Law | None:
    """The law over the column that moves the mean most; None where none moves it.

    Source:
        Taylor 1961: the power is 0 for a plain number, 1 for Poisson counts, 2 where errors are shares of the amount.
    """
    found: list[tuple[float, _Law]] = []
    for column in columns:
        is_known = column.is_not_null().to_numpy()
        if is_known.sum() < FEWEST_ROWS:
            continue
        order = np.argsort(number_array(column.drop_nulls()), kind="stable")
        bins = np.array_split(values[is_known][order], _N_BINS)
        means, variances = (np.array([measure(held) for held in bins]) for measure in (np.mean, np.var))
        if means.min() <= 0 or variances.min() <= 0 or means.max() < _MOVES * means.min():
            continue
        power = float(np.polyfit(np.log(means), np.log(variances), 1)[0])
        ends = (int(means.argmin()), int(means.argmax()))
        law = _Law(column.name, power, (means[ends[0]], means[ends[1]]), (variances[ends[0]], variances[ends[1]]))
        found.append((float(means.max() / means.min()), law))
    return max(found, key=lambda item: item[0])[1] if found else None
