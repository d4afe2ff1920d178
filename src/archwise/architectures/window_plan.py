"""How networks are trained on windows of series, how much of the past they read, and the facts that decide it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from archwise.records import ForecastFacts, Need, Plan, Profile, Scalar, Setting

LONGEST = 720  # steps of the past that are offered
PAST = Setting("past", 96, "steps of the past that are read", low=1, high=5_000, log=True, searched=False)
LEVEL = Setting(
    "level", "last", "what is taken out of a window and put back", choices=("last", "mean", "none"), of=("window",)
)
CALENDAR = Setting(
    "calendar",
    "none",
    "whether hour, weekday and day of the year of the steps ahead are read",
    choices=("none", "read"),
    of=("window",),
)
COVARIATES = Setting(
    "covariates", "none", "whether the other columns are read beside a target", choices=("none", "read"), of=("window",)
)
_STEPS = 4_000  # of a whole training
_EPOCHS = (5, 60)  # fewest and most
_NOTHING = ForecastFacts(1, 1_000, 24, (), 1)


def facts_of(profile: Profile) -> ForecastFacts:
    """What is to be forecast; of a profile that is none, something small."""
    return profile.forecast or _NOTHING


def pasts(facts: ForecastFacts) -> tuple[int, int, int]:
    """A short, a middling and a long past: whole seasons, twice the horizon or so, and as long as the steps allow."""
    most = max(2, min(LONGEST, (facts.n_steps - facts.horizon) // 2))
    season = facts.seasons[0] if facts.seasons else 1
    long = _whole(most, season)
    middle = _whole(min(most, max(3 * facts.horizon + facts.horizon // 2, 2 * season)), season)
    short = _whole(min(most, max(facts.horizon, 2 * season if season <= facts.horizon else season)), season)
    return short, middle, long


def _whole(steps: int, season: int) -> int:
    """As many steps in whole seasons, where there is one."""
    return steps // season * season or steps


def without_defaults(variant: Mapping[str, Scalar], space: tuple[Setting, ...]) -> dict[str, Scalar]:
    """A variant that names only what differs from the defaults of a space, and what it names of the plan."""
    defaults = {setting.name: setting.default for setting in space}
    return {name: value for name, value in variant.items() if name not in defaults or defaults[name] != value}


def distinct(variants: Sequence[Mapping[str, Scalar]], space: tuple[Setting, ...]) -> tuple[dict[str, Scalar], ...]:
    """Variants that name only what differs from the defaults of a space, each once."""
    short = [without_defaults(variant, space) for variant in variants]
    return tuple(variant for place, variant in enumerate(short) if variant not in short[:place])


def reads_more(facts: ForecastFacts, past: int) -> list[dict[str, Scalar]]:
    """Variants that read what is known beside the targets' past, each kind of it alone: covariates, the calendar."""
    there = {"covariates": facts.n_past + facts.n_known > 0, "calendar": facts.calendar}
    return [{"past": past, name: "read"} for name, is_there in there.items() if is_there]


def prior_by_windows(facts: ForecastFacts, *, few: float, some: float, many: float) -> float:
    """The prior of a network that needs windows: of fewer than 1,000, of fewer than 20,000, and of more."""
    n_windows = facts.n_series * facts.n_steps
    return few if n_windows < 1_000 else some if n_windows < 20_000 else many


def need_past(settings: Mapping[str, Scalar]) -> Need:
    """Ask for the steps of the past that the settings name."""
    return Need("raw", past=int(settings["past"]))


def window_plan(profile: Profile, *, rate: float, average: float = 0.0) -> Plan:
    """Plan the training of a network on windows.

    Args:
        profile: of the series.
        rate: peak learning rate.
        average: decay a step of the weight average, 0 for none.
    """
    facts = facts_of(profile)
    n_origins = max(1, facts.n_series * facts.n_steps)
    batch = 16
    while batch < 256 and batch * 200 < n_origins:
        batch *= 2
    epochs = min(_EPOCHS[1], max(_EPOCHS[0], _STEPS * batch // n_origins))
    return Plan(epochs=epochs, batch=batch, rate=rate, patience=max(2, epochs // 4), average=average, decay=1e-4)


def told(facts: ForecastFacts) -> str:
    """The facts in words."""
    seasons = f"seasons of {', '.join(map(str, facts.seasons))}" if facts.seasons else "no season"
    series = "1 series" if facts.n_series == 1 else f"{facts.n_series:,} series"
    return f"{series} of {facts.n_steps:,} training steps, {seasons}, {facts.horizon:,} steps ahead"
