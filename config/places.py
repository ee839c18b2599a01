"""What empty settings stand for: the places of data and master key, the host name, the disk reserve."""

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from config.load import ConfigError
from config.settings import Settings
from config.values import parse_hostname

GIB = 1 << 30


class Places(msgspec.Struct, frozen=True):
    """Settings whose empty value means something found on this machine, found."""

    data_dir: Path
    """Directory of the database and the message files."""
    master_key: Path
    """File with the key that seals secrets."""
    hostname: str
    """This server's name."""
    disk_reserve: int
    """Free bytes below which no mail is taken."""


def resolve(settings: Settings, environ: Mapping[str, str], *, chosen_hostname: str = "") -> Places:
    """The places in force. `chosen_hostname` is the one chosen at set-up, if any. Looks nothing up in the DNS.

    Raises ConfigError where a place depends on a home directory and there is none.
    """
    server = settings.server
    return Places(
        data_dir=_place(server.data_dir, "data_dir") or _base(environ, "XDG_STATE_HOME", ".local/state") / "appliance",
        master_key=_place(server.master_key, "master_key")
        or _base(environ, "XDG_CONFIG_HOME", ".config") / "appliance" / "master.key",
        hostname=server.hostname or chosen_hostname or _own_name(),
        # Room for one message of the largest size that is being written twice, and never less than 1 GiB.
        disk_reserve=max(GIB, 2 * server.max_message_size) if server.disk_reserve is None else server.disk_reserve,
    )


def _place(text: str, key: str) -> Path | None:
    try:
        return Path(text).expanduser() if text else None
    except RuntimeError:
        raise ConfigError(f'[server] {key} = "{text}": no such home directory; allowed is a whole path') from None


def _base(environ: Mapping[str, str], variable: str, below_home: str) -> Path:
    """A base directory of the XDG specification, which ignores a value that is no whole path."""
    named = Path(environ.get(variable, ""))
    if named.is_absolute():
        return named
    try:
        return Path.home() / below_home
    except RuntimeError:
        raise ConfigError(
            f"{variable}: neither it nor a home directory is known; allowed is [server] data_dir and master_key"
        ) from None


def _own_name() -> str:
    """The machine's own name, or localhost where that is no host name."""
    try:
        return parse_hostname(os.uname().nodename)
    except ValueError:
        return "localhost"
