"""The verbs for a model that is written, from show to export; and the catalogue."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import click

from archwise.cli.app import app
from archwise.cli.option import AS_JSON, GROUP, MODEL, OUT, PATH, QUIET, pairs, text
from archwise.errors import UsageError


@app.command()
@MODEL
@AS_JSON
def show(model: Path, *, as_json: bool) -> None:
    """Show the verdict, the evidence and the leaderboard of a model."""
    from archwise import use, view

    loaded = use.load(model)
    if as_json:
        return view.print_json(use.facts(loaded))
    return view.show_model(loaded)


@app.command()
@MODEL
@text("--data", "Labelled rows that the model has not seen, in the place of its sealed rows.")
@text("--run", "The folder of the run that made the model: all is told anew of its sealed rows.")
@OUT
@AS_JSON
def report(model: Path, data: str, run: str, out: Path | None, *, as_json: bool) -> None:
    """Write the report of a model: one page of HTML that opens offline. It lies in the model folder already."""
    from archwise import use, view

    loaded = use.load(model)
    if as_json:
        return view.print_json(use.report_data(loaded, data or None, run=run))
    return view.show_report(use.report(loaded, data or None, out=out or "", run=run))


@app.command()
@MODEL
@click.argument("source", nargs=-1)
@OUT
@click.option("--horizon", default=0, help="Steps to forecast; those of training when not given.")
@click.option("--sets", is_flag=True, help="Add a column `set`: the labels that hold the truth of 9 rows of 10.")
@click.option("--stream", is_flag=True, help="Answer one series or text after each line of standard input: 0.1,2.5")
@pairs("--beside", "beside", "Of --stream, a column beside the series: age=39. Repeatable.")
@AS_JSON
@QUIET
def predict(
    model: Path,
    source: tuple[str, ...],
    out: Path | None,
    *,
    horizon: int,
    sets: bool,
    stream: bool,
    beside: dict[str, str],
    as_json: bool,
    quiet: bool,
) -> None:
    """Answer each row, in order: label and probabilities, or value and interval; or forecast. Needs no torch.

    SOURCE are the rows to answer, in the columns of the training data; or pictures; or newer series.
    """
    from archwise import use

    if stream:
        if source or out or horizon or sets:
            raise UsageError("--stream reads steps from standard input, and prints JSON; leave out what else was given")
        from archwise import view

        view.print_stream(use.stream(model, beside).of_lines(sys.stdin), quiet=quiet)
        return
    if beside:
        raise UsageError("--beside is of --stream; columns beside a series in a table are read with it")
    rows = source[0] if len(source) == 1 else list(source) or None
    loaded = use.load(model)
    answer = partial(use.predict_parts, loaded, rows, sets=sets, horizon=horizon)
    if out is None:
        from archwise.model.answer import print_parts

        n_rows, findings = print_parts(answer(), as_json=as_json)
    else:
        from archwise import view
        from archwise.model.bulk import key_of, write_parts

        key = key_of(loaded.folder, rows, sets=sets)
        with view.progress(quiet=quiet) as tell:
            n_rows, findings = write_parts(
                lambda before: answer(before=before, tell=tell), out, as_json=as_json, key=key
            )
    if not quiet and (findings or out is not None):  # a single answer does not wait for what draws tables
        from archwise import view

        view.show_written(n_rows, findings, out)


@app.command()
@MODEL
@click.argument("source")
@click.option(
    "--origins",
    default=0,
    help="Of a forecast, from how many steps of each series it is tried; from all if not given.",
)
@AS_JSON
def evaluate(model: Path, source: str, origins: int, *, as_json: bool) -> None:
    """Score a model on labelled rows, with an interval on the metric that decided; a forecast by a rolling backtest.

    SOURCE are labelled rows that the model has not seen.
    """
    from archwise import use, view

    scored = use.evaluate(model, source, origins=origins)
    if as_json:
        return view.print_json(scored)
    return view.show_scores(scored)


@app.command()
@click.argument("left", type=PATH)
@click.argument("right", type=PATH)
@click.option("--data", required=True, help="Labelled rows that neither model has seen.")
@GROUP
@AS_JSON
def compare(left: Path, right: Path, data: str, group: str, *, as_json: bool) -> None:
    """Hold two models against each other on the same labelled rows, with a paired 95 % interval."""
    from archwise import use, view

    found = use.compare(left, right, data, group=group)
    if as_json:
        return view.print_json(found)
    return view.show_compared(found)


@app.command()
@MODEL
@click.argument("source")
@AS_JSON
def check(model: Path, source: str, *, as_json: bool) -> None:
    """Tell in what new rows differ from those that a model learnt from: columns, cells, distributions.

    SOURCE are new rows, labelled or not.
    """
    from archwise import use, view

    found = use.check(model, source)
    if as_json:
        return view.print_json(found)
    return view.show_checked(found, source)


@app.command()
@MODEL
@click.argument("example")
@click.option("--out", type=PATH, help="What to write: heat over the picture (heat.png), or a marked text (.html).")
@text("--label", "The class to explain; the answered one when not given.")
@AS_JSON
def explain(model: Path, example: str, out: Path | None, label: str, *, as_json: bool) -> None:
    """Show where in a picture a model looked, or which words of a text moved the answer.

    EXAMPLE is the file of a picture, or a text in quotes.
    """
    from archwise import use, view
    from archwise.model.explain import default_place

    opened = use.load(model)
    place = out or default_place(opened)
    explained = use.explain(opened, example, out=place or "", label=label)
    view.show_explained(explained, place, as_json=as_json)


@app.command()
@MODEL
@click.option("--to", default="onnx", help="The form: onnx.")
@click.option("--out", type=PATH, help="A folder, or a file that ends in .onnx.")
@text("--check", "Rows on which it must answer as predict does; labelled, they score int8.")
@click.option("--int8", is_flag=True, help="Write it in whole numbers of 8 bits too; tell what it costs.")
@AS_JSON
def export(model: Path, to: str, out: Path | None, check: str, *, int8: bool, as_json: bool) -> None:
    """Write one ONNX from columns to answers, with an example for onnxruntime, once it answers as predict does."""
    from archwise import use, view

    written = use.export(model, out or "", to=to, rows=check or None, int8=int8)
    if as_json:
        return view.print_json(written)
    return view.show_exported(written)


@app.command("list")
@AS_JSON
def list_(*, as_json: bool) -> None:
    """List the catalogue: architectures, tasks, kinds of column and readers, with sources."""
    from archwise import api, view

    found = api.catalogue()
    if as_json:
        return view.print_json(found)
    return view.show_catalogue(found)
