"""One client's session: who it is, what it has selected, and what it is still to be told.

A session never touches a socket: it collects finished lines, and its connection writes them. Between commands
it is silent unless it idles (RFC 3501 §7.4.1 forbids EXPUNGE while no command is in progress).
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec
import structlog

from appliance.identity.login import Login
from appliance.identity.watch import watch
from appliance.ids import id_text
from appliance.mail.envelope import Peer
from appliance.records import Account, MailboxInfo
from appliance.rendering import RenderError
from appliance.store.errors import (
    Conflict,
    NotFound,
    OverQuota,
    StoreBroken,
    StoreBusy,
    StoreFull,
    StoreTimeout,
)
from appliance.store.spool import Spool
from imap.front import Front
from imap.mailbox_state import MailboxState
from imap.view import MailboxView
from imap.wire.status import Status, no

if TYPE_CHECKING:
    from imap.connection import Connection

NOT_AUTHENTICATED, AUTHENTICATED, SELECTED = 1, 2, 4
"""The states of RFC 3501 §3 as bits, so that the dispatch table can name several."""

BEFORE_LOGIN = "IMAP4rev1 LITERAL+ SASL-IR ID ENABLE"
AFTER_LOGIN = "IMAP4rev1 LITERAL+ SASL-IR ID ENABLE IDLE NAMESPACE CHILDREN UNSELECT UIDPLUS MOVE SPECIAL-USE"

WRITE_AT_ONCE = 64 * 1024
"""Octets of an answer that are collected and written in one piece: small writes are dear, and so is the memory of
large pieces, which the C library maps anew each time."""

TRICKLE_GRACE = 60.0
"""Seconds of a message on its way in before it has to come at `limits.data_min_rate`, as in SMTP."""

_COMMON = ("lost", "logout", "timeout", "server stopped")
"""Ends of a session without a login that say nothing about the peer."""
_log = structlog.get_logger("imap")


class Upload(msgspec.Struct):
    """The message of an APPEND on its way in: where it will go, and the spool that takes its octets."""

    tag: str
    mailbox: MailboxInfo
    spool: Spool
    since: float = 0.0
    """When its first octet was asked for, in seconds of the loop's clock."""

    def trickles(self, now: float, rate: int) -> bool:
        """Whether, after a minute's grace, fewer than `rate` octets a second have come; 0 asks for nothing."""
        return now - self.since > TRICKLE_GRACE and self.spool.size < rate * (now - self.since)


class Selected(msgspec.Struct):
    """The selected mailbox: the truth shared with other sessions, and the view of this client."""

    state: MailboxState
    view: MailboxView


