"""The verbs that lead from data to a model: look, shortlist, fit, resume."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from archwise.cli.app import app
from archwise.cli.option import (
    Add,
    AsJson,
    ConfigFile,
    Drop,
    Gaps,
    Group,
    Horizon,
    KindOf,
    Known,
    Latency,
    Loss,
    MetricName,
    Names,
    Only,
    Optimizer,
    Order,
    Quiet,
    Require,
    Series,
    Set,
    Size,
    Skip,
    Source,
    Target,
    TaskName,
    Test,
    TestFrom,
    Threshold,
    Time,
    Until,
    Valid,
    ValidFrom,
    Zone,
    listed,
    pairs_of,
    read_options,
    settings_of,
)
from archwise.errors import UsageError


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

    settings = read_options(config, {
        "source": source, "target": target, "task": task, "kinds": pairs_of("--kind", kind), "drop": listed(drop),
        "group": group, "time": time, "names": listed([names]), "horizon": horizon, "series": series,
        "known": listed(known), "gaps": gaps, "zone": zone,
    })  # fmt: skip
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

    settings = read_options(config, {
        "source": source, "target": target, "task": task, "kinds": pairs_of("--kind", kind), "drop": listed(drop),
        "names": listed([names]), "only": listed(only), "add": listed(add), "skip": listed(skip), "time": time,
        "horizon": horizon, "series": series, "known": listed(known), "gaps": gaps,
    })  # fmt: skip
    found = api.shortlist(source, config=settings)
    if as_json:
        return view.print_json(found)
    return view.show_shortlist(found)


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
    from archwise import api, use, view

    settings = read_options(config, {
        "source": source, "target": target, "budget": budget, "out": out, "task": task,
        "kinds": pairs_of("--kind", kind), "drop": listed(drop), "group": group, "time": time, "test": test,
        "valid": valid, "names": listed([names]), "only": listed(only), "add": listed(add), "skip": listed(skip),
        "settings": settings_of(set_), "optimizer": optimizer, "loss": loss, "metric": metric,
        "threshold": threshold, "require": require, "latency": latency, "size": size, "workers": workers,
        "device": device, "seed": seed, "order": listed([order]), "horizon": horizon, "series": series,
        "known": listed(known), "gaps": gaps, "zone": zone, "valid_from": valid_from, "test_from": test_from,
        "until": until,
    })  # fmt: skip
    if not settings.source:
        raise UsageError("name the data to fit: archwise fit data.csv --target column")
    with view.race_view(quiet=quiet or as_json) as on_event:
        model = api.fit(settings.source, config=settings, on_event=on_event)
    view.show_fitted(model, as_json=as_json)
    use.check_required(model)


@app.command()
def resume(
    run: Annotated[Path, typer.Argument(help="The run's folder, which fit printed in its first lines.")],
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Go on with a run after a crash, a kill or Ctrl-C; nothing finished is run again."""
    from archwise import api, use, view

    with view.race_view(quiet=quiet or as_json) as on_event:
        model = api.resume(run, on_event=on_event)
    view.show_fitted(model, as_json=as_json)
    use.check_required(model)
