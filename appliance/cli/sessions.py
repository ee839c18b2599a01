"""`appliance sessions`: who is connected now, and the way to end one."""

import rich_click as click

from appliance.cli.terminal import Record, Terminal, shared, terminal_argument
from appliance.cli.text import size, table

_COLUMNS = ("id", "protocol", "account", "address", "tls", "client", "since", "in", "out")


@click.group(invoke_without_command=True)
@click.option("--account", metavar="A", help="Only sessions of the mailbox A.")
@click.option("--protocol", metavar="P", help="Only smtp, submission, submissions, imap or imaps.")
@shared
@terminal_argument
@click.pass_context
def sessions(context: click.Context, terminal: Terminal, /, account: str | None, protocol: str | None) -> None:
    """List the sessions that are live now, the oldest first; traffic as the server sees it: in, out."""
    if context.invoked_subcommand is not None:
        return
    found = terminal.ask("sessions.list", account=account, protocol=protocol)
    terminal.answer(found, lambda: table(_COLUMNS, [_row(one) for one in found], "no sessions"))


@sessions.command()
@click.argument("id", metavar="ID")
@shared
@terminal_argument
def kick(terminal: Terminal, /, id: str) -> None:
    """End the session ID with a word of goodbye; its client may connect again."""
    found = terminal.ask("sessions.kick", id=id)
    whose = found["account"] or found["address"]
    terminal.answer(found, lambda: f"the {found['protocol']} session {found['id']} of {whose} is ended")


def _row(one: Record) -> tuple[object, ...]:
    return (
        one["id"],
        one["protocol"],
        one["account"],
        one["address"],
        one["tls"],
        one["client"],
        one["since"],
        size(one["received"]),
        size(one["sent"]),
    )
