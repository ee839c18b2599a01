"""`appliance mailbox`: the accounts of people. Only the owner, by `claim`, ever sets a password."""

import sys

import rich_click as click

from appliance.cli.terminal import Record, Terminal, shared, terminal_argument
from appliance.cli.text import fields, plural, size, table
from appliance.control.reply import FAILED, VerbError

MAX_LINE = 4096
"""Bytes of standard input that are looked at for a password."""


@click.group()
def mailbox() -> None:
    """Add, invite, show, suspend and remove mailboxes; claim one's own."""


@mailbox.command()
@click.argument("address", metavar="A")
@click.option("--quota", metavar="N", help='Bytes, such as "5GiB", or none.')
@shared
@terminal_argument
def add(terminal: Terminal, /, address: str, quota: str | None) -> None:
    """Make the mailbox A, and a token with which its owner claims it within 72 hours."""
    found = terminal.ask("mailbox.add", address=address, quota=quota)
    terminal.answer(found, lambda: _invitation(found))


@mailbox.command()
@click.argument("address", metavar="A")
@shared
@terminal_argument
def invite(terminal: Terminal, /, address: str) -> None:
    """Make a new token for the mailbox A, as long as nobody has claimed it; the earlier one ends."""
    found = terminal.ask("mailbox.invite", address=address)
    terminal.answer(found, lambda: _invitation(found))


# What is no token may begin with a hyphen: it must not be taken for options.
@mailbox.command(context_settings={"ignore_unknown_options": True})
@click.argument("token", metavar="TOKEN", type=click.UNPROCESSED)
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input, one line.")
@shared
@terminal_argument
def claim(terminal: Terminal, /, token: str, password_stdin: bool) -> None:
    """Claim one's own mailbox with TOKEN, and choose its password: at least 12 characters, hard to guess."""
    password = _line() if password_stdin else _typed()
    found = terminal.ask("mailbox.claim", token=token, password=password)
    terminal.answer(found, lambda: f"{found['address']} is yours")


@mailbox.command("list")
@click.option("--domain", metavar="D", help="Only of this domain.")
@shared
@terminal_argument
def list_all(terminal: Terminal, /, domain: str | None) -> None:
    """List the mailboxes."""
    found = terminal.ask("mailbox.list", domain=domain)
    rows = [(one["address"], _state(one), size(one["used"]), size(one["quota"])) for one in found]
    terminal.answer(found, lambda: table(("mailbox", "state", "used", "quota"), rows, "no mailboxes"))


@mailbox.command()
@click.argument("address", metavar="A")
@shared
@terminal_argument
def show(terminal: Terminal, /, address: str) -> None:
    """Show state, quota and folders of the mailbox A."""
    found = terminal.ask("mailbox.show", address=address)
    terminal.answer(found, lambda: _people(found))


@mailbox.command()
@click.argument("address", metavar="A")
@shared
@terminal_argument
def suspend(terminal: Terminal, /, address: str) -> None:
    """Take no mail for A (450), and let nobody sign in; sessions end."""
    found = terminal.ask("mailbox.suspend", address=address)
    terminal.answer(found, lambda: f"{found['address']} is suspended")


@mailbox.command()
@click.argument("address", metavar="A")
@shared
@terminal_argument
def resume(terminal: Terminal, /, address: str) -> None:
    """Take mail for A again, and let its owner sign in."""
    found = terminal.ask("mailbox.resume", address=address)
    terminal.answer(found, lambda: f"{found['address']} is open again")


@mailbox.command()
@click.argument("address", metavar="A")
@click.argument("amount", metavar="N|none")
@shared
@terminal_argument
def quota(terminal: Terminal, /, address: str, amount: str) -> None:
    """Let A hold N bytes, such as "5GiB", or any number with none."""
    found = terminal.ask("mailbox.quota", address=address, quota=amount)
    terminal.answer(found, lambda: f"{found['address']} uses {size(found['used'])}, quota {size(found['quota'])}")


@mailbox.command()
@click.argument("address", metavar="A")
@click.option("--yes", is_flag=True, help="Do not ask for the name.")
@shared
@terminal_argument
def rm(terminal: Terminal, /, address: str, yes: bool) -> None:
    """Remove the mailbox A and all its mail."""
    if not yes:
        found = terminal.ask("mailbox.show", address=address)
        messages = plural(sum(folder["messages"] for folder in found["folders"]), "message")
        terminal.confirm(found["address"], f"{messages} ({size(found['used'])}) will be lost.", yes=yes)
    gone = terminal.ask("mailbox.rm", address=address)
    terminal.answer(gone, lambda: f"{gone['removed']} is removed")


def _line() -> str:
    """The first line of standard input."""
    line = sys.stdin.buffer.readline(MAX_LINE)
    try:
        return line.rstrip(b"\r\n").decode()
    except UnicodeDecodeError:
        raise VerbError("the password is not UTF-8 text", FAILED) from None


def _typed() -> str:
    if not sys.stdin.isatty():
        raise click.UsageError("--password-stdin is needed where nobody can be asked")
    password: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return password


def _state(found: Record) -> str:
    return "suspended" if found["suspended_at"] else str(found["state"])


def _invitation(found: Record) -> str:
    return fields(
        [
            ("mailbox", found["address"]),
            ("claim link", found["claim_url"]),
            ("claim token", found["claim_token"]),
            ("valid until", found["expires_at"]),
            ("owner's act", "open the link, or: appliance mailbox claim TOKEN --password-stdin"),
        ]
    )


def _people(found: Record) -> str:
    head = fields(
        [
            ("mailbox", found["address"]),
            ("state", _state(found)),
            ("used", f"{size(found['used'])}, quota {size(found['quota'])}"),
            ("aliases", ", ".join(found["aliases"]) or None),
            ("made", found["created_at"]),
        ]
    )
    rows = [(f["name"], f["messages"], f["unseen"], size(f["bytes"])) for f in found["folders"]]
    return f"{head}\n\n{table(('folder', 'messages', 'unseen', 'size'), rows, 'no folders')}"
