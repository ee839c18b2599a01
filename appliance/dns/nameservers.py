"""Whom to ask: the configured name servers or the system's, in turn, the silent ones last."""

import os
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from itertools import count
from pathlib import Path

import msgspec

from config.settings import Dns
from config.values import parse_listener

RESOLV_CONF = Path("/etc/resolv.conf")
MAX_SYSTEM = 3
"""Name servers read from resolv.conf; the C library takes no more (resolv.conf(5), MAXNS)."""
LOOK_AGAIN = 5.0
"""Seconds for which resolv.conf is not looked at again: a network that comes up late writes it anew."""
SHUNNED = 30.0
"""Seconds for which a name server that gave no answer is asked after the others."""


class Nameserver(msgspec.Struct, frozen=True):
    """A recursive name server."""

    address: str
    port: int = 53

    @property
    def loopback(self) -> bool:
        """Whether it runs on this machine, so that nobody stands between."""
        return ip_address(self.address).is_loopback

    @property
    def text(self) -> str:
        """As the configuration writes it."""
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


LOCAL = Nameserver("127.0.0.1")
"""Whom the C library asks where resolv.conf names nobody."""
Source = Callable[[], Sequence[Nameserver]]
"""The name servers of this moment."""


def parse_resolv_conf(text: str) -> tuple[Nameserver, ...]:
    """The `nameserver` lines. Search lists and options are left aside: what they do to names is never wanted here."""
    found: list[Nameserver] = []
    for line in text.splitlines():
        words = line.split()
        if len(words) < 2 or words[0] != "nameserver":
            continue
        try:
            found.append(Nameserver(str(ip_address(words[1]))))
        except ValueError:
            continue  # the C library passes over such a line, too
    return tuple(dict.fromkeys(found))[:MAX_SYSTEM] or (LOCAL,)


class SystemNameservers:
    """Those of resolv.conf, read again when it has changed."""

    def __init__(self, monotonic: Callable[[], float], path: Path = RESOLV_CONF) -> None:
        self._monotonic = monotonic
        self._path = path
        self._look_at = float("-inf")
        self._seen: tuple[int, int, int] | None = None
        self._servers: tuple[Nameserver, ...] = (LOCAL,)

    def __call__(self) -> tuple[Nameserver, ...]:
        """The name servers of this moment; those known before while the file cannot be read."""
        if self._monotonic() >= self._look_at:
            self._look_at = self._monotonic() + LOOK_AGAIN
            try:
                self._read()
            except OSError:
                self._seen = None  # a file that is being replaced; looked for again
        return self._servers

    def _read(self) -> None:
        status = os.stat(self._path)
        seen = (status.st_ino, status.st_mtime_ns, status.st_size)
        if seen != self._seen:
            self._servers = parse_resolv_conf(self._path.read_text("utf-8", "replace"))
            self._seen = seen


def nameservers(settings: Dns, monotonic: Callable[[], float]) -> Source:
    """Those that [dns] nameservers lists, else the system's."""
    if not settings.nameservers:
        return SystemNameservers(monotonic)
    listed = tuple(Nameserver(*parse_listener(text)) for text in settings.nameservers)
    return lambda: listed


class Rotation:
    """Spreads questions: each begins with the next name server, and who gave no answer lately comes last."""

    def __init__(self) -> None:
        self._turns = count()
        self._shunned: dict[Nameserver, float] = {}

    def order(self, servers: Sequence[Nameserver], now: float) -> list[Nameserver]:
        """All of `servers`, each once, in the order to ask them."""
        self._shunned = {server: until for server, until in self._shunned.items() if until > now}
        turn = next(self._turns) % len(servers) if servers else 0
        return sorted([*servers[turn:], *servers[:turn]], key=lambda server: server in self._shunned)

    def silent(self, server: Nameserver, now: float) -> None:
        """`server` gave no answer."""
        self._shunned[server] = now + SHUNNED

    def answered(self, server: Nameserver) -> None:
        """`server` is there."""
        self._shunned.pop(server, None)
