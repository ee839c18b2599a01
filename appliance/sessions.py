"""The sessions that are live now, of every protocol: what `appliance sessions` lists, and the way to end one.

A front opens an entry when it lets a peer in and closes it when the peer is gone; in between it sets attributes
and adds octets. Nothing here looks at a socket or a clock. For the event loop only.
"""

from collections.abc import Callable, Iterator

from appliance.mail.envelope import Peer

PROTOCOLS = ("smtp", "submission", "submissions", "imap", "imaps")
MAX_CLIENT = 200
"""Characters of what a client says of itself that are kept."""


class LiveSession:
    """One session: facts that its front keeps up to date."""

    __slots__ = (
        "account",
        "account_id",
        "client",
        "credential",
        "end",
        "id",
        "peer",
        "protocol",
        "received",
        "sent",
        "since",
        "tls_cipher",
        "tls_version",
    )

    def __init__(self, id: int, protocol: str, peer: Peer, since: int, end: Callable[[], None]) -> None:
        self.id = id
        self.protocol = protocol
        """One of PROTOCOLS."""
        self.peer = peer
        self.since = since
        """When it began, UTC microseconds."""
        self.end = end
        """Ends it with the protocol's own goodbye: BYE, or 421."""
        self.account = ""
        """Address of who has signed in, "" before."""
        self.account_id = 0
        self.credential = 0
        self.client = ""
        """What the client says of itself (RFC 2971), or the name it greeted with; set it by `introduce`."""
        self.tls_version = ""
        self.tls_cipher = ""
        self.received = 0
        """Octets from the peer (inside TLS where there is TLS)."""
        self.sent = 0

    def introduce(self, client: str) -> None:
        """Keep what the peer says of itself, cut and without anything that could steer a terminal."""
        cut = client[:MAX_CLIENT]
        self.client = cut if cut.isprintable() else "".join(c if c.isprintable() else "?" for c in cut)

    def secured(self, version: str, cipher: str) -> None:
        """TLS protects it from now on."""
        self.tls_version, self.tls_cipher = version, cipher

    def signed_in(self, account: int, address: str, credential: int) -> None:
        """Somebody has signed in."""
        self.account_id, self.account, self.credential = account, address, credential


class Sessions:
    """All live sessions of the daemon, the oldest first."""

    def __init__(self) -> None:
        self._live: dict[int, LiveSession] = {}

    def __len__(self) -> int:
        return len(self._live)

    def __iter__(self) -> Iterator[LiveSession]:
        return iter(tuple(self._live.values()))

    def open(self, id: int, protocol: str, peer: Peer, since: int, end: Callable[[], None]) -> LiveSession:
        """A session has begun. `end` is called at most from the loop, and may be called more than once."""
        live = LiveSession(id, protocol, peer, since, end)
        self._live[id] = live
        return live

    def close(self, live: LiveSession) -> None:
        """It is over; twice does no harm."""
        self._live.pop(live.id, None)

    def find(self, *, account: str | None = None, protocol: str | None = None) -> list[LiveSession]:
        """Those of an account's address (as it is stored) and of a protocol; all where neither is given."""
        return [
            live
            for live in self._live.values()
            if (account is None or live.account == account) and (protocol is None or live.protocol == protocol)
        ]

    def get(self, id: int) -> LiveSession | None:
        """One that is live."""
        return self._live.get(id)

    def end(self, id: int) -> LiveSession | None:
        """End one with its protocol's goodbye; what it was, or None where no such session is live."""
        live = self._live.get(id)
        if live is not None:
            live.end()
        return live
