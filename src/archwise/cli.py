"""The verbs of archwise as commands: parses, calls, prints. Every heavy import waits until its command runs."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archwise.errors import ArchwiseError, UsageError

if TYPE_CHECKING:
    from archwise.config import Config

EXIT_CODES = """Exit codes: 0 done · 1 a fault of archwise itself · 2 a wrong option or name · 3 the data cannot be used
as they stand · 4 a model or run folder is missing, changed or of another format · 5 no candidate became usable in the
budget · 6 a part that is not installed is needed · 7 the model does not reach what --require asks · 130 interrupted;
the run can be resumed."""

app = typer.Typer(
    name="archwise",
    help="Chooses the right deep learning architecture for the data it is given, and proves the choice.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Source = Annotated[
    str,
    typer.Argument(
        help="CSV, TSV, Parquet, Arrow, JSON lines, CoNLL; pictures, as folders, npz or idx; series, as .ts."
    ),
]
ModelFolder = Annotated[Path, typer.Argument(help="A model folder, as fit wrote it.")]
Target = Annotated[str, typer.Option(help="The column to predict; or several of yes and no: a,b,c.")]
TaskName = Annotated[
    str,
    typer.Option(
        "--task", help="classify, regress, multilabel or tag; found from the target if not given; --horizon forecasts."
    ),
]
KindOf = Annotated[list[str] | None, typer.Option("--kind", help="Read a column as a kind: age=category. Repeatable.")]
Drop = Annotated[list[str] | None, typer.Option(help="Leave a column out. Repeatable, or separated by commas.")]
Group = Annotated[str, typer.Option(help="Rows of one value of this column stay on one side of the split.")]
Time = Annotated[str, typer.Option("--time", help="Split in time by this column: the latest rows are the test.")]
Test = Annotated[str, typer.Option("--test", help="The rows that are sealed: a share such as 0.2, or a file.")]
Valid = Annotated[str, typer.Option("--valid", help="The rows that decide: a share such as 0.2, or a file.")]
Names = Annotated[str, typer.Option(help="Column names, separated by commas, for a file without a header line.")]
Only = Annotated[list[str] | None, typer.Option(help="Race only these architectures.")]
Add = Annotated[list[str] | None, typer.Option(help="Race these although their prior is low.")]
Skip = Annotated[list[str] | None, typer.Option(help="Leave these architectures out.")]
ConfigFile = Annotated[Path | None, typer.Option("--config", help="A run.toml to start from; options given here win.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print only the outcome.")]
Order = Annotated[
    str, typer.Option(help="Classes from the lowest to the highest: low,medium,high. Their order is then learnt.")
]
Horizon = Annotated[int, typer.Option(help="Forecast so many steps; rows then follow each other in time.")]
Series = Annotated[str, typer.Option("--series", help="The column that tells series apart; alone, each row is one.")]
Known = Annotated[list[str] | None, typer.Option(help="Columns that are known ahead, such as holidays. Repeatable.")]
Gaps = Annotated[str, typer.Option(help="error, or fill: the last value is carried on, and nothing is judged there.")]
Zone = Annotated[str, typer.Option(help="The time zone of the clock that wrote the stamps: Europe/Berlin.")]
ValidFrom = Annotated[str, typer.Option(help="The stamp from which steps decide, in place of a share.")]
TestFrom = Annotated[str, typer.Option(help="The stamp from which steps are sealed, in place of a share.")]
Until = Annotated[str, typer.Option(help="The stamp from which steps are left out.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", help="Fix a setting: mlp.activation=tanh, plan.epochs=20. Repeatable."),
]
Optimizer = Annotated[str, typer.Option(help="sgd, nesterov, rmsprop, adam or adamw for every network.")]
Loss = Annotated[str, typer.Option(help="The loss of every network, such as huber.")]
MetricName = Annotated[str, typer.Option("--metric", help="The metric that decides.")]
Threshold = Annotated[
    str,
    typer.Option(help="Of two classes, answer the rarer so as to be best by f1, balanced_accuracy or cost:MISS:ALARM."),
]
Require = Annotated[
    float | None,
    typer.Option(help="The score of the deciding metric that the sealed rows must reach; else exit code 7."),
]
Latency = Annotated[str, typer.Option(help="The longest that a row may take in ONNX Runtime, such as 2ms.")]
Size = Annotated[str, typer.Option(help="The largest that the written ONNX may be, such as 5MB.")]
Out = Annotated[Path | None, typer.Option(help="Where to write; the screen when not given.")]


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
) -> None:
    if version:
        from archwise import __version__

        print(__version__)
        raise typer.Exit


@app.command()
def look(
    source: Source,
    target: Target = "",
    task: TaskName = "",
    kind: KindOf = None,
    drop: Drop = None,
    group: Group = "",
    time: Time = "",
    names: Names = "",
    horizon: Horizon = 0,
    series: Series = "",
    known: Known = None,
    gaps: Gaps = "",
    zone: Zone = "",
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Say what the data are: kinds, sizes, what is wrong with them, and the task they pose."""
    from archwise import api, view

    settings = _config(
        config, source=source, target=target, task=task, kinds=_pairs("--kind", kind), drop=_listed(drop), group=group,
        time=time, names=_listed([names]), horizon=horizon, series=series, known=_listed(known), gaps=gaps, zone=zone,
    )  # fmt: skip
    profile = api.look(source, config=settings)
    if as_json:
        return view.print_json(profile)
    return view.show_profile(profile)


