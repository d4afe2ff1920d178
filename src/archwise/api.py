"""The whole way on one page: look → split → shortlist → race → verdict → model folder."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from archwise.architectures import architectures
from archwise.choice import shortlist as choice_shortlist
from archwise.choice.crew import begin_workers
from archwise.choice.ending import ending_s, references_s
from archwise.choice.finish import finish_run
from archwise.choice.forecast import as_told, open_as_series
from archwise.choice.given import parts_of, tell_parts
from archwise.choice.opening import count_workers
from archwise.choice.place import beside, new_run_folder, paths_of, refuse_to_overwrite
from archwise.choice.propose import Wish, propose
from archwise.choice.race import Course, race
from archwise.choice.run import read_candidates, read_ground, read_wave, write_wave
from archwise.choice.rung import bring_with
from archwise.choice.search import Search, search
from archwise.choice.seeds import add_mean, kept_for_seeds
from archwise.choice.start import look_request, start_run
from archwise.choice.trunk import lay_trunks
from archwise.config import Config, make_config, read_config
from archwise.data.kinds import kinds
from archwise.data.label_set import join_target
from archwise.data.look import look_at
from archwise.data.open import open_source, sample_stream
from archwise.data.readers import readers
from archwise.engines.processes import Workers
from archwise.errors import InterruptedRunError, MissingExtraError, ModelError
from archwise.model.predict import Model
from archwise.model.predict import load as load_model
from archwise.records import Candidate, Json, Profile, Shortlisted, Table, Trial
from archwise.report.event import OnEvent, event_log, seconds_spent
from archwise.tasks import main_metric, task, tasks

SHORTEST_WITH_REFIT_S = 60.0  # a budget of which time is kept for it
REFIT_SHARE = 0.25  # of a race on one split, for the last fit of a network where its task asks for one
WRITING_S = 4.0  # for the last trial to stop and for a network to be written, however few rows there are


def look(source: object, target: str = "", *, config: Config | None = None) -> Profile:
    """Say what the data are: kinds, sizes, what is wrong with them, and the task they pose.

    Args:
        source: a path (CSV, TSV, Parquet, Arrow, JSON lines, CoNLL; of pictures a folder, .npz or idx), a Polars or
            pandas frame, a dict of lists, a NumPy array, or a tuple (X (N, D), y (N,)); an X of pictures is
            (N, H, W[, C]); whole series are a .ts file, a column of lists, or an X (N, T, C) of floats; series to
            forecast may be a .tsf file.
        target: the column to predict.
        config: everything else that may be fixed.

    Raises:
        DataError: the source cannot be read, or the target is not there or cannot be learnt.
    """
    config = as_told(source, _with(config, target=target))
    if config.horizon:
        return open_as_series(source, config).profile
    parts = parts_of(source, config)
    opened = join_target(open_source(parts.train, names=config.names), config.target, task=config.task)
    table = opened if isinstance(opened, Table) else sample_stream(opened, seed=config.seed)
    profile = look_at(table, look_request(config))
    return replace(profile, findings=(*tell_parts(parts), *profile.findings))


def shortlist(source: object, target: str = "", *, config: Config | None = None) -> tuple[Shortlisted, ...]:
    """List the architectures that could suit the data, the likeliest first, each with its reason.

    Raises:
        DataError: as for `look`.
        UsageError: an architecture that does not exist was named.
    """
    config = as_told(source, _with(config, target=target))
    return choice_shortlist.shortlist(look(source, config=config), config)


def fit(
    source: object,
    target: str = "",
    *,
    budget: str = "",
    out: str | Path = "",
    config: Config | None = None,
    on_event: OnEvent | None = None,
) -> Model:
    """Race the architectures inside a budget, choose with evidence, and write the model folder.

    Args:
        source: as for `look`, or `Parts` where the rows that are sealed, or that decide, are given.
        target: the column to predict, or several of yes and no separated by commas.
        budget: "90s", "5m", "1h" of wall time, or "2000steps"; 2m when not given.
        out: the model folder; beside the source, with the suffix .archwise, when not given.
        config: everything else that may be fixed; what is given here wins over it.
        on_event: told of everything that happens, a dict with `event` and `t` (seconds) each.

    Returns:
        the model, loaded from its folder; where a score is required, `check_required` holds the model to it.

    Raises:
        DataError, UsageError: before the race; nothing is written.
        RaceError: no candidate became usable inside the budget, or none keeps the limits.
        InterruptedRunError: Ctrl-C; the run's folder is in the message.
    """
    began = time.monotonic()
    paths = paths_of(source)
    named = paths.pop("train", "")
    config = as_told(source, _with(config, source=named, target=target, budget=budget, out=str(out), **paths))
    _need_training()
    model_folder = Path(config.out) if config.out else beside(named)
    refuse_to_overwrite(model_folder)
    config = config.model_copy(update={"out": str(model_folder)})
    folder = new_run_folder(model_folder)
    tell = event_log(folder / "events.jsonl", lambda: time.monotonic() - began, also=on_event)
    with begin_workers(config) as workers:
        candidates = start_run(source, config, folder, on_event=tell)
        return _race_and_write(folder, config, candidates, began=began, workers=workers, tell=tell)


def resume(run: str | Path, *, on_event: OnEvent | None = None) -> Model:
    """Go on with a run after a crash, a kill or Ctrl-C; nothing finished is run again.

    A budget in seconds goes on from what was spent; in steps the verdict is the one of an unbroken run, bit for bit.

    Raises:
        ModelError: the folder is not a run, or was stopped before its race began.
        RaceError, InterruptedRunError: as for `fit`.
    """
    folder = Path(run)
    if not folder.is_dir():
        raise ModelError(f"{folder}: no such run folder; fit prints it in its first lines")
    _need_training()
    candidates = read_candidates(folder)
    config = make_config(read_config(folder / "run.toml"))
    began = time.monotonic() - seconds_spent(folder / "events.jsonl")
    tell = event_log(folder / "events.jsonl", lambda: time.monotonic() - began, also=on_event)
    tell({"event": "run", "folder": str(folder)})
    with begin_workers(config) as workers:
        return _race_and_write(folder, config, candidates, began=began, workers=workers, tell=tell)


def catalogue() -> dict[str, Sequence[Mapping[str, str]]]:
    """The catalogue: architectures, tasks, kinds and readers, each with what it is and where it comes from."""
    return {
        "architectures": [
            {
                "name": entry.name,
                "family": entry.family,
                "summary": entry.summary,
                "reads": ", ".join(entry.reads) or "anything",
                "source": entry.source,
            }
            for entry in architectures().values()
        ],
        "tasks": [
            {"name": entry.name, "summary": entry.summary, "losses": ", ".join(entry.losses)}
            for entry in tasks().values()
        ],
        "kinds": [{"name": entry.name, "summary": entry.summary} for entry in kinds().values()],
        "readers": [{"name": entry.name, "summary": entry.summary} for entry in readers().values()],
    }


def _race_and_write(
    folder: Path, config: Config, candidates: tuple[Candidate, ...], *, began: float, workers: Workers, tell: OnEvent
) -> Model:
    course = _course(folder, config, began)
    try:
        bring = bring_with(folder, workers, course=course, tell=tell)
        candidates = lay_trunks(
            folder, candidates, workers=workers, n_workers=course.n_workers, stop_at=course.stop_at, tell=tell
        )
        trials = race(candidates, course, bring=bring, on_event=tell)
        course = course.leaving(trials)
        trials = search(trials, course, bring=bring, on_event=tell, tools=_search_tools(folder, config, course))
        trials = add_mean(trials, course, folder=folder, workers=workers, bring=bring, on_event=tell)
        deadline = None if config.limit.seconds is None else began + config.limit.seconds
        finish_run(folder, config, trials, workers=workers, tell=tell, deadline=deadline)
    except KeyboardInterrupt:
        raise InterruptedRunError(f"interrupted; archwise resume {folder} goes on from here") from None
    return load_model(Path(config.out))


def _course(folder: Path, config: Config, began: float) -> Course:
    ground = read_ground(folder)
    metric = main_metric(task(ground.profile.task), ground.target_state, ground.metric)
    limit = config.limit
    stop_at = None
    if limit.seconds is not None:
        refits = 1 if task(ground.profile.task).refits and limit.seconds >= SHORTEST_WITH_REFIT_S else 0
        reserve = _reserve_s(limit.seconds, ground.n_fits, measured=ending_s(folder), n_refits=refits)
        stop_at = began + limit.seconds - reserve
    return Course(
        ground.rows_a_fit,
        count_workers(config),
        metric.sign,
        time.monotonic,
        steps=limit.steps,
        stop_at=stop_at,
        n_fits=ground.n_fits,
        beside=partial(references_s, n_rows=ground.n_test, sign=metric.sign),
    )


def _search_tools(folder: Path, config: Config, course: Course) -> Search:
    """What the search in a run folder needs: waves are kept there, and read from there when a run is resumed."""
    ground = read_ground(folder)
    data = (task(ground.profile.task).needs, *(kind for _, kind in ground.columns))
    wish = Wish(config.settings, config.seed, course.sign, data)

    def following(number: int, centres: Sequence[Trial], trials: Sequence[Trial]) -> tuple[Candidate, ...]:
        wave = read_wave(folder, number)
        if not wave:
            wave = propose(centres, trials, wish, number=number)
            write_wave(folder, number, wave)
        return wave

    return Search(wish, following, lambda trials: kept_for_seeds(folder, trials, course))


def _reserve_s(seconds: float, n_fits: int, *, measured: float, n_refits: int = 0) -> float:
    """Seconds of a budget that are kept for evidence, the sealed test and the writing of the model.

    A network that was trained in folds is trained once more at the end, on all rows that are not sealed.

    Args:
        measured: what evidence and sealed test are expected to take; they grow with the rows, up to half of a budget.
        n_refits: of a network that raced on one split, whose last fit is then given a quarter of the rest.
    """
    reserve = max(min(12.0, max(5.0, 0.1 * seconds)), min(0.5 * seconds, WRITING_S + measured))
    if n_fits == 1:
        return reserve + n_refits * REFIT_SHARE * (seconds - reserve)
    return reserve + (seconds - reserve) / (n_fits + 1)


def _with(config: Config | None, **given: Json) -> Config:
    """The configuration with every non-empty value laid over it."""
    values = {name: value for name, value in given.items() if value}
    return make_config({**(config or Config()).model_dump(), **values})


def _need_training() -> None:
    """Say at once what is not installed, rather than in every trial."""
    missing = [
        name for name in ("torch", "lightgbm", "sklearn", "onnx", "optuna") if importlib.util.find_spec(name) is None
    ]
    if missing:
        raise MissingExtraError(f"training needs {', '.join(missing)}: pip install 'archwise[train]'")
