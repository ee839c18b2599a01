"""One SMTP connection: aiosmtpd's protocol, with its command loop, its replies and its time-outs replaced by ours.

aiosmtpd keeps the life of the connection: `connection_made` makes its streams and session and starts the task
`_handle_client`. Ours is what meets the peer:

- commands come from `Incoming` and go through the table in `verbs`, never through reflection on method names;
- the replies to a pipelined group leave in one write (RFC 2920 §3.2);
- a session that is lost is not cancelled: a message that has been taken is stored to its end, and a command
  loop that finds its peer gone ends by itself;
- one timer a connection, moved lazily (`Deadline`): a command costs no timer.

A connection is made for a peer that has been admitted, before any handshake; its place is given back when it is gone.
"""

import asyncio
import contextlib
import math
import ssl
from collections.abc import Iterable
from typing import cast

import structlog
from aiosmtpd.smtp import SMTP

from appliance.ids import id_text
from appliance.mail.envelope import Peer, SessionFacts, TlsInfo
from appliance.mail.reply import Reply
from smtp import replies
from smtp.front import Front
from smtp.limits import LINGER, reached
from smtp.record import EARLY, KICKED, SHUTDOWN, TLS_FAILED, outcome_of
from smtp.wire.data_reader import DataScanner
from smtp.wire.deadline import Deadline
from smtp.wire.handshake import HandshakeFailed, upgrade
from smtp.wire.incoming import Incoming, LineError
from smtp.wire.obey import obey
from smtp.wire.outgoing import Outgoing
from smtp.wire.verbs import Transaction

YIELD_AFTER = 32
"""Pipelined commands after which other connections get their turn of the loop."""
MAX_SHOWN = 40
"""Octets that are shown of what is no SMTP."""
log = structlog.get_logger("smtp")


class _NoReflection:
    """aiosmtpd's constructor searches itself and its handler for methods by name: a fifth of a millisecond for each
    connection, and methods we never call. With nothing to list there is nothing to search."""

    def __dir__(self) -> Iterable[str]:
        return ()


_HANDLER = _NoReflection()
"""aiosmtpd wants a handler; ours has no hooks."""


