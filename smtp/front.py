"""What all sessions of the SMTP listeners share, put together by the composition root."""

import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING

from appliance.connections import ConnectionCounter
from appliance.identity.login import Login, Logins
from appliance.identity.watch import watch
from appliance.mail.reply import Reply
from appliance.sessions import LiveSession, Sessions
from appliance.store.record import Recorder
from appliance.store.store import Store
from smtp import replies
from smtp.chronicle import Chronicle
from smtp.harvest import Harvest
from smtp.inbound.receiver import Receiver
from smtp.limits import SessionLimits
from smtp.record import REVOKED

_PROTOCOLS = {"smtp.submission": "submission", "smtp.submissions": "submissions"}
"""How sessions are listed, by the configuration key of their listener; all others are "smtp"."""

if TYPE_CHECKING:
    from smtp.wire.protocol import Connection


class Front:
    """The policy, the bounds and the live sessions of one set of listeners.

    `tls` is the context for STARTTLS, None where it is not offered; it may be replaced while the server runs.
    """

    def __init__(
        self,
        hostname: Callable[[], str],
        receiver: Receiver,
        limits: SessionLimits,
        connections: ConnectionCounter,
        recorder: Recorder,
        tls: ssl.SSLContext | None = None,
        live: Sessions | None = None,
        logins: Logins | None = None,
        store: Store | None = None,
        harvest: Harvest | None = None,
    ) -> None:
        self._hostname = hostname
        self.receiver = receiver
        self.limits = limits
        self.connections = connections
        self.chronicle = Chronicle(recorder, receiver.now, receiver.new_id)
        """Writes down what happens."""
        self.tls = tls
        self.live = Sessions() if live is None else live
        """Where the live ones are listed, with those of other protocols."""
        self.logins = logins
        """The door for our own users; None on an MX, where nobody signs in."""
        self.harvest = (
            Harvest(limits.unknown_recipients_slow, limits.unknown_recipients) if harvest is None else harvest
        )
        """Who guesses addresses, at any front that shares it."""
        self._store = store
        self._watched: dict[Connection, Callable[[], None]] = {}
        self.draining = False
        self.sessions: set[Connection] = set()

    def enter(self, connection: "Connection") -> LiveSession:
        """A session of a peer that was admitted has begun; gives its row in the list of live ones."""
        self.sessions.add(connection)
        facts = connection.facts
        protocol = _PROTOCOLS.get(facts.listener, "smtp")
        return self.live.open(facts.id, protocol, facts.peer, self.receiver.now(), connection.kick)

    @property
    def hostname(self) -> str:
        """This server's name now."""
        return self._hostname()

    @property
    def submission(self) -> bool:
        """Whether these listeners are for our own users, signed in inside TLS."""
        return self.logins is not None

    def implicit_tls(self, listener: str) -> bool:
        """Whether TLS comes first on that listener (RFC 8314 §3.3)."""
        return listener == "smtp.submissions"

    def signed_in(self, connection: "Connection", login: Login) -> None:
        """Somebody has signed in; ends the session when what opened it no longer would. In the turn of the login."""
        account = login.account
        connection.live.signed_in(account.id, account.address, login.credential)
        assert self._store is not None
        self._watched[connection] = watch(
            self._store, login, lambda why: connection.end_with(replies.revoked(why), REVOKED)
        )

    def admit(self, address: str) -> Reply | None:
        """Takes a place for a connection from that address; the reply that turns it away where there is none."""
        if self.draining:
            return replies.SHUTTING_DOWN
        match self.connections.admit(address):
            case "total":
                return replies.TOO_MANY_CONNECTIONS
            case "address":
                return replies.TRY_LATER
        return None

    def leave(self, connection: "Connection") -> None:
        """It is over: its place is free."""
        self.sessions.discard(connection)
        stop = self._watched.pop(connection, None)
        if stop is not None:
            stop()
        self.live.close(connection.live)
        self.connections.leave(connection.facts.peer.address)
