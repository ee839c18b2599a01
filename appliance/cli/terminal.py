"""The person or program at the other end of a verb: what they asked for, what they are shown."""

import os
import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec
import rich_click as click

from appliance.cli.text import printable
from appliance.control.door import perform
from appliance.control.reply import FAILED, VerbError
from config.load import Loaded, load
from config.places import Places, resolve

F = TypeVar("F", bound=Callable[..., Any])
Record = dict[str, Any]


class Terminal:
    """One call of the command line."""

    def __init__(self) -> None:
        self.json = False
        self.config_file: str | None = None

    def load(self) -> Loaded:
        """The configuration in force; raises ConfigError."""
        return load(self.config_file, os.environ)

    def places(self, loaded: Loaded) -> Places:
        """Where data lies; raises ConfigError."""
        return resolve(loaded.settings, os.environ)

    def ask(self, verb: str, /, **args: object) -> Any:
        """The result of a verb, from the daemon or the database; arguments that are None are left out."""
        return self.watch(verb, lambda _: None, **args)

    def watch(self, verb: str, shown: Callable[[Record], None], /, **args: object) -> Any:
        """As `ask`, with `shown` called for each step of a long verb."""
        loaded = self.load()
        given = {name: value for name, value in args.items() if value is not None}
        return perform(loaded.settings, self.places(loaded), verb, given, shown)

    def answer(self, result: object, people: Callable[[], str]) -> None:
        """Print the result: as JSON where that was asked for, else as `people` words it."""
        text = msgspec.json.format(msgspec.json.encode(result), indent=2).decode() if self.json else people()
        if text:
            click.echo(text)

    def confirm(self, name: str, loss: str, *, yes: bool) -> None:
        """Have the name typed before something is lost; raises VerbError unless it was."""
        if yes:
            return
        click.echo(f"{printable(loss)}\nType the name to remove it ({printable(name)}): ", nl=False, err=True)
        typed = sys.stdin.readline().strip()
        if not sys.stdin.isatty():
            click.echo(err=True)
        if typed != name:
            raise VerbError("the name was not typed, nothing is removed (--yes needs no typing)", FAILED)


def shared(function: F) -> F:
    """The options that every verb has: --config and --json."""
    for option in (
        click.option("--json", is_flag=True, expose_value=False, is_eager=True, callback=_json, help="Answer in JSON."),
        click.option(
            "--config",
            metavar="FILE",
            expose_value=False,
            is_eager=True,
            callback=_config,
            help="Configuration file; else APPLIANCE_CONFIG, else /etc/appliance/appliance.toml.",
        ),
    ):
        function = option(function)
    return function


def _json(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        context.ensure_object(Terminal).json = True


def _config(context: click.Context, _: click.Parameter, value: str | None) -> None:
    if value:
        context.ensure_object(Terminal).config_file = value


terminal_argument = click.make_pass_decorator(Terminal, ensure=True)
"""Gives a verb its `Terminal`."""


def fields_given(values: Mapping[str, object]) -> bool:
    """Whether any option has a value."""
    return any(value is not None for value in values.values())
