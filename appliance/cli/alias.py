"""`appliance alias`: addresses that lead to one or several mailboxes."""

import rich_click as click

from appliance.cli.terminal import Terminal, shared, terminal_argument
from appliance.cli.text import table


@click.group()
def alias() -> None:
    """Add, list and remove aliases."""


@alias.command()
@click.argument("address", metavar="A")
@click.argument("targets", metavar="TARGET...", nargs=-1, required=True)
@shared
@terminal_argument
def add(terminal: Terminal, /, address: str, targets: tuple[str, ...]) -> None:
    """Let mail for A go to the mailboxes TARGET..."""
    found = terminal.ask("alias.add", address=address, targets=targets)
    terminal.answer(found, lambda: f"{found['address']} goes to {', '.join(found['targets'])}")


@alias.command("list")
@click.argument("domain", metavar="[D]", required=False)
@shared
@terminal_argument
def list_all(terminal: Terminal, /, domain: str | None) -> None:
    """List the aliases, of domain D only where it is named."""
    found = terminal.ask("alias.list", domain=domain)
    rows = [(one["address"], ", ".join(one["targets"])) for one in found]
    terminal.answer(found, lambda: table(("alias", "goes to"), rows, "no aliases"))


@alias.command()
@click.argument("address", metavar="A")
@shared
@terminal_argument
def rm(terminal: Terminal, /, address: str) -> None:
    """Remove the alias A."""
    gone = terminal.ask("alias.rm", address=address)
    terminal.answer(gone, lambda: f"{gone['removed']} is removed")
