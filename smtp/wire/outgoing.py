"""What we say: replies that wait to be written, and whether the peer reads them."""

import asyncio
from functools import lru_cache

from appliance.mail.reply import Reply
from appliance.sessions import LiveSession


class Outgoing:
    """The sending end of one connection. The replies to a pipelined group leave in one write (RFC 2920 §3.2)."""

    def __init__(self, live: LiveSession) -> None:
        self._live = live
        self._replies: list[bytes] = []
        self._may_write = asyncio.Event()
        self._may_write.set()

    def add(self, reply: Reply) -> tuple[str, ...]:
        """Puts a reply behind those that wait to be written; gives its lines."""
        wire, lines = _written(reply)
        self._replies.append(wire)
        return lines

    def write(self, transport: asyncio.Transport | None) -> None:
        """Hands over what waits, in one piece; it is dropped where the connection ends (None)."""
        if self._replies and transport is not None and not transport.is_closing():
            said = b"".join(self._replies)
            transport.write(said)
            self._live.sent += len(said)
        self._replies.clear()

    @property
    def held(self) -> bool:
        """Whether the peer leaves so much unread that it has to be waited for."""
        return not self._may_write.is_set()

    def hold(self) -> None:
        """The transport's buffer is full."""
        self._may_write.clear()

    def release(self) -> None:
        """The peer reads again, or is gone."""
        self._may_write.set()

    async def read(self) -> None:
        """Returns once the peer has read enough, or is gone."""
        await self._may_write.wait()


@lru_cache(maxsize=256)
def _written(reply: Reply) -> tuple[bytes, tuple[str, ...]]:
    """Most replies are the same few."""
    wire = reply.wire()
    return wire, tuple(wire.decode("ascii").splitlines())
