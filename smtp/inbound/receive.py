"""The story after DATA: from the bytes a peer sent to the reply that promises them, or says why not.

1. the header block is looked at: its limits, the hop count (RFC 5321 §6.3), our own Delivered-To;
2. Received is put on top (RFC 5321 §4.4), no other byte is touched;
3. what IMAP will need is rendered once;
4. the plan for all recipients is stored in one transaction;
5. only then 250: the message is on the disk, with its UIDs.
"""

import hashlib
import math
import re
from collections.abc import Awaitable, Callable, Sequence

import msgspec
import structlog

from appliance.ids import id_text
from appliance.mail.delivery import Content, ToMailboxes
from appliance.mail.encoded_words import decode_words
from appliance.mail.envelope import Envelope, RcptTo, SessionFacts
from appliance.mail.header import header_limits, raw_fields, split_message, unfold
from appliance.mail.headline import Headline, headline
from appliance.mail.reply import Reply
from appliance.mail.session_record import MessageRecord
from appliance.mail.structure import Rendition
from appliance.mail.trace_headers import received
from appliance.rendering import RenderError
from appliance.sending.planning import plan
from appliance.store.accept import Acceptor
from appliance.store.errors import StoreBroken, StoreBusy, StoreCrowded, StoreError, StoreFull
from appliance.store.spool import Spool
from smtp import replies
from smtp.record import SessionTrace

Routes = Sequence[tuple[RcptTo, ToMailboxes]]
Render = Callable[[Content], Awaitable[Rendition]]
_log = structlog.get_logger("smtp")


class Intake(msgspec.Struct, frozen=True):
    """What the story needs of the house."""

    hostname: Callable[[], str]
    """This server's name now."""
    acceptor: Acceptor
    render: Render
    now: Callable[[], int]
    max_received: int
    max_header_bytes: int
    max_header_fields: int


class Arrival:
    """One message on its way in. `unconfirmed` is its key once it is stored, until its 250 is known to have arrived."""

    def __init__(self, intake: Intake, session: SessionFacts, envelope: Envelope, routes: Routes, spool: Spool) -> None:
        self._intake = intake
        self._session = session
        self._envelope = envelope
        self._routes = routes
        self._spool = spool
        self.unconfirmed: bytes | None = None
        self.trace: SessionTrace | None = None
        """What goes on record; that of an accepted message is written with it, or neither is."""

    async def feed(self, content: bytes) -> Reply | None:
        """More of the message; a reply where it cannot be kept."""
        try:
            pending = self._spool.feed(content)
            if pending is not None:
                await pending
        except StoreError as error:
            return failure(error)
        return None

    async def finish(self) -> Reply:
        """The message is complete: the answer to it."""
        try:
            return await self._receive()
        except StoreError as error:
            return failure(error)
        except RenderError:
            _log.exception("message cannot be rendered", trace=id_text(self._envelope.trace))
            return replies.CANNOT_PROCESS

    def abandon(self) -> None:
        """Drops what is not stored; always safe."""
        self._spool.abandon()

    def refused(self, head: bytes) -> Reply | None:
        """Why a message that begins with `head` is refused, None when it is not."""
        return refused_header(head, self._intake, self._routes)

    def opened(self, head: bytes) -> tuple[bytes, int]:
        """What stands below Received in place of so many of the first octets of the message."""
        return b"", 0

    @property
    def headline(self) -> Headline:
        """What the message is known by, so far as its header has come."""
        return headline(split_message(self._spool.head_bytes)[0])

    def _record(self, rendition: Rendition, reply: Reply) -> MessageRecord | None:
        """What is stored with the message, `reply` in it as the last word."""
        if self.trace is None:
            return None
        return self.trace.accepted(self._session, self._intake.now(), reply, rendition.headline, self._spool.size)

    async def _receive(self) -> Reply:
        intake, spool = self._intake, self._spool
        refusal = self.refused(spool.head_bytes)
        if refusal is not None:
            return refusal
        trace = self._envelope.trace
        text = id_text(trace)
        head = received(self._session, self._envelope, intake.hostname(), intake.now(), text)
        digest = spool.digest
        completed, replaced = self.opened(spool.head_bytes)
        content = await spool.finish(head + completed, replaced)
        try:
            rendition = await intake.render(content)
            key = dedupe_key(self._session, self._envelope, rendition.message_id, digest)
            reply = replies.accepted(text)
            planned = plan(trace, self._envelope, self._routes, content, rendition, key)
            stored = await intake.acceptor.accept(
                msgspec.structs.replace(planned, record=self._record(rendition, reply))
            )
        finally:
            if content.path is not None:
                content.path.unlink(missing_ok=True)  # the store has taken the file over, unless something failed
        self.unconfirmed = key
        if self.trace is not None:
            self.trace.stored()
        return reply if stored == trace else replies.accepted(id_text(stored))


