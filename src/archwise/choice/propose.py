"""Proposals: settings worth trying next, drawn around the best that an architecture has reached so far.

Every architecture enters with its good defaults. What is proposed later keeps the best of them and moves a few of its
settings, with the rate and the decay of its plan: numbers evenly (of a scale, in the logarithm) in a range around the
best, choices to another one. The race decides what a proposal is worth; a better one becomes the next centre.
Sources: Rechenberg 1973 (draws around the best); Bergstra & Bengio 2012 (few settings matter, so a draw moves few).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from random import Random

from archwise.architectures import architecture
from archwise.records import Architecture, Candidate, Scalar, Setting, Trial, settings_of

FEWEST_MOVED, MOST_MOVED = 2, 4  # settings of a proposal that differ from those it is drawn around
FACTOR = 3.0  # a number on a scale moves at most so many times up or down
SHARE = 0.25  # another number moves at most by this share of its range
MOST_DRAWS = 50  # until one is new; a space may be so small that all of it raced
PLAN = (
    Setting("rate", 1e-3, "peak learning rate", low=1e-6, high=1.0, log=True),
    Setting("decay", 1e-2, "weight decay", low=1e-6, high=10.0, log=True),
)


@dataclass(frozen=True)
class Wish:
    """What may be proposed. fixed: settings such as "mlp.width" that the user fixed. seed: of the draws."""

    fixed: Collection[str] = ()
    seed: int = 0


def can_move(name: str, wish: Wish) -> bool:
    """Whether an architecture has a setting that may be proposed."""
    return bool(_movable(architecture(name), wish))


def propose(centres: Sequence[Trial], raced: Iterable[Candidate], wish: Wish, *, number: int) -> tuple[Candidate, ...]:
    """Draw one candidate around each centre, none of which raced before.

    Args:
        centres: the trials to draw around, one for each proposal wanted; an architecture may come more than once.
        raced: every candidate of the race so far; labels count on from theirs.
        number: of the wave; the same number, centres and seed give the same proposals.

    Returns:
        as many candidates as there are centres, or fewer where everything near a centre has raced.
    """
    known = list(raced)
    proposed = []
    for place, centre in enumerate(centres):
        found = _draw(
            centre.candidate, {candidate.id for candidate in known}, wish, Random(f"{wish.seed} {number} {place}")
        )
        if found is not None:
            n_same = sum(candidate.architecture == found.architecture for candidate in known)
            found = replace(found, label=f"{found.architecture} {n_same + 1}")
            known.append(found)
            proposed.append(found)
    return tuple(proposed)


def _draw(centre: Candidate, ids: Collection[str], wish: Wish, random: Random) -> Candidate | None:
    """A candidate near another whose id is new, or None where none was found."""
    movable = _movable(architecture(centre.architecture), wish)
    for _ in range(MOST_DRAWS):
        n_moved = min(len(movable), random.randint(FEWEST_MOVED, MOST_MOVED))
        settings, plan = dict(centre.settings), centre.plan
        for owner, setting in random.sample(movable, n_moved):
            if owner == "plan":
                value = float(_moved(setting, getattr(plan, setting.name), random))
                plan = replace(plan, rate=value) if setting.name == "rate" else replace(plan, decay=value)
            else:
                settings[setting.name] = _moved(setting, settings[setting.name], random)
        drawn = replace(centre, settings=settings_of(settings.items()), plan=plan)
        if drawn.id not in ids:
            return drawn
    return None


def _movable(entry: Architecture, wish: Wish) -> list[tuple[str, Setting]]:
    """The settings that a proposal may move, each with its owner: the architecture, or the plan of a network."""
    owned = [(entry.name, setting) for setting in entry.space]
    if not entry.is_reference:
        owned += [("plan", setting) for setting in PLAN]
    return [(owner, setting) for owner, setting in owned if f"{owner}.{setting.name}" not in wish.fixed]


def _moved(setting: Setting, value: Scalar, random: Random) -> Scalar:
    """Another value near a value."""
    if setting.choices:
        return random.choice([choice for choice in setting.choices if choice != value])
    if isinstance(value, bool):
        return not value
    if isinstance(value, str) or setting.low is None or setting.high is None or (setting.log and value <= 0):
        return value
    drawn = _drawn(setting, float(value), setting.low, setting.high, random)
    if isinstance(setting.default, int):
        return _whole(setting, int(value), drawn)
    return float(f"{min(max(drawn, setting.low), setting.high):.3g}")


def _drawn(setting: Setting, value: float, low: float, high: float, random: Random) -> float:
    if setting.log:
        return value * math.exp(random.uniform(-1.0, 1.0) * math.log(FACTOR))
    return value + random.uniform(-1.0, 1.0) * SHARE * (high - low)


def _whole(setting: Setting, value: int, drawn: float) -> int:
    """A whole number near the drawn one that is not the value, within the range."""
    low, high = math.ceil(setting.low or 0), math.floor(setting.high or 0)
    near = round(drawn) if round(drawn) != value else value + (1 if drawn > value else -1)
    return min(max(near, low), high)
