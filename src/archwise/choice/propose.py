"""Proposals: settings worth trying next, drawn near the best that an architecture has reached so far.

Every architecture enters with its good defaults. What is proposed later keeps the best of them and moves a few of its
settings, with the rate and the decay of its plan, inside a range around the best. Where in that range, Optuna's sampler
proposes from all that the architecture has reached; the race decides what it is worth. Over a whole space a sampler
would need far more trials than a race has.
Sources: Bergstra et al. 2011 (tree-structured Parzen estimator); Akiba et al. 2019 (Optuna); Bergstra & Bengio 2012
(few settings matter, so that a draw moves few).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING

from archwise.architectures import architecture
from archwise.config import AUGMENTATIONS, parse_augmentations, write_augmentations
from archwise.records import Architecture, Candidate, Scalar, Setting, Trial, settings_of

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

FEWEST_MOVED, MOST_MOVED = 2, 4  # settings of a proposal that differ from those it is drawn around
FACTOR = 3.0  # a number on a scale moves at most so many times up or down
SHARE = 0.25  # another number moves at most by this share of its range
FEWEST_SEEN = 3  # trials in a range from which the sampler learns; with fewer it draws evenly
MOST_DRAWS = 20  # until one is new; a space may be so small that all of it raced
AUGMENT = "plan.augment"
UNSURE = ("flip", "mixup")  # changes that not every label survives, or not every table
PLAN = (
    Setting("rate", 1e-3, "peak learning rate", low=1e-6, high=1.0, log=True),
    Setting("decay", 1e-2, "weight decay", low=1e-6, high=10.0, log=True),
)


@dataclass(frozen=True)
class Wish:
    """What may be proposed.

    fixed: settings such as "mlp.width" that the user fixed. seed: of the draws. sign: +1 where more is better, or -1.
    data: the form of the features that the task needs, and the kinds of the columns that are read.
    """

    fixed: Collection[str] = ()
    seed: int = 0
    sign: float = 1.0
    data: Collection[str] = ("vector",)


def can_move(name: str, wish: Wish) -> bool:
    """Whether an architecture has a setting that may be proposed."""
    return bool(movable(architecture(name), wish))


def propose(centres: Sequence[Trial], trials: Sequence[Trial], wish: Wish, *, number: int) -> tuple[Candidate, ...]:
    """Draw one candidate near each centre, none of which raced before.

    Args:
        centres: the trials to draw near, one for each proposal wanted; an architecture may come more than once.
        trials: where everybody in the race stands, the centres among them; labels count on from theirs.
        number: of the wave; the same number, centres, trials and wish give the same proposals.

    Returns:
        as many candidates as there are centres, or fewer where everything near a centre has raced.
    """
    known = [trial.candidate for trial in trials]
    proposed = []
    for place, centre in enumerate(centres):
        found = _draw(centre, trials, wish, Random(f"{wish.seed} {number} {place}"), [each.id for each in known])
        if found is not None:
            n_same = sum(candidate.architecture == found.architecture for candidate in known)
            found = replace(found, label=f"{found.architecture} {n_same + 1}")
            known.append(found)
            proposed.append(found)
    return tuple(proposed)


def _draw(centre: Trial, trials: Sequence[Trial], wish: Wish, random: Random, ids: Collection[str]) -> Candidate | None:
    """A candidate near that of a trial whose id is new, or None where none was found."""
    given = values_of(centre.candidate)
    ranges = {
        name: around
        for name, setting in movable(architecture(centre.candidate.architecture), wish).items()
        if name in given and (around := _around(setting, given[name])) is not None
    }
    own = [t for t in trials if t.candidate.architecture == centre.candidate.architecture]
    if "image" in architecture(centre.candidate.architecture).reads and AUGMENT not in wish.fixed:
        ranges |= _around_augment(centre.candidate, [trial.candidate for trial in own])
    if not ranges:
        return None
    seen = [trial for trial in own if trial.state == "done"]
    for _ in range(MOST_DRAWS):
        names = random.sample(sorted(ranges), min(len(ranges), random.randint(FEWEST_MOVED, MOST_MOVED)))
        moved = _sample({name: ranges[name] for name in names}, seen, wish.sign, seed=random.getrandbits(31))
        drawn = _with_values(centre.candidate, moved)
        if drawn.id not in ids:
            return drawn
    return None


def values_of(candidate: Candidate) -> dict[str, Scalar]:
    """What a proposal may move of a candidate: "mlp.width" and so on, "plan.rate", "plan.decay", "plan.augment"."""
    plan = {f"plan.{name}": getattr(candidate.plan, name) for name in (*(setting.name for setting in PLAN), "augment")}
    return {f"{candidate.architecture}.{name}": value for name, value in candidate.settings} | plan


def _sample(
    ranges: Mapping[str, BaseDistribution], seen: Sequence[Trial], sign: float, *, seed: int
) -> dict[str, Scalar]:
    """Values in ranges, proposed from the scores of the trials whose values lie in them."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=FEWEST_SEEN)
    study = optuna.create_study(sampler=sampler, direction="maximize" if sign > 0 else "minimize")
    for trial in seen:
        values = values_of(trial.candidate)
        inside = all(_holds(around, values[name]) for name, around in ranges.items())
        if inside and math.isfinite(trial.score):
            params = {name: values[name] for name in ranges}
            study.add_trial(optuna.create_trial(params=params, distributions=dict(ranges), value=trial.score))
    drawn: dict[str, Scalar] = study.ask(dict(ranges)).params
    return drawn


