"""What all sessions of the SMTP listeners share, put together by the composition root."""

import ssl
from typing import TYPE_CHECKING

from appliance.connections import ConnectionCounter
from appliance.sessions import LiveSession, Sessions
from smtp.inbound.receiver import Receiver
from smtp.limits import SessionLimits

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
        hostname: str,
        receiver: Receiver,
        limits: SessionLimits,
        connections: ConnectionCounter,
        tls: ssl.SSLContext | None = None,
        live: Sessions | None = None,
    ) -> None:
        self.hostname = hostname
        self.receiver = receiver
        self.limits = limits
        self.connections = connections
        self.tls = tls
        self.live = Sessions() if live is None else live
        """Where the live ones are listed, with those of other protocols."""
        self.draining = False
        self.sessions: set[Connection] = set()

    def enter(self, connection: "Connection") -> LiveSession:
        """A session has begun; gives its row in the list of live ones."""
        self.sessions.add(connection)
        facts = connection.facts
        protocol = _PROTOCOLS.get(facts.listener, "smtp")
        return self.live.open(facts.id, protocol, facts.peer, self.receiver.now(), connection.kick)

    def leave(self, connection: "Connection", counted: str) -> None:
        """It is over: its place, counted for this address, is free."""
        self.sessions.discard(connection)
        self.live.close(connection.live)
        self.connections.leave(counted)
