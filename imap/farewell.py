"""The end of a connection after our last word: what the client still sends is heard and dropped for a moment.

To close with unread input would reset the connection, and the client could lose what was said last: the BYE.
"""

import asyncio
from collections.abc import Callable

MAX_HEARD = 64 * 1024 * 1024
"""Octets that are heard after our last word; a client that sends more does not listen."""


class Farewell:
    """Closes `transport`: our half at once, the rest when the client closes its own, or after so many seconds.

    An answer that the client has not read yet is waited for: `patience`, given the seconds of it so far, tells how many
    are left.
    """

    __slots__ = ("_began", "_heard", "_patience", "_seconds", "_timer", "_transport")

    def __init__(self, transport: asyncio.Transport, seconds: float, patience: Callable[[float], float]) -> None:
        self._transport = transport
        self._seconds = seconds
        self._patience = patience
        self._heard = 0
        self._began = asyncio.get_running_loop().time()
        self._timer: asyncio.TimerHandle | None = None
        if not transport.is_closing():  # else the client has closed, and may have answers to read
            _close_half(transport)
        self._wait()

    def heard(self, octets: int) -> None:
        """So much came that nobody reads."""
        self._heard += octets
        if self._heard > MAX_HEARD:
            self._transport.abort()

    def stop(self) -> None:
        """The connection is gone."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._seconds, self._look)

    def _look(self) -> None:
        unread = not self._transport.can_write_eof() or self._transport.get_write_buffer_size()
        if unread and self._patience(asyncio.get_running_loop().time() - self._began) > 0:
            self._wait()
        else:
            self._transport.abort()


def _close_half(transport: asyncio.Transport) -> None:
    if not transport.is_reading():
        transport.resume_reading()
    if transport.can_write_eof():
        transport.write_eof()
    else:
        transport.close()  # TLS has an exchange of its own for this, with a time-out
