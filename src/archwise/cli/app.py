"""The command `archwise` itself, to which every verb is added."""

from __future__ import annotations

import click

from archwise import __version__

EXIT_CODES = """\
Exit codes: 0 done · 1 a fault of archwise itself · 2 a wrong option or name · 3 the data cannot be used as they stand ·
4 a model or run folder is missing, changed or of another format · 5 no candidate became usable in the budget · 6 a part
that is not installed is needed · 7 the model does not reach what --require asks · 8 the disk is full · 130 interrupted;
the run can be resumed."""
DISK_FULL = 8


class _Verbs(click.Group):
    """Lists the verbs in the order in which they were added, with the whole of their first paragraph."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        """Write them."""
        with formatter.section("Verbs"):
            formatter.write_dl([(name, (verb.help or "").split("\n\n")[0]) for name, verb in self.commands.items()])


@click.group(
    cls=_Verbs,
    epilog=EXIT_CODES,
    subcommand_metavar="VERB ...",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, message="%(version)s")
def app() -> None:
    """Chooses the right deep learning architecture for the data it is given, and proves the choice."""
