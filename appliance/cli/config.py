"""`appliance config`: test, show and describe the configuration. Nothing is started or touched."""

from collections.abc import Iterator

import rich_click as click

from appliance.cli.terminal import Record, Terminal, shared, terminal_argument
from appliance.cli.text import fields, table
from appliance.control.privileges import drop_to_owner
from appliance.control.reply import NOT_FOUND, VerbError
from config.certificate import check_certificate
from config.keys import Key, keys, meanings
from config.load import Loaded


@click.group()
def config() -> None:
    """Test, show and describe the configuration."""


@config.command("test")
@shared
@terminal_argument
def test_file(terminal: Terminal, /) -> None:
    """Say whether the configuration can be used; exit code 2 when not."""
    loaded = terminal.load()
    drop_to_owner(terminal.places(loaded).data_dir)
    check_certificate(loaded)
    answer = {"ok": True, "file": str(loaded.file) if loaded.file else None}
    terminal.answer(answer, lambda: f"OK {loaded.file or 'built-in defaults'}")


@config.command()
@shared
@terminal_argument
def show(terminal: Terminal, /) -> None:
    """Show the settings in force, and where each comes from."""
    loaded = terminal.load()
    places = terminal.places(loaded)
    effective = {
        "server.hostname": places.hostname,
        "server.data_dir": str(places.data_dir),
        "server.master_key": str(places.master_key),
        "server.disk_reserve": places.disk_reserve,
    }
    shown: dict[str, Record] = {
        key.path: {"value": value, "effective": effective.get(key.path, value), "from": origin, "source": source}
        for key, value, origin, source in _in_force(loaded)
    }
    rows = [(path, _written(s["effective"]), s["source"] or s["from"]) for path, s in shown.items()]
    terminal.answer(shown, lambda: table(("key", "value", "from"), rows, ""))


@config.command()
@click.argument("key", required=False)
@shared
@terminal_argument
def describe(terminal: Terminal, /, key: str | None) -> None:
    """Explain every key, or the one named, such as limits.errors."""
    described = [_description(one) for one in keys() if key in (None, one.path, one.table)]
    if not described:
        raise VerbError(f"no key {key}: allowed are {', '.join(one.path for one in keys())}", NOT_FOUND)
    terminal.answer(described, lambda: "\n\n".join(_paragraph(one) for one in described))


def _in_force(loaded: Loaded) -> Iterator[tuple[Key, object, str, str | None]]:
    """Each key with its value, "default", "file" or "environment", and the file or variable."""
    for key in keys():
        source = loaded.origins.get(key.path)
        origin = "default" if source is None else "environment" if source == key.variable else "file"
        yield key, getattr(getattr(loaded.settings, key.table), key.name), origin, source


def _description(key: Key) -> Record:
    return {
        "key": key.path,
        "type": key.kind.name,
        "default": "" if key.default is None else key.default,
        "allowed": key.kind.allowed,
        "environment": key.variable,
        "meaning": meanings()[key.path],
    }


def _paragraph(one: Record) -> str:
    default = _written(one["default"]) or '""'
    rest = [("  type", one["type"]), ("  default", default), ("  allowed", one["allowed"])]
    return f"{one['key']}\n  {one['meaning']}\n{fields([*rest, ('  environment', one['environment'])])}"


def _written(value: object) -> str:
    """A value as one would write it in the environment."""
    if isinstance(value, tuple):
        return ",".join(value) or "[]"
    return f"{value:g}" if isinstance(value, float) else str(value)
