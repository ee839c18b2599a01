"""`appliance trace`: what is on record of sessions and messages."""

import rich_click as click

from appliance.cli.session_text import session_text
from appliance.cli.terminal import Terminal, shared, terminal_argument


@click.group()
def trace() -> None:
    """What is on record of sessions and of the messages they brought."""


@trace.command()
@click.argument("id", metavar="ID")
@shared
@terminal_argument
def show(terminal: Terminal, /, id: str) -> None:
    """Show one session, with each recipient's fate and every line that was said.

    ID is the session's own, or the trace id of a message: it stands in the log, in Received, and in the 250 reply.
    Where nothing is on record of it, one line says why, and the exit code is 3.
    """
    found = terminal.ask("trace.show", id=id)
    terminal.answer(found, lambda: session_text(found))
