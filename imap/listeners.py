"""The ports of IMAP: 143 with STARTTLS, and 993 inside TLS (RFC 8314 §3.2).

Sockets are bound first and served later, so that a taken port stops the start before anything has happened.
"""

import asyncio
import socket
import ssl
from collections.abc import Iterable
from typing import Any

import structlog

from appliance.sockets import Door
from imap.connection import HANDSHAKE_SECONDS, Connection
from imap.front import Front, peer_address
from imap.wire.status import Status

SHUTDOWN_SECONDS = 10.0
"""How long a client may take to answer close_notify."""

_GOODBYE = Status("BYE", "The server is going down", "UNAVAILABLE").line()
_log = structlog.get_logger("imap")


class ImapListeners:
    """All listeners of IMAP and the connections they have made."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._doors: list[ImapDoor] = []

    async def start(
        self, imap: Iterable[socket.socket], imaps: Iterable[socket.socket], context: ssl.SSLContext
    ) -> None:
        """Serve bound sockets: `imap` in clear with STARTTLS, `imaps` with TLS from the first octet."""
        self._front.tls = context
        for sockets, first in ((imap, None), (imaps, context)):
            for bound in sockets:
                door = ImapDoor(self._front, bound, first)
                door.open()
                self._doors.append(door)

    async def drain(self, seconds: float) -> None:
        """Take no more connections, say BYE on all, and cut what is left after so many seconds."""
        for door in self._doors:
            door.close()
        self._doors.clear()
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


class ImapDoor:
    """Accepts connections; with a context they begin with the handshake (RFC 8314 §3.2).

    It counts a connection before the handshake: one that never ends its handshake takes a place like any other.
    """

    def __init__(self, front: Front, bound: socket.socket, context: ssl.SSLContext | None) -> None:
        self._front = front
        self._door = Door(bound, self._take)
        self._context = context
        self._opening: set[asyncio.Task[None]] = set()

    def open(self) -> None:
        """Begin to accept."""
        self._door.open()

    def close(self) -> None:
        """Accept no more, and give up what is being opened."""
        self._door.close()
        for task in self._opening:
            task.cancel()

    def _take(self, accepted: socket.socket, address: tuple[Any, ...]) -> None:
        connection = Connection(self._front, secure=self._context is not None)
        # In clear there is a word for those who have no place: the connection says it.
        if not self._front.enter(connection, peer_address(address)) and self._context is not None:
            accepted.close()
            return
        task = asyncio.get_running_loop().create_task(self._open(connection, accepted))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _open(self, connection: Connection, accepted: socket.socket) -> None:
        secure = self._context is not None
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: connection,
                accepted,
                ssl=self._context,
                ssl_handshake_timeout=self._front.hurried(HANDSHAKE_SECONDS) if secure else None,
                ssl_shutdown_timeout=SHUTDOWN_SECONDS if secure else None,
            )
        except (OSError, TimeoutError) as error:
            _log.debug("no TLS", error=str(error))
        finally:
            if connection.session is None:
                self._front.leave(connection)
            if connection.transport is None:
                accepted.close()
