"""The ports of IMAP: 143 with STARTTLS, and 993 inside TLS (RFC 8314 §3.2).

Sockets are bound first and served later, so that a taken port stops the start before anything has happened.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterable

import structlog

from imap.connection import Connection
from imap.front import Front
from imap.memory import keep_large_blocks_apart
from imap.wire.status import Status

BACKLOG = 1024
HANDSHAKE_SECONDS = 30.0
SHUTDOWN_SECONDS = 10.0
"""How long a client may take to answer close_notify."""

_GOODBYE = Status("BYE", "The server is going down", "UNAVAILABLE").line()
_log = structlog.get_logger("imap")


class ImapListeners:
    """All listeners of IMAP and the connections they have made."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._servers: list[asyncio.Server] = []

    async def start(
        self, imap: Iterable[socket.socket], imaps: Iterable[socket.socket], context: ssl.SSLContext
    ) -> None:
        """Serve bound sockets: `imap` in clear with STARTTLS, `imaps` with TLS from the first octet."""
        keep_large_blocks_apart()
        loop = asyncio.get_running_loop()
        self._front.tls = context
        for bound in imap:
            self._servers.append(await loop.create_server(self._maker(secure=False), sock=bound, backlog=BACKLOG))
        for bound in imaps:
            server = await loop.create_server(
                self._maker(secure=True),
                sock=bound,
                backlog=BACKLOG,
                ssl=context,
                ssl_handshake_timeout=HANDSHAKE_SECONDS,
                ssl_shutdown_timeout=SHUTDOWN_SECONDS,
            )
            self._servers.append(server)

    def _maker(self, *, secure: bool) -> Callable[[], Connection]:
        front = self._front
        return lambda: Connection(front, secure=secure)

    async def drain(self, seconds: float) -> None:
        """Take no more connections, say BYE on all, and cut what is left after so many seconds."""
        for server in self._servers:
            server.close()
        self._servers.clear()
        gone = self._front.stop()
        for connection in self._front.connections():
            connection.shut_down(_GOODBYE)
        try:
            await asyncio.wait_for(gone.wait(), seconds)
        except TimeoutError:
            left = self._front.connections()
            _log.warning("connections cut", count=len(left))
            for connection in left:
                connection.abort()
        self._front.close()


def bind(listeners: Iterable[str], key: str) -> list[socket.socket]:
    """Bound sockets for `address:port` texts; `key` is the setting's name, for the error.

    Raises ValueError naming the listener and why it cannot be bound.
    """
    bound: list[socket.socket] = []
    try:
        for listener in listeners:
            bound.append(_bind(listener, key))
    except ValueError:
        for one in bound:
            one.close()
        raise
    return bound


def _bind(listener: str, key: str) -> socket.socket:
    host, _, port = listener.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    one = socket.socket(family, socket.SOCK_STREAM)
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.setblocking(False)
        one.bind((host, int(port)))
    except (OSError, ValueError, OverflowError) as error:
        one.close()
        raise ValueError(f"{key}: cannot listen on {listener}: {getattr(error, 'strerror', None) or error}") from None
    return one
