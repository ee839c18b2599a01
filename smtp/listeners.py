"""The ports of SMTP: served from sockets that are bound already, drained when the server stops."""

import asyncio
import socket
from collections.abc import Iterable

from smtp import replies
from smtp.front import Front
from smtp.limits import LINGER, TLS_HANDSHAKE, TLS_SHUTDOWN
from smtp.wire.protocol import Connection

BACKLOG = 1024
COMMIT_GRACE = 5.0
"""Seconds that a message whose text has ended may still take to be stored, once the time for draining is over."""


class SmtpListeners:
    """The listeners of one front and the sessions they have made."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._servers: list[asyncio.Server] = []

    async def start(self, listener: str, sockets: Iterable[socket.socket]) -> None:
        """Serve bound sockets; `listener` is the configuration key they come from, such as "smtp.mx"."""
        loop = asyncio.get_running_loop()
        secured = self._front.implicit_tls(listener)
        for bound in sockets:
            server = await loop.create_server(
                lambda: Connection(self._front, listener, loop),
                sock=bound,
                backlog=BACKLOG,
                ssl=self._front.tls if secured else None,
                ssl_handshake_timeout=TLS_HANDSHAKE if secured else None,
                ssl_shutdown_timeout=TLS_SHUTDOWN if secured else None,
            )
            self._servers.append(server)

    async def drain(self, seconds: float) -> None:
        """Take no more connections; end all sessions within about `seconds`.

        Those that wait for a command are told 421 at once. DATA that ends in time is stored and answered, the rest
        is told 421 and leaves nothing behind (RFC 5321 §3.8). A commit under way is never abandoned.
        """
        for server in self._servers:
            server.close()
        self._servers.clear()
        self._front.draining = True
        sessions = tuple(self._front.sessions)
        for session in sessions:
            session.drain()
        await _ended(sessions, seconds)
        for session in sessions:
            session.cut(replies.SHUTTING_DOWN)
        await _ended(sessions, COMMIT_GRACE)
        await _gone(sessions)


async def _ended(sessions: Iterable[Connection], seconds: float) -> None:
    tasks = [session.task() for session in sessions if not session.task().done()]
    if tasks:
        await asyncio.wait(tasks, timeout=seconds)


async def _gone(sessions: Iterable[Connection]) -> None:
    """Lets the last replies reach their peers, then drops what is left."""
    closing = [asyncio.ensure_future(session.closed()) for session in sessions]
    if closing:
        _, late = await asyncio.wait(closing, timeout=LINGER)
        for future in late:
            future.cancel()
    for session in sessions:
        session.abort()
