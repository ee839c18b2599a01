"""What all IMAP sessions of a process share, and the list of their connections."""

import asyncio
import ipaddress
import ssl
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from appliance.connections import STRESS_SECONDS, patience
from appliance.identity.login import Logins
from appliance.mail.delivery import Content
from appliance.mail.structure import Rendition
from appliance.sessions import LiveSession, Sessions
from appliance.store.store import Store
from config.settings import Limits
from imap.mailbox_state import MailboxStates
from imap.unread import UnreadAnswers

if TYPE_CHECKING:
    from imap.connection import Connection

_log = structlog.get_logger("imap")
Admission = Callable[[str], Callable[[], None] | None]
"""Given a client's IP address, the way to give its place back; None when there is no place for it."""


Noted = Callable[[LiveSession, str, int | None], None]
"""Takes a session for the record, and must be quick: at its login with "" and None, at its end with the outcome in a
word or a few and the time in UTC microseconds. Sessions in which nobody logged in are not told."""


def note_nothing(live: LiveSession, outcome: str, ended: int | None) -> None:
    """A server that keeps no record."""


def admit_all(address: str) -> Callable[[], None]:
    """The admission of a server without limits."""
    return lambda: None


def peer_address(address: tuple[Any, ...]) -> str:
    """The IP address in a socket's address; an IPv4-mapped IPv6 address as IPv4."""
    return str(address[0]).removeprefix("::ffff:")


def never_stressed() -> bool:
    """A server without limits is never under stress."""
    return False


class Patience(msgspec.Struct, frozen=True):
    """How long a silent client is kept, in seconds."""

    login: float = 5 * 60
    """Until somebody has logged in."""
    autologout: float = 30 * 60
    """After login (RFC 3501 §5.4: at least 30 minutes)."""
    stalled: float = 5 * 60
    """While it leaves an answer unread."""
    linger: float = 2.0
    """After our last word, for what it may still be sending."""

    @property
    def tick(self) -> float:
        """How often to look."""
        return min(self.login, self.autologout, self.stalled, 300.0)

    def left(self, silent: float, *, signed_in: bool, unread: bool, stress: bool) -> float:
        """Seconds for which a client is still kept after so many; before login they count from its connection."""
        bound = self.stalled if unread else self.autologout if signed_in else self.login
        return patience(bound, stress=stress, signed_in=signed_in) - silent

    @property
    def stranger_tick(self) -> float:
        """How often to look while nobody has logged in: stress may have begun."""
        return min(self.tick, STRESS_SECONDS)


class Front:
    """The services sessions use. One for each process; used on the event loop only."""

    def __init__(
        self,
        store: Store,
        logins: Logins,
        *,
        hostname: Callable[[], str],
        render: Callable[[Content], Awaitable[Rendition]],
        now: Callable[[], int],
        new_id: Callable[[], int],
        limits: Limits,
        max_message_size: int,
        cleartext_login_from: Iterable[str] = (),
        admit: Admission = admit_all,
        patience: Patience | None = None,
        sessions: Sessions | None = None,
        stressed: Callable[[], bool] = never_stressed,
        note: Noted = note_nothing,
    ) -> None:
        self.store = store
        self.logins = logins
        self.states = MailboxStates(store)
        self._hostname = hostname
        self.render = render
        """Makes what the store keeps of a message besides its octets; big ones do not hold up the loop."""
        self.now = now
        self.new_id = new_id
        """Makes the id by which the log knows an internal error."""
        self.limits = limits
        self.max_message_size = max_message_size
        self.patience = patience or Patience()
        self.sessions = Sessions() if sessions is None else sessions
        """Where the live ones are listed, with those of other protocols."""
        self.stressed = stressed
        """Whether strangers have to hurry."""
        self.unread = UnreadAnswers()
        self.note = note
        self.tls: ssl.SSLContext | None = None
        """What STARTTLS uses; None: it is not offered."""
        self.trust(cleartext_login_from)
        self.limit(admit)
        self._connections: dict[Connection, Callable[[], None]] = {}
        self._emptied: asyncio.Event | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def hostname(self) -> str:
        """This server's name now."""
        return self._hostname()

    def background(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something nobody waits for, such as making claims of \\Recent last; a failure is logged."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.warning("background work failed", error=str(error))

    def trust(self, networks: Iterable[str]) -> None:
        """From now on, a password may come without TLS from these networks. Raises ValueError for what is none."""
        self._cleartext = tuple(ipaddress.ip_network(network, strict=False) for network in networks)

    def cleartext_allowed(self, address: str) -> bool:
        """Whether a client at this IP address may log in without TLS."""
        try:
            parsed = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        return any(parsed in network for network in self._cleartext)

    def limit(self, admit: Admission) -> None:
        """From now on, ask `admit` for a place for each new connection."""
        self._admit = admit

    def hurried(self, seconds: float) -> float:
        """How long to wait for somebody who has not logged in, now."""
        return patience(seconds, stress=self.stressed())

    def enter(self, connection: "Connection", address: str) -> bool:
        """Count a connection in, once; False when there is no place for it or the server stops."""
        if connection in self._connections:
            return True
        release = None if self._emptied is not None else self._admit(address)
        if release is None:
            return False
        self._connections[connection] = release
        return True

    def leave(self, connection: "Connection") -> None:
        """Count a connection out."""
        self.unread.forget(connection)
        release = self._connections.pop(connection, None)
        if release is not None:
            release()
        if self._emptied is not None and not self._connections:
            self._emptied.set()

    def connections(self) -> "tuple[Connection, ...]":
        """All that are open."""
        return tuple(self._connections)

    def stop(self) -> asyncio.Event:
        """Let nobody in any more; the event is set once the last connection has gone."""
        if self._emptied is None:
            self._emptied = asyncio.Event()
        if not self._connections:
            self._emptied.set()
        return self._emptied
