"""The verbs that lead from data to a model: look, shortlist, fit, resume."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from archwise.cli.app import app
from archwise.cli.option import (
    AS_JSON,
    CHOICE,
    CONFIG,
    DATA,
    LEARNING,
    PATH,
    QUIET,
    RACERS,
    SPLIT,
    configured,
    text,
)
from archwise.errors import UsageError

if TYPE_CHECKING:
    from archwise.config import Config


@app.command()
@click.argument("source")
@DATA
@CONFIG
@AS_JSON
@configured
def look(config: Config, *, as_json: bool) -> None:
    """Say what the data are: kinds, sizes, what is wrong with them, and the task they pose.

    SOURCE is CSV, TSV, Parquet, Arrow, JSON lines or CoNLL; pictures, as folders, npz or idx; series, as .ts or .tsf.
    """
    from archwise import api, view

    profile = api.look(config.source, config=config)
    if as_json:
        return view.print_json(profile)
    return view.show_profile(profile)


@app.command()
@click.argument("source")
@DATA
@RACERS
@CONFIG
@AS_JSON
@configured
def shortlist(config: Config, *, as_json: bool) -> None:
    """List the architectures that could suit the data, in order, and why.

    SOURCE is as for look.
    """
    from archwise import api, view

    found = api.shortlist(config.source, config=config)
    if as_json:
        return view.print_json(found)
    return view.show_shortlist(found)


@app.command()
@click.argument("source", default="")
@text("--budget", "What the race may spend: 90s, 5m, 1h of wall time, or 2000steps.")
@text("--out", "The model folder to write; beside the data when not given.")
@DATA
@SPLIT
@RACERS
@LEARNING
@CHOICE
@click.option("--workers", type=int, help="Worker processes; one a core when not given.")
@text("--device", "auto, cpu, cuda or mps.")
@click.option("--seed", type=int, help="The seed of split, race and evidence.")
@CONFIG
@AS_JSON
@QUIET
@configured
def fit(config: Config, *, as_json: bool, quiet: bool) -> None:
    """Race the architectures inside a budget, choose with evidence, and write the model folder.

    SOURCE is as for look; it may stand in --config instead.
    """
    from archwise import api, use, view

    if not config.source:
        raise UsageError("name the data to fit: archwise fit data.csv --target column")
    with view.race_view(quiet=quiet or as_json) as on_event:
        model = api.fit(config.source, config=config, on_event=on_event)
    view.show_fitted(model, as_json=as_json)
    use.check_required(model)


@app.command()
@click.argument("run", type=PATH)
@AS_JSON
@QUIET
def resume(run: Path, *, as_json: bool, quiet: bool) -> None:
    """Go on with a run after a crash, a kill or Ctrl-C; nothing finished is run again.

    RUN is its folder, which fit printed in its first lines.
    """
    from archwise import api, use, view

    with view.race_view(quiet=quiet or as_json) as on_event:
        model = api.resume(run, on_event=on_event)
    view.show_fitted(model, as_json=as_json)
    use.check_required(model)
