"""The verbs of an SMTP session (RFC 5321 §4.1.1): the table `VERBS`, verb -> handler.

A handler gets the connection and a parsed command and gives the reply (None: it has answered itself). The order of
commands (RFC 5321 §4.1.4) is checked here, policy is the receiver's, and what was decided about a transaction is kept
in `Transaction`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from types import MappingProxyType
from typing import TYPE_CHECKING

import msgspec

from appliance.mail.delivery import ToMailboxes, UnknownUser
from appliance.mail.envelope import Envelope, MailFrom, RcptTo, SessionFacts
from appliance.mail.reply import Reply
from smtp import replies
from smtp.harvest import Verdict
from smtp.inbound.receive import Arrival
from smtp.limits import reached
from smtp.wire.auth import auth
from smtp.wire.commands import Command
from smtp.wire.data_reader import DataScanner

if TYPE_CHECKING:
    from smtp.wire.protocol import Connection


class Transaction:
    """A mail transaction from MAIL on (RFC 5321 §3.3); `routes` are the recipients that were accepted."""

    __slots__ = ("mail_from", "refused", "routes", "trace")

    def __init__(self, trace: int, mail_from: MailFrom) -> None:
        self.trace = trace
        self.mail_from = mail_from
        self.routes: list[tuple[RcptTo, ToMailboxes]] = []
        self.refused = 0


async def _ehlo(connection: "Connection", command: Command) -> Reply:
    if not connection.facts.helo and connection.incoming.pending:
        return replies.PROTOCOL_ERROR  # RFC 2920 §3.1: what is offered is not known before the answer
    assert isinstance(command.argument, str)
    connection.reset()  # RFC 5321 §4.1.4
    extended = command.verb == "EHLO"
    connection.facts = msgspec.structs.replace(connection.facts, helo=command.argument, esmtp=extended)
    connection.live.introduce(command.argument)
    front = connection.front
    if not extended:
        return replies.hello(front.hostname)
    starttls = front.tls is not None and connection.facts.tls is None
    offered = front.submission and connection.facts.tls is not None
    return replies.extended_hello(front.hostname, front.limits.max_message_size, starttls, offered)


async def _mail(connection: "Connection", command: Command) -> Reply:
    if not connection.facts.helo:
        return replies.HELO_FIRST
    if connection.transaction is not None:
        return replies.NESTED_MAIL  # RFC 5321 §4.1.4
    assert isinstance(command.argument, MailFrom)
    receiver = connection.front.receiver
    refusal = receiver.mail(connection.facts, command.argument)
    if refusal is not None:
        return refusal
    assert connection.trace.transaction is not None
    connection.transaction = Transaction(connection.trace.transaction.id, command.argument)
    return replies.SENDER_OK


async def _rcpt(connection: "Connection", command: Command) -> Reply:
    transaction, front = connection.transaction, connection.front
    if transaction is None:
        return replies.MAIL_FIRST
    assert isinstance(command.argument, RcptTo)
    if reached(len(transaction.routes), front.limits.recipients):
        return replies.TOO_MANY_RECIPIENTS
    verdict = _verdict(connection)
    if verdict == "shut":
        return replies.TOO_MANY_UNKNOWN
    route = await front.receiver.rcpt(connection.facts, transaction.mail_from, command.argument)
    if isinstance(route, ToMailboxes):
        transaction.routes.append((command.argument, route))
        return replies.RECIPIENT_OK
    if isinstance(route, Reply):
        transaction.refused += 1
        return route
    transaction.refused += 1
    connection.trace.rule = route.rule
    reply = replies.refusal(command.argument.path, route)
    return await _guessed(connection, reply, verdict) if isinstance(route, UnknownUser) else reply


async def _guessed(connection: "Connection", reply: Reply, verdict: Verdict) -> Reply:
    """Guessing addresses gets slow, then ends (RFC 5321 §7.3), by this session or by all from there."""
    front, facts, limits = connection.front, connection.facts, connection.front.limits
    front.harvest.unknown(_guesser(facts), front.receiver.now())
    connection.unknown_recipients += 1
    guessed = connection.unknown_recipients
    if reached(guessed, limits.unknown_recipients) or _verdict(connection) == "shut":
        return replies.TOO_MANY_UNKNOWN
    if verdict == "slow" or reached(guessed - 1, limits.unknown_recipients_slow):
        await connection.flush()
        await asyncio.sleep(limits.slow_reply)
    return reply


def _verdict(connection: "Connection") -> Verdict:
    return connection.front.harvest.judge(_guesser(connection.facts), connection.front.receiver.now())


def _guesser(facts: SessionFacts) -> str:
    """Who is known to guess: an account wherever it is, or an address."""
    return f"account {facts.account}" if facts.account else facts.peer.address


async def _data(connection: "Connection", command: Command) -> Reply:
    transaction = connection.transaction
    if transaction is None:
        return replies.MAIL_FIRST
    if not transaction.routes:
        return replies.NO_VALID_RECIPIENTS if transaction.refused else replies.RCPT_FIRST
    connection.send(replies.START_DATA)
    await connection.flush()
    connection.reached_data = True
    rcpt_to = tuple(rcpt for rcpt, _ in transaction.routes)
    envelope = Envelope(transaction.trace, transaction.mail_from, rcpt_to)
    arrival = connection.front.receiver.arrival(connection.facts, envelope, tuple(transaction.routes))
    arrival.trace = connection.trace
    connection.text = DataScanner()
    try:
        refusal = await _text(connection, arrival, connection.text)
        if refusal is not None:
            return refusal
        connection.phase = "busy"
        connection.suspend_timeout()
        reply = await arrival.finish()
        connection.unconfirmed = arrival.unconfirmed
        if reply.code == replies.OK.code:
            connection.front.harvest.delivered(_guesser(connection.facts))
        return reply
    finally:
        connection.phase = "command"
        connection.text_over()
        if arrival.unconfirmed is None:
            connection.trace.unstored(arrival.headline)
        arrival.abandon()
        connection.reset()  # RFC 5321 §4.1.1.4: DATA ends the transaction, however it is answered


async def _text(connection: "Connection", arrival: Arrival, scanner: DataScanner) -> Reply | None:
    """Reads the text to its real end into `arrival`; a reply where it is refused. Raises ConnectionError."""
    incoming, limits = connection.incoming, connection.front.limits
    refusal: Reply | None = None
    started, received = connection.loop.time(), 0
    connection.phase = "data"
    while not scanner.ended:
        if not incoming.pending:
            if incoming.ended:
                raise ConnectionAbortedError("the peer left within DATA")
            connection.await_data(started, received)
            await incoming.wait()
            continue
        chunk = incoming.take_all()
        received += len(chunk)
        content = scanner.feed(chunk)
        if refusal is None:
            refusal = await arrival.feed(content)
        if scanner.unclean:
            refusal = replies.BARE_CR_OR_LF
        elif refusal is None and scanner.size > limits.max_message_size:
            refusal = replies.TOO_BIG
        if refusal is not None:
            arrival.abandon()
        if scanner.size > limits.far_too_big:
            return replies.FAR_TOO_BIG
    incoming.put_back(scanner.rest)
    connection.text_over()
    return refusal


async def _rset(connection: "Connection", command: Command) -> Reply:
    connection.reset()
    return replies.OK


async def _noop(connection: "Connection", command: Command) -> Reply:
    return replies.OK


async def _help(connection: "Connection", command: Command) -> Reply:
    return replies.HELP


async def _vrfy(connection: "Connection", command: Command) -> Reply:
    return replies.CANNOT_VERIFY


async def _quit(connection: "Connection", command: Command) -> Reply:
    # RFC 2920 §3.1: QUIT is the last of a group; what follows it was meant for somebody else.
    return replies.PROTOCOL_ERROR if connection.incoming.pending else replies.BYE


async def _starttls(connection: "Connection", command: Command) -> Reply | None:
    context = connection.front.tls
    if connection.incoming.pending:
        return replies.PROTOCOL_ERROR  # RFC 3207 §4.2: what came before TLS would be taken for what comes inside it
    if connection.facts.tls is not None:
        return replies.TLS_ALREADY
    if not connection.facts.esmtp:
        return replies.HELO_FIRST
    if context is None:
        return replies.NOT_IMPLEMENTED
    connection.send(replies.TLS_READY)
    await connection.flush()
    if connection.incoming.pending:
        raise ConnectionAbortedError("it spoke in clear while the answer to STARTTLS waited to be read")
    await connection.start_tls(context)
    return None


VERBS: MappingProxyType[str, Callable[["Connection", Command], Awaitable[Reply | None]]] = MappingProxyType(
    {
        "EHLO": _ehlo,
        "HELO": _ehlo,
        "MAIL": _mail,
        "RCPT": _rcpt,
        "DATA": _data,
        "RSET": _rset,
        "NOOP": _noop,
        "HELP": _help,
        "VRFY": _vrfy,
        "STARTTLS": _starttls,
        "AUTH": auth,
        "QUIT": _quit,
    }
)
"""Verb -> handler."""
