"""What can be done with a written model: predict, evaluate, compare, check, explain, export. None of it needs torch.

A verb imports what it alone needs when it is called, so that none waits for the imports of another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from archwise.errors import RequirementError, UsageError
from archwise.model.predict import Answered, Model, Predicted, is_forecast
from archwise.model.predict import load as load_model
from archwise.model.predict import predict as predict_with
from archwise.model.predict import predict_parts as predict_parts_with
from archwise.records import Json

if TYPE_CHECKING:
    from archwise.model.bundle.export import Exported
    from archwise.model.explain_picture import Explained
    from archwise.model.explain_text import ExplainedText
    from archwise.model.step_stream import StepStream


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
        from archwise.model.forecast import forecast

        return forecast(loaded, source, horizon=horizon)
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
    from archwise.model.step_stream import open_stream

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
    model: Model | str | Path,
    source: object = None,
    *,
    sets: bool = False,
    horizon: int = 0,
    before: Sequence[Answered] = (),
    tell: Callable[[int, int], None] = lambda n_done, n_all: None,
) -> Iterator[Predicted]:
    """Answer each row, in order, in as many parts as a large file is read in; one for all that fits in memory.

    Args:
        source, sets, horizon: as for `predict`.
        before: the first parts, which were answered in an earlier sitting and are passed over.
        tell: told after each part of a long source how many rows are done, and how many there are, or somewhat more.

    Raises:
        DataError, UsageError: as for `predict`.
    """
    loaded = _loaded(model)
    if is_forecast(loaded) and not sets:
        from archwise.model.forecast import forecast

        return iter([forecast(loaded, source, horizon=horizon)])
    _refuse_without_rows(loaded, source, horizon)
    return predict_parts_with(loaded, source, sets=sets, before=before, tell=tell)


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
        from archwise.model.backtest import backtest

        return backtest(loaded, source, n_origins=origins)
    if origins:
        raise UsageError(f"--origins: {loaded.folder} does not forecast; its task is {loaded.facts.task}")
    from archwise.model.labelled import evaluate as evaluate_model

    return evaluate_model(loaded, source)


def explain(
    model: Model | str | Path, example: str | Path | bytes, *, out: str | Path = "", label: str = ""
) -> Explained | ExplainedText:
    """Find where in a picture a model looked, or which words of a text moved the answer of a model, and draw it.

    Args:
        example: the file of a picture or its bytes; or a text.
        out: where to write the picture with the heat over it (.png, .jpg), or the text with its words marked (.html).
        label: the class to explain; the answered one when not given.

    Raises:
        UsageError: the model reads neither a picture nor a text, or other columns too; there is no such class, or
            `out` cannot be written.
        DataError: the picture cannot be read.
    """
    from archwise.model.explain import explain as explain_with

    return explain_with(_loaded(model), example, out=out, label=label)


def compare(left: Model | str | Path, right: Model | str | Path, source: object, *, group: str = "") -> dict[str, Json]:
    """Hold two models against each other on labelled rows that neither has seen, with paired evidence.

    Args:
        left, right: of the same task and target; the metric that chose the left one decides.
        source: labelled rows, as for `evaluate`.
        group: the column that tells rows apart which are not independent, such as a patient.

    Returns:
        metric, n_rows, left, right, difference (above 0 where the left one is better), low, high, tied.

    Raises:
        UsageError: the models are for other targets or tasks, or forecast.
        DataError: as for `evaluate`.
    """
    from archwise.model.compare import compare as compare_with

    return compare_with(_loaded(left), _loaded(right), source, group=group)


def check(model: Model | str | Path, source: object) -> dict[str, Json]:
    """Tell in what new rows differ from the training rows of a model: columns, cells, distributions.

    Returns:
        n_rows, missing, new, unread, shifts, unmeasured, notes, differs; see `archwise.model.check.check`.

    Raises:
        UsageError: the model forecasts, or was written before models kept a sketch of their rows.
        DataError: the source cannot be read.
    """
    from archwise.model.check import check as check_with

    return check_with(_loaded(model), source)


def report(model: Model | str | Path, source: object = None, *, out: str | Path = "", run: str | Path = "") -> Path:
    """Write the report of a model as one page of HTML that opens offline.

    Args:
        model: a model, or its folder.
        source: labelled rows that the model has not seen; None for those it was judged on at its fit.
        out: the file to write. When not given the report in the model folder is made again; of other rows
            NAME-report.html in the present folder.
        run: the folder of the run that made the model, from whose sealed rows all is told anew, without haste.

    Returns:
        the file that was written.

    Raises:
        DataError: as for `evaluate`.
        ModelError: the run is that of another model, or did not come to its end.
        MissingExtraError: what draws is not installed; the report in the model folder can be read all the same.
    """
    from archwise.report.make import report_facts, write_report

    loaded = _loaded(model)
    place = Path(out) if out else None if source is None else Path(f"{loaded.folder.stem}-report.html")
    return write_report(loaded, report_facts(loaded, source, run=Path(run) if run else None), place)


def report_data(model: Model | str | Path, source: object = None, *, run: str | Path = "") -> dict[str, Json]:
    """The facts that a report is made of, as JSON.

    Args:
        source, run: as for `report`.
    """
    from archwise.report.make import report_facts

    return report_facts(_loaded(model), source, run=Path(run) if run else None)


def export(
    model: Model | str | Path, out: str | Path = "", *, to: str = "onnx", rows: object = None, int8: bool = False
) -> Exported:
    """Write a model as one ONNX from columns to answers, with an example that needs onnxruntime and NumPy alone.

    Args:
        out: a folder, or a file that ends in .onnx; NAME-onnx beside the model folder when not given.
        rows: on which it is held against `predict`, and int8 is scored where they are labelled; made up when None.
        int8: whether to write it in whole numbers of 8 bits too.

    Returns:
        files, n_rows and the largest difference; inputs, those of them that stay as archwise prepares them, outputs;
        integer: what int8 costs and gains.

    Raises:
        UsageError: another form, or nothing that int8 could hold.
        ParityError: it does not answer as `predict` does; nothing is written.
        DataError: the rows cannot be read.
        MissingExtraError: onnx is not installed.
    """
    from archwise.model.bundle.export import export as export_model

    return export_model(_loaded(model), Path(out) if str(out) else None, to=to, rows=rows, int8=int8)


def facts(model: Model) -> dict[str, Json]:
    """Everything a view of a model needs: the verdict and the leaderboard."""
    return {"model": str(model.folder), "verdict": model.verdict, "trials": model.trials}


def _loaded(model: Model | str | Path) -> Model:
    return model if isinstance(model, Model) else load(model)
