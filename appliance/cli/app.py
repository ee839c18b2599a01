"""The command itself: its verbs, and what becomes of errors.

Exit codes: 0 done, 1 failed, 2 not understood (options, values, configuration), 3 not found, 75 try again.
An error is one line on standard error, or with --json one object with `error` on standard output.
"""

import sys
from collections.abc import Sequence

import msgspec
import rich_click as click

from appliance import __version__
from appliance.cli.address import address
from appliance.cli.alias import alias
from appliance.cli.check import check
from appliance.cli.config import config
from appliance.cli.demo import demo
from appliance.cli.domain import domain
from appliance.cli.mailbox import mailbox
from appliance.cli.serve import serve
from appliance.cli.sessions import sessions
from appliance.cli.setup import setup
from appliance.cli.status import status
from appliance.cli.terminal import Terminal, shared
from appliance.cli.text import printable
from appliance.cli.trace import trace
from appliance.control.reply import FAILED, OK, USAGE, VerbError
from config.load import ConfigError


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(__version__, prog_name="appliance")
@shared
def app() -> None:
    """A mail server for any number of domains.

    Verbs talk to the running daemon; when none runs, they work on its database themselves.
    Exit codes: 0 done, 1 failed, 2 not understood, 3 not found, 75 try again.
    """


for _verb in (serve, demo, setup, status, check, config, domain, mailbox, alias, address, sessions, trace):
    app.add_command(_verb)


def run(words: Sequence[str]) -> int:
    """Run one command line; gives the exit code."""
    terminal = Terminal()
    try:
        code = app.main(list(words), prog_name="appliance", standalone_mode=False, obj=terminal)
        return code if isinstance(code, int) else OK
    except VerbError as error:
        return _refused(terminal, str(error), error.code)
    except ConfigError as error:
        return _refused(terminal, str(error), USAGE)
    except click.ClickException as error:
        terminal.json |= "--json" in words
        return _refused(terminal, _usage(error), USAGE)
    except (click.Abort, KeyboardInterrupt):
        return _refused(terminal, "interrupted", FAILED)
    except BrokenPipeError:
        # Whoever read our output has gone; Python must not complain about it at exit.
        sys.stdout = None
        return FAILED


def _usage(error: click.ClickException) -> str:
    path = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "appliance"
    return f"{' '.join(error.format_message().split())} (see {path} --help)"


def _refused(terminal: Terminal, /, line: str, code: int) -> int:
    line = printable(line)
    if terminal.json:
        click.echo(msgspec.json.encode({"error": line, "exit": code}).decode())
    else:
        click.echo(f"appliance: {line}", err=True)
    return code
