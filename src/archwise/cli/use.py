"""The verbs for a model that is written, from show to export; and the catalogue."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from archwise.cli.app import app
from archwise.cli.option import AsJson, Group, ModelFolder, Out, Quiet, pairs_of
from archwise.errors import UsageError


@app.command()
def show(model: ModelFolder, as_json: AsJson = False) -> None:
    """Show the verdict, the evidence and the leaderboard of a model."""
    from archwise import use, view

    loaded = use.load(model)
    if as_json:
        return view.print_json(use.facts(loaded))
    return view.show_model(loaded)


@app.command()
def report(
    model: ModelFolder,
    data: Annotated[
        str, typer.Option(help="Labelled rows that the model has not seen, in the place of its sealed rows.")
    ] = "",
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Write the report of a model: one page of HTML that opens offline. It lies in the model folder already."""
    from archwise import use, view

    loaded = use.load(model)
    if as_json:
        return view.print_json(use.report_data(loaded, data or None))
    return view.show_report(use.report(loaded, data or None, out=out or ""))


@app.command()
def predict(
    model: ModelFolder,
    source: Annotated[
        list[str] | None,
        typer.Argument(help="The rows to answer, in the columns of the training data; or pictures; or newer series."),
    ] = None,
    out: Out = None,
    horizon: Annotated[int, typer.Option(help="Steps to forecast; those of training when not given.")] = 0,
    sets: Annotated[
        bool, typer.Option("--sets", help="Add a column `set`: the labels that hold the truth of 9 rows of 10.")
    ] = False,
    stream: Annotated[
        bool, typer.Option("--stream", help="Answer one series or text after each line of standard input: 0.1,2.5")
    ] = False,
    beside: Annotated[
        list[str] | None, typer.Option(help="Of --stream, a column beside the series: age=39. Repeatable.")
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Answer each row, in order: label and probabilities, or value and interval; or forecast. Needs no torch."""
    from archwise import use, view
    from archwise.model.answer import print_parts
    from archwise.model.bulk import key_of, write_parts

    if stream:
        if source or out or horizon or sets:
            raise UsageError("--stream reads steps from standard input, and prints JSON; leave out what else was given")
        cells = pairs_of("--beside", beside)
        view.print_stream(use.stream(model, cells).of_lines(sys.stdin), quiet=quiet)
        return
    if beside:
        raise UsageError("--beside is of --stream; columns beside a series in a table are read with it")
    rows = source[0] if source is not None and len(source) == 1 else source or None
    loaded = use.load(model)
    with view.progress(quiet=quiet or out is None) as tell:
        answer = partial(use.predict_parts, loaded, rows, sets=sets, horizon=horizon, tell=tell)
        if out is None:
            written = print_parts(answer(), as_json=as_json)
        else:
            key = key_of(loaded.folder, rows, sets=sets)
            written = write_parts(lambda before: answer(before=before), out, as_json=as_json, key=key)
    if not quiet:
        view.show_written(*written, out)


@app.command()
def evaluate(
    model: ModelFolder,
    source: Annotated[str, typer.Argument(help="Labelled rows that the model has not seen.")],
    origins: Annotated[
        int, typer.Option(help="Of a forecast, from how many steps of each series it is tried; from all if not given.")
    ] = 0,
    as_json: AsJson = False,
) -> None:
    """Score a model on labelled rows, with an interval on the metric that decided; a forecast by a rolling backtest."""
    from archwise import use, view

    scored = use.evaluate(model, source, origins=origins)
    if as_json:
        return view.print_json(scored)
    return view.show_scores(scored)


@app.command()
def compare(
    left: ModelFolder,
    right: ModelFolder,
    data: Annotated[str, typer.Option("--data", help="Labelled rows that neither model has seen.")],
    group: Group = "",
    as_json: AsJson = False,
) -> None:
    """Hold two models against each other on the same labelled rows, with a paired 95 % interval."""
    from archwise import use, view

    found = use.compare(left, right, data, group=group)
    if as_json:
        return view.print_json(found)
    return view.show_compared(found)


@app.command()
def check(
    model: ModelFolder,
    source: Annotated[str, typer.Argument(help="New rows, labelled or not.")],
    as_json: AsJson = False,
) -> None:
    """Tell in what new rows differ from those that a model learnt from: columns, cells, distributions."""
    from archwise import use, view

    found = use.check(model, source)
    if as_json:
        return view.print_json(found)
    return view.show_checked(found, source)


@app.command()
def explain(
    model: ModelFolder,
    example: Annotated[str, typer.Argument(help="The file of a picture, or a text in quotes.")],
    out: Annotated[
        Path | None, typer.Option(help="What to write: heat over the picture (heat.png), or a marked text (.html).")
    ] = None,
    label: Annotated[str, typer.Option(help="The class to explain; the answered one when not given.")] = "",
    as_json: AsJson = False,
) -> None:
    """Show where in a picture a network looked (Grad-CAM), or which words of a text moved the answer."""
    from archwise import use, view
    from archwise.model.explain import default_place

    opened = use.load(model)
    place = out or default_place(opened)
    explained = use.explain(opened, example, out=place or "", label=label)
    view.show_explained(explained, place, as_json=as_json)


@app.command()
def export(
    model: ModelFolder,
    to: Annotated[str, typer.Option("--to", help="The form: onnx.")] = "onnx",
    out: Annotated[Path | None, typer.Option(help="A folder, or a file that ends in .onnx.")] = None,
    check: Annotated[
        str, typer.Option("--check", help="Rows on which it must answer as predict does; labelled, they score int8.")
    ] = "",
    int8: Annotated[
        bool, typer.Option("--int8", help="Write it in whole numbers of 8 bits too; tell what it costs.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write one ONNX from columns to answers, with an example for onnxruntime, once it answers as predict does."""
    from archwise import use, view

    written = use.export(model, out or "", to=to, rows=check or None, int8=int8)
    if as_json:
        return view.print_json(written)
    return view.show_exported(written)


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the catalogue: architectures, tasks, kinds of column and readers, with sources."""
    from archwise import api, view

    found = api.catalogue()
    if as_json:
        return view.print_json(found)
    return view.show_catalogue(found)
