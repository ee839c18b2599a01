"""What a mail program has to be told, read from the sockets that listen."""

import json
from collections.abc import Mapping, Sequence
from ipaddress import ip_address

import markupsafe
import msgspec

from admin.qr import qr_code
from config.values import parse_listener

KINDS = (
    ("Incoming mail (IMAP)", (("imap.imaps", "SSL/TLS"), ("imap.imap", "STARTTLS"))),
    ("Outgoing mail (SMTP)", (("smtp.submissions", "SSL/TLS"), ("smtp.submission", "STARTTLS"))),
)
"""Each purpose with its listeners, the better first (RFC 8314 §3)."""


class Door(msgspec.Struct, frozen=True):
    """One server as a mail program's form asks for it."""

    purpose: str
    host: str
    port: int
    security: str


def doors(listeners: Mapping[str, Sequence[str]], hostname: str) -> tuple[Door, ...]:
    """The best listener of each purpose; one on loopback only is at localhost."""
    best: dict[str, Door] = {}
    for door in every_door(listeners, hostname):
        best.setdefault(door.purpose, door)
    return tuple(best.values())


def every_door(listeners: Mapping[str, Sequence[str]], hostname: str) -> tuple[Door, ...]:
    """All that listen, of each purpose the better first."""
    found = []
    for purpose, keys in KINDS:
        for key, security in keys:
            places = [parse_listener(text) for text in listeners.get(key, ())]
            public = [one for one in places if not ip_address(one[0]).is_loopback]
            if places:
                host, port = hostname if public else "localhost", (public or places)[0][1]
                found.append(Door(purpose, host, port, security))
    return tuple(found)


class Purpose(msgspec.Struct, frozen=True):
    """What is set up for one purpose: the better door, and those that serve programs which cannot use it."""

    words: str
    door: Door
    others: tuple[Door, ...]
    qr: markupsafe.Markup
    """The same in text, to copy on a phone."""


class Programs(msgspec.Struct, frozen=True):
    """All that a mail program is told, for one mailbox."""

    user: str
    purposes: tuple[Purpose, ...]
    thunderbird: markupsafe.Markup
    """A code that Thunderbird for Android sets itself up by, "" where it cannot."""


SECURITIES = {"STARTTLS": 2, "SSL/TLS": 3}
PASSWORD_IN_TLS = 1


def programs(listeners: Mapping[str, Sequence[str]], hostname: str, user: str) -> Programs:
    """The settings of a mailbox whose address is `user`. The password is in none of it."""
    all_doors = every_door(listeners, hostname)
    purposes = []
    for words, _ in KINDS:
        own = [door for door in all_doors if door.purpose == words]
        if own:
            text = (
                f"{words}\nServer: {own[0].host}\nPort: {own[0].port}\nSecurity: {own[0].security}\nUser name: {user}"
            )
            purposes.append(Purpose(words, own[0], tuple(own[1:]), qr_code(text)))
    return Programs(user, tuple(purposes), _thunderbird([one.door for one in purposes], user))


def _thunderbird(best: Sequence[Door], user: str) -> markupsafe.Markup:
    """Its own format, "Export for Mobile" version 1: JSON arrays in which a place says what a value is."""
    if len(best) != len(KINDS) or not user.isascii():
        return markupsafe.Markup("")
    reads, sends = ([0, one.host, one.port, SECURITIES[one.security], PASSWORD_IN_TLS, user] for one in best)
    return qr_code(json.dumps([1, [1, 1], reads, [[sends, [user, user]]]], separators=(",", ":")))