class Session:
    """The state between commands, small enough to keep thousands."""

    __slots__ = (
        "_lines",
        "_octets",
        "_over",
        "_stop",
        "_turn_due",
        "account",
        "connection",
        "credential",
        "front",
        "idle_tag",
        "leaving",
        "live",
        "outcome",
        "peer",
        "selected",
        "tag",
    )

    def __init__(self, front: Front, connection: "Connection", peer: Peer) -> None:
        self.front = front
        self.connection = connection
        self.peer = peer
        self.account: Account | None = None
        self.credential = 0
        self.selected: Selected | None = None
        self.idle_tag: str | None = None
        """The tag of the IDLE under way, answered at DONE."""
        self.leaving: bytes | None = None
        """Set when the session ends with the running command's answer: the BYE that follows it, or nothing."""
        self.tag = "*"
        """The tag of the command that runs."""
        self.outcome = "lost"
        """How it ends, as the record names it."""
        self.live = front.sessions.open(
            front.new_id(), "imaps" if connection.secure else "imap", peer, front.now(), self.kick
        )
        """Its row in the list of live sessions, of all protocols."""
        self._lines: list[bytes] = []
        self._octets = 0
        self._stop: Callable[[], None] | None = None
        self._turn_due = False
        self._over = False

    # Who it is.

    @property
    def state(self) -> int:
        """NOT_AUTHENTICATED, AUTHENTICATED or SELECTED."""
        if self.account is None:
            return NOT_AUTHENTICATED
        return AUTHENTICATED if self.selected is None else SELECTED

    @property
    def authenticated(self) -> bool:
        """Whether somebody has logged in."""
        return self.account is not None

    @property
    def owner(self) -> Account:
        """Who has logged in; only for commands that the dispatch table allows after login."""
        if self.account is None:
            raise no("Log in first")
        return self.account

    @property
    def login_allowed(self) -> bool:
        """Whether a password may be sent: under TLS, or from a network that is trusted (RFC 3501 §6.2.3)."""
        return self.connection.secure or self.front.cleartext_allowed(self.peer.address)

    def capability(self) -> str:
        """The capabilities in this state (RFC 3501 §7.2.1)."""
        if self.authenticated:
            return AFTER_LOGIN
        offers = [BEFORE_LOGIN]
        if not self.connection.secure and self.front.tls is not None:
            offers.append("STARTTLS")
        offers.append("AUTH=PLAIN" if self.login_allowed else "LOGINDISABLED")
        return " ".join(offers)

    def greeting(self) -> bytes:
        """The first line (RFC 3501 §7.1.1)."""
        return Status("OK", f"{self.front.hostname} ready", f"CAPABILITY {self.capability()}").line()

    def secured(self, transport: asyncio.BaseTransport) -> None:
        """Keep what protects the connection, if anything does."""
        cipher = transport.get_extra_info("cipher")
        if cipher is not None:
            self.live.secured(cipher[1], cipher[0])

    def admit(self, login: Login) -> None:
        """Somebody has logged in: from now on the account's feed can end the session."""
        self.leaving = None  # not even if its time to log in ran out meanwhile
        self.account = login.account
        self.credential = login.credential
        _log.info("signed in", account=login.account.address, peer=self.peer.address, tls=self.connection.secure)
        self.live.signed_in(login.account.id, login.account.address, login.credential)
        self._stop = watch(self.front.store, login, self._revoked, self._account_changed)
        self.front.note(self.live, "", None)

    def _account_changed(self, account: Account) -> None:
        self.account = account

    def _revoked(self, why: str) -> None:
        """The account is gone or suspended, or its credential no longer opens it: BYE at once."""
        self.connection.close(Status("BYE", f"Session ended: {why}", "UNAVAILABLE").line(), "revoked")

    def kick(self) -> None:
        """End it at once; an answer under way stops where it is (RFC 3501 §7.1.5)."""
        self.connection.close(Status("BYE", "Session ended by the administrator", "UNAVAILABLE").line(), "kicked")

    # What the client is told.

    def tell(self, line: bytes) -> None:
        """Send an untagged response, or a piece of one, with the next write."""
        self._lines.append(line)
        self._octets += len(line)
        if self._octets >= WRITE_AT_ONCE:
            self.flush()

    def flush(self, last: bytes = b"") -> None:
        """Write what was told, and `last` behind it, as one piece."""
        if self._lines:
            self._lines.append(last)
            last, self._lines = b"".join(self._lines), []
            self._octets = 0
        if last:
            self.connection.write(last)

    async def pace(self) -> None:
        """Between two pieces of a long answer: wait for a client that reads slowly, and let others have their turn.

        Raises ConnectionResetError when the client is gone.
        """
        await self.connection.drain()
        await asyncio.sleep(0)

    def announce(self, *, expunge: bool, uid: bool = False) -> None:
        """Tell what has changed in the selected mailbox; removals only where the command allows it."""
        selected = self.selected
        if selected is None:
            return
        selected.state.refresh()
        if selected.state.info is None:
            # RFC 2180 §3.3: the mailbox was deleted under this session
            self.leaving = Status("BYE", "The selected mailbox was deleted").line()
            return
        self._lines.extend(selected.view.drain(expunge, uid=uid))

    # The selected mailbox.

    @property
    def chosen(self) -> Selected:
        """The selected mailbox; only for commands that the dispatch table allows with one."""
        if self.selected is None:
            raise no("Select a mailbox first")
        return self.selected

    @property
    def writable(self) -> Selected:
        """The selected mailbox, to change it. Raises ImapError NO after EXAMINE (RFC 3501 §6.3.2)."""
        selected = self.chosen
        if selected.view.read_only:
            raise no("The mailbox is open read-only")
        return selected

    def select(self, state: MailboxState, *, read_only: bool) -> Selected:
        """Open a mailbox; the one before was closed by `unselect`."""
        self.selected = Selected(state, state.open(self._woken, read_only=read_only))
        return self.selected

    def unselect(self) -> None:
        """Leave the selected mailbox, if there is one, without touching its messages."""
        selected, self.selected = self.selected, None
        if selected is not None:
            selected.state.close(selected.view)
            if selected.state.recent_unsaved:
                self.front.background(selected.state.save_recent())

    def end(self) -> None:
        """The last word is said, or the connection gone; twice does no harm."""
        if self._over:
            return
        self._over = True
        self.idle_tag = None
        self.unselect()
        self.front.sessions.close(self.live)
        if self.account is not None:
            self.front.note(self.live, self.outcome, self.front.now())
        elif self.outcome not in _COMMON:
            _log.info("stranger sent away", peer=self.peer.address, protocol=self.live.protocol, outcome=self.outcome)
        if self._stop is not None:
            self._stop()
            self._stop = None

    # IDLE (RFC 2177 §3).

    def _woken(self) -> None:
        """The feed has news: an idling client hears of all that a turn of the loop brings at once."""
        if self.idle_tag is not None and not self._turn_due:
            self._turn_due = True
            asyncio.get_running_loop().call_soon(self.idle_turn)

    def idle_turn(self) -> None:
        """Tell an idling client what is new, unless it is still reading what it was told before."""
        self._turn_due = False
        if self.idle_tag is None or self.connection.congested:
            return
        self.announce(expunge=True)
        self.flush()
        if self.leaving is not None:
            self.connection.close(self.leaving)


_REFUSALS: tuple[tuple[type[Exception], str, str], ...] = (
    (StoreBusy, "Busy, try again later", "UNAVAILABLE"),
    (StoreFull, "No room on disk", "UNAVAILABLE"),
    (StoreTimeout, "That took too long", "LIMIT"),
    (OverQuota, "No room left in the mailbox", "OVERQUOTA"),
    (StoreBroken, "The disk has failed", "UNAVAILABLE"),
    (RenderError, "The message could not be taken in, try again", "UNAVAILABLE"),
)
"""What an error means to a client (RFC 5530 §3); Conflict and NotFound bring their own words."""


def refusal_of(session: Session, error: Exception, command: str) -> Status:
    """The answer to a command that ended with this error: what the client may know; the log gets the rest."""
    for kind, text, code in _REFUSALS:
        if isinstance(error, kind):
            return Status("NO", text, code)
    if isinstance(error, Conflict):
        return Status("NO", str(error), "CANNOT")
    if isinstance(error, NotFound):
        return Status("NO", str(error), "NONEXISTENT")
    trace = id_text(session.front.new_id())
    account = session.account.address if session.account else None
    _log.error("command failed", trace=trace, command=command, account=account, exc_info=error)
    return Status("NO", f"Internal error {trace}", "SERVERBUG")
