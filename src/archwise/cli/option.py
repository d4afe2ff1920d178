"""The options that several verbs share, and how what was typed becomes a configuration."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from archwise.errors import UsageError

if TYPE_CHECKING:
    from archwise.config import Config

Source = Annotated[
    str,
    typer.Argument(
        help="CSV, TSV, Parquet, Arrow, JSON lines, CoNLL; pictures, as folders, npz or idx; series, as .ts or .tsf."
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


def read_options(file: Path | None, given: Mapping[str, Any]) -> Config:
    """The configuration file, with every option that was given laid over it."""
    from archwise.config import make_config, read_config

    values = read_config(file) if file is not None else {}
    for name, value in given.items():
        if value or (value == 0 and value is not None and not isinstance(value, str)):
            values[name] = {**values.get(name, {}), **value} if isinstance(value, dict) else value
    return make_config(values)


def listed(values: Sequence[str] | None) -> list[str]:
    """Options that may be repeated or separated by commas."""
    return [part.strip() for value in values or () for part in value.split(",") if part.strip()]


def pairs_of(option: str, values: Sequence[str] | None) -> dict[str, str]:
    """Options of the form name=value."""
    pairs = {}
    for value in values or ():
        name, equals, what = value.partition("=")
        if not equals or not name or not what:
            raise UsageError(f"{option} {value}: write name=value")
        pairs[name] = what
    return pairs


def settings_of(values: Sequence[str] | None) -> dict[str, bool | int | float | str]:
    """Settings with their values read as JSON where they are: 3, 0.1, true; else as words."""
    settings: dict[str, bool | int | float | str] = {}
    for name, text in pairs_of("--set", values).items():
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        settings[name] = value if isinstance(value, bool | int | float | str) else text
    return settings
