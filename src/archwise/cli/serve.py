"""The verb that puts models on the network: serve."""

from __future__ import annotations

from pathlib import Path

import click

from archwise.cli.app import app
from archwise.cli.option import PATH, pairs, text


@app.command()
@click.argument("models", type=PATH, nargs=-1, required=True)
@click.option(
    "--host",
    default="127.0.0.1",
    help="The address to listen at; any but this machine's own needs a token.",
    show_default=True,
)
@click.option("--port", default=8000, help="The port to listen at; 0 for any that is free.", show_default=True)
@click.option("--workers", default=1, help="Processes that answer.", show_default=True)
@text("--token", "What askers must send: Authorization: Bearer TOKEN.", envvar="ARCHWISE_TOKEN")
@click.option("--cors", multiple=True, help="An origin whose pages may read answers: https://example.org. Repeatable.")
@pairs(
    "--limit",
    "limit",
    "body_mb=16, memory_mb=256, rows=10000, seconds=30 or waiting=1024: what requests may take. Repeatable.",
)
def serve(
    models: tuple[Path, ...],
    host: str,
    *,
    port: int,
    workers: int,
    token: str,
    cors: tuple[str, ...],
    limit: dict[str, str],
) -> None:
    """Answer over HTTP, with a page to try at /. Needs no torch.

    MODELS are model folders; the first answers at /predict.
    """
    from archwise.serve.guard import read_limits
    from archwise.serve.run import Service
    from archwise.serve.run import serve as run

    service = Service(tuple(map(str, models)), host, port, workers, token, cors, read_limits(limit))
    run(service, lambda told: print(told, flush=True))
