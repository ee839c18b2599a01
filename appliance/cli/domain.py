"""`appliance domain`: the domains whose mail is received, and how."""

from typing import Any

import rich_click as click

from appliance.cli.terminal import Record, Terminal, fields_given, shared, terminal_argument
from appliance.cli.text import fields, plural, size, table


@click.group()
def domain() -> None:
    """Add, change, show, suspend and remove domains, and their other names."""


def _policy(function: Any) -> Any:
    """Options that say how a domain takes its mail."""
    for option in (
        click.option(
            "--state",
            type=click.Choice(["arriving", "live"]),
            help="arriving: its MX still points elsewhere, so what our users send to it is not kept here.",
        ),
        click.option(
            "--privacy",
            type=click.Choice(["full", "no-subjects", "metadata", "default"]),
            help="What of its mail goes on record; default: as [records] privacy says.",
        ),
        click.option("--quota", metavar="N", help='Bytes for all its mailboxes, such as "50GiB", or none.'),
        click.option("--subaddress", metavar="CHARS", help='Characters that start a tag, such as "+", or off.'),
        click.option("--catch-all", metavar="A", help="Mailbox of the domain that gets mail for unknown recipients."),
        click.option("--unknown", type=click.Choice(["reject", "catch-all"]), help="What becomes of mail for nobody."),
    ):
        function = option(function)
    return function


@domain.command()
@click.argument("name", metavar="D")
@_policy
@shared
@terminal_argument
def add(terminal: Terminal, /, name: str, **policy: str | None) -> None:
    """Receive mail for domain D.

    A catch-all mailbox that does not exist yet takes effect once it is made; until then unknown recipients are
    rejected.
    """
    found = terminal.ask("domain.add", domain=name, **policy)
    terminal.answer(found, lambda: _people(found))


@domain.command("set")
@click.argument("name", metavar="D")
@_policy
@click.option("--contact", metavar="A", help="Mailbox for postmaster and abuse, where these have no own address.")
@shared
@terminal_argument
def change(terminal: Terminal, /, name: str, **changes: str | None) -> None:
    """Change how domain D takes its mail."""
    if not fields_given(changes):
        raise click.UsageError("name at least one change")
    found = terminal.ask("domain.set", domain=name, **changes)
    terminal.answer(found, lambda: _people(found))


@domain.command("list")
@shared
@terminal_argument
def list_all(terminal: Terminal, /) -> None:
    """List the domains."""
    found = terminal.ask("domain.list")
    columns = ("domain", "state", "unknown", "mailboxes", "used", "quota")
    rows = [(d["domain"], _state(d), _unknown(d), d["mailboxes"], size(d["used"]), size(d["quota"])) for d in found]
    terminal.answer(found, lambda: table(columns, rows, "no domains"))


@domain.command()
@click.argument("name", metavar="D")
@shared
@terminal_argument
def show(terminal: Terminal, /, name: str) -> None:
    """Show policy, other names and counts of domain D."""
    found = terminal.ask("domain.show", domain=name)
    terminal.answer(found, lambda: _people(found))


@domain.command()
@click.argument("name", metavar="D")
@shared
@terminal_argument
def suspend(terminal: Terminal, /, name: str) -> None:
    """Take no mail for domain D for a while (450); IMAP still reads."""
    found = terminal.ask("domain.suspend", domain=name)
    terminal.answer(found, lambda: f"{found['domain']} is suspended")


@domain.command()
@click.argument("name", metavar="D")
@shared
@terminal_argument
def resume(terminal: Terminal, /, name: str) -> None:
    """Take mail for domain D again."""
    found = terminal.ask("domain.resume", domain=name)
    terminal.answer(found, lambda: f"{found['domain']} takes mail again")


@domain.command()
@click.argument("name", metavar="D")
@click.option("--yes", is_flag=True, help="Do not ask for the name.")
@shared
@terminal_argument
def rm(terminal: Terminal, /, name: str, yes: bool) -> None:
    """Remove domain D, which must have no mailboxes and aliases any more."""
    if not yes:
        found = terminal.ask("domain.show", domain=name)
        terminal.confirm(found["domain"], f"{found['domain']} will no longer take mail.", yes=yes)
    gone = terminal.ask("domain.rm", domain=name)
    terminal.answer(gone, lambda: f"{gone['removed']} is removed")


@domain.group()
def alias() -> None:
    """Other names of a domain: mail for x@ALIAS is mail for x@D."""


@alias.command("add")
@click.argument("name", metavar="D")
@click.argument("other", metavar="ALIAS")
@shared
@terminal_argument
def add_alias(terminal: Terminal, /, name: str, other: str) -> None:
    """Let ALIAS be another name of domain D."""
    found = terminal.ask("domain.alias.add", domain=name, alias=other)
    terminal.answer(found, lambda: f"{found['alias']} is another name of {found['domain']}")


@alias.command("rm")
@click.argument("name", metavar="D")
@click.argument("other", metavar="ALIAS")
@shared
@terminal_argument
def remove_alias(terminal: Terminal, /, name: str, other: str) -> None:
    """Take mail for ALIAS no longer."""
    gone = terminal.ask("domain.alias.rm", domain=name, alias=other)
    terminal.answer(gone, lambda: f"{gone['removed']} is removed")


def _state(found: Record) -> str:
    if not found["suspended_at"]:
        return str(found["state"])
    return "suspended" if found["state"] == "live" else f"{found['state']}, suspended"


def _unknown(found: Record) -> str:
    if found["unknown"] == "catch-all":
        return f"to {found['catch_all']}"
    return f"reject, until {waiting} exists" if (waiting := found["catch_all_waiting"]) else "reject"


def _people(found: Record) -> str:
    return fields(
        [
            ("domain", found["domain"]),
            ("state", _state(found)),
            ("unknown recipients", _unknown(found)),
            ("subaddress", found["subaddress"]),
            ("contact", found["contact"]),
            ("privacy of records", found["privacy"]),
            ("used", f"{size(found['used'])}, quota {size(found['quota'])}"),
            ("other names", ", ".join(found["domain_aliases"]) or None),
            ("has", _counts(found)),
        ]
    )


def _counts(found: Record) -> str:
    mailboxes = plural(found["mailboxes"], "mailbox", "mailboxes")
    aliases = plural(found["aliases"], "alias", "aliases")
    return f"{mailboxes}, {aliases}, {plural(found['rejects'], 'reject-address', 'reject-addresses')}"
