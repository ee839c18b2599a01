"""One IMAP connection: bytes in, commands one at a time, bytes out under back-pressure.

An `asyncio.Protocol` of its own, because thousands of idle clients must cost next to nothing: between two
commands there is no task, no stream and no future, only the framer, the session and one timer. A command
runs as a task; what the client sends meanwhile waits in the framer, and from `READ_AHEAD` octets on in the
kernel. IDLE is no running command either: it is a tag that waits for DONE (RFC 2177 §3).
"""

import asyncio
import ssl
from collections.abc import Awaitable
from functools import partial
from typing import cast

import structlog

from appliance.mail.envelope import Peer
from imap.dispatch import FOREIGN, execute, finish_idle
from imap.farewell import Farewell
from imap.framing import Announced, Chunk, Complete, Framer, LineTooLong
from imap.front import Front, peer_address
from imap.intake import Intake, TooBig
from imap.session import Session
from imap.wire.status import ImapError, Status

LINE_BEFORE_LOGIN = 8_192
"""Octets of a command's text before login (RFC 2683 §3.2.1.5 asks for 1000, some clients send 8000)."""
LINE_AFTER_LOGIN = 65_536
"""Octets of a command's text after login, without its literals."""
READ_AHEAD = 65_536
"""Octets of further commands that are read while one runs."""
WRITE_AHEAD = 262_144
"""Octets that may wait for a slow reader before the command that makes them has to wait too."""
MAX_BAD = 20
"""Commands answered BAD after which the session is ended."""
HANDSHAKE_SECONDS = 30.0

_log = structlog.get_logger("imap")
_TOO_LONG = Status("BYE", "Command line too long").line()
_TOO_BIG = Status("BYE", "That literal is too big", "TOOBIG").line()
_TOO_BAD = Status("BYE", "Too many commands that are not understood").line()
_AUTOLOGOUT = Status("BYE", "Autologout: silent for too long").line()
_UNREAD = "unread answers"
_TOO_MANY = Status("BYE", "Too many connections", "UNAVAILABLE").line()