def failure(error: StoreError) -> Reply:
    """What the peer may know of a failure of the store; it will try again."""
    match error:
        case StoreCrowded():
            return replies.TOO_MUCH_IN_FLIGHT
        case StoreBusy():
            return replies.STORE_BUSY
        case StoreFull():
            return replies.DISK_FULL
        case StoreBroken():
            return replies.STORE_BROKEN
        case _:
            _log.error("message not stored", error=str(error))
            return replies.CANNOT_PROCESS


def refused_header(head: bytes, intake: Intake, routes: Routes) -> Reply | None:
    """Why a message that begins with `head` is refused, None when it is not."""
    if _harmless(head, intake):
        return None
    block = split_message(head)[0]
    why = header_limits(block, intake.max_header_bytes, intake.max_header_fields)
    if why is not None:
        return replies.header_refused(why)
    hops: list[bytes] = []
    copies: list[bytes] = []
    for name, value in raw_fields(block, 0, len(block)):
        match name.lower():
            case b"received":
                hops.append(value)
            case b"delivered-to" | b"downgraded-delivered-to":  # as clients see it where it is beyond ASCII
                copies.append(value)
    if len(hops) > intake.max_received > 0 or (copies and _came_back(hops, copies, intake.hostname(), routes)):
        return replies.ROUTING_LOOP
    return None


def _harmless(head: bytes, intake: Intake) -> bool:
    """Whether plain counts show that nothing can be refused: there are no more fields than lines."""
    folded = head.lower()
    return (
        len(head) <= (intake.max_header_bytes or math.inf)
        and head.count(b"\n") <= (intake.max_header_fields or math.inf)
        and folded.count(b"received") <= (intake.max_received or math.inf)
        and b"delivered-to" not in folded
    )


def _came_back(hops: list[bytes], copies: list[bytes], hostname: str, routes: Routes) -> bool:
    """Whether we delivered this very message to all of its recipients before.

    Another server's Delivered-To may name the same address (the old host of a domain that moves here), so one counts
    as ours only below a Received of ours. With some recipients new to it, the message is no loop for them, and the
    hop count ends it for the others.
    """
    ours = re.compile(rb"\bby\s+" + re.escape(hostname.encode("ascii")) + rb"[\s;]", re.IGNORECASE)
    if not any(ours.search(hop) for hop in hops):
        return False
    seen = {decode_words(unfold(copy)).lower() for copy in copies}
    return all(to.delivered_to.lower() in seen for _, to in routes)


def dedupe_key(session: SessionFacts, envelope: Envelope, message_id: str, digest: bytes) -> bytes:
    """What makes a repeated message the same one: client, envelope, Message-ID and the bytes received."""
    # RFC 1047: a client that lost our reply sends all of it again.
    parts = [
        session.peer.address,
        envelope.mail_from.path,
        *(rcpt.path for rcpt in envelope.rcpt_to),
        message_id,
    ]
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogateescape") + b"\n\n" + digest).digest()
