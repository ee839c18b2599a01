"""`appliance serve`: the daemon, in the foreground."""

import rich_click as click

from appliance.cli.terminal import Terminal, shared, terminal_argument
from appliance.control.privileges import drop_to_owner
from config.certificate import check_certificate


@click.command()
@shared
@terminal_argument
@click.pass_context
def serve(context: click.Context, /, terminal: Terminal) -> None:
    """Run the mail server until it is told to stop (SIGTERM)."""
    loaded = terminal.load()
    # Imported late, for no other verb needs the fronts; and before the drop, for the program may be where only
    # root can read.
    from appliance.serving import serve as run_daemon

    drop_to_owner(terminal.places(loaded).data_dir)
    check_certificate(loaded)
    context.exit(run_daemon(loaded))