@app.command()
def shortlist(
    source: Source,
    target: Target = "",
    task: TaskName = "",
    kind: KindOf = None,
    drop: Drop = None,
    names: Names = "",
    only: Only = None,
    add: Add = None,
    skip: Skip = None,
    time: Time = "",
    horizon: Horizon = 0,
    series: Series = "",
    known: Known = None,
    gaps: Gaps = "",
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """List the architectures that could suit the data, in order, and why."""
    from archwise import api, view

    settings = _config(
        config, source=source, target=target, task=task, kinds=_pairs("--kind", kind), drop=_listed(drop),
        names=_listed([names]), only=_listed(only), add=_listed(add), skip=_listed(skip), time=time, horizon=horizon,
        series=series, known=_listed(known), gaps=gaps,
    )  # fmt: skip
    listed = api.shortlist(source, config=settings)
    if as_json:
        return view.print_json(listed)
    return view.show_shortlist(listed)


@app.command()
def fit(
    source: Annotated[str, typer.Argument(help="The data; may stand in --config instead.")] = "",
    target: Target = "",
    budget: Annotated[str, typer.Option(help="What the race may spend: 90s, 5m, 1h of wall time, or 2000steps.")] = "",
    out: Annotated[str, typer.Option(help="The model folder to write; beside the data when not given.")] = "",
    task: TaskName = "",
    kind: KindOf = None,
    drop: Drop = None,
    group: Group = "",
    time: Time = "",
    test: Test = "",
    valid: Valid = "",
    names: Names = "",
    only: Only = None,
    add: Add = None,
    skip: Skip = None,
    set_: Set = None,
    optimizer: Optimizer = "",
    loss: Loss = "",
    order: Order = "",
    metric: MetricName = "",
    threshold: Threshold = "",
    require: Require = None,
    latency: Latency = "",
    size: Size = "",
    workers: Annotated[int | None, typer.Option(help="Worker processes; one a core when not given.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "",
    seed: Annotated[int | None, typer.Option(help="The seed of split, race and evidence.")] = None,
    horizon: Horizon = 0,
    series: Series = "",
    known: Known = None,
    gaps: Gaps = "",
    zone: Zone = "",
    valid_from: ValidFrom = "",
    test_from: TestFrom = "",
    until: Until = "",
    config: ConfigFile = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Race the architectures inside a budget, choose with evidence, and write the model folder."""
    from archwise import api, view

    settings = _config(
        config, source=source, target=target, budget=budget, out=out, task=task, kinds=_pairs("--kind", kind),
        drop=_listed(drop), group=group, time=time, test=test, valid=valid, names=_listed([names]),
        only=_listed(only), add=_listed(add), skip=_listed(skip), settings=_settings(set_), optimizer=optimizer,
        loss=loss, metric=metric, threshold=threshold, require=require, latency=latency, size=size, workers=workers,
        device=device, seed=seed, order=_listed([order]), horizon=horizon, series=series, known=_listed(known),
        gaps=gaps, zone=zone, valid_from=valid_from, test_from=test_from, until=until,
    )  # fmt: skip
    if not settings.source:
        raise UsageError("name the data to fit: archwise fit data.csv --target column")
    with view.race_view(quiet=quiet or as_json) as on_event:
        model = api.fit(settings.source, config=settings, on_event=on_event)
    view.show_fitted(model, as_json=as_json)
    api.check_required(model)


@app.command()
def resume(
    run: Annotated[Path, typer.Argument(help="The run's folder, which fit printed in its first lines.")],
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Go on with a run after a crash, a kill or Ctrl-C; nothing finished is run again."""
    from archwise import api, view

    with view.race_view(quiet=quiet or as_json) as on_event:
        model = api.resume(run, on_event=on_event)
    view.show_fitted(model, as_json=as_json)
    api.check_required(model)


@app.command()
def show(model: ModelFolder, as_json: AsJson = False) -> None:
    """Show the verdict, the evidence and the leaderboard of a model."""
    from archwise import api, view

    loaded = api.load(model)
    if as_json:
        return view.print_json(api.facts(loaded))
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
    from archwise import api, view

    if stream:
        if source or out or horizon or sets:
            raise UsageError("--stream reads steps from standard input, and prints JSON; leave out what else was given")
        return view.print_stream(api.stream(model).of_lines(sys.stdin), quiet=quiet)
    rows = source[0] if source is not None and len(source) == 1 else source or None
    parts = api.predict_parts(model, rows, sets=sets, horizon=horizon)
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
    from archwise import api, view

    scored = api.evaluate(model, source, origins=origins)
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
    from archwise import api, view
    from archwise.model.explain import default_place

    opened = api.load(model)
    place = out or default_place(opened)
    explained = api.explain(opened, example, out=place or "", label=label)
    view.show_explained(explained, place, as_json=as_json)


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the catalogue: architectures, tasks, kinds of column and readers, with sources."""
    from archwise import api, view

    found = api.catalogue()
    if as_json:
        return view.print_json(found)
    return view.show_catalogue(found)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the entry point of `archwise`.

    Returns:
        the exit code; see EXIT_CODES.
    """
    try:
        app(args=list(arguments) if arguments is not None else None)
    except ArchwiseError as error:
        print(f"archwise: {error}", file=sys.stderr)
        return error.exit_code
    except SystemExit as end:  # the option parser leaves so, after its own words
        return end.code if isinstance(end.code, int) else 0
    return 0


def _config(file: Path | None, **given: Any) -> Config:
    """The configuration file, with every option that was given laid over it."""
    from archwise.config import make_config, read_config

    values = read_config(file) if file is not None else {}
    for name, value in given.items():
        if value or (value == 0 and value is not None and not isinstance(value, str)):
            values[name] = {**values.get(name, {}), **value} if isinstance(value, dict) else value
    return make_config(values)


def _listed(values: Sequence[str] | None) -> list[str]:
    """Options that may be repeated or separated by commas."""
    return [part.strip() for value in values or () for part in value.split(",") if part.strip()]


def _pairs(option: str, values: Sequence[str] | None) -> dict[str, str]:
    pairs = {}
    for value in values or ():
        name, equals, what = value.partition("=")
        if not equals or not name or not what:
            raise UsageError(f"{option} {value}: write name=value")
        pairs[name] = what
    return pairs


def _settings(values: Sequence[str] | None) -> dict[str, bool | int | float | str]:
    """Settings with their values read as JSON where they are: 3, 0.1, true; else as words."""
    settings: dict[str, bool | int | float | str] = {}
    for name, text in _pairs("--set", values).items():
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        settings[name] = value if isinstance(value, bool | int | float | str) else text
    return settings


if __name__ == "__main__":
    sys.exit(main())
