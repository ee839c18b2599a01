"""AUTH (RFC 4954) with PLAIN and LOGIN, and what submission asks for before it: TLS first, then a sign-in.

A response is read as a line of its own, within the command. "*" cancels; nothing of it is kept or logged.
"""

from base64 import b64encode
from typing import TYPE_CHECKING

import msgspec

from appliance.identity.login import LoginRefused
from appliance.identity.sasl import MAX_TEXT, Claim, SaslError, claim, decode, plain
from appliance.mail.reply import Reply
from smtp import replies
from smtp.wire.incoming import LineError

if TYPE_CHECKING:
    from smtp.wire.commands import Command
    from smtp.wire.protocol import Connection

_BEFORE_TLS = frozenset({b"EHLO", b"HELO", b"NOOP", b"RSET", b"STARTTLS", b"QUIT"})
_REFUSED = {
    "throttled": replies.TRY_LATER,
    "busy": replies.AUTH_BUSY,
    "suspended": replies.AUTH_SUSPENDED,
    "credentials": replies.AUTH_FAILED,
}


class _Answered(Exception):
    """The exchange ends with `reply`."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(str(reply))
        self.reply = reply


def gate(connection: "Connection", line: bytes) -> Reply | None:
    """What submission answers to a line before TLS and before a sign-in, None where the line may be obeyed."""
    if not connection.front.submission:
        return None
    verb = line.partition(b" ")[0].upper()
    if connection.facts.tls is None and verb not in _BEFORE_TLS:
        if verb != b"AUTH":
            return replies.STARTTLS_FIRST
        return replies.PROTOCOL_ERROR if connection.incoming.pending else replies.ENCRYPTION_NEEDED
    if verb == b"MAIL" and not connection.facts.account:
        return replies.AUTH_NEEDED  # RFC 4954 §6
    return None


async def auth(connection: "Connection", command: "Command") -> Reply:
    """The verb."""
    logins, facts = connection.front.logins, connection.facts
    if connection.incoming.pending:
        return replies.PROTOCOL_ERROR  # RFC 4954 §4: what follows would be taken for a response
    if logins is None or facts.tls is None:
        return replies.NOT_IMPLEMENTED
    if not facts.esmtp:
        return replies.HELO_FIRST
    if facts.account:
        return replies.AUTH_ALREADY
    if connection.transaction is not None:
        return replies.AUTH_IN_TRANSACTION
    try:
        claimed = await _claim(connection, str(command.argument))
    except _Answered as answered:
        return answered.reply
    connection.suspend_timeout()
    try:
        login = await logins.login(claimed.name, claimed.password, facts.peer, "smtp")
    except LoginRefused as refusal:
        return _REFUSED[refusal.kind]
    if connection.incoming.ended:
        return replies.AUTH_FAILED  # nobody is there to hear it
    connection.front.signed_in(connection, login)
    connection.facts = msgspec.structs.replace(
        connection.facts, account=login.account.id, login=login.account.address, credential=login.credential
    )
    return replies.AUTH_OK


async def _claim(connection: "Connection", argument: str) -> Claim:
    mechanism, _, initial = argument.partition(" ")
    try:
        match mechanism.upper():
            case "PLAIN":
                text = initial.encode("ascii") if initial else await _response(connection, b"")
                message = decode(text)
            case "LOGIN":
                text = initial.encode("ascii") if initial else await _response(connection, b"Username:")
                name = decode(text)
                password = decode(await _response(connection, b"Password:"))
            case _:
                raise _Answered(replies.AUTH_MECHANISM)
    except SaslError:
        raise _Answered(replies.AUTH_SYNTAX) from None
    try:
        return plain(message) if mechanism.upper() == "PLAIN" else claim(name, password)
    except SaslError:
        raise _Answered(replies.AUTH_FAILED) from None


async def _response(connection: "Connection", challenge: bytes) -> bytes:
    """The client's next line after a challenge. Raises ConnectionError where none will come."""
    incoming = connection.incoming
    connection.send(replies.challenge(b64encode(challenge).decode("ascii")))
    await connection.flush()
    try:
        while (line := incoming.take_line(MAX_TEXT + 2)) is None:
            if connection.front.draining:
                raise _Answered(replies.SHUTTING_DOWN)
            if incoming.ended:
                raise ConnectionAbortedError("the peer left within AUTH")
            connection.await_command()
            await incoming.wait(MAX_TEXT + 2)
    except LineError as error:
        connection.trace.remark(connection.now(), error.what)
        raise _Answered(error.reply if error.reply.close else replies.AUTH_TOO_LONG) from None
    connection.trace.secret(connection.now(), line)
    if line == b"*":
        raise _Answered(replies.AUTH_CANCELLED)  # RFC 4954 §4
    return line
