"""SMTP command lines (RFC 5321 §4.1.1), strictly: bytes of one line in, a Command out, or the reply that refuses it.

The table `PARSERS` is the grammar: verb -> parser of its arguments. Verbs fold case, arguments are kept as sent.
Blanks are allowed where the RFC allows them: one between verb and argument, none around the colon of FROM: and
TO: (RFC 5321 §3.3), any number before the line's end (RFC 5321 §4.1.1).
"""

import re
from collections.abc import Callable
from functools import lru_cache
from types import MappingProxyType

import msgspec

from appliance.mail.address import AddressError, parse_mail_path, parse_rcpt_path
from appliance.mail.envelope import MailFrom, RcptTo
from appliance.mail.reply import Reply
from smtp import replies

MAX_HELO = 255
"""Octets of the name in EHLO or HELO (RFC 5321 §4.5.3.1.2)."""
_PRINTABLE = re.compile(rb"[ -~]*\Z")
# Where an address stands it may be UTF-8 (RFC 6531 §3.3, §3.7.4.2).
_WIDE = re.compile(rb"(?:MAIL FROM:|RCPT TO:|VRFY )[ -~\x80-\xff]*\Z", re.IGNORECASE)
# A domain or address literal (RFC 5321 §4.1.1.1), with the underscores that real hosts have.
_HELO = re.compile(rb"(?:[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.?|\[[A-Za-z0-9.:-]+\])\Z")
_SIZE = re.compile(rb"[0-9]{1,20}\Z")
_PARAMETER = re.compile(rb"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([!-<>-~]+))?\Z")
_FOREIGN = re.compile(
    rb"(?:GET|HEAD|POST|PUT|DELETE|OPTIONS|CONNECT|TRACE|PATCH|PRI) |[A-Za-z-]+:( |\Z)|[^\n]*[\x80-\xff]|[\x00\x16]",
    re.IGNORECASE,
)
_BODIES = frozenset({b"7BIT", b"8BITMIME"})

Argument = MailFrom | RcptTo | str | None


class Command(msgspec.Struct, frozen=True, gc=False):
    """One command: its verb in upper case, and its argument where it has one."""

    verb: str
    argument: Argument = None


class CommandError(Exception):
    """The line is refused with `reply`. `counts`: whether it counts as one of the session's errors."""

    def __init__(self, reply: Reply, *, counts: bool = True) -> None:
        super().__init__(str(reply))
        self.reply = reply
        self.counts = counts


def parse_command(line: bytes) -> Command:
    """The command in `line` (without its CRLF); raises CommandError."""
    return _parse_again(line) if line[:5].upper() in _AGAIN else _parse(line)


def _parse(line: bytes) -> Command:
    if not _PRINTABLE.match(line) and not _WIDE.match(line):
        raise CommandError(replies.BAD_SYNTAX)
    verb, blank, rest = line.rstrip(b" ").partition(b" ")
    name = verb.decode("ascii").upper()
    parser = PARSERS.get(name)
    if parser is None:
        raise CommandError(_REFUSED.get(name, replies.UNKNOWN_COMMAND))
    if blank and rest[:1] == b" ":
        raise CommandError(replies.BAD_ARGUMENTS)
    return Command(name, parser(rest))


_parse_again = lru_cache(maxsize=1024)(_parse)
"""Senders and recipients come again and again. No other verb is remembered: AUTH carries secrets."""
_AGAIN = (b"MAIL ", b"RCPT ")


def is_foreign(line: bytes) -> bool:
    """Whether a line that is no command belongs to another protocol (HTTP, TLS), sent here to be misread."""
    return _FOREIGN.match(line) is not None and not _WIDE.match(line)


def _helo(rest: bytes) -> str:
    if len(rest) > MAX_HELO or not _HELO.match(rest):
        raise CommandError(replies.BAD_HELO)
    return rest.decode("ascii")


