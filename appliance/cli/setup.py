"""`appliance setup`: the link with which the first administrator begins, in a browser."""

import rich_click as click

from appliance.cli.terminal import Record, Terminal, shared, terminal_argument


@click.command()
@shared
@terminal_argument
def setup(terminal: Terminal, /) -> None:
    """Print a link with which to set this server up in a browser: good for 30 minutes, and for one administrator.

    The link before ends. Once there is an administrator there is none, and the exit code is 1.
    """
    found = terminal.ask("setup.link")
    terminal.answer(found, lambda: invitation(found))


def invitation(found: Record) -> str:
    """The link and what to expect, for people."""
    lines = [] if found["running"] else ["The server does not run. Start it (appliance serve), then go on:", ""]
    lines += [f"Set this server up in a browser, within {found['valid_minutes']} minutes:"]
    lines += ["", f"    {found['setup_url']}"]
    if found["setup_url_by_address"]:
        lines += ["", "While that name does not lead here yet, by address:", "", f"    {found['setup_url_by_address']}"]
    if found["self_signed"]:
        lines += ["", "The browser warns once: the certificate is self-signed until you bring another."]
    return "\n".join(lines)
