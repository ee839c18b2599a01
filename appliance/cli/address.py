"""`appliance address`: addresses that refuse mail, as exceptions to a catch-all."""

import rich_click as click

from appliance.cli.terminal import Terminal, shared, terminal_argument
from appliance.cli.text import table


@click.group()
def address() -> None:
    """Add, list and remove reject-addresses."""


@address.command()
@click.argument("name", metavar="A")
@click.option("--code", type=int, help="Reply code, 4xx or 5xx; 550 unless named.")
@click.option("--text", metavar="T", help="What the sender is told: one line of printable ASCII.")
@shared
@terminal_argument
def reject(terminal: Terminal, /, name: str, code: int | None, text: str | None) -> None:
    """Refuse mail for A with a code and text of its own."""
    found = terminal.ask("address.reject", address=name, code=code, text=text)
    terminal.answer(found, lambda: f"mail for {found['address']} is refused: {found['code']} {found['text']}")


@address.command("list")
@click.argument("domain", metavar="[D]", required=False)
@shared
@terminal_argument
def list_all(terminal: Terminal, /, domain: str | None) -> None:
    """List the reject-addresses, of domain D only where it is named."""
    found = terminal.ask("address.list", domain=domain)
    rows = [(one["address"], one["code"], one["text"]) for one in found]
    terminal.answer(found, lambda: table(("address", "code", "text"), rows, "no reject-addresses"))


@address.command()
@click.argument("name", metavar="A")
@shared
@terminal_argument
def rm(terminal: Terminal, /, name: str) -> None:
    """Remove the reject-address A."""
    gone = terminal.ask("address.rm", address=name)
    terminal.answer(gone, lambda: f"{gone['removed']} is removed")
