"""The verdict: the simplest of those that are as good as the best, in words with numbers, and what would change it.

As good as the best is who cannot be told from it and is at most one standard error of their difference behind. Of all
that cannot be told apart the simplest alone would be chosen too often: on few rows much that is worse cannot be told
from the best. The best of many looks better than it is by about that one standard error.
Source: Breiman et al. 1984 (the one-standard-error rule), here with the error of the paired difference.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field, replace

from archwise.architectures import architecture
from archwise.choice.outlook import is_left
from archwise.choice.wording import (
    amount,
    difference_words,
    gap_words,
    interval_words,
    join,
    ms_words,
    plural,
    score_words,
)
from archwise.evidence import FEWEST_UNITS, BootstrapScores, compare, interval, standard_error
from archwise.records import Comparison, Json, Metric, Trial, Verdict

FAST_MS = 1.0  # a row, below which the faster is not the simpler: what hands a row on takes longer
IMPROVING_SHARE = 0.1  # a curve whose best look is in its last tenth was still improving


@dataclass(frozen=True)
class Sealed:
    """What the sealed rows say: the deciding metric on them for the chosen, with its 95 % interval, and beside it.

    gap: how much worse the sealed score is than the one on validation. references: (label, score) of each.
    scores: every metric of the task for the chosen, with its calibration and its threshold.
    honesty: what `choice.honesty.check` finds of probabilities, sets and intervals.
    source: the name of the rows where they were given, else empty; notes: what was found in them, in sentences.
    """

    metric: str
    score: float
    low: float
    high: float
    n_rows: int
    gap: float
    references: tuple[tuple[str, float], ...]
    scores: dict[str, float]
    honesty: dict[str, Json] = field(default_factory=dict)
    source: str = ""
    notes: tuple[str, ...] = ()


def decide(
    trials: Sequence[Trial],
    scores: BootstrapScores,
    metric: Metric,
    *,
    use_latency: bool,
    unit: str = "row",
    barred: Collection[str] = (),
) -> Verdict:
    """Choose among trials that all have outputs.

    Who scores no better than one that the best beats is beaten too, however wide the interval. Whether deep learning
    pays is said by the intervals alone; the choice is the best guess, and may be a network where that is not shown.

    Args:
        trials: in the order of `scores`.
        use_latency: whether the faster of two equals is the simpler; never where no clock may decide.
        unit: what was drawn in the evidence, "row" or "group".
        barred: ids that cannot be chosen, for they break a limit; where all that are near are, the best of the rest is.
    """
    places = range(len(trials))
    best = min(places, key=lambda place: (-metric.sign * scores.point[place], trials[place].candidate.id))
    ids = [trial.candidate.id for trial in trials]
    comparisons = compare(scores, ids, [(best, place) for place in places if place != best])
    behind = {comparison.right for comparison in comparisons if not comparison.tied}
    bar = max((metric.sign * scores.point[place] for place in places if ids[place] in behind), default=None)
    tied = [place for place in places if bar is None or metric.sign * scores.point[place] > bar]
    near = [place for place in tied if _is_near(scores, best, place)]
    chosen = min(
        [place for place in near if ids[place] not in barred] or _best_allowed(trials, scores, metric, barred),
        key=lambda place: _simplicity(trials[place], metric, use_latency=use_latency),
    )
    low, high = interval(scores, chosen)
    verdict = Verdict(
        chosen=trials[chosen].candidate.architecture,
        candidate=trials[chosen].candidate,
        best=ids[best],
        tied=tuple(ids[place] for place in tied),
        near=tuple(ids[place] for place in near),
        comparisons=tuple(comparisons),
        reasons=(),
        next_steps=(),
        metric=metric.name,
        score=float(scores.point[chosen]),
        low=low,
        high=high,
    )
    story = _Story(trials, scores, metric, verdict, unit, limited=bool(barred), use_latency=use_latency)
    return replace(verdict, reasons=tuple(_reasons(story)), next_steps=tuple(_next_steps(story)))


def _is_near(scores: BootstrapScores, best: int, place: int) -> bool:
    """Whether a candidate is so little behind the best that it is as good, or gives no numbers either."""
    if not math.isfinite(scores.point[best]):
        return not math.isfinite(scores.point[place])
    behind = scores.sign * float(scores.point[best] - scores.point[place])
    return behind <= _n_errors(scores) * standard_error(scores, best, place)


def _n_errors(scores: BootstrapScores) -> int:
    """How many standard errors a candidate may be behind the best; of few units the error is a guess itself."""
    return 2 if scores.n_units < FEWEST_UNITS else 1


def _errors_words(scores: BootstrapScores) -> str:
    return "one standard error" if _n_errors(scores) == 1 else f"{_n_errors(scores)} standard errors"


def _best_allowed(
    trials: Sequence[Trial], scores: BootstrapScores, metric: Metric, barred: Collection[str]
) -> list[int]:
    """The place of the best that may be chosen, alone."""
    allowed = [place for place, trial in enumerate(trials) if trial.candidate.id not in barred]
    return [min(allowed, key=lambda place: (-metric.sign * scores.point[place], trials[place].candidate.id))]


def _simplicity(trial: Trial, metric: Metric, *, use_latency: bool) -> tuple[bool, int, int, float, str]:
    """A reference before a network, then fewer milliseconds, then fewer parameters.

    Of milliseconds a factor of two is equal, and so is all that takes less than one.
    """
    latency = 0
    if use_latency and math.isfinite(trial.latency_ms):
        latency = max(0, math.ceil(math.log2(max(trial.latency_ms, 1e-9) / FAST_MS)))
    return (
        not is_reference(trial),
        latency,
        trial.n_parameters,
        -metric.sign * trial.score,
        trial.candidate.id,
    )


def is_reference(trial: Trial) -> bool:
    """Whether a library fitted it."""
    return architecture(trial.candidate.architecture).is_reference


@dataclass(frozen=True)
class _Story:
    """What the sentences are made of.

    limited: whether a limit has ruled out who would have been chosen. use_latency: whether a clock may be told.
    """

    trials: Sequence[Trial]
    scores: BootstrapScores
    metric: Metric
    verdict: Verdict
    unit: str
    limited: bool = False
    use_latency: bool = False

    def best_of(self, *, references: bool) -> int | None:
        """The place of the best reference or of the best network, or None where there is none."""
        places = [place for place, trial in enumerate(self.trials) if is_reference(trial) == references]
        return min(places, key=lambda place: (-self.metric.sign * self.scores.point[place], place), default=None)

    def compare(self, left: int, right: int) -> Comparison:
        """Two candidates, by their labels."""
        return compare(self.scores, [trial.candidate.label for trial in self.trials], [(left, right)])[0]

    @property
    def chosen(self) -> int:
        """The place of the chosen."""
        return [trial.candidate for trial in self.trials].index(self.verdict.candidate)


def _reasons(story: _Story) -> list[str]:
    trial = story.trials[story.chosen]
    entry = architecture(trial.candidate.architecture)
    changes = trial.candidate.changes(entry.defaults())
    side = "a reference" if is_reference(trial) else "a network"
    settings = f", with {changes}" if changes else ""
    verdict = story.verdict
    reasons = [
        f"Chosen: {trial.candidate.label} ({side}{settings}), {verdict.metric} "
        f"{score_words(story.metric, verdict.score)} on the validation rows "
        f"(95 % interval {score_words(story.metric, verdict.low)} to {score_words(story.metric, verdict.high)})."
    ]
    reasons += _against_the_other_side(story)
    reasons += [_mean_words(story, place) for place, each in enumerate(story.trials) if each.candidate.seeds > 1]
    if verdict.candidate.id not in verdict.near:
        reasons.append(_behind_the_best(story))
    elif len(verdict.tied) > 1:
        reasons.append(_among_the_tied(story))
    return reasons


def _among_the_tied(story: _Story) -> str:
    """Who cannot be told apart, and why the chosen of them."""
    verdict, label = story.verdict, story.verdict.candidate.label
    others = [
        each.candidate.label
        for each in story.trials
        if each.candidate.id in verdict.tied and each.candidate != verdict.candidate
    ]
    limits = " that keeps the limits" if story.limited else ""
    if len(verdict.near) == len(verdict.tied):
        why = f"{label} is the simplest of them{limits}"
    elif len(verdict.near) == 1:
        why = f"{label} is the best of them, by more than {_errors_words(story.scores)}"
    else:
        within = f"the {len(verdict.near)} within {_errors_words(story.scores)} of the best"
        why = f"{label} is the simplest{limits} of {within}"
    return (
        f"{len(verdict.tied)} candidates cannot be told apart on "
        f"{plural(story.scores.n_units, f'independent {story.unit}')}; {why} "
        f"({'the other' if len(others) == 1 else 'the others'}: {join(others, most=5)})."
    )


def _mean_words(story: _Story, place: int) -> str:
    """What a mean of seeds brings over the one network of them that raced alone, and what it costs."""
    mean = story.trials[place]
    alone = [trial.candidate.id for trial in story.trials].index(mean.candidate.members[0].id)
    found = story.compare(place, alone)
    name, n_seeds = story.trials[alone].candidate.label, mean.candidate.seeds
    size = difference_words(story.metric, found)
    where = f"{size} {'ahead of' if found.difference > 0 else 'behind'}" if size else "level with"
    told = f"the mean of {n_seeds} seeds, {where} {name} alone ({interval_words(story.metric, found)})"
    cost = f"{mean.n_parameters:,} parameters in place of {story.trials[alone].n_parameters:,}"
    if story.use_latency:
        cost = f"{ms_words(mean.latency_ms)} ms a row in place of {ms_words(story.trials[alone].latency_ms)}"
    if place == story.chosen:
        return f"It is {told}: {cost}."
    return f"{_capital(told)}, would take {cost} and was not chosen."


def _behind_the_best(story: _Story) -> str:
    """What a limit costs where none of the tied keeps it."""
    best = [trial.candidate.id for trial in story.trials].index(story.verdict.best)
    found = story.compare(best, story.chosen)
    told = difference_words(story.metric, found) or "a trace"
    label = story.trials[best].candidate.label
    return f"It is {told} behind the best, {label} ({interval_words(story.metric, found)}), which breaks a limit."


def _against_the_other_side(story: _Story) -> list[str]:
    """The best network against the best reference, whichever was chosen."""
    reference, network = story.best_of(references=True), story.best_of(references=False)
    if reference is None or network is None:
        missing = "reference" if reference is None else "network"
        return [f"No {missing} raced, so it stays open whether deep learning pays here."]
    ahead, behind = story.compare(network, reference), story.compare(reference, network)
    of_network = f"the best network, {story.trials[network].candidate.label}"
    of_reference = f"the best reference, {story.trials[reference].candidate.label}"
    metric = story.metric
    if not math.isfinite(ahead.difference):
        broken = of_network if ahead.difference < 0 else of_reference
        return [f"{_capital(broken)}, gives outputs that are no numbers, so there is nothing to compare."]
    if ahead.low > 0:
        told = f"by {difference_words(metric, ahead)} ({interval_words(metric, ahead)})"
        meaning = "Deep learning pays here."
        if not architecture(story.trials[reference].candidate.architecture).learns:
            meaning = "No reference that learns was there to beat, so it stays open whether deep learning pays here."
        return [f"{_capital(of_network)}, beats {of_reference}, {told}. {meaning}"]
    if ahead.high < 0:
        told = f"{difference_words(metric, behind)} behind ({interval_words(metric, behind)})"
        names = (of_reference, of_network)
        if reference == story.chosen:
            names = ("it", f"the best, {story.trials[network].candidate.label}")
        return [f"No network beats {names[0]}: {names[1]}, is {told}. Deep learning does not pay here yet."]
    leading = ahead.difference > 0
    found, side = (ahead, "ahead of") if leading else (behind, "behind")
    size = difference_words(metric, found)
    where = f"{size} {side}" if size else "level with"
    known = f" ({interval_words(metric, found)})" if math.isfinite(found.high) else ""
    is_guess = not is_reference(story.trials[story.chosen])
    return [
        f"{_capital(of_network)}, is {where} {of_reference}{known}: the two cannot be told apart. "
        f"Deep learning is not shown to pay here{'; it is the likelier guess' if leading and is_guess else ''}."
    ]


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _next_steps(story: _Story) -> list[str]:
    steps = _rows_to_tell_apart(story)
    paused = [trial for trial in story.trials if trial.state == "paused" and not is_left(trial)]
    improving = [trial.candidate.label for trial in paused if _was_improving(trial, story.metric)]
    if improving:
        steps.append(
            f"A longer budget may help: {join(improving, most=3)} "
            f"{'was' if len(improving) == 1 else 'were'} still improving when the race paused "
            f"{'it' if len(improving) == 1 else 'them'}."
        )
    return steps


def _rows_to_tell_apart(story: _Story) -> list[str]:
    """How many rows would settle the best network against the best reference, if the difference is what it seems.

    The half width of an interval shrinks with the root of the rows.
    """
    reference, network = story.best_of(references=True), story.best_of(references=False)
    if reference is None or network is None:
        return []
    n_units = story.scores.n_units
    if n_units < FEWEST_UNITS:
        return [
            f"To tell candidates apart takes at least {FEWEST_UNITS} independent validation {story.unit}s; "
            f"here are {n_units}."
        ]
    found = story.compare(network, reference)
    half = found.high - found.difference
    if not found.tied or found.difference == 0 or not math.isfinite(half) or half == 0:
        return []
    n_rows = n_units * (half / abs(found.difference)) ** 2
    if n_rows > 1000 * n_units:
        return ["The best network and the best reference are as good as equal; more rows would hardly part them."]
    return [
        f"To tell the best network from the best reference, about {amount(n_rows)} validation {story.unit}s would be "
        f"needed in place of {n_units:,}, if the difference is what it seems."
    ]


def _was_improving(trial: Trial, metric: Metric) -> bool:
    n_looks = len(trial.curve)
    best = max(range(n_looks), key=lambda place: metric.sign * trial.curve[place].score, default=-1)
    return best >= max(0, n_looks - max(1.0, n_looks * IMPROVING_SHARE))


def failure_words(trials: Sequence[Trial]) -> list[str]:
    """A sentence for each reason for which candidates failed."""
    by_reason: dict[str, list[str]] = {}
    for trial in trials:
        if trial.state == "failed":
            by_reason.setdefault(trial.why.rstrip(".") or "no reason given", []).append(trial.candidate.label)
    return [f"{join(labels, most=6)} left the race: {reason}." for reason, labels in by_reason.items()]


def sealed_words(sealed: Sealed, metric: Metric) -> list[str]:
    """What the sealed rows say, in sentences."""
    low, high = score_words(metric, sealed.low), score_words(metric, sealed.high)
    where = plural(sealed.n_rows, "sealed test row")
    if sealed.source:
        where = f"the {plural(sealed.n_rows, 'row')} of {sealed.source}, sealed until now,"
    sentences = [
        f"On {where} it scores {metric.name} {score_words(metric, sealed.score)} "
        f"(95 % interval {low} to {high}), {gap_words(metric, sealed.gap)} on the validation rows."
    ]
    if sealed.references:
        beside = join([f"{label} ({score_words(metric, score)})" for label, score in sealed.references], most=6)
        sentences.append(f"References on the same rows: {beside}.")
    return [*sentences, *(f"{note}." for note in sealed.notes), *sealed.honesty.get("sentences", ())]


def verdict_json(verdict: Verdict, sealed: Sealed, metric: Metric) -> dict[str, Json]:
    """The verdict as verdict.json holds it. No clock is read for it, so that equal runs give equal bytes."""
    return {
        "chosen": verdict.chosen,
        "candidate": verdict.candidate.id,
        "label": verdict.candidate.label,
        "best": verdict.best,
        "tied": list(verdict.tied),
        "metric": verdict.metric,
        "greater_is_better": metric.greater_is_better,
        "validation": {"score": verdict.score, "low": verdict.low, "high": verdict.high},
        "comparisons": [asdict(comparison) for comparison in verdict.comparisons],
        "reasons": list(verdict.reasons),
        "next_steps": list(verdict.next_steps),
        "test": {
            **asdict(sealed),
            "references": [{"label": label, "score": score} for label, score in sealed.references],
            "sentences": sealed_words(sealed, metric),
        },
    }
