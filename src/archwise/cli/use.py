"""The verbs for a model that is written: show, predict, evaluate, explain; and the catalogue."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from archwise.cli.app import app
from archwise.cli.option import AsJson, ModelFolder, Out, Quiet
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
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Answer each row, in order: label and probabilities, or value and interval; or forecast. Needs no torch."""
    from archwise import use, view

    if stream:
        if source or out or horizon or sets:
            raise UsageError("--stream reads steps from standard input, and prints JSON; leave out what else was given")
        return view.print_stream(use.stream(model).of_lines(sys.stdin), quiet=quiet)
    rows = source[0] if source is not None and len(source) == 1 else source or None
    parts = use.predict_parts(model, rows, sets=sets, horizon=horizon)
    return view.write_answers(parts, out, as_json=as_json, quiet=quiet)


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


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the catalogue: architectures, tasks, kinds of column and readers, with sources."""
    from archwise import api, view

    found = api.catalogue()
    if as_json:
        return view.print_json(found)
    return view.show_catalogue(found)
