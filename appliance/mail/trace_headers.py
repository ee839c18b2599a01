"""The trace fields we put on top of a message: Received, Return-Path, Delivered-To (RFC 5321 §4.4).

Each function gives one whole field with its CRLF. What a peer chose (the argument of EHLO) is cut down to
characters of a domain before it is written; any other value that could break the field is an error. Where mail came
with SMTPUTF8, addresses beyond ASCII stand as UTF-8 (RFC 6531 §3.7.3), their domains as A-labels as everywhere here.
"""

import re

from appliance.mail.address import WIDE
from appliance.mail.date_time import date_time as date_time
from appliance.mail.envelope import Envelope, MailFrom, SessionFacts, TlsInfo
from appliance.mail.header import header_fields

_LITERAL = re.compile(r"\[(?:\d{1,3}(?:\.\d{1,3}){3}|IPv6:[0-9A-Fa-f:.]{2,45})\]\Z", re.IGNORECASE)
_NOT_DOMAIN = re.compile(r"[^A-Za-z0-9._-]")
_NOT_ADDRESS = re.compile(r"[^0-9A-Za-z:.]")
_PRINTABLE = re.compile(rf"[ -~{WIDE}]+\Z")
MAX_HELO = 255
"""Octets of an EHLO argument that are kept (RFC 5321 §4.5.3.1.2)."""


def received(session: SessionFacts, envelope: Envelope, hostname: str, now: int, trace: str) -> bytes:
    """The time stamp line of a message taken at `now` (UTC microseconds) by `hostname`.

    `trace` is the text of `envelope.trace`, the id that log and reply name. The recipient is named only when
    there is one, so that nobody learns of the others (RFC 5321 §7.2).
    """
    # Our own users' addresses are nobody's business; the session record has them.
    origin = "" if session.account else f"from {_helo(session)} ({_literal(session.peer.address)})\r\n\t"
    tls = f" ({_tls(session.tls)})" if session.tls else ""
    recipient = f"\r\n\tfor <{_checked(envelope.rcpt_to[0].path)}>" if len(envelope.rcpt_to) == 1 else ""
    return (
        f"Received: {origin}by {_checked(hostname)} with {_protocol(session, envelope)}{tls}\r\n"
        f"\tid {_checked(trace)}{recipient};\r\n"
        f"\t{date_time(now)}\r\n"
    ).encode()


def return_path(mail_from: MailFrom) -> bytes:
    """The reverse-path of the envelope, `<>` for the null one (RFC 5321 §4.4)."""
    return f"Return-Path: <{mail_from.path}>\r\n".encode()


def delivered_to(address_text: str) -> bytes:
    """The address a copy was delivered for; found again, it shows a loop. Raises ValueError for a broken text."""
    return f"Delivered-To: {_checked(address_text)}\r\n".encode()


def count_received(block: bytes) -> int:
    """How many hops a header block shows (RFC 5321 §6.3)."""
    return sum(field.key == b"received" for field in header_fields(block))


def _protocol(session: SessionFacts, envelope: Envelope) -> str:
    """The `with` word: with SMTPUTF8 it is one of RFC 6531 §4.3, such as UTF8SMTPS."""
    word = session.protocol
    return word.replace("ESMTP", "UTF8SMTP", 1) if envelope.mail_from.smtputf8 else word


def _helo(session: SessionFacts) -> str:
    helo = session.helo[:MAX_HELO]
    if not helo:
        return _literal(session.peer.address)
    return helo if _LITERAL.match(helo) else _NOT_DOMAIN.sub("?", helo)


def _literal(address: str) -> str:
    """An address literal (RFC 5321 §4.1.3)."""
    plain = _NOT_ADDRESS.sub("", address.partition("%")[0])
    return f"[IPv6:{plain}]" if ":" in plain else f"[{plain or 'unknown'}]"


def _tls(tls: TlsInfo) -> str:
    return _NOT_DOMAIN.sub("?", tls.version) + " " + _NOT_DOMAIN.sub("?", tls.cipher)


def _checked(text: str) -> str:
    if not _PRINTABLE.match(text):
        raise ValueError(f"a trace field takes printable text only, not {text[:60]!r}")
    return text
