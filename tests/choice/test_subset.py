"""A candidate fitted on parts of the training rows: who is measured, that nothing is repeated, what is said else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from archwise.choice.folds import first_cut
from archwise.choice.run import read_ground, read_targets, read_trial, trial_folder
from archwise.choice.start import start_run
from archwise.choice.subset import SubsetJob, cut_rows, fit_subset, measure_growth
from archwise.choice.trial import Grant, TrialJob, run_trial
from archwise.config import Config, make_config
from archwise.engines.processes import Job, Outcome
from archwise.records import Json, Trial
from archwise.tasks import main_metric, task

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


def laid_out(folder: Path, n_rows: int) -> Ran:
    """A run folder in which the references have been fitted, and a network that answers as the linear one does."""
    rng = np.random.default_rng(0)
    columns = {f"x{place}": rng.normal(size=n_rows) for place in range(6)}
    label = sum(columns.values()) + rng.normal(size=n_rows) > 0
    frame = pl.DataFrame({**columns, "y": np.where(label, "yes", "no")})
    config = make_config(
        {"target": "y", "budget": "300steps", "only": ("majority", "linear", "perceptron"), "workers": 1}
    )
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


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """One split of 700 rows, as larger tables have."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("archwise.data.fold.FEWEST_VALID", 0)
        return laid_out(tmp_path_factory.mktemp("run") / "a.run", 700)


@pytest.fixture(scope="module")
def folded(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """500 rows, of which 400 are not sealed: five folds decide, twice."""
    folder, config, trials = laid_out(tmp_path_factory.mktemp("run") / "a.run", 500)
    assert (read_ground(folder).n_folds, read_ground(folder).n_repeats) == (5, 2)
    return folder, config, trials


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


def test_a_mean_of_seeds_is_measured_by_the_one_network_that_raced_alone(
    ground: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("archwise.choice.subset.time.monotonic", lambda: 100.0)
    folder, config, trials = ground
    alone = of(trials, "perceptron")
    mean = replace(alone, candidate=replace(alone.candidate, seeds=3, label="perceptron of 3 seeds"), seconds=15.0)
    workers = InProcess()
    facts = measure_growth(folder, config, [*trials, mean], mean, workers=workers, deadline=1_000.0)  # type: ignore[arg-type]
    assert facts["label"] == "perceptron"
    assert facts["sentence"].endswith("(Measured on one of the networks whose answers are averaged.)")


class TestFolds:
    def test_every_fold_learns_from_parts_of_its_own_rows_and_draws_of_a_size_share_none(self, folded: Ran) -> None:
        folder, config, trials = folded
        cut = cut_rows(folder, of(trials, "linear").candidate, seed=config.seed)
        of_size = {size: [part for part in cut.parts if part.size == size] for size in (2, 4, 8)}
        assert [len(parts) for parts in of_size.values()] == [1, 2, 4]
        for fold in cut.folds:
            n_rows = len(read_targets(fold.place, "train"))
            taken = {size: np.concatenate([cut.rows(part, fold) for part in parts]) for size, parts in of_size.items()}
            assert len(np.unique(taken[8])) == len(taken[8])
            assert set(taken[8]) == set(taken[4]) == set(taken[2]) < set(range(n_rows))
            assert len(taken[2]) == pytest.approx(n_rows / 2, abs=5)
            np.testing.assert_array_equal(cut.rows(cut.whole, fold), np.arange(n_rows))

    def test_places_of_a_part_are_the_same_rows_in_the_arrays_of_a_fold(self, folded: Ran) -> None:
        folder, _config, trials = folded
        cut, targets = cut_rows(folder, of(trials, "linear").candidate, seed=0), read_targets(folder, "train")
        for number, fold in enumerate(cut.folds):
            for part in cut.parts:
                learnt = part.rows[first_cut(folder)[1][part.rows] != number]
                np.testing.assert_array_equal(read_targets(fold.place, "train")[cut.rows(part, fold)], targets[learnt])

    def test_the_last_size_is_the_candidates_own_score_in_the_first_repeat(self, folded: Ran) -> None:
        folder, _config, trials = folded
        facts, trial = measured(folded, "linear", InProcess()), of(trials, "linear")
        truth = read_targets(folder, "valid")
        n_judged = len(truth) // 2
        assert trial.outputs is not None
        area = main_metric(task("classify"), read_ground(folder).target_state, read_ground(folder).metric)
        score = area.score(truth[:n_judged], trial.outputs[:n_judged], np.ones((1, n_judged)))[0]
        assert facts["points"][-1]["score"] == pytest.approx(float(score))
        assert facts["points"][-1]["score"] != trial.score

    def test_rows_are_those_of_a_fit_and_the_sentence_says_so(self, folded: Ran) -> None:
        facts = measured(folded, "linear", InProcess())
        assert [point["n"] for point in facts["points"]] == [40, 80, 160, 320]
        assert facts["doubled"]["n"] == 640
        assert facts["sentence"].startswith("Twice the training rows (640) would")
        assert "(A fit in the folds learns from 320 of the 400 rows that are not sealed.)" in facts["sentence"]

    def test_a_part_answers_for_every_judged_row_once(self, folded: Ran) -> None:
        folder, config, trials = folded
        job = SubsetJob(str(folder), of(trials, "linear").candidate, config.seed, "1-8-0")
        answered = np.load(fit_subset(job, lambda message: None))
        assert answered.shape == (read_ground(folder).n_valid, 2)
        assert np.isfinite(answered).all()

    def test_what_is_on_disk_is_not_fitted_again_and_gives_the_same_facts(self, folded: Ran) -> None:
        forget(folded, "linear")
        first, again = InProcess(), InProcess()
        facts = measured(folded, "linear", first)
        assert len(first.jobs) == 7
        next(trial_folder(folded[0], of(folded[2], "linear").candidate).glob("part-1-4-*")).unlink()
        assert measured(folded, "linear", again) == facts
        assert [job.part[:3] for job in again.jobs] == ["1-4"]

    def test_a_network_is_trained_again_in_every_fold_where_time_is_left(
        self, folded: Ran, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("archwise.choice.subset.time.monotonic", lambda: 100.0)
        workers = InProcess()
        facts = measured(folded, "perceptron", workers, deadline=1_000.0)
        assert facts["label"] == "perceptron"
        assert len(workers.jobs) == 7
        assert not list(folded[0].glob("trials/**/part-*.safetensors"))

    def test_in_a_budget_of_steps_the_best_reference_stands_for_a_network(self, folded: Ran) -> None:
        assert measured(folded, "perceptron", InProcess())["label"].startswith("linear")

    def test_too_few_rows_a_fit_are_said(self, tmp_path: Path) -> None:
        rng = np.random.default_rng(0)
        frame = pl.DataFrame({"x": rng.normal(size=200), "y": rng.choice(["a", "b"], 200)})
        config = make_config({"target": "y", "budget": "300steps", "only": ("linear",)})
        (linear, *_) = start_run(frame, config, tmp_path / "a.run", on_event=lambda event: None)
        trial = Trial(linear, 0, "done", score=0.5, outputs=np.zeros((4, 2)))
        workers = InProcess()
        facts = measure_growth(tmp_path / "a.run", config, [trial], trial, workers=workers, deadline=None)  # type: ignore[arg-type]
        assert "too few to cut up" in facts["sentence"]
        assert workers.jobs == []