class Connection(_NoReflection, SMTP):
    """One peer's session. `phase` is "command", "handshake" (of STARTTLS), "data" (text arrives), "busy" (a message is
    being stored) or "closing"."""

    transport: asyncio.Transport | None

    def __init__(self, front: Front, listener: str, peer: Peer, local: Peer) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(_HANDLER, hostname=front.hostname, loop=loop)
        self.front = front
        self.incoming = Incoming(loop)
        self.phase = "command"
        self.facts = SessionFacts(front.receiver.new_id(), listener, peer, local)
        self.now = front.chronicle.now
        self.trace = front.chronicle.begin(self.facts)
        """What goes on record."""
        self.live = front.enter(self)
        """Its row in the list of live sessions."""
        self.outgoing = Outgoing(self.live)
        self.transaction: Transaction | None = None
        self.unconfirmed: bytes | None = None
        """Key of the last accepted message, until the next command shows that its 250 arrived."""
        self.text: DataScanner | None = None
        """The text of a message while it comes."""
        self.unknown_recipients = 0
        self.reached_data = False
        self.started = loop.time()
        self.opening: asyncio.Task[None] | None = None
        """What makes the connection, a TLS handshake perhaps, until it is made."""
        self._errors = 0
        self._over = False  # the last reply is out: nothing more may be written
        self._ending: Reply | None = None  # the word with which it is to end, once it can
        self._unheard = False  # the peer may be sending still, and has to be heard out
        self._peer_ended = False
        self._commands = 0
        self._counted = True
        self._deadline = Deadline(loop, lambda: self.cut(replies.TIMEOUT), self._hurried)
        self._gone = asyncio.Event()

    # The life of the connection, as the transport tells it.

    def connection_made(self, made: asyncio.BaseTransport) -> None:
        # uvloop's transports are asyncio's in all but their class.
        transport = cast(asyncio.Transport, made)
        self._secured(transport)
        self.incoming.attach(transport)
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        self.incoming.feed(data)
        self.live.received += len(data)

    def eof_received(self) -> bool:
        self._peer_ended = True
        self.incoming.end()
        if not self._counted:
            return False  # gone
        # A peer may close its half and still read: what it sent before is answered. TLS has no half-closed state.
        return self.facts.tls is None and self.phase != "closing"

    def connection_lost(self, error: Exception | None) -> None:
        self.incoming.end()
        self.outgoing.release()
        self.leave()
        # Not aiosmtpd's own: that cancels the command loop, which may be waiting for a commit.
        asyncio.StreamReaderProtocol.connection_lost(self, error)
        self.transport = None

    def leave(self) -> None:
        """Gives the place back; safe to call twice (a failed TLS handshake never tells `connection_lost`)."""
        self._deadline.stop()
        self._gone.set()
        if self._counted:
            self._counted = False
            self.front.leave(self)

    def task(self) -> "asyncio.Task[None] | None":
        """The command loop, or what is to lead to it; it ends when the session does. None where neither came to be."""
        return self._handler_coroutine or self.opening

    # Replies.

    def send(self, reply: Reply) -> None:
        """Puts a reply behind those that wait to be written."""
        lines = self.outgoing.add(reply)
        if not self._over:
            self.trace.said(self.now(), reply, lines)

    async def flush(self) -> None:
        """Writes all replies at once; waits while the peer does not read them. Raises ConnectionError."""
        self._write()
        if self.outgoing.held:
            self.await_command()
            await self.outgoing.read()
        if self.transport is None:
            raise ConnectionResetError("the peer is gone")

    def pause_writing(self) -> None:
        self.outgoing.hold()

    def resume_writing(self) -> None:
        self.outgoing.release()

    def _write(self) -> None:
        self.outgoing.write(None if self._over else self.transport)

    # The command loop.

    async def _handle_client(self) -> None:
        try:
            if await self._greet():
                await self._converse()
        except HandshakeFailed as error:
            self._unsecured(str(error))
        except ConnectionError:
            pass  # the peer is gone, and with it the session; what it had not finished is dropped
        except Exception:
            log.exception("session failed", trace=id_text(self.facts.id), peer=self.facts.peer.address)
            self.send(replies.INTERNAL_ERROR)
            self._unheard = True
        finally:
            try:
                self.front.chronicle.end(self.facts, self.trace)
            finally:
                self.reset()
                self._farewell()

    async def _greet(self) -> bool:
        """The banner, after a while in which an honest peer is silent (RFC 5321 §4.3.1)."""
        incoming = self.incoming
        if self.front.limits.greet_delay:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.front.limits.greet_delay):
                    if not incoming.pending:
                        await incoming.wait()
        elif self.front.submission:
            await asyncio.sleep(0)  # nobody waits here, yet what has come by now came too early
        else:
            self.send(replies.banner(self.front.hostname))
            return True
        if incoming.pending:
            self.trace.outcome = EARLY
            self.trace.overheard(self.now(), incoming.first_line)
            self.send(replies.PROTOCOL_ERROR)
            self._unheard = True
        elif not incoming.ended:
            self.send(replies.banner(self.front.hostname))
            return True
        return False

    async def _converse(self) -> None:
        while True:
            if self._ending is not None or self.front.draining:
                self.send(self._ending or replies.SHUTTING_DOWN)
                return
            try:
                line = self._next_line()
            except LineError as error:
                if error.line:
                    self.trace.overheard(self.now(), error.line)
                self.trace.remark(self.now(), error.what)
                reply: Reply | None = self.count_error(error.reply)
            else:
                if line is None:
                    if self.incoming.ended:
                        return
                    await self.flush()
                    self.await_command()
                    await self.incoming.wait(self.front.limits.command_line)
                    continue
                reply = await obey(self, line)
            if reply is not None:
                self.send(reply)
                if self.trace.settle():
                    self.front.chronicle.keep(self.facts, self.trace)
                if reply.close:
                    self._unheard = reply is not replies.BYE
                    return
            await self._pause_between()

    def _next_line(self) -> bytes | None:
        if not self.facts.helo and self.incoming.is_binary:
            raise LineError(replies.NOT_SMTP, "no SMTP", self.incoming.first_line[:MAX_SHOWN])
        return self.incoming.take_line(self.front.limits.command_line)

    def count_error(self, reply: Reply) -> Reply:
        """One error more: `reply`, or the one that ends the session after too many."""
        self._errors += 1
        return replies.TOO_MANY_ERRORS if reached(self._errors, self.front.limits.errors) else reply

    async def _pause_between(self) -> None:
        """A peer that pipelines without end must not hold the loop, nor fill the memory with replies."""
        self._commands += 1
        if self._commands % YIELD_AFTER == 0:
            await self.flush()
            await asyncio.sleep(0)

    def text_over(self) -> None:
        """No more of the text comes: how much did goes on record."""
        text, self.text = self.text, None
        if text is not None:
            self.trace.body(self.now(), text.size, whole=text.ended)

    # STARTTLS.

    async def start_tls(self, context: ssl.SSLContext) -> None:
        """The handshake of RFC 3207 §4, and a session as new as after the banner. Raises ConnectionError."""
        assert self.transport is not None
        self.suspend_timeout()  # the handshake has a time-out of its own
        seconds = self.front.limits.handshake_wait(stress=self.front.connections.stressed)
        self.phase = "handshake"
        transport = await upgrade(self.loop, self.transport, self, context, seconds)
        self.phase = "command"
        self.transport = transport
        self.incoming.attach(transport)
        self.reset()  # RFC 3207 §4.2: nothing the peer said in the clear is remembered
        self._secured(transport)

    def _secured(self, transport: asyncio.Transport) -> None:
        """New facts, with what protects the connection, if anything does."""
        facts = self.facts
        if cipher := transport.get_extra_info("cipher"):
            self.live.secured(cipher[1], cipher[0])
            tls = TlsInfo(cipher[1], cipher[0])
            self.facts = SessionFacts(facts.id, facts.listener, facts.peer, facts.local, tls=tls)

    def _unsecured(self, why: str) -> None:
        """No TLS: there is nothing more to say to that peer."""
        if not self.trace.outcome:  # else it is we who ended it
            self.trace.tls_failure, self.trace.outcome = why, TLS_FAILED
        self.trace.remark(self.now(), f"TLS handshake failed: {why}")

    def never_made(self, why: str) -> None:
        """The connection did not come to be; `why` is what ended a TLS handshake, "" where we gave it up."""
        if why:
            self._unsecured(why)
        self.front.chronicle.end(self.facts, self.trace)
        self.leave()

    def reset(self) -> None:
        """Forgets the transaction (RFC 5321 §4.1.1.5)."""
        self.transaction = None
        self.trace.forgotten()
        self.front.receiver.over(self.facts)

    # Time.

    def await_command(self) -> None:
        """Sets the time-out for the next line."""
        now, limits = self.loop.time(), self.front.limits
        deadline = limits.command_deadline(now, self.started, self.reached_data)
        self._deadline.set(deadline, limits.hurried(now, self.started, self.reached_data))

    def await_data(self, data_started: float, received: int) -> None:
        """Sets the time-out for the next chunk of DATA, of which `received` octets have come."""
        now, limits = self.loop.time(), self.front.limits
        deadline = limits.data_deadline(now, self.started, data_started, received)
        self._deadline.set(deadline, limits.hurried(now, self.started, self.reached_data))

    def suspend_timeout(self) -> None:
        """While we work, the peer is not late."""
        self._deadline.set(math.inf)

    def _hurried(self) -> bool:
        """Whether this peer has to hurry: the server is under stress, and nobody has signed in."""
        return not self.facts.account and self.front.connections.stressed

    def _reset_timeout(self, duration: float | None = None) -> None:
        """aiosmtpd's own timer: ours has its place."""

    # The end.

    def drain(self) -> None:
        """The server stops: a session that waits for a command ends now, DATA under way may come to its end."""
        if self.opening is not None:
            self._give_up(SHUTDOWN)
        if self.phase == "handshake":
            self.cut(replies.SHUTTING_DOWN)
        self.incoming.wake()

    def kick(self) -> None:
        """The administrator ends it."""
        self.end_with(replies.KICKED, KICKED)

    def end_with(self, reply: Reply, outcome: str) -> None:
        """Ends the session with this word: at once, or behind the answer to a message that is being stored."""
        self._ending = reply
        self.trace.outcome = self.trace.outcome or outcome
        self.cut(reply)

    def cut(self, reply: Reply) -> None:
        """Ends the session from outside its loop. A message that is being stored comes to its end first."""
        if self.transport is None or self.phase == "busy":
            if self.opening is not None:
                self._give_up(outcome_of(reply))
            return
        if self.phase in ("closing", "handshake") or self.outgoing.held:
            self.trace.outcome = self.trace.outcome or outcome_of(reply)
            if self.phase != "closing":
                why = "a handshake is under way" if self.phase == "handshake" else "the peer reads nothing"
                self.trace.remark(self.now(), f"not sent, as {why}: {reply}")
            self.transport.abort()
            return
        self.text_over()
        self.send(reply)
        self._write()
        self._over = self._unheard = True
        self.incoming.stop()

    def _give_up(self, outcome: str) -> None:
        """Ends what is to make the connection."""
        self.trace.outcome = self.trace.outcome or outcome
        if self.opening is not None:
            self.opening.cancel()

    async def closed(self) -> None:
        """Returns once the connection is gone."""
        await self._gone.wait()

    def abort(self) -> None:
        """Drops the connection, whatever is still unsent."""
        if self.transport is not None:
            self.transport.abort()

    def _farewell(self) -> None:
        """Writes what is left and closes. A peer that may still be sending is listened to for a moment.

        To close with unread bytes would reset the connection, and the last reply could be lost on its way.
        """
        transport = self.transport
        if transport is None or transport.is_closing():
            self.leave()
            return
        self._write()
        self.phase = "closing"
        self.incoming.stop()
        self._deadline.set(self.loop.time() + LINGER)
        if self._unheard and not self._peer_ended and transport.can_write_eof():
            transport.write_eof()  # its own end closes the rest: `eof_received`
        else:
            transport.close()