def _around(setting: Setting, value: Scalar) -> BaseDistribution | None:
    """The values near a value among which a proposal is drawn, or None where it cannot be moved."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if setting.choices or isinstance(setting.default, bool):
        return CategoricalDistribution(setting.choices or (False, True))
    if isinstance(value, str) or setting.low is None or setting.high is None or (setting.log and value <= 0):
        return None
    reach = SHARE * (setting.high - setting.low)
    low, high = (value / FACTOR, value * FACTOR) if setting.log else (value - reach, value + reach)
    if isinstance(setting.default, int):
        low, high = min(math.ceil(low), value - 1), max(math.floor(high), value + 1)
        return IntDistribution(int(max(low, setting.low)), int(min(high, setting.high)), log=setting.log)
    return FloatDistribution(max(low, setting.low), min(high, setting.high), log=setting.log)


def _around_augment(candidate: Candidate, raced: Sequence[Candidate]) -> dict[str, BaseDistribution]:
    """Sets of changes of pictures near a candidate's: one change less, or one more; nothing for a reference.

    A picture is mirrored only where somebody in the race mirrors it, for whether labels stay true is not told from a
    network that has not tried.
    """
    from optuna.distributions import CategoricalDistribution

    if architecture(candidate.architecture).is_reference:
        return {}
    names = parse_augmentations(candidate.plan.augment)
    known = {name for one in raced for name in parse_augmentations(one.plan.augment)}
    others = [name for name in AUGMENTATIONS if name not in names and (name in known or name not in UNSURE)]
    near = [names, *([kept for kept in names if kept != gone] for gone in names), *([*names, more] for more in others)]
    return {AUGMENT: CategoricalDistribution([write_augmentations(each) for each in near])}


def _holds(around: BaseDistribution, value: Scalar) -> bool:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(around, CategoricalDistribution):
        return value in around.choices
    assert isinstance(around, FloatDistribution | IntDistribution)
    return bool(around.low <= float(value) <= around.high)


def _with_values(candidate: Candidate, moved: Mapping[str, Scalar]) -> Candidate:
    """A candidate with other values, numbers to three digits."""
    settings, plan = dict(candidate.settings), candidate.plan
    for name, value in moved.items():
        owner, _, key = name.partition(".")
        short = float(f"{value:.3g}") if isinstance(value, float) else value
        if owner == "plan":
            plan = replace(plan, **{key: short})  # type: ignore[arg-type]  # a value of its own range
        else:
            settings[key] = short
    return replace(candidate, settings=settings_of(settings.items()), plan=plan)


def movable(entry: Architecture, wish: Wish) -> dict[str, Setting]:
    """The settings that a proposal may move, each with its owner: the architecture, or the plan of a network."""
    owned = {
        f"{entry.name}.{setting.name}": setting
        for setting in entry.space
        if setting.searched and (not setting.of or any(each in wish.data for each in setting.of))
    }
    if not entry.is_reference:
        owned |= {f"plan.{setting.name}": setting for setting in PLAN}
    return {name: setting for name, setting in owned.items() if name not in wish.fixed}
