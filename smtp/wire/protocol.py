"""One SMTP connection: aiosmtpd's protocol, with its command loop, its replies and its time-outs replaced by ours.

aiosmtpd keeps the life of the connection: `connection_made` makes its streams and session and starts the task
`_handle_client`. Ours is what meets the peer:

- commands come from `Incoming` and go through the table in `verbs`, never through reflection on method names;
- the replies to a pipelined group leave in one write (RFC 2920 §3.2);
- a session that is lost is not cancelled: a message that has been taken is stored to its end, and a command
  loop that finds its peer gone ends by itself;
- one timer a connection, moved lazily: a command costs no timer.
"""

import asyncio
import logging
import math
import ssl
from collections.abc import Iterable
from functools import lru_cache
from typing import cast

from aiosmtpd.smtp import SMTP

from appliance.ids import id_text
from appliance.mail.envelope import SessionFacts, TlsInfo
from appliance.mail.reply import Reply
from appliance.sessions import LiveSession
from smtp import replies
from smtp.front import Front
from smtp.limits import LINGER, TLS_HANDSHAKE, TLS_SHUTDOWN, reached
from smtp.wire.auth import gate
from smtp.wire.commands import CommandError, is_foreign, parse_command
from smtp.wire.endpoint import endpoint
from smtp.wire.incoming import Incoming, LineError
from smtp.wire.verbs import VERBS, Transaction

YIELD_AFTER = 32
"""Pipelined commands after which other connections get their turn of the loop."""
_log = logging.getLogger("smtp")


class _NoReflection:
    """aiosmtpd's constructor searches itself and its handler for methods by name: a fifth of a millisecond for each
    connection, and methods we never call. With nothing to list there is nothing to search."""

    def __dir__(self) -> Iterable[str]:
        return ()


_HANDLER = _NoReflection()
"""aiosmtpd wants a handler; ours has no hooks."""


