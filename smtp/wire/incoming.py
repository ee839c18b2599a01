"""Bytes a peer has sent that no one has read yet: whole lines for commands, all there is for DATA.

Bounded: beyond HIGH_WATER unread bytes the transport is paused until they are read.
"""

import asyncio

from appliance.mail.reply import Reply
from smtp import replies
from smtp.limits import RESYNC

HIGH_WATER = 65_536
"""Unread bytes beyond which the peer has to wait (TCP holds it back)."""


LINE = 512
"""Octets of a command line (RFC 5321 §4.5.3.1.4)."""


class LineError(Exception):
    """What came is no command line: `reply` is what the peer hears of it, `what` goes on record, and so may `line`."""

    def __init__(self, reply: Reply, what: str, line: bytes = b"") -> None:
        super().__init__(what)
        self.reply = reply
        self.what = what
        self.line = line


class Incoming:
    """The receiving end of one connection. `ended`: nothing more will come."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._data = b""
        self._at = 0  # lines are not cut off one by one: a chunk of short ones would be copied over and over
        self._skipped = 0
        self._waiter: asyncio.Future[None] | None = None
        self._unseen = False  # bytes came after the last look for some, while nobody waited
        self._line = 0  # the bound of the line that is waited for, 0 where anything will do
        self._paused = False
        self._discarding = False
        self.ended = False

    def attach(self, transport: asyncio.Transport) -> None:
        """Read from `transport` from now on (a new one after STARTTLS)."""
        self._transport = transport

    def feed(self, data: bytes) -> None:
        """The transport's bytes, as they come."""
        if self._discarding:
            return
        self._data = self._unread() + data if self.pending else bytes(data)
        self._at, self._unseen = 0, True
        if len(self._data) > HIGH_WATER and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()
        # Who drips a line costs a turn of the session's task for the whole of it, not for each octet.
        if not self._line or b"\n" in data or len(self._data) > self._line or self.is_binary:
            self.wake()

    def end(self) -> None:
        """The peer will send nothing more."""
        self.ended = True
        self.wake()

    def stop(self) -> None:
        """Listen no longer: what is unread and what may still come is thrown away, so that the peer can finish."""
        self._discarding = True
        self._data, self._at = b"", 0
        self._resume()
        self.end()

    def wake(self) -> None:
        """Let `wait` return, so that its caller looks again."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    @property
    def pending(self) -> bool:
        """Whether there are unread bytes."""
        return self._at < len(self._data)

    @property
    def is_binary(self) -> bool:
        """Whether the next byte is one that no command starts with: a TLS handshake (RFC 8446 §5.1), or 8-bit."""
        return self.pending and (self._data[self._at] == 0x16 or self._data[self._at] >= 0x80)

    @property
    def first_line(self) -> bytes:
        """What is unread, up to the first line's end, and not more than a line of SMTP may have."""
        return self._data[self._at : self._at + LINE].partition(b"\n")[0].removesuffix(b"\r")

    async def wait(self, line: int = 0) -> None:
        """Returns when something has changed: more bytes, the end, or `wake`.

        With `line`, the limit with which `take_line` has just found nothing, more bytes count only once they end the
        line, go beyond the limit, or begin with what is no command.
        """
        if self.ended or self._unseen:
            return
        self._waiter, self._line = self._loop.create_future(), line
        try:
            await self._waiter
        finally:
            self._waiter, self._line = None, 0

    def take_line(self, limit: int) -> bytes | None:
        """The next line without its CRLF, None while it is incomplete. `limit` counts its CRLF (RFC 5321 §4.5.3.1.4).

        Raises LineError for a line that is longer, once, when it has passed, and for one that a bare LF would end.
        """
        self._unseen = False
        while True:
            at = self._data.find(b"\r\n" if self._skipped else b"\n", self._at)
            if at < 0:
                if len(self._data) - self._at > limit:
                    self._skip(len(self._data))
                return None
            end = at + 2 if self._skipped else at + 1
            if self._skipped or end - self._at <= limit or self._data.endswith(b"\r\n", self._at, end):
                break
            self._skip(end)  # a bare LF ends no line, neither one that is too long
        line = self._data[self._at : end]
        self._at = end
        self._resume()
        if self._skipped or len(line) > limit:
            passed, self._skipped = self._skipped + len(line), 0
            reply = replies.LINE_FAR_TOO_LONG if passed > RESYNC else replies.LINE_TOO_LONG
            raise LineError(reply, f"a line of {passed} bytes")
        if line[-2:] != b"\r\n":
            # RFC 5321 §2.3.8: only CRLF ends a line. What follows may have been smuggled in, so it is not read.
            raise LineError(replies.BARE_LINE_END, "a line that ends with a bare LF", line[:-1])
        return line[:-2]

    def take_all(self) -> bytes:
        """All unread bytes."""
        data, self._unseen = self._unread(), False
        self._data, self._at = b"", 0
        self._resume()
        return data

    def put_back(self, data: bytes) -> None:
        """Bytes that were taken and belong to the next command."""
        self._data, self._at = data + self._unread(), 0

    def _unread(self) -> bytes:
        return self._data[self._at :]

    def _skip(self, end: int) -> None:
        """Drops what lies before `end` but for its last octet, which may be the CR of the CRLF that ends the line."""
        self._skipped += end - 1 - self._at
        self._at = end - 1
        self._data, self._at = self._unread(), 0
        self._resume()
        if self._skipped > RESYNC:
            raise LineError(replies.LINE_FAR_TOO_LONG, f"a line of more than {RESYNC} bytes")

    def _resume(self) -> None:
        if self._paused and len(self._data) - self._at <= HIGH_WATER and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()
