"""Trials that train together: which of a rung, what they leave on disk, and what becomes of a stack that cannot be."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from archwise.architectures import architecture
from archwise.choice import stack
from archwise.choice.race import Course
from archwise.choice.run import read_ground, read_trial, write_trial
from archwise.choice.rung import bring_with
from archwise.choice.stack import StackJob, run_trials, stacked_up
from archwise.choice.start import start_run
from archwise.choice.trial import Grant, TrialJob, run_trial
from archwise.config import make_config
from archwise.engines.processes import Job, Outcome
from archwise.records import Candidate, Json, Plan, Scalar, Trial, settings_of

GRANT = Grant(0, 1.0)
PLAN = Plan(epochs=4, batch=32, rate=3e-3)


def candidate_of(seed: int, *, name: str = "mlp", **settings: Scalar) -> Candidate:
    chosen = {**architecture(name).defaults(), **settings}
    return Candidate(name, settings_of(chosen.items()), replace(PLAN, seed=seed), f"{name} {seed}")


def jobs_of(n: int, folder: Path = Path("r.run"), *, grant: Grant = GRANT, **settings: Scalar) -> list[TrialJob]:
    settings = settings or {"width": 16, "layers": 1}
    return [TrialJob(str(folder), candidate_of(seed, **settings), grant) for seed in range(n)]


REFERENCE = TrialJob("r.run", Candidate("majority", (), Plan()), GRANT)


def sizes(jobs: Iterable[TrialJob | StackJob]) -> list[int]:
    return [len(job.candidates) for job in jobs]


class TestWhoGoesTogether:
    def test_jobs_of_one_shape_are_spread_over_the_workers(self) -> None:
        assert sizes(stacked_up(jobs_of(16), 2)) == [8, 8]
        assert sizes(stacked_up(jobs_of(9), 2)) == [5, 4]

    def test_too_few_stay_alone(self) -> None:
        assert sizes(stacked_up(jobs_of(3), 1)) == [1, 1, 1]

    def test_no_worker_is_left_without_a_job(self) -> None:
        assert sizes(stacked_up(jobs_of(5), 2)) == [1] * 5
        assert sizes(stacked_up([REFERENCE, *jobs_of(5)], 2)) == [1, 5]

    def test_other_shapes_and_other_grants_stay_apart(self) -> None:
        jobs = [*jobs_of(4), *jobs_of(3, width=32), *jobs_of(4, grant=replace(GRANT, seconds=1.0))]
        assert sizes(stacked_up(jobs, 1)) == [4, 1, 1, 1, 4]

    def test_everyone_is_in_exactly_one_job(self) -> None:
        jobs = [REFERENCE, *jobs_of(11), *jobs_of(6, width=32)]
        given = [candidate for job in stacked_up(jobs, 2) for candidate in job.candidates]
        assert sorted(each.id for each in given) == sorted(job.candidate.id for job in jobs)

    def test_a_stack_may_take_the_seconds_of_all_its_members(self) -> None:
        (job,) = stacked_up(jobs_of(4, grant=Grant(0, 1.0, seconds=2.0)), 1)
        assert job.seconds_left() == 8.0


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    generator = np.random.default_rng(0)
    frame = pl.DataFrame({name: generator.normal(size=300) for name in "abc"})
    frame = frame.with_columns(y=(pl.col("a") * pl.col("b") > 0).cast(pl.String))
    config = make_config({"target": "y", "only": ("mlp",), "budget": "30s", "out": str(tmp_path / "m.archwise")})
    monkeypatch.setattr("archwise.data.fold.FEWEST_VALID", 0)  # one split, as larger tables have
    start_run(frame, config, tmp_path / "r.run", on_event=lambda event: None)
    return tmp_path / "r.run"


def record(folder: Path, job: TrialJob) -> Trial:
    trial = read_trial(folder, job.candidate, job.grant.rung)
    assert trial is not None
    return trial


def stack_of(jobs: list[TrialJob]) -> StackJob:
    return StackJob(jobs[0].run, tuple(job.candidate for job in jobs), jobs[0].grant)


class TestRecords:
    def test_records_are_like_those_of_lone_trials(self, folder: Path, tmp_path: Path) -> None:
        jobs, told = jobs_of(4, folder), list[object]()
        assert run_trials(stack_of(jobs), told.append) == 4
        together = [record(folder, job) for job in jobs]
        for job, other in zip(jobs, together, strict=True):
            for path in (folder / "trials" / job.candidate.id).iterdir():
                path.unlink()
            run_trial(job, lambda message: None)
            lone = record(folder, job)
            assert (lone.state, lone.steps, lone.n_parameters) == (other.state, other.steps, other.n_parameters)
            assert lone.score == pytest.approx(other.score, abs=1e-3)
            assert (lone.low, lone.high) == pytest.approx((other.low, other.high), abs=1e-2)
            assert lone.outputs is not None
            np.testing.assert_allclose(lone.outputs, other.outputs, atol=1e-3)
        points = [message for message in told if isinstance(message, dict) and message["event"] == "point"]
        assert {message["member"] for message in points} == {0, 1, 2, 3}

    def test_a_member_goes_on_alone_in_the_next_rung(self, folder: Path) -> None:
        jobs = jobs_of(4, folder, grant=Grant(0, 0.5))
        run_trials(stack_of(jobs), lambda message: None)
        assert record(folder, jobs[0]).state == "paused"
        following = replace(jobs[0], grant=Grant(1, 1.0))
        run_trial(following, lambda message: None)
        assert record(folder, following).state == "done"
        assert record(folder, following).seconds > record(folder, jobs[0]).seconds

    def test_large_networks_are_handed_back_unbegun(self, folder: Path) -> None:
        jobs = jobs_of(4, folder, width=1024, layers=3)
        assert run_trials(stack_of(jobs), lambda message: None) == 0
        assert read_trial(folder, jobs[0].candidate, 0) is None

    def test_one_that_diverges_fails_alone(self, folder: Path) -> None:
        jobs = jobs_of(4, folder)
        wild = replace(jobs[2].candidate, plan=replace(jobs[2].candidate.plan, rate=1e30, clip=0.0))
        jobs[2] = replace(jobs[2], candidate=wild)
        run_trials(stack_of(jobs), lambda message: None)
        assert [record(folder, job).state for job in jobs] == ["done", "done", "failed", "done"]
        assert record(folder, jobs[2]).why.startswith("DivergedError: the training loss is")


class HereAndNow:
    """Workers that do every job in this process, one after the other."""

    def run(
        self,
        function: Callable[..., object],
        jobs: Iterable[Job],
        *,
        on_message: Callable[[int, object], None],
    ) -> Iterator[Outcome]:
        index, waiting = 0, iter(jobs)
        while (job := next(waiting, None)) is not None:
            try:
                value = function(job.argument, lambda message, index=index: on_message(index, message))
                yield Outcome(index, "ok", value=value)
            except RuntimeError as error:
                yield Outcome(index, "error", reason=str(error))
            index += 1


def bring(folder: Path, n: int, events: list[dict[str, Json]]) -> list[Trial]:
    stop_at = time.monotonic() + 60.0
    course = Course(read_ground(folder).n_train, 1, 1.0, time.monotonic, stop_at=stop_at)
    make = bring_with(folder, HereAndNow(), course=course, tell=events.append)  # type: ignore[arg-type]
    return list(make([(job.candidate, replace(GRANT, stop_at=stop_at)) for job in jobs_of(n, folder)]))


def test_a_rung_with_a_stack_yields_every_trial_once(folder: Path) -> None:
    events: list[dict[str, Json]] = []
    trials = bring(folder, 5, events)
    assert sorted(trial.candidate.label for trial in trials) == [f"mlp {seed}" for seed in range(5)]
    assert {event["label"] for event in events if event["event"] == "point"} == {f"mlp {seed}" for seed in range(5)}
    assert all("member" not in event for event in events)


def test_what_a_broken_stack_leaves_undone_is_done_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(job: StackJob, send: object) -> int:
        raise RuntimeError("it cannot be done for all at once")

    monkeypatch.setattr(stack, "run_trials", broken)
    trials = bring(folder, 4, [])
    assert [trial.state for trial in trials] == ["done"] * 4


def test_where_a_network_stood_is_told_after_a_rung_that_was_passed_over(tmp_path: Path) -> None:
    job = jobs_of(1, tmp_path, grant=Grant(2, 1.0, stop_at=0.0))[0]
    write_trial(tmp_path, Trial(job.candidate, 0, "paused", score=0.7, steps=12, seconds=1.5))

    class NoWorkers:
        def run(self, function: object, jobs: Iterable[Job], **options: object) -> Iterator[Outcome]:
            assert not list(jobs)
            return iter(())

    course = Course(1_000, 1, 1.0, lambda: 1.0, stop_at=0.0)
    bring = bring_with(tmp_path, NoWorkers(), course=course, tell=lambda event: None)  # type: ignore[arg-type]
    (trial,) = bring([(job.candidate, job.grant)])
    assert (trial.state, trial.score, trial.steps) == ("paused", 0.7, 12)
