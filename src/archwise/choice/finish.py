"""The end of a run: the evidence, the verdict, the seal opened once, and the model folder."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from archwise.architectures import architecture, need_of
from archwise.choice.answering import Allowance, Answering, bests_first, every_metric, unseal
from archwise.choice.ending import Ending, measure_ending, references_s, sealed_s
from archwise.choice.export import INHERITED, ExportJob, export_trial
from archwise.choice.folds import best_epochs
from archwise.choice.limits import Written, choose_within, measured_latency, requirement, with_limits
from archwise.choice.race import OnEvent
from archwise.choice.refit import RefitJob, refit_trial, retrain_trial
from archwise.choice.run import (
    OPEN,
    Ground,
    read_ground,
    read_latest,
    read_left,
    read_preparation,
    read_targets,
    trial_folder,
    trial_to_json,
)
from archwise.choice.seal import example_row, read_groups
from archwise.choice.subset import measure_growth
from archwise.choice.verdict import Sealed, decide, failure_words, is_reference, verdict_json
from archwise.config import Config
from archwise.data.prepare import for_serving
from archwise.engines.processes import Job, Workers
from archwise.errors import ParityError, RaceError
from archwise.evidence import BootstrapScores, bootstrap_scores, interval, of_folds
from archwise.model.folder import STREAM, ModelContent, ModelFacts, write_model
from archwise.records import Array, Candidate, Json, Metric, Trial, Verdict
from archwise.tasks import main_metric, task

AFTER_REFIT_S = 2.0  # kept for the sealed rows and the writing, however few rows there are
WRITING_S = 1.0  # of them, for the writing
SHORTEST_RETRAIN_S = 2.0  # that a network which raced in folds has to be trained on all rows
TYPICAL_EXPORT_S = 3.0  # what the writing of a network takes
REFIT_SHARE = 0.5  # of the time that a network needs to be trained anew, below which it is not tried
EXPORT_S = 120.0  # after which the writing of a network as ONNX is given up


def finish_run(
    folder: Path,
    config: Config,
    trials: Sequence[Trial],
    *,
    workers: Workers,
    tell: OnEvent,
    deadline: float | None = None,
) -> None:
    """Decide, open the seal, and write the model folder at `config.out`.

    Args:
        deadline: end of the budget on the monotonic clock, or None where no clock decides.

    Raises:
        RaceError: no candidate became usable; each is named with its reason.
        ParityError: the chosen network cannot be written as it was trained.
    """
    ground, trials = read_ground(folder), (*trials, *read_left(folder))
    usable = [trial for trial in trials if trial.outputs is not None and trial.state != "failed"]
    if not usable:
        reasons = " ".join(failure_words(trials)) or "None began."
        raise RaceError(f"no candidate became usable inside the budget; give a longer one. {reasons}")
    metric = main_metric(task(ground.profile.task), ground.target_state, ground.metric)
    scores = _scores(folder, ground, usable, metric, config.seed)
    by_id = {trial.candidate.id: trial for trial in usable}
    references = bests_first([trial for trial in usable if is_reference(trial)], metric.sign)
    ending = measure_ending(folder)
    before = None if deadline is None else deadline - _after_s(ground, ending, references, sign=metric.sign)
    verdict, files, limits = choose_within(
        config,
        lambda barred: _decide(usable, scores, metric, barred, config=config),
        write=lambda candidate: _write_chosen(
            folder, by_id[candidate.id], ground, sign=metric.sign, workers=workers, before=before
        ),
        measure=lambda candidate, onnx: measured_latency(folder, candidate, onnx),
    )
    tell({"event": "verdict", "chosen": verdict.candidate.label, "reasons": list(verdict.reasons)})
    chosen = by_id[verdict.candidate.id]
    growth = measure_growth(folder, config, usable, chosen, workers=workers, deadline=before)
    asked = [chosen, *(trial for trial in references if trial is not chosen)]
    allowance = Allowance(None if deadline is None else deadline - WRITING_S, ending)
    sealed, answering = unseal(folder, ground, asked, config=config, onnx=files.onnx, allowance=allowance)
    written = verdict_json(verdict, sealed, metric)
    written["reasons"] += files.words
    written["growth"] = growth
    written["next_steps"] += [growth["sentence"], *failure_words(trials)]
    content = ModelContent(
        facts=_facts(folder, ground, answering, metric=metric, sealed=sealed),
        preparation=for_serving(read_preparation(folder, need_of(verdict.candidate))),
        onnx=files.onnx,
        verdict=with_limits(written, limits, requirement(config.require, sealed, metric)),
        trials=_leaderboard(trials, usable, scores),
        run_toml=(folder / "run.toml").read_text(encoding="utf-8"),
        weights=files.weights,
        stream=files.stream,
    )
    write_model(Path(config.out), content)
    tell({"event": "done", "model": config.out})


def _scores(folder: Path, ground: Ground, usable: Sequence[Trial], metric: Metric, seed: int) -> BootstrapScores:
    """The evidence: every candidate on the same resamples of the validation rows."""
    groups = read_groups(folder, "valid")
    outputs = [_outputs(trial) for trial in usable]
    scores = bootstrap_scores(read_targets(folder, "valid"), outputs, metric, seed=seed, groups=groups)
    return of_folds(scores, ground.n_folds, widening=ground.widening)


def _decide(
    usable: Sequence[Trial], scores: BootstrapScores, metric: Metric, barred: frozenset[str], *, config: Config
) -> Verdict | None:
    """The verdict where some cannot be chosen, or None where nobody is left."""
    if len(barred) == len(usable):
        return None
    use_latency = config.limit.steps is None
    unit = "block" if config.horizon else "group" if config.group else "row"
    return decide(usable, scores, metric, use_latency=use_latency, unit=unit, barred=barred)


def _outputs(trial: Trial) -> Array:
    assert trial.outputs is not None  # only usable trials are asked
    return trial.outputs


def _after_s(ground: Ground, ending: Ending, references: Sequence[Trial], *, sign: float) -> float:
    """Seconds kept for the sealed rows and the writing."""
    answering = references_s(references, ground.n_test, sign=sign)
    return max(AFTER_REFIT_S, WRITING_S + answering + sealed_s(ending, [trial.candidate for trial in references]))


def _write_chosen(
    folder: Path, trial: Trial, ground: Ground, *, sign: float, workers: Workers, before: float | None
) -> Written:
    """Write the chosen: a network of one split as it was at its best, else fitted on all rows that are not sealed."""
    left = None if before is None else before - time.monotonic()
    if is_reference(trial) and ground.n_fits == 1:
        return _refit(folder, trial, ground, workers=workers, left=left)
    if is_reference(trial):  # its trial has fitted it on all of them
        onnx = (trial_folder(folder, trial.candidate) / "model.onnx").read_bytes()
        return Written(onnx, None, (f"It was then fitted anew on all {ground.n_train:,} rows that are not sealed.",))
    words: tuple[str, ...] = ()
    if ground.n_fits > 1 or task(ground.profile.task).refits:
        words = _retrain(folder, trial, ground, sign=sign, workers=workers, left=left)
    return _export(folder, trial.candidate, workers, words)


def _export(folder: Path, candidate: Candidate, workers: Workers, words: tuple[str, ...]) -> Written:
    """Write a network with the weights that its checkpoint holds as its best."""
    place = trial_folder(folder, candidate)
    outcome = next(iter(workers.run(export_trial, [Job(ExportJob(str(folder), candidate), seconds=EXPORT_S)])))
    if outcome.kind != "ok":
        raise ParityError(f"{candidate.label} was chosen but cannot be written as ONNX: {outcome.reason}")
    assert isinstance(outcome.value, tuple)  # what `export_trial` returns
    stream = place / STREAM
    return Written(
        (place / "model.onnx").read_bytes(),
        (place / "weights.safetensors").read_bytes(),
        (*words, *outcome.value),
        stream.read_bytes() if stream.exists() else None,
    )


def _retrain(
    folder: Path, trial: Trial, ground: Ground, *, sign: float, workers: Workers, left: float | None
) -> tuple[str, ...]:
    """Train a network, each one of a mean, on all open rows, as long as was best in the folds or on the one split."""
    members = [(member, read_latest(folder, member)) for member in trial.candidate.members]
    epochs = [best_epochs(found or trial, ground, sign) for _, found in members]
    seconds = None if left is None else max(SHORTEST_RETRAIN_S, left - TYPICAL_EXPORT_S)
    rounds = -(-len(members) // workers.n_workers)
    each_s = None if seconds is None else seconds / rounds
    place, n_rows, where = "", ground.n_train, "the folds"
    if ground.n_fits == 1:
        place, n_rows, where = OPEN, ground.n_train + ground.n_valid, "the race"
        if each_s is not None and each_s < REFIT_SHARE * _retrain_s(trial, ground, max(epochs)):
            return ("No time was left to train it on the validation rows too.",)
    jobs = [
        RefitJob(str(folder), member, goal, each_s, place) for (member, _), goal in zip(members, epochs, strict=True)
    ]
    lasting = None if each_s is None else each_s + EXPORT_S
    reached = [0.0] * len(jobs)
    for outcome in workers.run(retrain_trial, [Job(job, seconds=lasting) for job in jobs]):
        if outcome.kind != "ok":
            raise ParityError(f"{trial.candidate.label} was chosen but cannot be trained on all rows: {outcome.reason}")
        assert isinstance(outcome.value, float)  # what `retrain_trial` returns
        reached[outcome.index] = outcome.value
    short = max(range(len(jobs)), key=lambda place: epochs[place] - reached[place])
    who = "It was" if len(jobs) == 1 else f"Its {len(jobs)} networks were"
    said = f"{who} then trained anew on all {n_rows:,} rows that are not sealed"
    if reached[short] < epochs[short] - 1:
        told = f"{reached[short]:.3g} of the {epochs[short]:.3g} epochs that were best: no time was left for more"
        return (f"{said}, {'for' if len(jobs) == 1 else 'one of them for'} {told}.",)
    goals = " to ".join(dict.fromkeys(f"{goal:.3g}" for goal in (min(epochs), max(epochs))))
    return (f"{said}, for the {goals} {'epoch that was' if goals == '1' else 'epochs that were'} best in {where}.",)


def _retrain_s(trial: Trial, ground: Ground, epochs: float) -> float:
    """Seconds in which a network of one split is trained for so many epochs of all open rows, looks left out or not."""
    trained = trial.curve[-1].epoch if trial.curve else epochs
    return trial.seconds * epochs / max(trained, epochs) * (ground.n_train + ground.n_valid) / ground.n_train


def _refit(folder: Path, trial: Trial, ground: Ground, *, workers: Workers, left: float | None) -> Written:
    """Fit a reference anew on the training and validation rows of one split, where the time that is left allows it."""
    candidate = trial.candidate
    place = trial_folder(folder, candidate)
    n_read = min(architecture(candidate.architecture).most_rows or ground.n_train, ground.n_train)
    if left is not None and left < trial.seconds * (1.0 + ground.n_valid / n_read):
        return Written((place / "model.onnx").read_bytes(), None, ("No time was left to fit it on more rows.",))
    outcome = next(iter(workers.run(refit_trial, [Job(RefitJob(str(folder), candidate), seconds=left)])))
    if outcome.kind != "ok":
        words = f"It could not be fitted anew on more rows ({outcome.reason})."
        return Written((place / "model.onnx").read_bytes(), None, (words,))
    words = f"It was then fitted anew on the {outcome.value:,} training and validation rows together."
    return Written((place / "refit.onnx").read_bytes(), None, (words,))


def _facts(folder: Path, ground: Ground, chosen: Answering, *, metric: Metric, sealed: Sealed) -> ModelFacts:
    truth, candidate = read_targets(folder, "valid"), chosen.trial.candidate
    need = need_of(candidate)
    return ModelFacts(
        task=ground.profile.task,
        target=ground.profile.target,
        target_state=ground.target_state,
        calibration=chosen.calibration,
        columns=ground.columns,
        layout=ground.layout,
        signature=ground.signature(need),
        need=need,
        candidate=candidate,
        metric=metric.name,
        validation=every_metric(ground, chosen, _outputs(chosen.trial), truth),
        test=sealed.scores,
        profile={
            "source": ground.profile.source,
            "rows": ground.profile.n_rows,
            "training_rows": ground.n_train,
            "validation_rows": ground.n_valid,
            "test_rows": ground.n_test,
            "split": ground.split_how,
            "columns": {column.name: dict(column.summary) for column in ground.profile.used},
            "example": example_row(folder, ground.columns),
        },
        inherited=_inherited(folder, candidate),
        sealed=ground.test_sha256,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _inherited(folder: Path, candidate: Candidate) -> dict[str, Json]:
    """What was noted of the weights that the chosen took over."""
    path = trial_folder(folder, candidate) / INHERITED
    found: dict[str, Json] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return found


def _leaderboard(trials: Sequence[Trial], usable: Sequence[Trial], scores: BootstrapScores) -> list[dict[str, Json]]:
    """Every trial as trials.json holds it, the best first, those without a score last."""
    places = {trial.candidate.id: place for place, trial in enumerate(usable)}
    rows = []
    for trial in trials:
        place = places.get(trial.candidate.id)
        low, high = (None, None) if place is None else interval(scores, place)
        entry = architecture(trial.candidate.architecture)
        rows.append(
            {
                "id": trial.candidate.id,
                "label": trial.candidate.label,
                "family": entry.family,
                "settings": trial.candidate.changes(entry.defaults()),
                **trial_to_json(trial),
                "low": low,
                "high": high,
            }
        )
    return sorted(rows, key=lambda row: (row["score"] is None, -scores.sign * (row["score"] or 0.0), row["id"]))
