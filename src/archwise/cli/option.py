"""The options that several verbs share, and how what was typed becomes a configuration."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import click

from archwise.errors import UsageError

if TYPE_CHECKING:
    from archwise.config import Config

Verb = TypeVar("Verb", bound=Callable[..., Any])
Option: TypeAlias = Callable[[Verb], Verb]
PATH = click.Path(path_type=Path)


def together(*options: Option[Any]) -> Option[Any]:
    """Several options as one, in the order in which the help lists them."""

    def decorate(verb: Verb) -> Verb:
        for option in reversed(options):
            verb = option(verb)
        return verb

    return decorate


def listed(values: Sequence[str]) -> list[str]:
    """Options that may be repeated or separated by commas."""
    return [part.strip() for value in values for part in value.split(",") if part.strip()]


def pairs_of(option: str, values: Sequence[str]) -> dict[str, str]:
    """Options of the form name=value."""
    pairs = {}
    for value in values:
        name, equals, what = value.partition("=")
        if not equals or not name or not what:
            raise UsageError(f"{option} {value}: write name=value")
        pairs[name] = what
    return pairs


def settings_of(values: Sequence[str]) -> dict[str, bool | int | float | str]:
    """Settings with their values read as JSON where they are: 3, 0.1, true; else as words."""
    settings: dict[str, bool | int | float | str] = {}
    for name, text in pairs_of("--set", values).items():
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        settings[name] = value if isinstance(value, bool | int | float | str) else text
    return settings


def text(flag: str, help: str, *, envvar: str | None = None) -> Option[Any]:  # noqa: A002 - as the parser calls it
    """An option of words; "" where it is not given."""
    return click.option(flag, default="", help=help, envvar=envvar, show_envvar=True)


def words(flag: str, name: str, help: str, *, repeats: bool = True) -> Option[Any]:  # noqa: A002
    """An option of names, separated by commas or in several such options; a list under a name."""

    def read(_: click.Context, __: click.Parameter, value: str | tuple[str, ...] | None) -> list[str]:
        return listed((value,) if isinstance(value, str) else value or ())

    return click.option(flag, name, multiple=repeats, callback=read, help=help)


def pairs(flag: str, name: str, help: str) -> Option[Any]:  # noqa: A002
    """An option name=value that may be repeated; a dict under a name."""
    return click.option(
        flag,
        name,
        multiple=True,
        metavar="NAME=VALUE",
        help=help,
        callback=lambda _, __, values: pairs_of(flag, values),
    )


MODEL = click.argument("model", type=PATH)
CONFIG = click.option("--config", type=PATH, help="A run.toml to start from; options given here win.")
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")
QUIET = click.option("--quiet", is_flag=True, help="Print only the outcome.")
OUT = click.option("--out", type=PATH, help="Where to write; the screen when not given.")
GROUP = text("--group", "Rows of one value of this column stay on one side of the split.")

DATA = together(
    text("--target", "The column to predict; or several of yes and no: a,b,c."),
    text("--task", "classify, regress, multilabel or tag; found from the target if not given; --horizon forecasts."),
    pairs("--kind", "kinds", "Read a column as a kind: age=category. Repeatable."),
    words("--drop", "drop", "Leave a column out. Repeatable, or separated by commas."),
    GROUP,
    text("--time", "Split in time by this column: the latest rows are the test."),
    words("--names", "names", "Column names, separated by commas, for a file without a header line.", repeats=False),
    click.option("--horizon", type=int, help="Forecast so many steps; rows then follow each other in time."),
    text("--series", "The column that tells series apart; alone, each row is one."),
    words("--known", "known", "Columns that are known ahead, such as holidays. Repeatable."),
    text("--gaps", "error, or fill: the last value is carried on, and nothing is judged there."),
    text("--zone", "The time zone of the clock that wrote the stamps: Europe/Berlin."),
)
RACERS = together(
    words("--only", "only", "Race only these architectures."),
    words("--add", "add", "Race these although their prior is low."),
    words("--skip", "skip", "Leave these architectures out."),
)
SPLIT = together(
    text("--test", "The rows that are sealed: a share such as 0.2, or a file."),
    text("--valid", "The rows that decide: a share such as 0.2, or a file."),
    text("--valid-from", "The stamp from which steps decide, in place of a share."),
    text("--test-from", "The stamp from which steps are sealed, in place of a share."),
    text("--until", "The stamp from which steps are left out."),
)
LEARNING = together(
    click.option(
        "--set", "settings", multiple=True, metavar="NAME=VALUE", callback=lambda _, __, given: settings_of(given),
        help="Fix a setting: mlp.activation=tanh, plan.epochs=20. Repeatable.",
    ),
    text("--optimizer", "sgd, nesterov, rmsprop, adam or adamw for every network."),
    text("--loss", "The loss of every network, such as huber."),
    words(
        "--order", "order", "Classes from the lowest to the highest: low,medium,high. Their order is then learnt.",
        repeats=False,
    ),
)  # fmt: skip
CHOICE = together(
    text("--metric", "The metric that decides."),
    text(
        "--threshold",
        "Of two classes, answer the rarer so as to be best by f1, balanced_accuracy or cost:MISS:ALARM.",
    ),
    click.option(
        "--require", type=float,
        help="The score of the deciding metric that the sealed rows must reach; else exit code 7.",
    ),
    text("--latency", "The longest that a row may take in ONNX Runtime, such as 2ms."),
    text("--size", "The largest that the written ONNX may be, such as 5MB."),
)  # fmt: skip


def configured(verb: Callable[..., None]) -> Callable[..., None]:
    """A verb that is given the configuration which its options make, in place of them.

    What else it names itself, such as as_json, is given to it as it is.
    """
    own = verb.__annotations__.keys() - {"config", "return"}

    @wraps(verb)
    def _run(config: Path | None, **given: Any) -> None:
        kept = {name: given.pop(name) for name in own}
        verb(_read_config(config, given), **kept)

    return _run


def _read_config(file: Path | None, given: Mapping[str, Any]) -> Config:
    """The configuration file, with every option that was given laid over it."""
    from archwise.config import make_config, read_config

    values = read_config(file) if file is not None else {}
    for name, value in given.items():
        if value not in (None, "", [], {}):
            values[name] = {**values.get(name, {}), **value} if isinstance(value, dict) else value
    return make_config(values)
