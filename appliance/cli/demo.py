"""`appliance demo`: a whole server to look at, filled with mail, gone when it is stopped."""

from typing import Any

import rich_click as click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from appliance.cli.terminal import Terminal, shared, terminal_argument

PORTS = (
    ("read mail (IMAP)", "imap.imaps", "SSL/TLS", "imap.imap", "STARTTLS"),
    ("send mail (SMTP)", "smtp.submissions", "SSL/TLS", "smtp.submission", "STARTTLS"),
)


@click.command()
@shared
@terminal_argument
@click.pass_context
def demo(context: click.Context, /, terminal: Terminal) -> None:
    """Run a server to look at: three domains, six mailboxes, a day's mail that came by SMTP.

    Everything lies in a temporary directory and listens on this machine only. Ctrl-C stops it and leaves nothing
    behind. No other server or configuration is touched.
    """
    # Imported late, as for `serve`: no other verb needs the daemon.
    from appliance.demo.show import Ready, show

    console = Console(stderr=True, highlight=False)
    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), console=console, transient=True
    ) as progress:
        task = progress.add_task("", total=None)

        def told(step: str, done: int, total: int) -> None:
            progress.update(task, description=step, completed=done, total=total or None)

        def ready(found: Ready) -> None:
            progress.stop()
            terminal.answer(found, lambda: invitation(found))

        context.exit(show(told, ready))


def invitation(found: Any) -> str:
    """How to look around, for people."""
    lines = [
        f"The demonstration is ready: {found.accepted} messages came by SMTP, {found.refused} were not taken.",
        "",
        "In a browser (it warns once: the certificate is self-signed):",
        "",
        f"    {found.url}",
        f"    e-mail    {found.administrator}",
        f"    password  {found.password}",
        "",
        "An invite to claim a mailbox with, as its owner would:",
        "",
        f"    {found.invite}",
        "",
        "Mailboxes, for a mail program or the same page; all have that password:",
        "",
        *[f"    {one}" for one in found.mailboxes],
        "",
        "A mail program wants server localhost, the whole address as user name, and:",
        "",
    ]
    for words, best, security, other, other_security in PORTS:
        lines.append(f"    {words}  port {found.ports[best]} ({security}), or {found.ports[other]} ({other_security})")
    lines += [f"    other servers bring mail to port {found.ports['smtp.mx']}", "", "Ctrl-C stops it: nothing is left."]
    return "\n".join(lines)
