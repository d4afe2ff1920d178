"""The end of a run: the evidence, the verdict, the seal opened once, and the model folder."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from archwise.architectures import architecture
from archwise.choice.race import OnEvent
from archwise.choice.run import Ground, read_ground, read_preparation, read_targets, trial_folder, trial_to_json
from archwise.choice.seal import open_seal, read_groups, sealed_outputs
from archwise.choice.trial import ExportJob, RefitJob, export_trial, refit_trial
from archwise.choice.verdict import Sealed, decide, failure_words, is_reference, verdict_json
from archwise.config import Config
from archwise.engines.processes import Job, Workers
from archwise.errors import ParityError, RaceError
from archwise.evidence import BootstrapScores, bootstrap_scores, interval
from archwise.model.folder import ModelContent, ModelFacts, write_model
from archwise.records import Array, Candidate, Json, Metric, Trial, Verdict
from archwise.tasks import main_metric, task

AFTER_REFIT_S = 2.0  # kept for the sealed rows and the writing
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
    ground = read_ground(folder)
    usable = [trial for trial in trials if trial.outputs is not None and trial.state != "failed"]
    if not usable:
        reasons = " ".join(failure_words(trials)) or "None began."
        raise RaceError(f"no candidate became usable inside the budget; give a longer one. {reasons}")
    metric = main_metric(task(ground.profile.task), ground.target_state, ground.metric)
    scores = bootstrap_scores(
        read_targets(folder, "valid"),
        [_outputs(trial) for trial in usable],
        metric,
        seed=config.seed,
        groups=read_groups(folder, "valid"),
    )
    verdict = decide(usable, scores, metric, use_latency=not ground.steps_mode, unit="group" if config.group else "row")
    tell({"event": "verdict", "chosen": verdict.candidate.label, "reasons": list(verdict.reasons)})
    written_model = _write_chosen(folder, verdict.candidate, workers, deadline)
    onnx = written_model.onnx
    sealed = _judge_sealed(folder, ground, verdict, usable, metric=metric, onnx=onnx, seed=config.seed)
    written = verdict_json(verdict, sealed, metric)
    written["reasons"] += written_model.words
    written["next_steps"] += failure_words(trials)
    chosen = next(trial for trial in usable if trial.candidate == verdict.candidate)
    content = ModelContent(
        facts=_facts(folder, ground, chosen, metric=metric, sealed=sealed),
        preparation=read_preparation(folder, architecture(verdict.chosen).need),
        onnx=onnx,
        verdict=written,
        trials=_leaderboard(trials, usable, scores),
        run_toml=(folder / "run.toml").read_text(encoding="utf-8"),
        weights=written_model.weights,
    )
    write_model(Path(config.out), content)
    tell({"event": "done", "model": config.out})


def _outputs(trial: Trial) -> Array:
    assert trial.outputs is not None  # only usable trials are asked
    return trial.outputs


@dataclass(frozen=True)
class WrittenModel:
    """The chosen as it will be handed over: its ONNX, the weights of a network, and what was done to it, in words."""

    onnx: bytes
    weights: bytes | None
    words: list[str]


def _write_chosen(folder: Path, candidate: Candidate, workers: Workers, deadline: float | None) -> WrittenModel:
    """Write the chosen: a network as it was at its best, a reference fitted anew on all rows that are not sealed."""
    place = trial_folder(folder, candidate)
    if not architecture(candidate.architecture).is_reference:
        job = Job(ExportJob(str(folder), candidate), seconds=EXPORT_S)
        outcome = next(iter(workers.run(export_trial, [job])))
        if outcome.kind != "ok":
            raise ParityError(f"{candidate.label} was chosen but cannot be written as ONNX: {outcome.reason}")
        return WrittenModel((place / "model.onnx").read_bytes(), (place / "weights.safetensors").read_bytes(), [])
    left = None if deadline is None else deadline - time.monotonic() - AFTER_REFIT_S
    if left is not None and left <= 0:
        return WrittenModel((place / "model.onnx").read_bytes(), None, ["No time was left to fit it on more rows."])
    outcome = next(iter(workers.run(refit_trial, [Job(RefitJob(str(folder), candidate), seconds=left)])))
    if outcome.kind != "ok":
        words = [f"It could not be fitted anew on more rows ({outcome.reason})."]
        return WrittenModel((place / "model.onnx").read_bytes(), None, words)
    words = [f"It was then fitted anew on the {outcome.value:,} training and validation rows together."]
    return WrittenModel((place / "refit.onnx").read_bytes(), None, words)


def _judge_sealed(
    folder: Path,
    ground: Ground,
    verdict: Verdict,
    usable: Sequence[Trial],
    *,
    metric: Metric,
    onnx: bytes,
    seed: int,
) -> Sealed:
    """Open the seal, once, for the chosen and the references."""
    sealed = open_seal(folder, ground)
    references = [t.candidate for t in usable if is_reference(t) and t.candidate != verdict.candidate]
    candidates = [verdict.candidate, *references]
    answered = sealed_outputs(folder, sealed, candidates, models={verdict.candidate.id: onnx})
    every = [answered[candidate.id] for candidate in candidates]
    scores = bootstrap_scores(sealed.targets, every, metric, seed=seed, groups=sealed.groups)
    low, high = interval(scores, 0)
    return Sealed(
        metric=metric.name,
        score=float(scores.point[0]),
        low=low,
        high=high,
        n_rows=len(sealed.targets),
        gap=metric.sign * (verdict.score - float(scores.point[0])),
        references=tuple(
            (candidate.label, float(point)) for candidate, point in zip(references, scores.point[1:], strict=True)
        ),
        scores=_every_metric(ground, sealed.targets, every[0]),
    )


def _every_metric(ground: Ground, targets: Array, outputs: Array) -> dict[str, float]:
    ones = np.ones((1, len(targets)))
    metrics = task(ground.profile.task).metrics(ground.target_state)
    return {metric.name: float(metric.score(targets, outputs, ones)[0]) for metric in metrics}


def _facts(folder: Path, ground: Ground, chosen: Trial, *, metric: Metric, sealed: Sealed) -> ModelFacts:
    kind_of_task = task(ground.profile.task)
    truth = read_targets(folder, "valid")
    need = architecture(chosen.candidate.architecture).need
    return ModelFacts(
        task=ground.profile.task,
        target=ground.profile.target,
        target_state=ground.target_state,
        calibration=kind_of_task.calibrate(ground.target_state, _outputs(chosen), truth),
        columns=ground.columns,
        layout=ground.layout,
        signature=ground.signature(need),
        need=need,
        candidate=chosen.candidate,
        metric=metric.name,
        validation=_every_metric(ground, truth, _outputs(chosen)),
        test=sealed.scores,
        profile={
            "source": ground.profile.source,
            "rows": ground.profile.n_rows,
            "training_rows": ground.n_train,
            "validation_rows": ground.n_valid,
            "test_rows": ground.n_test,
            "split": ground.split_how,
        },
        sealed=ground.test_sha256,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )


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
