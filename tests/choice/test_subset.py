"""A candidate fitted on parts of the training rows: who is measured, that nothing is repeated, what is said else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from archwise.choice.run import read_targets, read_trial, trial_folder
from archwise.choice.start import start_run
from archwise.choice.subset import SubsetJob, fit_subset, measure_growth
from archwise.choice.trial import Grant, TrialJob, run_trial
from archwise.config import Config, make_config
from archwise.engines.processes import Job, Outcome
from archwise.records import Json, Trial

Ran = tuple[Path, Config, list[Trial]]  # a run folder, its configuration, and the trials in it


class InProcess:
    """Runs jobs here, in the place of worker processes, and keeps count."""

    def __init__(self, *, breaks: bool = False) -> None:
        self.jobs: list[SubsetJob] = []
        self.breaks = breaks

    def run(self, function: Callable[..., object], jobs: Iterable[Job]) -> Iterator[Outcome]:
        for index, job in enumerate(jobs):
            assert isinstance(job.argument, SubsetJob)
            self.jobs.append(job.argument)
            if self.breaks:
                yield Outcome(index, "error", reason="it broke")
            else:
                yield Outcome(index, "ok", value=function(job.argument, lambda message: None))


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A run folder of 700 rows in which the references have been fitted."""
    rng = np.random.default_rng(0)
    columns = {f"x{place}": rng.normal(size=700) for place in range(6)}
    label = sum(columns.values()) + rng.normal(size=700) > 0
    frame = pl.DataFrame({**columns, "y": np.where(label, "yes", "no")})
    folder = tmp_path_factory.mktemp("run") / "a.run"
    config = make_config(
        {"target": "y", "budget": "300steps", "only": ("majority", "linear", "perceptron"), "workers": 1}
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("archwise.data.fold.FEWEST_VALID", 0)  # one split, as larger tables have
        candidates = start_run(frame, config, folder, on_event=lambda event: None)
    trials = []
    for candidate in candidates:
        if candidate.label in ("majority", "linear"):
            run_trial(TrialJob(str(folder), candidate, Grant(0, 1.0)), lambda message: None)
            trial = read_trial(folder, candidate, 0)
            assert trial is not None
            trials.append(trial)
    network = next(candidate for candidate in candidates if candidate.architecture == "perceptron")
    network = replace(network, plan=replace(network.plan, epochs=2))
    outputs = next(trial for trial in trials if trial.candidate.architecture == "linear").outputs
    return folder, config, [*trials, Trial(network, 0, "done", score=0.9, seconds=5.0, outputs=outputs)]


def of(trials: list[Trial], name: str) -> Trial:
    return next(trial for trial in trials if trial.candidate.architecture == name)


def measured(ground: Ran, chosen: str, workers: InProcess, *, deadline: float | None = None) -> dict[str, Json]:
    folder, config, trials = ground
    return measure_growth(folder, config, trials, of(trials, chosen), workers=workers, deadline=deadline)  # type: ignore[arg-type]


def forget(ground: Ran, name: str) -> None:
    for path in trial_folder(ground[0], of(ground[2], name).candidate).glob("part-*"):
        path.unlink()


def test_a_reference_is_measured_at_four_sizes_and_the_last_is_its_own_score(ground: Ran) -> None:
    forget(ground, "linear")
    facts = measured(ground, "linear", InProcess())
    trial = of(ground[2], "linear")
    assert [point["n"] for point in facts["points"]][-1] == len(read_targets(ground[0], "train"))
    assert len(facts["points"]) == 4
    assert facts["points"][-1]["score"] == pytest.approx(trial.score)
    assert facts["sentence"].startswith("Twice the training rows")


def test_what_is_on_disk_is_not_fitted_again_and_gives_the_same_facts(ground: Ran) -> None:
    forget(ground, "linear")
    first, again = InProcess(), InProcess()
    facts = measured(ground, "linear", first)
    assert len(first.jobs) == 7
    next(trial_folder(ground[0], of(ground[2], "linear").candidate).glob("part-1-4-*")).unlink()
    assert measured(ground, "linear", again) == facts
    assert [job.part[:3] for job in again.jobs] == ["1-4"]


def test_in_a_budget_of_steps_the_best_reference_stands_for_a_network(ground: Ran) -> None:
    workers = InProcess()
    facts = measured(ground, "perceptron", workers)
    assert facts["label"].startswith("linear")
    assert facts["sentence"].endswith(
        "(Measured on the best reference: networks are not trained again in a budget of steps.)"
    )


def test_a_network_is_trained_again_where_time_is_left(ground: Ran, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archwise.choice.subset.time.monotonic", lambda: 100.0)
    workers = InProcess()
    facts = measured(ground, "perceptron", workers, deadline=1_000.0)
    assert facts["label"] == "perceptron"
    assert len(workers.jobs) == 7
    assert not list(ground[0].glob("trials/*/part-*.safetensors"))


@pytest.mark.parametrize(
    ("chosen", "deadline", "words"),
    [
        ("majority", None, "only counts"),
        ("linear", 100.0, "no time was left"),
        ("perceptron", 100.0, "no time was left"),
    ],
)
def test_where_nothing_is_measured_the_reason_is_said(
    ground: Ran, monkeypatch: pytest.MonkeyPatch, chosen: str, deadline: float | None, words: str
) -> None:
    monkeypatch.setattr("archwise.choice.subset.time.monotonic", lambda: 100.0)
    workers = InProcess()
    facts = measured(ground, chosen, workers, deadline=deadline)
    assert list(facts) == ["sentence"]
    assert words in facts["sentence"]
    assert workers.jobs == []


def test_fits_that_fail_are_said_and_harm_nothing(ground: Ran) -> None:
    forget(ground, "linear")
    assert "failed" in measured(ground, "linear", InProcess(breaks=True))["sentence"]


def test_a_part_is_judged_on_all_validation_rows(ground: Ran) -> None:
    folder, config, trials = ground
    path = fit_subset(
        SubsetJob(str(folder), of(trials, "linear").candidate, config.seed, "1-8-0"), lambda message: None
    )
    assert np.load(path).shape == (len(read_targets(folder, "valid")), 2)


def test_where_folds_decide_it_is_not_measured(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({"x": rng.normal(size=200), "y": rng.choice(["a", "b"], 200)})
    config = make_config({"target": "y", "budget": "300steps", "only": ("linear",)})
    (linear, *_) = start_run(frame, config, tmp_path / "a.run", on_event=lambda event: None)
    trial = Trial(linear, 0, "done", score=0.5, outputs=np.zeros((4, 2)))
    workers = InProcess()
    facts = measure_growth(tmp_path / "a.run", config, [trial], trial, workers=workers, deadline=None)  # type: ignore[arg-type]
    assert "folds decide" in facts["sentence"]
    assert workers.jobs == []
