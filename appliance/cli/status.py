"""`appliance status`: whether the daemon runs, and how it is."""

from typing import Any

import rich_click as click

from appliance.cli.terminal import Record, Terminal, shared, terminal_argument
from appliance.cli.text import fields, size


@click.command()
@shared
@terminal_argument
def status(terminal: Terminal, /) -> None:
    """Show whether the daemon runs, its listeners and sessions, disk and counts.

    The exit code is 0 also when it does not run: `running` says so.
    """
    loaded = terminal.load()
    data_dir = terminal.places(loaded).data_dir
    if data_dir.exists():
        found = terminal.ask("status")
    else:
        found = {"running": False, "data_dir": str(data_dir), "counts": None}
    terminal.answer(found, lambda: _people(found))


def _people(found: Record) -> str:
    lines: list[tuple[str, object]] = [("daemon", _daemon(found))]
    lines += [(f"listens {key}", ", ".join(places) or "nowhere") for key, places in found.get("listeners", {}).items()]
    lines += [(f"sessions {key}", count) for key, count in found.get("sessions", {}).items()]
    lines.append(("data", found["data_dir"]))
    if disk := found.get("disk"):
        low = "" if disk["ok"] else " - too little, no mail is taken"
        lines.append(("disk free", f"{size(disk['free_bytes'])} (reserve {size(disk['reserve_bytes'])}){low}"))
    counts: dict[str, Any] = found.get("counts") or {}
    return fields([*lines, *counts.items()])


def _daemon(found: Record) -> str:
    if not found["running"]:
        return "not running"
    return f"running, pid {found['pid']}, version {found['version']}, up {_duration(found['uptime_seconds'])}"


def _duration(seconds: int) -> str:
    minutes, hours, days = seconds // 60 % 60, seconds // 3600 % 24, seconds // 86_400
    return f"{days} d {hours} h {minutes} min" if days else f"{hours} h {minutes} min {seconds % 60} s"
