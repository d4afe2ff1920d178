"""The shortlist: which architectures could suit the data, in order, and why; and the candidates that enter the race."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace

from archwise import catalogue
from archwise.architectures import architecture, architectures
from archwise.config import OPTIMIZERS, PRECISIONS, Budget, Config, parse_augmentations, write_augmentations
from archwise.data.kinds import read_as
from archwise.errors import RaceError, UsageError, nearest
from archwise.records import (
    Architecture,
    Candidate,
    Plan,
    Profile,
    Scalar,
    Setting,
    Shortlisted,
    Suits,
    settings_of,
)
from archwise.tasks import task
from archwise.tasks.classify import ORDINAL
from archwise.training.schedule import SCHEDULES

WORTH_RACING = 0.05  # a prior below this is listed with its reason, and raced only when the user adds it
SECONDS_A_NETWORK = 5.0  # worker seconds that a network needs to show anything
STEPS_A_NETWORK = 200
PLAIN_DESCENT = ("sgd", "nesterov")  # they do not scale their steps by the gradient's size, so plans made for Adam
PLAIN_DESCENT_RATE = 30.0  # are given this many times the rate
OF_PLAN = "plan."  # before what a variant names of its plan
PLAN_RANGES: Mapping[str, tuple[float, float]] = {  # of its numbers; those not named start at nought
    "epochs": (1, math.inf),
    "batch": (1, math.inf),
    "rate": (1e-12, math.inf),
    "patience": (1, math.inf),
    "momentum": (0, 0.9999),
    "average": (0, 0.999999),
    "smoothing": (0, 0.9),
}


def shortlist(profile: Profile, config: Config) -> tuple[Shortlisted, ...]:
    """List every architecture that the data allow, the likeliest first, each with its reason.

    Raises:
        UsageError: `only`, `add` or `skip` names an architecture that does not exist, or nothing is left.
    """
    for name in (*config.only, *config.add, *config.skip):
        architecture(name)
    listed = []
    for entry in architectures().values():
        if entry.name in config.skip or (config.only and entry.name not in (*config.only, *config.add)):
            continue
        suits = _suits(entry, profile)
        listed.append(Shortlisted(entry.name, entry.family, suits.prior, suits.because))
    if not listed:
        raise UsageError("no architecture is left to race; leave out --skip or --only")
    return tuple(sorted(listed, key=lambda item: (-item.prior, item.architecture)))


def enter(profile: Profile, config: Config, *, n_workers: int) -> tuple[Candidate, ...]:
    """Make the candidates of the race: references first, then networks, likeliest variants first.

    Returns:
        candidates without repetition; as many networks as the budget can tell apart, at least one of each kind.

    Raises:
        UsageError: a setting or plan value that no candidate has, or nothing can be raced.
    """
    _check_settings(config.settings)
    raced = _raced(profile, config)
    if not raced:
        raise UsageError("no architecture of the shortlist can read these data; see archwise shortlist for the reasons")
    _check_owners(config.settings, [item.architecture for item in raced])
    references: list[list[Candidate]] = []
    networks: list[list[Candidate]] = []
    for item in raced:
        entry = architecture(item.architecture)
        candidates = [each for each in _entrants(entry, profile, config) if not lacks(each, config)]
        if not candidates:
            continue
        if not entry.is_reference and profile.loss and not asked_loss(config):
            candidates.insert(1, _by_default(candidates[0]))  # the loss was found from the target: the race decides
        (references if entry.is_reference else networks).append(candidates)
    if not references and not networks:
        raise RaceError(" ".join(f"{each.label}: {why}." for each, why in left_out(profile, config)))
    chosen = _interleave(networks)[: max(len(networks), _room(config.limit, n_workers))]
    solved = sorted(
        _interleave(references), key=lambda candidate: architecture(candidate.architecture).learns
    )  # what only counts is first
    return tuple(_with_labels([*solved, *chosen]))


def left_out(profile: Profile, config: Config) -> tuple[tuple[Candidate, str], ...]:
    """Who would race if the weights that it inherits could be had: of each architecture the first, and why not."""
    found = []
    for item in _raced(profile, config):
        entrants = _entrants(architecture(item.architecture), profile, config)
        whys = [lacks(each, config) for each in entrants]
        if all(whys):
            found.append((replace(entrants[0], label=item.architecture), whys[0]))
    return tuple(found)


def lacks(candidate: Candidate, config: Config) -> str:
    """Why what a candidate inherits cannot be had; "" where it can, or where it inherits nothing."""
    inherits = architecture(candidate.architecture).inherits
    if inherits is None:
        return ""
    return inherits(dict(candidate.settings), candidate.architecture in (*config.add, *config.only)).why


def _raced(profile: Profile, config: Config) -> list[Shortlisted]:
    """What of the shortlist is worth racing, or was asked for."""
    return [
        item
        for item in shortlist(profile, config)
        if item.prior >= WORTH_RACING or (item.prior > 0 and item.architecture in (*config.add, *config.only))
    ]


def _entrants(entry: Architecture, profile: Profile, config: Config) -> list[Candidate]:
    """Its variants as candidates, each once."""
    variants = entry.variants(profile) if entry.variants else ({},)
    return list(dict.fromkeys(_candidate(entry, variant, profile, config) for variant in variants))


def asked_loss(config: Config) -> str:
    """The loss that the user named, by whichever option; "" for none."""
    return config.loss or str(config.settings.get("plan.loss", "")) or (ORDINAL if config.order else "")


def _suits(entry: Architecture, profile: Profile) -> Suits:
    kinds = {read_as(column.kind) for column in profile.used}
    if entry.reads and not kinds & set(entry.reads):
        found = f"{', '.join(sorted(kinds))} in {profile.n_rows:,} rows"
        return Suits(0.0, f"it reads {', '.join(entry.reads)}; the data have {found}")
    if entry.tasks and profile.task not in entry.tasks:
        return Suits(0.0, f"it does not serve the task {profile.task}")
    form = task(profile.task).needs
    if form not in entry.gives:
        return Suits(0.0, f"it gives a {' or a '.join(entry.gives)}, and the task {profile.task} takes a {form}")
    return entry.suits(profile)


def _room(budget: Budget, n_workers: int) -> int:
    """How many networks the budget can tell apart."""
    if budget.steps is not None:
        return min(16, budget.steps // STEPS_A_NETWORK)
    assert budget.seconds is not None  # one of the two is set by construction
    return min(16, int(budget.seconds * n_workers / SECONDS_A_NETWORK / 2))


def _interleave(lists: Sequence[Sequence[Candidate]]) -> list[Candidate]:
    """First of each, then second of each, and so on."""
    longest = max((len(items) for items in lists), default=0)
    return [items[place] for place in range(longest) for items in lists if place < len(items)]


def _candidate(entry: Architecture, variant: Mapping[str, Scalar], profile: Profile, config: Config) -> Candidate:
    defaults = entry.defaults()
    own = {name: value for name, value in variant.items() if not name.startswith(OF_PLAN)}
    of_plan = {name.removeprefix(OF_PLAN): value for name, value in variant.items() if name.startswith(OF_PLAN)}
    settings = settings_of({**defaults, **own, **_fixed(entry.name, defaults, config)}.items())
    plan = replace(entry.plan(profile) if entry.plan else Plan(), **of_plan)  # type: ignore[arg-type]  # held by tests
    if entry.is_reference:
        return Candidate(entry.name, settings, Plan(seed=config.seed))
    wanted = _fixed("plan", asdict(plan), config)
    if config.optimizer:
        wanted["optimizer"] = config.optimizer
        if config.optimizer in PLAIN_DESCENT:
            wanted.setdefault("rate", plan.rate * PLAIN_DESCENT_RATE)
    if asked_loss(config) or profile.loss:
        wanted["loss"] = asked_loss(config) or profile.loss
    plan = replace(plan, seed=config.seed, **wanted)  # type: ignore[arg-type]  # checked by _check_settings
    _check_names(plan, profile)
    augment = parse_augmentations(plan.augment) if "image" in entry.reads else ()
    return Candidate(entry.name, settings, replace(plan, augment=write_augmentations(augment)))


def _by_default(candidate: Candidate) -> Candidate:
    """The same candidate with the default loss of its task."""
    return replace(candidate, plan=replace(candidate.plan, loss=""))


def _fixed(owner: str, defaults: Mapping[str, Scalar], config: Config) -> dict[str, Scalar]:
    """What the user fixed of an architecture or of the plan, a whole number as a float where the default is one."""
    given = {name.partition(".")[2]: value for name, value in config.settings.items() if name.startswith(f"{owner}.")}
    return {name: float(value) if isinstance(defaults[name], float) else value for name, value in given.items()}


def _with_labels(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Name each in short: its architecture, numbered where there are several of it."""
    labelled, counts = [], Counter[str]()
    for candidate in candidates:
        counts[candidate.architecture] += 1
        number = counts[candidate.architecture]
        label = candidate.architecture if number == 1 else f"{candidate.architecture} {number}"
        labelled.append(replace(candidate, label=label))
    return labelled


