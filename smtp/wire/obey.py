"""What one line of a peer leads to: read, judged by the gate, obeyed by its verb, written down."""

from typing import TYPE_CHECKING

from appliance.mail.reply import Reply
from smtp import replies
from smtp.wire.auth import gate
from smtp.wire.commands import CommandError, is_foreign, parse_command
from smtp.wire.verbs import VERBS

if TYPE_CHECKING:
    from smtp.wire.protocol import Connection


async def obey(connection: "Connection", line: bytes) -> Reply | None:
    """The answer to a line; None where it has been given already."""
    trace, command = connection.trace, None
    if connection.unconfirmed is not None:
        await connection.front.receiver.confirm(connection.unconfirmed)
        connection.unconfirmed = None
    verb = trace.heard(connection.now(), line, connection.facts.account)
    try:
        command = parse_command(line)
    except CommandError as error:
        reply: Reply | None = _unreadable(connection, line, error)
    else:
        reply = gate(connection, line) or await VERBS[command.verb](connection, command)
        if reply is not None and reply.code in replies.COUNTED:
            reply = connection.count_error(reply)
    if reply is not None:
        trace.judged(verb, line, command, reply)
        connection.front.chronicle.judged(connection.facts, trace, verb, reply)
    return reply


def _unreadable(connection: "Connection", line: bytes, error: CommandError) -> Reply:
    if is_foreign(line) and not connection.facts.helo:
        return replies.NOT_SMTP
    return connection.count_error(gate(connection, line) or error.reply) if error.counts else error.reply
