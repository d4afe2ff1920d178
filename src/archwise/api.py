"""The whole way on one page: look → split → shortlist → race → verdict → model folder → predict."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from archwise.architectures import architectures
from archwise.choice import shortlist as choice_shortlist
from archwise.choice.crew import begin_workers
from archwise.choice.ending import ending_s, references_s
from archwise.choice.finish import finish_run
from archwise.choice.forecast import open_as_series
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
from archwise.errors import InterruptedRunError, MissingExtraError, ModelError, RequirementError, UsageError
from archwise.model.explain import explain as explain_with
from archwise.model.explain_picture import Explained
from archwise.model.explain_text import ExplainedText
from archwise.model.forecast import backtest, is_forecast
from archwise.model.forecast import forecast as forecast_with
from archwise.model.predict import Model, Predicted
from archwise.model.predict import evaluate as evaluate_model
from archwise.model.predict import load as load_model
from archwise.model.predict import predict as predict_with
from archwise.model.predict import predict_parts as predict_parts_with
from archwise.model.step_stream import StepStream, open_stream
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
            (N, H, W[, C]); whole series are a .ts file, a column of lists, or an X (N, T, C) of floats.
        target: the column to predict.
        config: everything else that may be fixed.

    Raises:
        DataError: the source cannot be read, or the target is not there or cannot be learnt.
    """
    config = _with(config, target=target)
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
    config = _with(config, target=target)
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
    config = _with(config, source=named, target=target, budget=budget, out=str(out), **paths)
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


def load(model: str | Path) -> Model:
    """Open a model folder; every file is checked against its hash, and none of its code is run, for it has none.

    Raises:
        ModelError: not a model folder, a file missing or changed, or another format.
    """
    return load_model(Path(model))


def predict(model: Model | str | Path, source: object = None, *, sets: bool = False, horizon: int = 0) -> Predicted:
    """Answer each row, in order, with ONNX Runtime; or forecast the steps that follow the last.

    Args:
        model: a model, or its folder.
        source: as for `look`, or a list of paths of pictures; of a forecast newer data, or None for the model's own.
        horizon: steps of a forecast; as many as in training when 0. Farther ones are forecast from its own answers,
            which a finding says.
        sets: whether a last column `set` lists the labels that hold the truth of nine rows of ten (classes only).

    Returns:
        answers: a frame of one row for each input row: prediction, then p:<class> for each class, or low and high.

    Raises:
        UsageError: sets are asked of a model that has none, or a horizon of one that does not forecast, or not so far.
        DataError: a column is missing, or too many rows cannot be read.
    """
    loaded = _loaded(model)
    if is_forecast(loaded) and not sets:
        return forecast_with(loaded, source, horizon=horizon)
    _refuse_without_rows(loaded, source, horizon)
    return predict_with(loaded, source, sets=sets)


def stream(model: Model | str | Path, beside: Mapping[str, object] | None = None) -> StepStream:
    """Begin a row that is answered as its steps come in; what was read is never read again.

    >>> beat = archwise.stream("beats.archwise")
    >>> beat.send([0.1, 0.4, 0.2]).answers  # as `predict` answers the three; then beat.send([0.5]), as all four

    Args:
        model: an rnn, lstm or gru that reads a series or a text forwards only, to classify or regress.
        beside: the cells of the other columns that it reads, where there are any.

    Raises:
        UsageError: the model cannot answer step by step; it says why.
        DataError: a column beside is missing, or cannot be read.
    """
    return open_stream(_loaded(model), beside)


def check_required(model: Model | str | Path) -> None:
    """Hold a model to the score that its run required on the sealed rows.

    Raises:
        RequirementError: it does not reach it.
    """
    loaded = _loaded(model)
    required = loaded.verdict.get("require")
    if required and not required["reached"]:
        raise RequirementError(
            f"{loaded.folder}: {loaded.verdict['metric']} is {loaded.verdict['test']['score']:.4g} on the sealed rows, "
            f"and {required['required']:g} was required; the model is written all the same: give it more rows or time"
        )


def predict_parts(
    model: Model | str | Path, source: object = None, *, sets: bool = False, horizon: int = 0
) -> Iterator[Predicted]:
    """Answer each row, in order, in as many parts as a large file is read in; one for all that fits in memory.

    Args:
        source, sets, horizon: as for `predict`.

    Raises:
        DataError, UsageError: as for `predict`.
    """
    loaded = _loaded(model)
    if is_forecast(loaded) and not sets:
        return iter([forecast_with(loaded, source, horizon=horizon)])
    _refuse_without_rows(loaded, source, horizon)
    return predict_parts_with(loaded, source, sets=sets)


def _refuse_without_rows(model: Model, source: object, horizon: int) -> None:
    if horizon:
        raise UsageError(f"--horizon: {model.folder} does not forecast; its task is {model.facts.task}")
    if source is None:
        raise UsageError(f"name the rows that {model.folder} is to answer")


def evaluate(model: Model | str | Path, source: object, *, origins: int = 0) -> dict[str, Json]:
    """Score a model on labelled rows that it has not seen; a forecast by a rolling backtest.

    Args:
        origins: from how many steps of each series it forecasts in a backtest; from all when 0.

    Returns:
        n_rows; n_left_out, rows that cannot be read; metric, the one that decided; score, low and high, its value
        and 95 % interval; scores, metric -> value.

    Raises:
        DataError: as for `predict`, or a label that was not there at training.
    """
    loaded = _loaded(model)
    if is_forecast(loaded):
        return backtest(loaded, source, n_origins=origins)
    if origins:
        raise UsageError(f"--origins: {loaded.folder} does not forecast; its task is {loaded.facts.task}")
    return evaluate_model(loaded, source)


def explain(
    model: Model | str | Path, example: str | Path | bytes, *, out: str | Path = "", label: str = ""
) -> Explained | ExplainedText:
    """Find where in a picture a network looked, or which words of a text moved the answer of a model, and draw it.

    Args:
        example: the file of a picture or its bytes; or a text.
        out: where to write the picture with the heat over it (.png, .jpg), or the text with its words marked (.html).
        label: the class to explain; the answered one when not given.

    Raises:
        UsageError: the model reads neither pictures nor texts, or pictures without being a network; there is no such
            class, or `out` cannot be written.
        DataError: the picture cannot be read.
        MissingExtraError: captum is not installed, which pictures need.
    """
    return explain_with(_loaded(model), example, out=out, label=label)


def facts(model: Model) -> dict[str, Json]:
    """Everything a view of a model needs: the verdict and the leaderboard."""
    return {"model": str(model.folder), "verdict": model.verdict, "trials": model.trials}


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
    needs = task(read_ground(folder).profile.task).needs
    wish = Wish(config.settings, config.seed, course.sign, needs)

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


def _loaded(model: Model | str | Path) -> Model:
    return model if isinstance(model, Model) else load(model)
