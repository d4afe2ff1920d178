"""The verbs of archwise as commands: parses, calls, prints. Every heavy import waits until its command runs."""

from __future__ import annotations

import errno
import sys
from collections.abc import Sequence

import click

from archwise.cli import learn, serve, use  # each adds its verbs, in the order in which the help lists them
from archwise.cli.app import DISK_FULL, app
from archwise.errors import ArchwiseError, InterruptedRunError

__all__ = ["app", "learn", "main", "serve", "use"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the entry point of `archwise`.

    Returns:
        the exit code; see EXIT_CODES.
    """
    try:
        ended = app.main(list(arguments) if arguments is not None else None, "archwise", standalone_mode=False)
    except ArchwiseError as error:
        print(f"archwise: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        named = f"{error.filename}: " if error.filename else ""
        mend = "make room and give the command again, or resume the run; what was there before is whole"
        print(f"archwise: {named}the disk is full; {mend}", file=sys.stderr)
        return DISK_FULL
    except click.ClickException as error:  # a wrong option, in the words of the parser
        error.show()
        return error.exit_code
    except click.Abort:
        print("archwise: interrupted", file=sys.stderr)
        return InterruptedRunError.exit_code
    except SystemExit as end:  # what reads the output left
        return end.code if isinstance(end.code, int) else 0
    return ended if isinstance(ended, int) else 0
