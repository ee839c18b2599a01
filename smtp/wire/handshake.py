"""TLS handshakes, and why they fail: in words that say which side ended it and with what."""

import asyncio
import re
import socket
import ssl

from smtp.client_hello import MAX_HELLO, NO_APPLICATION_PROTOCOL, offered
from smtp.limits import TLS_SHUTDOWN
from smtp.peek import NotSeen, peek

OUR_PROTOCOL = b"smtp"
"""Our name in ALPN."""
_ALERT = re.compile(r"(?:TLSV1|TLSV13|SSLV3)_ALERT_(\w+)")


class HandshakeFailed(ConnectionError):
    """No TLS; the text says why, for the record."""


async def upgrade(
    loop: asyncio.AbstractEventLoop,
    transport: asyncio.Transport,
    protocol: asyncio.BaseProtocol,
    context: ssl.SSLContext,
    seconds: float,
) -> asyncio.Transport:
    """The handshake after STARTTLS (RFC 3207 §4); raises HandshakeFailed."""
    try:
        secured = await loop.start_tls(
            transport,
            protocol,
            context,
            server_side=True,
            ssl_handshake_timeout=seconds,
            ssl_shutdown_timeout=TLS_SHUTDOWN,
        )
    except OSError as error:
        raise HandshakeFailed(why(error)) from error
    if secured is None or secured.is_closing():
        raise HandshakeFailed("connection lost")
    return secured


async def accept(
    loop: asyncio.AbstractEventLoop,
    accepted: socket.socket,
    protocol: asyncio.BaseProtocol,
    context: ssl.SSLContext,
    seconds: float,
) -> None:
    """The handshake with which a connection begins (RFC 8314 §3.3); raises HandshakeFailed."""
    started = loop.time()
    try:
        async with asyncio.timeout(seconds):
            names = await peek(accepted, MAX_HELLO, offered)
        if names and OUR_PROTOCOL not in names:
            _turn_away(accepted)
            shown = ", ".join(name.decode("ascii", "backslashreplace") for name in names[:5])
            raise HandshakeFailed(f"no_application_protocol (sent): the client offers {shown}")
        await loop.connect_accepted_socket(
            lambda: protocol,
            accepted,
            ssl=context,
            ssl_handshake_timeout=max(0.1, seconds - (loop.time() - started)),
            ssl_shutdown_timeout=TLS_SHUTDOWN,
        )
    except HandshakeFailed:
        raise
    except OSError as error:  # TimeoutError is one
        raise HandshakeFailed(why(error)) from error


def why(error: OSError) -> str:
    """What ended a handshake, in the words of RFC 8446 §6 where it was an alert."""
    if isinstance(error, ssl.SSLError):
        alert = _ALERT.search(error.reason or "")
        return f"{alert[1].lower()} (received)" if alert else (error.reason or str(error)).replace("_", " ").lower()
    text = str(error)
    if isinstance(error, NotSeen):
        return text
    return "timeout" if isinstance(error, TimeoutError) or "taking longer than" in text else "connection lost"


def _turn_away(accepted: socket.socket) -> None:
    """The alert. What the client sent is read first: to close with it unread would reset the connection."""
    try:
        accepted.recv(2 * MAX_HELLO)
        accepted.send(NO_APPLICATION_PROTOCOL)
        accepted.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # the client is gone already
