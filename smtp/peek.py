"""Looks at the first octets of an accepted connection without taking them, so that whoever comes next reads them."""

import asyncio
import socket
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
MAX_PIECES = 128
"""Packets in which what is waited for may come; from an honest peer it comes in one to three."""


class NotSeen(ConnectionError):
    """What was waited for did not come: the peer left, or sent something too long or in too many pieces."""


async def peek(accepted: socket.socket, limit: int, read: Callable[[bytes], T | None]) -> T:
    """What `read` finds in the first octets, at most `limit`; it gives None while it needs more.

    Raises NotSeen, and whatever `read` raises. The caller bounds the time.
    """
    seen = 0
    try:
        for _ in range(MAX_PIECES):
            # Readable means: more than was seen, or the end.
            accepted.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, seen + 1)
            await _readable(accepted)
            data = accepted.recv(limit, socket.MSG_PEEK)
            found = read(data)
            if found is not None:
                return found
            if len(data) <= seen:
                raise NotSeen("connection lost")
            seen = len(data)
            if seen == limit:
                break
        raise NotSeen("too long, or in too many pieces")
    finally:
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)


async def _readable(accepted: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    loop.add_reader(accepted, _settle, ready)
    try:
        await ready
    finally:
        loop.remove_reader(accepted)


def _settle(ready: "asyncio.Future[None]") -> None:
    if not ready.done():
        ready.set_result(None)
