"""What comes inside a command: its literals, judged before their first octet, and the message of an APPEND on its way.

It asks nothing and answers nothing itself: the connection writes, and ends what is beyond all bounds.
"""

import asyncio
from collections.abc import Awaitable

from imap.dispatch import judge_literal
from imap.framing import Announced, Chunk, Framer
from imap.session import Session, Upload, refusal_of
from imap.wire.status import ImapError

MAX_DROPPED = 1 << 30
"""Octets of a refused literal that are read and dropped; a client that sends more is not listened to."""


class TooBig(Exception):
    """A refused literal that comes all the same, and is not worth reading to its end."""


class Intake:
    """The literals of the command that a framer is reading."""

    __slots__ = ("_framer", "_refusal", "upload")

    def __init__(self, framer: Framer) -> None:
        self._framer = framer
        self._refusal: ImapError | None = None
        self.upload: Upload | None = None
        """The message under way."""

    def judge(self, session: Session, event: Announced) -> ImapError | None:
        """Decide upon a literal before its first octet is asked for (RFC 7888 §3); the refusal that is due at once.

        One that is refused and comes unasked is read to its end, then `refusal` has the answer. Raises TooBig.
        """
        literal = event.literal
        try:
            upload = judge_literal(session, event.parts, literal, self._framer.octets)
        except Exception as error:
            refusal = error if isinstance(error, ImapError) else ImapError(refusal_of(session, error, "literal"))
            self.drop()
            if not literal.sync and literal.size > MAX_DROPPED:
                raise TooBig from error
            if self._framer.refuse(literal):
                return refusal
            self._refusal = refusal
            return None
        if upload is None:
            self._framer.take(literal)
        else:
            self.upload, upload.since = upload, asyncio.get_running_loop().time()
            self._framer.stream(literal, upload)
        return None

    def spool(self, session: Session, chunk: Chunk) -> Awaitable[str] | None:
        """Put a piece of the message away; an awaitable when the disk has to be waited for."""
        assert self.upload is not None
        try:
            waiting = self.upload.spool.feed(chunk.data)
        except Exception as error:
            self._failed(session, error)
            return None
        return None if waiting is None else self._spooled(session, waiting)

    async def _spooled(self, session: Session, waiting: Awaitable[None]) -> str:
        try:
            await waiting
        except Exception as error:
            self._failed(session, error)
        return "OK"

    def _failed(self, session: Session, error: Exception) -> None:
        """Give up the APPEND under way: the rest of it is read and dropped, then it is answered."""
        if self.upload is None:
            return  # the client is gone, and its message with it
        self._refusal = ImapError(refusal_of(session, error, "APPEND"), self.upload.tag)
        self.drop()
        self._framer.abort_stream()

    def take(self) -> Upload | None:
        """The message, for the command that is complete now."""
        upload, self.upload = self.upload, None
        return upload

    def refusal(self) -> ImapError | None:
        """The answer to a command whose literal was refused and has been read to its end, once."""
        refusal, self._refusal = self._refusal, None
        return refusal

    def drop(self) -> None:
        """Forget the message under way; nothing of it stays."""
        upload = self.take()
        if upload is not None:
            upload.spool.abandon()