class Connection(_NoReflection, SMTP):
    """One peer's session. `phase` is "command", "data" (text arrives) or "busy" (a message is being stored)."""

    transport: asyncio.Transport | None

    def __init__(self, front: Front, listener: str, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(_HANDLER, hostname=front.hostname, loop=loop)
        self.front = front
        self.listener = listener
        self.incoming = Incoming(loop)
        self.phase = "command"
        self.facts: SessionFacts
        self.live: LiveSession
        """Its row in the list of live sessions; as `facts`, there once the peer has been let in."""
        self.transaction: Transaction | None = None
        self.unconfirmed: bytes | None = None
        """Key of the last accepted message, until the next command shows that its 250 arrived."""
        self.unknown_recipients = 0
        self.reached_data = False
        self.started = loop.time()
        self._errors = 0
        self._over = False  # the last reply is out: nothing more may be written
        self._ending: Reply | None = None  # the word with which it is to end, once it can
        self._unheard = False  # the peer may be sending still, and has to be heard out
        self._peer_ended = False
        self._commands = 0
        self._out: list[bytes] = []
        self._deadline = 0.0
        self._timer_at = 0.0
        self._counted: str | None = None
        self._may_write = asyncio.Event()
        self._may_write.set()
        self._gone = asyncio.Event()

    # The life of the connection, as the transport tells it.

    def connection_made(self, made: asyncio.BaseTransport) -> None:
        # uvloop's transports are asyncio's in all but their class.
        transport = cast(asyncio.Transport, made)
        peer, local = endpoint(transport, "peername"), endpoint(transport, "sockname")
        refusal = self._admit(peer.address)
        if refusal is not None:
            transport.write(refusal.wire())
            transport.close()
            return
        self.facts = SessionFacts(self.front.receiver.new_id(), self.listener, peer, local)
        self.live = self.front.enter(self)
        self._secured(transport)
        self.incoming.attach(transport)
        super().connection_made(transport)

    def _admit(self, address: str) -> Reply | None:
        if self.front.draining:
            return replies.SHUTTING_DOWN
        match self.front.connections.admit(address):
            case "total":
                return replies.TOO_MANY_CONNECTIONS
            case "address":
                return replies.TRY_LATER
        self._counted = address
        return None

    def data_received(self, data: bytes) -> None:
        self.incoming.feed(data)
        if self._counted is not None:
            self.live.received += len(data)

    def eof_received(self) -> bool:
        self._peer_ended = True
        self.incoming.end()
        if self._counted is None:
            return False  # turned away, or gone
        # A peer may close its half and still read: what it sent before is answered. TLS has no half-closed state.
        return self.facts.tls is None and self.phase != "closing"

    def connection_lost(self, error: Exception | None) -> None:
        self.incoming.end()
        self._may_write.set()
        self._gone.set()
        self._leave()
        # Not aiosmtpd's own: that cancels the command loop, which may be waiting for a commit.
        asyncio.StreamReaderProtocol.connection_lost(self, error)
        self.transport = None

    def _leave(self) -> None:
        """Gives the place back; safe to call twice (a failed TLS handshake never tells `connection_lost`)."""
        if self._timeout_handle is not None:
            self._timeout_handle.cancel()
        if self._counted is not None:
            self.front.leave(self, self._counted)
            self._counted = None

    def task(self) -> "asyncio.Task[None]":
        """The command loop; it ends when the session does."""
        assert self._handler_coroutine is not None
        return self._handler_coroutine

    # Replies.

    def send(self, reply: Reply) -> None:
        """Puts a reply behind those that wait to be written."""
        self._out.append(_wire(reply))

    async def flush(self) -> None:
        """Writes all replies at once; waits while the peer does not read them. Raises ConnectionError."""
        self._write()
        if not self._may_write.is_set():
            self.await_command()
            await self._may_write.wait()
        if self.transport is None:
            raise ConnectionResetError("the peer is gone")

    def pause_writing(self) -> None:
        self._may_write.clear()

    def resume_writing(self) -> None:
        self._may_write.set()

    def _write(self) -> None:
        if self._out and not self._over and self.transport is not None and not self.transport.is_closing():
            said = b"".join(self._out)
            self.transport.write(said)
            self.live.sent += len(said)
        self._out.clear()

    # The command loop.

    async def _handle_client(self) -> None:
        try:
            if await self._greet():
                await self._converse()
        except ConnectionError:
            pass  # the peer is gone, and with it the session; what it had not finished is dropped
        except Exception:
            _log.exception("SMTP session %s failed", id_text(self.facts.id))
            self.send(replies.INTERNAL_ERROR)
            self._unheard = True
        finally:
            self.reset()
            self._farewell()

    async def _greet(self) -> bool:
        """The banner, after a while in which an honest peer is silent (RFC 5321 §4.3.1)."""
        if self.front.limits.greet_delay:
            try:
                async with asyncio.timeout(self.front.limits.greet_delay):
                    await self.incoming.wait()
            except TimeoutError:
                pass
            if self.incoming.pending:
                self.send(replies.PROTOCOL_ERROR)
                self._unheard = True
            if self.incoming.pending or self.incoming.ended:
                return False
        self.send(replies.banner(self.front.hostname))
        return True

    async def _converse(self) -> None:
        while True:
            if self._ending is not None or self.front.draining:
                self.send(self._ending or replies.SHUTTING_DOWN)
                return
            try:
                line = self._next_line()
            except LineError as error:
                reply: Reply | None = self._count_error(error.reply)
            else:
                if line is None:
                    if self.incoming.ended:
                        return
                    await self.flush()
                    self.await_command()
                    await self.incoming.wait()
                    continue
                reply = await self._obey(line)
            if reply is not None:
                self.send(reply)
                if reply.close:
                    self._unheard = reply is not replies.BYE
                    return
            await self._pause_between()

    def _next_line(self) -> bytes | None:
        if not self.facts.helo and self.incoming.is_binary:
            raise LineError(replies.NOT_SMTP)
        return self.incoming.take_line(self.front.limits.command_line)

    async def _obey(self, line: bytes) -> Reply | None:
        if self.unconfirmed is not None:
            await self.front.receiver.confirm(self.unconfirmed)
            self.unconfirmed = None
        try:
            command = parse_command(line)
        except CommandError as error:
            if is_foreign(line) and not self.facts.helo:
                return replies.NOT_SMTP
            return self._count_error(gate(self, line) or error.reply) if error.counts else error.reply
        reply = gate(self, line) or await VERBS[command.verb](self, command)
        return self._count_error(reply) if reply is not None and reply.code in replies.COUNTED else reply

    def _count_error(self, reply: Reply) -> Reply:
        self._errors += 1
        return replies.TOO_MANY_ERRORS if reached(self._errors, self.front.limits.errors) else reply

    async def _pause_between(self) -> None:
        """A peer that pipelines without end must not hold the loop, nor fill the memory with replies."""
        self._commands += 1
        if self._commands % YIELD_AFTER == 0:
            await self.flush()
            await asyncio.sleep(0)

    # STARTTLS.

    async def start_tls(self, context: ssl.SSLContext) -> None:
        """The handshake of RFC 3207 §4, and a session as new as after the banner. Raises ConnectionError."""
        plain = self.transport
        assert plain is not None
        self._set_deadline(self.loop.time() + TLS_HANDSHAKE + 1)
        try:
            transport = await self.loop.start_tls(
                plain,
                self,
                context,
                server_side=True,
                ssl_handshake_timeout=TLS_HANDSHAKE,
                ssl_shutdown_timeout=TLS_SHUTDOWN,
            )
        except (OSError, ssl.SSLError) as error:
            raise ConnectionAbortedError(f"TLS handshake failed: {error}") from error
        if transport is None:
            raise ConnectionResetError("connection lost in the TLS handshake")
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

    def reset(self) -> None:
        """Forgets the transaction (RFC 5321 §4.1.1.5)."""
        self.transaction = None

    # Time.

    def await_command(self) -> None:
        """Sets the time-out for the next line."""
        now = self.loop.time()
        self._set_deadline(self.front.limits.command_deadline(now, self.started, self.reached_data))

    def await_data(self, data_started: float, received: int) -> None:
        """Sets the time-out for the next chunk of DATA, of which `received` octets have come."""
        now = self.loop.time()
        self._set_deadline(self.front.limits.data_deadline(now, self.started, data_started, received))

    def suspend_timeout(self) -> None:
        """While we work, the peer is not late."""
        self._set_deadline(math.inf)

    def _reset_timeout(self, duration: float | None = None) -> None:
        """aiosmtpd's door to the timer."""
        self._set_deadline(self.loop.time() + (duration or self.front.limits.command_timeout or math.inf))

    def _set_deadline(self, deadline: float) -> None:
        self._deadline = deadline
        if deadline < self._timer_at or self._timeout_handle is None:
            self._arm(deadline)

    def _arm(self, deadline: float) -> None:
        if self._timeout_handle is not None:
            self._timeout_handle.cancel()
            self._timeout_handle = None
        self._timer_at = deadline
        if deadline != math.inf:
            self._timeout_handle = self.loop.call_at(deadline, self._timeout_cb)

    def _timeout_cb(self) -> None:
        if self.loop.time() < self._deadline:
            self._arm(self._deadline)
            return
        self._timeout_handle = None
        self._timer_at = 0.0
        self.cut(replies.TIMEOUT)

    # The end.

    def drain(self) -> None:
        """The server stops: a session that waits for a command ends now, DATA under way may come to its end."""
        self.incoming.wake()

    def kick(self) -> None:
        """The administrator ends it."""
        self.end_with(replies.KICKED)

    def end_with(self, reply: Reply) -> None:
        """Ends the session with this word: at once, or behind the answer to a message that is being stored."""
        self._ending = reply
        self.cut(reply)

    def cut(self, reply: Reply) -> None:
        """Ends the session from outside its loop. A message that is being stored comes to its end first."""
        if self.transport is None or self.phase == "busy":
            return
        if self.phase == "closing" or not self._may_write.is_set():
            self.transport.abort()
            return
        self.send(reply)
        self._write()
        self._over = self._unheard = True
        self.incoming.stop()

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
            self._leave()
            return
        self._write()
        self.phase = "closing"
        self.incoming.stop()
        self._set_deadline(self.loop.time() + LINGER)
        if self._unheard and not self._peer_ended and transport.can_write_eof():
            transport.write_eof()  # its own end closes the rest: `eof_received`
        else:
            transport.close()


@lru_cache(maxsize=256)
def _wire(reply: Reply) -> bytes:
    """Most replies are the same few."""
    return reply.wire()