class Connection(asyncio.Protocol):
    """The transport's side of a session. Only this class writes to the client."""

    __slots__ = (
        "_ask",
        "_awake",
        "_bad",
        "_closing",
        "_drained",
        "_farewell",
        "_framer",
        "_front",
        "_intake",
        "_shaking_hands",
        "_task",
        "_timer",
        "secure",
        "session",
        "transport",
    )

    def __init__(self, front: Front, *, secure: bool) -> None:
        self.secure = secure
        """Whether TLS protects it."""
        self.session: Session | None = None
        self.transport: asyncio.Transport | None = None
        self._front = front
        self._framer = Framer()
        self._intake = Intake(self._framer)
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._awake = 0.0
        self._drained: asyncio.Future[None] | None = None
        self._ask: asyncio.Future[bytes] | None = None
        self._bad = 0
        self._closing = False
        self._shaking_hands = False
        self._farewell: Farewell | None = None

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet, or turn away when there are too many (RFC 3501 §7.1.5)."""
        self.transport = stream = cast(asyncio.Transport, transport)
        address = transport.get_extra_info("peername") or ("", 0)
        host = peer_address(address)
        if not self._front.enter(self, host):
            self.close(_TOO_MANY)
            return
        stream.set_write_buffer_limits(high=WRITE_AHEAD)
        loop = asyncio.get_running_loop()
        self._awake = loop.time()
        self._timer = loop.call_later(self._front.patience.stranger_tick, self._tick)
        self.session = Session(self._front, self, Peer(host, int(address[1])))
        self.session.secured(stream)
        self.write(self.session.greeting())

    def data_received(self, data: bytes) -> None:
        """Take bytes; start the next command if none runs."""
        if self._farewell is not None:
            self._farewell.heard(len(data))
        if self._closing or self.session is None:
            return
        self._framer.feed(data)
        self.session.live.received += len(data)
        if self.session.authenticated:
            self._awake = asyncio.get_running_loop().time()
        self._pump()
        if self._task is not None and self._framer.buffered > READ_AHEAD and self.transport is not None:
            self.transport.pause_reading()

    def eof_received(self) -> bool:
        """Half-closed is closed."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of everything; a running command ends when it next waits for this client. Twice does no harm."""
        if self._closing and self.transport is None:
            return
        self._closing = True
        self.transport = None
        self._stop_timer()
        if self._farewell is not None:
            self._farewell.stop()
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        if self._ask is not None and not self._ask.done():
            self._ask.set_exception(ConnectionResetError("the client is gone"))
        self._intake.drop()
        if self.session is not None:
            self.session.end()
        self._front.leave(self)

    def pause_writing(self) -> None:
        """The client reads too slowly: `drain` waits from now on."""
        if self._drained is None:
            self._drained = asyncio.get_running_loop().create_future()
        if self.transport is not None:
            for slow in self._front.unread.note(self, self.transport.get_write_buffer_size()):
                asyncio.get_running_loop().call_soon(slow.abort, _UNREAD)

    def resume_writing(self) -> None:
        """The client has caught up."""
        self._front.unread.forget(self)
        drained, self._drained = self._drained, None
        if drained is not None and not drained.done():
            drained.set_result(None)
        if self.session is not None:
            self.session.idle_turn()

    # What the session and its commands call.

    @property
    def congested(self) -> bool:
        """Whether the client still has more than `WRITE_AHEAD` octets to read."""
        return self._drained is not None

    def write(self, data: bytes) -> None:
        """Queue bytes for the client; nothing happens on a connection that is closing."""
        if self.transport is not None and not self._closing:
            self.transport.write(data)
            if self.session is not None:
                self.session.live.sent += len(data)

    async def drain(self) -> None:
        """Wait until a slow client has read enough. Raises ConnectionResetError when it is gone."""
        if self._drained is not None:
            self._awake = asyncio.get_running_loop().time()
            await self._drained
        if self._closing:
            raise ConnectionResetError("the client is gone")

    async def ask(self, challenge: bytes) -> bytes:
        """Send a continuation request and wait for the client's line (RFC 3501 §7.5)."""
        self.write(b"+ " + challenge + b"\r\n")
        line = self._framer.line(LINE_BEFORE_LOGIN)
        if line is not None:
            return line
        self._ask = asyncio.get_running_loop().create_future()
        return await self._ask

    def close(self, goodbye: bytes = b"", outcome: str = "") -> None:
        """Say goodbye and close; what was written before is still sent. `outcome` is how the record names the end."""
        if self._closing or self.transport is None:
            return
        if self._shaking_hands:
            self.abort(outcome)  # a word in clear has no place there
            return
        if goodbye:
            self.write(goodbye)
        if self.session is not None and outcome:
            self.session.outcome = outcome
        self._closing = True
        self._stop_timer()
        if self.session is None:
            self.transport.close()
        else:
            self.session.end()
            patience = self._front.patience
            self._farewell = Farewell(self.transport, patience.linger, partial(self._left, unread=True))

    def shut_down(self, goodbye: bytes) -> None:
        """End the session: at once, or once the running command has its answer."""
        if self._task is None or self.session is None or self._ask is not None or self._shaking_hands:
            self.close(goodbye, "server stopped")
        else:
            self.session.outcome = "server stopped"
            self.session.leaving = goodbye

    def abort(self, outcome: str = "") -> None:
        """Cut the connection; `outcome` is how the record names that."""
        if outcome and self.session is not None and not self._closing:
            self.session.outcome = outcome
        if self.transport is not None:
            self.transport.abort()

    def forget_input(self) -> bool:
        """Drop all that the client sent and nobody read yet; whether there was anything (RFC 3501 §6.2.1)."""
        early = self._framer.midway
        self._framer.clear()
        return early

    async def start_tls(self, context: ssl.SSLContext, answer: bytes) -> None:
        """Answer in clear, then shake hands; nothing is read in clear between the two (RFC 3501 §6.2.1)."""
        plain = self.transport
        if plain is None:
            raise ConnectionResetError("the client is gone")
        plain.pause_reading()
        self.write(answer)
        self._shaking_hands = True
        try:
            secured = await asyncio.get_running_loop().start_tls(
                plain, self, context, server_side=True, ssl_handshake_timeout=self._front.hurried(HANDSHAKE_SECONDS)
            )
        except (OSError, TimeoutError) as error:
            self._unsecured()
            raise ConnectionResetError(f"no TLS: {error}") from error
        if secured is None or secured.is_closing():
            self._unsecured()
            raise ConnectionResetError("the handshake was given up")
        self._shaking_hands = False
        secured.set_write_buffer_limits(high=WRITE_AHEAD)
        self.transport = secured
        self.secure = True
        if self.session is not None:
            self.session.secured(secured)

    def _unsecured(self) -> None:
        """The handshake failed. Who is gone within it is gone without `connection_lost`: the transport tells nobody."""
        self.abort()
        self.connection_lost(None)

    # The loop over commands.

    def _pump(self) -> None:
        """Start what has arrived, unless a command runs."""
        try:
            if self._ask is not None:
                self._answer()
            elif self._task is None:
                work = self._next()
                if work is not None:
                    self._task = asyncio.get_running_loop().create_task(self._serve(work))
        except LineTooLong:
            self.close(_TOO_LONG, "line too long")

    def _answer(self) -> None:
        """Hand the command that asked its line."""
        line = self._framer.line(LINE_BEFORE_LOGIN)
        if line is not None and self._ask is not None:
            ask, self._ask = self._ask, None
            if not ask.done():
                ask.set_result(line)

    async def _serve(self, work: Awaitable[str] | None) -> None:
        """Run commands until the client has no complete one left."""
        try:
            while work is not None:
                self._count(await work)
                self._leave()
                if self._framer.buffered:
                    await asyncio.sleep(0)  # a client that pipelines waits its turn like everybody
                work = self._next()
        except LineTooLong:
            self.close(_TOO_LONG, "line too long")
        except ConnectionError:
            self.abort()
        except Exception as error:
            # Commands answer their own errors; what comes here is ours, and this session cannot go on.
            _log.error("session failed", exc_info=error)
            self.abort()
        finally:
            self._task = None
            if self.session is not None and self.session.authenticated:
                self._awake = asyncio.get_running_loop().time()
        if self.transport is not None and not self._closing and not self.transport.is_reading():
            self.transport.resume_reading()

    def _next(self) -> Awaitable[str] | None:
        """The next piece of work, which tells the kind of its answer; None: nothing complete has arrived."""
        session = self.session
        while session is not None and not self._closing:
            limit = LINE_AFTER_LOGIN if session.authenticated else LINE_BEFORE_LOGIN
            if session.idle_tag is not None:
                line = self._framer.line(limit)
                if line is None:
                    return None
                self._count(finish_idle(session, line))
                self._leave()
                continue
            if not session.authenticated and _is_binary(self._framer.opening):
                self.close(FOREIGN, "foreign protocol")
                return None
            event = self._framer.read(limit)
            if event is None:
                return None
            if isinstance(event, Complete):
                return execute(session, event.parts, self._intake.take())
            if isinstance(event, Announced):
                self._judge(session, event)
            elif isinstance(event, Chunk):
                waiting = self._intake.spool(session, event)
                if waiting is not None:
                    return waiting
            elif (refusal := self._intake.refusal()) is not None:
                self._refuse(refusal)
        return None

    def _judge(self, session: Session, event: Announced) -> None:
        """Have a literal come, or refuse it."""
        try:
            refusal = self._intake.judge(session, event)
        except TooBig:
            self.close(_TOO_BIG, "too big")
            return
        if refusal is not None:
            self._refuse(refusal)
        elif event.literal.sync:
            self.write(b"+ Go ahead\r\n")

    def _refuse(self, refusal: ImapError) -> None:
        self.write(refusal.line())
        self._count(refusal.kind)

    def _count(self, kind: str) -> None:
        """One answer was given; too many BADs are no mail client (RFC 3501 §7.1.5)."""
        self._bad += kind == "BAD"
        if self._bad >= MAX_BAD:
            self.close(_TOO_BAD, "too many errors")

    def _leave(self) -> None:
        """Close if the command that was answered ended the session."""
        if self.session is not None and self.session.leaving is not None:
            self.close(self.session.leaving)

    def _tick(self) -> None:
        """Look whether the client has been silent, or has left its answers unread, for too long."""
        now, unread, upload = asyncio.get_running_loop().time(), self.congested, self._intake.upload
        left = self._left(now - self._awake, unread=unread)
        if left <= 0 and unread:
            self.abort(_UNREAD)
            return
        if left <= 0 or (upload is not None and upload.trickles(now, self._front.limits.data_min_rate)):
            self._give_up()
            left = self._front.patience.stalled
        if not self._closing:
            tick = self._front.patience.tick if self._known else self._front.patience.stranger_tick
            self._timer = asyncio.get_running_loop().call_later(min(max(left, 0.05), tick), self._tick)

    @property
    def _known(self) -> bool:
        return self.session is not None and self.session.authenticated

    def _left(self, silent: float, *, unread: bool) -> float:
        """Seconds for which the client is still kept after so many of silence, or of an answer it leaves unread."""
        front = self._front
        return front.patience.left(silent, signed_in=self._known, unread=unread, stress=front.stressed())

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        """The client took too long; a command under way is answered first, and may even be the login."""
        if self._task is None or self._ask is not None:
            self.close(_AUTOLOGOUT, "timeout")
        elif not self._known and self.session is not None:
            self.session.leaving = _AUTOLOGOUT


def _is_binary(octet: int | None) -> bool:
    """Whether no command can begin so: a TLS handshake in clear (RFC 8446 §5.1), any other control, or 8-bit."""
    return octet is not None and (octet >= 0x7F or (octet < 0x20 and octet not in b"\t\r\n"))
