"""The command `archwise` itself, to which every verb is added."""

from __future__ import annotations

from typing import Annotated

import typer

EXIT_CODES = """Exit codes: 0 done · 1 a fault of archwise itself · 2 a wrong option or name · 3 the data cannot be used
as they stand · 4 a model or run folder is missing, changed or of another format · 5 no candidate became usable in the
budget · 6 a part that is not installed is needed · 7 the model does not reach what --require asks · 8 the disk is full
· 130 interrupted; the run can be resumed."""
DISK_FULL = 8

app = typer.Typer(
    name="archwise",
    help="Chooses the right deep learning architecture for the data it is given, and proves the choice.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
) -> None:
    if version:
        from archwise import __version__

        print(__version__)
        raise typer.Exit
