"""What verbs work with, and who asked."""

from collections.abc import Awaitable, Callable

import msgspec

from appliance.identity.password import Passwords
from appliance.provision.hostname import hostname_in_force
from appliance.sessions import Sessions
from appliance.store.store import Store
from config.places import Places
from config.settings import Settings


class LiveInfo(msgspec.Struct, frozen=True):
    """What only the running daemon knows."""

    pid: int
    started_at: int
    """UTC microseconds."""
    listeners: Callable[[], dict[str, list[str]]]
    """Sockets that listen, as `address:port`, by configuration key such as "smtp.mx"."""
    sessions: Callable[[], dict[str, int]]
    """Sessions open now, by protocol such as "smtp"."""
    live_sessions: Sessions = msgspec.field(default_factory=Sessions)
    """Each of them."""


class House(msgspec.Struct, frozen=True):
    """All that a verb may use. `live` is None where no daemon runs."""

    settings: Settings
    places: Places
    store: Store
    passwords: Passwords
    now: Callable[[], int]
    """UTC microseconds."""
    live: LiveInfo | None = None

    @property
    def hostname(self) -> str:
        """This server's name now."""
        return hostname_in_force(self.settings, self.places, self.store)


class Progress(msgspec.Struct, frozen=True):
    """How far a long verb has come; `total` 0 where nobody knows yet."""

    step: str
    done: int
    total: int


class Caller(msgspec.Struct, frozen=True):
    """Who runs a verb: the actor of audit rows, as `cli:<uid>`, and where progress goes."""

    actor: str
    progress: Callable[[Progress], Awaitable[None]]
