"""`appliance check`: whether the store is whole."""

import sys
from collections.abc import Callable

import rich_click as click

from appliance.cli.terminal import Record, Terminal, shared, terminal_argument
from appliance.cli.text import plural, printable, table
from appliance.control.reply import FAILED, OK, VerbError


@click.command()
@click.option("--fix", is_flag=True, help="Put right what can be put right without losing mail.")
@click.option("--bodies", is_flag=True, help="Read and hash every message body too; takes long.")
@shared
@terminal_argument
@click.pass_context
def check(context: click.Context, /, terminal: Terminal, fix: bool, bodies: bool) -> None:
    """Check integrity, counters and orphans, in both directions.

    The exit code is 1 when something is found, with --fix when something is left.
    """
    data_dir = terminal.places(terminal.load()).data_dir
    if not data_dir.exists():
        raise VerbError(f"{data_dir}: there is no data yet", FAILED)
    shown, finish = _bar()
    try:
        found = terminal.watch("check", shown, fix=fix, bodies=bodies)
    finally:
        finish()
    terminal.answer(found, lambda: _people(found))
    context.exit(FAILED if found["open"] else OK)


def _people(found: Record) -> str:
    rows = [(f["kind"], f["object"], f["text"], _fate(f)) for f in found["findings"]]
    listed = table(("kind", "where", "what", ""), rows, "")
    return f"{listed}\n{plural(found['open'], 'finding')} open" if rows else "OK, nothing found"


def _fate(finding: Record) -> str:
    if finding["fixed"]:
        return "put right"
    return "--fix can put it right" if finding["fixable"] else ""


def _bar() -> tuple[Callable[[Record], None], Callable[[], None]]:
    """A progress bar on a terminal, silence elsewhere."""
    if not sys.stderr.isatty():
        return lambda _: None, lambda: None
    from rich.console import Console
    from rich.progress import Progress

    progress = Progress(console=Console(stderr=True), transient=True)
    bar = progress.add_task("check", total=None)
    progress.start()

    def show(state: Record) -> None:
        progress.update(
            bar, description=printable(state["step"]), completed=state["done"], total=state["total"] or None
        )

    return show, progress.stop
