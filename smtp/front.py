"""What all sessions of the SMTP listeners share, put together by the composition root."""

import ssl
from typing import TYPE_CHECKING

from appliance.connections import ConnectionCounter
from smtp.inbound.receiver import Receiver
from smtp.limits import SessionLimits

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
    ) -> None:
        self.hostname = hostname
        self.receiver = receiver
        self.limits = limits
        self.connections = connections
        self.tls = tls
        self.draining = False
        self.sessions: set[Connection] = set()