def _check_owners(settings: Mapping[str, Scalar], raced: Sequence[str]) -> None:
    for name in settings:
        owner = name.partition(".")[0]
        if owner not in (*raced, "plan"):
            raise UsageError(
                f"--set {name}: {owner} is not in this race, which has {', '.join(sorted(raced))}; "
                f"bring it in with --add {owner}, or leave the setting out"
            )


def _check_settings(settings: Mapping[str, Scalar]) -> None:
    plan_fields = asdict(Plan())
    for name, value in settings.items():
        owner, _, setting_name = name.partition(".")
        if not setting_name:
            raise UsageError(
                f"--set {name}: write architecture.setting=value, as in mlp.activation=tanh, or plan.epochs=20"
            )
        if owner == "plan":
            if setting_name not in plan_fields:
                raise UsageError(f"--set {name}: a plan has no '{setting_name}'.{nearest(setting_name, plan_fields)}")
            if setting_name == "seed":
                raise UsageError("--set plan.seed: one seed rules the whole run; give it with --seed")
            _check_type(name, value, plan_fields[setting_name])
            _check_range(name, value, *PLAN_RANGES.get(setting_name, (0, math.inf)))
            continue
        space = {setting.name: setting for setting in architecture(owner).space}
        if setting_name not in space:
            raise UsageError(f"--set {name}: {owner} has no setting '{setting_name}'.{nearest(setting_name, space)}")
        _check_value(name, value, space[setting_name])


