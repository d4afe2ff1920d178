"""The tree of errors: every message names what was found, where, what was expected and the mend.

ArchwiseError            exit code 1   anything archwise raises on purpose
├── UsageError           exit code 2   an option, a name or a setting that cannot be
├── DataError            exit code 3   the data cannot be read or used as they stand
│   ├── SourceError                    the source is missing, empty, broken or of an unknown format
│   ├── ColumnError                    a column is missing, misnamed or holds what it must not
│   └── TargetError                    the target cannot be learnt: one class, all missing, unseen labels
├── ModelError           exit code 4   a model folder or run folder is missing, changed or of another format
│   └── ParityError                    the written model does not answer as the trained one did
├── RaceError            exit code 5   no candidate reached a usable state inside the budget, or kept the limits
├── DivergedError        exit code 5   the training loss of a network is no longer a finite number
├── MissingExtraError    exit code 6   a part of archwise that is not installed is needed
├── RequirementError     exit code 7   the model is written, and does not reach the score that was required
└── InterruptedRunError  exit code 130 Ctrl-C in mid-race; the run can be resumed
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ArchwiseError(Exception):
    """The root of everything archwise raises on purpose.

    found: the message without its end `at_fit`, which tells what an option of `look` or `fit` does about it: who asks a
    written model cannot give one.
    """

    exit_code = 1

    def __init__(self, found: str = "", *, at_fit: str = "") -> None:
        super().__init__(found + at_fit)
        self.found = found


class UsageError(ArchwiseError):
    """An option, a name or a setting that cannot be."""

    exit_code = 2


class DataError(ArchwiseError):
    """The data cannot be read or used as they stand."""

    exit_code = 3


class SourceError(DataError):
    """The source is missing, empty, broken or of an unknown format."""


class ColumnError(DataError):
    """A column is missing, misnamed or holds what it must not."""


class TargetError(DataError):
    """The target cannot be learnt: one class, all missing, unseen labels."""


class ModelError(ArchwiseError):
    """A model folder or run folder is missing, changed or of another format."""

    exit_code = 4


class ParityError(ModelError):
    """The written model does not answer as the trained one did."""


class RaceError(ArchwiseError):
    """No candidate reached a usable state inside the budget."""

    exit_code = 5


class DivergedError(ArchwiseError):
    """The training loss of a network is no longer a finite number."""

    exit_code = 5


class MissingExtraError(ArchwiseError):
    """A part of archwise that is not installed is needed."""

    exit_code = 6


class RequirementError(ArchwiseError):
    """The model is written, and does not reach the score that was required."""

    exit_code = 7


class InterruptedRunError(ArchwiseError):
    """Ctrl-C in mid-race; the run can be resumed."""

    exit_code = 130


LONGEST_SHOWN = 60  # characters of a value that a message repeats


def shorten(value: object) -> str:
    """A value as a message repeats it, cut where it is long."""
    shown = str(value)
    return shown if len(shown) <= LONGEST_SHOWN else shown[:LONGEST_SHOWN] + "…"


def nearest(name: str, known: Iterable[str]) -> str:
    """Suggest the known name nearest to a misspelt one.

    Returns:
        " Did you mean 'income'?", or the known names where there are few, or an empty string.
    """
    names = list(known)
    lowered = {known_name.lower(): known_name for known_name in names}
    close = difflib.get_close_matches(name.lower(), list(lowered), n=1, cutoff=0.6)
    if close:
        return f" Did you mean '{lowered[close[0]]}'?"
    if 0 < len(names) <= 20:
        return f" There are: {', '.join(names)}."
    return ""
