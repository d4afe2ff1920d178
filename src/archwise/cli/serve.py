"""The verb that puts models on the network: serve."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from archwise.cli.app import app


@app.command()
def serve(
    models: Annotated[list[Path], typer.Argument(help="Model folders; the first answers at /predict.")],
    host: Annotated[str, typer.Option(help="The address to listen at; any but this machine's own needs a token.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(help="The port to listen at; 0 for any that is free.")] = 8000,
    workers: Annotated[int, typer.Option(help="Processes that answer.")] = 1,
    token: Annotated[
        str, typer.Option(envvar="ARCHWISE_TOKEN", help="What askers must send: Authorization: Bearer TOKEN.")
    ] = "",
    cors: Annotated[
        list[str] | None, typer.Option(help="An origin whose pages may read answers: https://example.org. Repeatable.")
    ] = None,
    limit: Annotated[
        list[str] | None,
        typer.Option(
            help="body_mb=16, memory_mb=256, rows=10000, seconds=30 or waiting=1024: what may be taken. Repeatable."
        ),
    ] = None,
) -> None:
    """Answer over HTTP, with a page to try at /. Needs no torch."""
    from archwise.cli.option import pairs_of
    from archwise.serve.guard import read_limits
    from archwise.serve.run import Service
    from archwise.serve.run import serve as run

    limits = read_limits(pairs_of("--limit", limit))
    folders = tuple(str(model) for model in models)
    service = Service(folders, host, port, workers, token, tuple(cors or ()), limits)
    run(service, lambda told: print(told, flush=True))