def _check_names(plan: Plan, profile: Profile) -> None:
    """Find a misspelt name before the race rather than in every trial of it."""
    catalogue.pick(dict.fromkeys(OPTIMIZERS), plan.optimizer, "optimizer")
    catalogue.pick(dict(SCHEDULES), plan.schedule, "schedule")
    catalogue.pick(dict.fromkeys(PRECISIONS), plan.precision, "precision")
    if plan.loss:
        catalogue.pick(dict(task(profile.task).losses), plan.loss, f"loss of {profile.task}")
    if parse_augmentations(plan.augment) and all(column.kind != "image" for column in profile.used):
        raise UsageError(
            f"--set plan.augment={plan.augment}: it changes pictures, and the data have none; leave it out"
        )


def _check_type(name: str, value: Scalar, default: Scalar) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    fits = (
        number
        if isinstance(default, float)
        else isinstance(value, type(default)) and (number or isinstance(value, str))
    )
    if isinstance(default, bool):
        fits = isinstance(value, bool)
    if not fits:
        raise UsageError(f"--set {name}: {value!r} is not of the type of its default {default!r}")


def _check_value(name: str, value: Scalar, setting: Setting) -> None:
    if setting.choices:
        if value not in setting.choices:
            known = [str(choice) for choice in setting.choices]
            raise UsageError(f"--set {name}: '{value}' is not a choice.{nearest(str(value), known)}")
        return
    _check_type(name, value, setting.default)
    _check_range(
        name,
        value,
        -math.inf if setting.low is None else setting.low,
        math.inf if setting.high is None else setting.high,
    )


def _check_range(name: str, value: Scalar, low: float, high: float) -> None:
    if isinstance(value, int | float) and not (low <= value <= high and math.isfinite(value)):
        between = f"lies outside {low:g} to {high:g}" if math.isfinite(high) else f"is not a number from {low:g}"
        raise UsageError(f"--set {name}: {value} {between}")