def _mail(rest: bytes) -> MailFrom:
    if rest[:5].upper() != b"FROM:":
        raise CommandError(replies.BAD_ARGUMENTS)
    try:
        address, parameters = parse_mail_path(rest[5:], utf8=True)
    except AddressError:
        raise CommandError(replies.BAD_SENDER) from None
    size, body, smtputf8 = None, "", False
    for name, value in _parameters(parameters):
        if name == b"SIZE":
            if value is None or not _SIZE.match(value):
                raise CommandError(replies.BAD_SIZE)
            size = int(value)
        elif name == b"BODY" and value is not None and value.upper() in _BODIES:
            body = value.decode("ascii").upper()
        elif name == b"SMTPUTF8":
            if value is not None:  # RFC 6531 §3.1 (4)
                raise CommandError(replies.BAD_ARGUMENTS)
            smtputf8 = True
        else:
            # BINARYMIME needs CHUNKING (RFC 3030 §3).
            raise CommandError(replies.UNKNOWN_PARAMETER)
    if not smtputf8 and not rest.isascii():
        raise CommandError(replies.UTF8_SENDER)
    return MailFrom(address, size, body, smtputf8)


def _rcpt(rest: bytes) -> RcptTo:
    if rest[:3].upper() != b"TO:":
        raise CommandError(replies.BAD_ARGUMENTS)
    try:
        address, parameters = parse_rcpt_path(rest[3:], utf8=True)
    except AddressError as error:
        if error.kind in ("source-route", "literal"):
            # RFC 5321 Appendix C, §4.1.3: both name a place that is not one of our domains.
            raise CommandError(replies.RELAY_DENIED, counts=False) from None
        raise CommandError(replies.BAD_RECIPIENT) from None
    if parameters and _parameters(parameters):
        raise CommandError(replies.UNKNOWN_PARAMETER)
    return RcptTo(address, not rest.isascii())


def _parameters(rest: bytes) -> list[tuple[bytes, bytes | None]]:
    """`esmtp-param` of RFC 5321 §4.1.2, keywords in upper case, each at most once."""
    found: dict[bytes, bytes | None] = {}
    for word in rest.split():
        match = _PARAMETER.match(word)
        if match is None or match[1].upper() in found:
            raise CommandError(replies.BAD_ARGUMENTS)
        found[match[1].upper()] = match[2]
    return list(found.items())


def _nothing(rest: bytes) -> None:
    if rest:
        raise CommandError(replies.NO_ARGUMENTS)


def _text(rest: bytes) -> str:
    return rest.decode("ascii")


def _string(rest: bytes) -> str:
    try:
        if rest:
            return rest.decode("utf-8")
    except UnicodeDecodeError:
        pass
    raise CommandError(replies.BAD_ARGUMENTS)


PARSERS: MappingProxyType[str, Callable[[bytes], Argument]] = MappingProxyType(
    {
        "EHLO": _helo,
        "HELO": _helo,
        "MAIL": _mail,
        "RCPT": _rcpt,
        "DATA": _nothing,
        "RSET": _nothing,
        "NOOP": _text,
        "HELP": _text,
        "VRFY": _string,
        "STARTTLS": _nothing,
        "AUTH": _string,
        "QUIT": _nothing,
    }
)
"""Verb -> parser of what follows it."""

_REFUSED = MappingProxyType(
    dict.fromkeys(("EXPN", "TURN", "ETRN", "SEND", "SOML", "SAML"), replies.NOT_IMPLEMENTED)
    | {"BDAT": replies.NO_CHUNKING}
    | dict.fromkeys(
        ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "TRACE", "PATCH", "PRI"), replies.NOT_SMTP
    )
)
"""Verbs of other RFCs that this server knows and does not offer; those of HTTP (RFC 9110 §9) end the session."""

KNOWN_VERBS = frozenset(name.encode("ascii") for name in (*PARSERS, *_REFUSED))
"""Words that a line may begin with and be a command, of ours or of another RFC."""
