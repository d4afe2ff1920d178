"""How honest the answers are: calibrated on the validation rows, held against the sealed rows, told in words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import NormalDist

from archwise.choice.run import Ground
from archwise.choice.wording import plural
from archwise.errors import UsageError
from archwise.records import Array, Json, Profile
from archwise.tasks import task

LEVEL = 0.95


def refuse_threshold(rule: str, profile: Profile) -> None:
    """Refuse a threshold where the task has no place for one.

    Raises:
        UsageError: the target is not one of two classes.
    """
    if rule and (task(profile.task).cut is None or profile.n_classes != 2):
        found = f"it has {profile.n_classes} classes" if profile.classes else f"the task is {profile.task}"
        raise UsageError(f"--threshold needs a target of two classes, and of '{profile.target}' {found}; leave it out")


def calibrate(ground: Ground, outputs: Array, targets: Array, rule: str) -> dict[str, Json]:
    """The calibration of a candidate from its validation rows, with a threshold where a rule is given.

    Args:
        outputs: (N_valid, K).
        targets: (N_valid,).
        rule: of the threshold, or empty.
    """
    kind_of_task = task(ground.profile.task)
    found = kind_of_task.calibrate(ground.target_state, outputs, targets)
    if not rule or kind_of_task.cut is None:
        return found
    return kind_of_task.cut(ground.target_state, found, outputs, targets, rule)


def check(ground: Ground, calibration: Mapping[str, Json], outputs: Array, targets: Array) -> dict[str, Json]:
    """The task's facts of how honest the answers are on sealed rows, and what to say of them.

    Returns:
        the facts; coverage_low and coverage_high, the 95 % interval of the share held, where rows are independent;
        sentences. Empty where the task has none, or nothing could be calibrated.
    """
    kind_of_task = task(ground.profile.task)
    if kind_of_task.check is None or "coverage" not in calibration:
        return {}
    facts = kind_of_task.check(ground.target_state, calibration, outputs, targets)
    if not ground.grouped:
        facts["coverage_low"], facts["coverage_high"] = share_interval(facts["n_held"], len(targets))
    return {**facts, "sentences": honesty_words(facts, facts.get("n_judged", len(targets)))}


def share_interval(n_held: int, n_rows: int) -> tuple[float, float]:
    """The 95 % interval of a share that was counted on independent rows.

    Source:
        Wilson 1927, the score interval of a binomial.
    """
    z = NormalDist().inv_cdf(0.5 + LEVEL / 2)
    share, spread = n_held / n_rows, z * z / n_rows
    middle = share + spread / 2
    half = z * math.sqrt(share * (1.0 - share) / n_rows + spread / (4 * n_rows))
    return max(0.0, (middle - half) / (1.0 + spread)), min(1.0, (middle + half) / (1.0 + spread))


def honesty_words(facts: Mapping[str, Json], n_rows: int) -> list[str]:
    """The facts of `check` in sentences."""
    said = [_coverage_words(facts, n_rows)]
    if "ece" in facts:
        (ece, after), (brier, brier_after) = facts["ece"], facts["brier"]
        by = "an isotonic map" if facts["calibration"] == "isotonic" else "a temperature"
        said.append(
            f"Probabilities are calibrated by {by}: the expected calibration error on the sealed rows is {after:.4f} "
            f"({ece:.4f} without), the Brier score {brier_after:.4f} ({brier:.4f})."
        )
    if "threshold" in facts:
        before, after = (abs(value) for value in facts["merit"])
        rule = str(facts["rule"])
        what = "the mean cost of a row" if rule.startswith("cost") else rule
        said.append(
            f"'{facts['positive']}' is answered from a probability of {facts['threshold']:.3f} on, chosen on the "
            f"validation rows for {rule}: {what} on the sealed rows is {after:.4f} ({before:.4f} at one half)."
        )
    return said


def _coverage_words(facts: Mapping[str, Json], n_rows: int) -> str:
    is_set = "ece" in facts
    share = facts["n_held"] / n_rows
    between = ""
    if "coverage_low" in facts:
        between = f" (95 % interval {facts['coverage_low'] * 100:.1f} to {facts['coverage_high'] * 100:.1f})"
    size = f"{facts['size']:.2f} labels a row" if is_set else f"{_figure(facts['size'])} wide"
    size += " on scaled data" if "n_judged" in facts else ""
    judged = plural(n_rows, "sealed step") if "n_judged" in facts else plural(n_rows, "sealed row")
    said = (
        f"The {facts['coverage'] * 100:.0f} % {'label sets' if is_set else 'intervals'} held {share * 100:.1f} % of "
        f"{judged}{between}; they are {size} on average"
    )
    ranges = facts.get("ranges", 1)
    return said + (f", of their own width in each of {ranges} ranges of the prediction." if ranges > 1 else ".")


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.4g}"
