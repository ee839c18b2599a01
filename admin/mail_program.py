"""What a mail program has to be told, read from the sockets that listen."""

from collections.abc import Mapping, Sequence
from ipaddress import ip_address

import msgspec

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
    found = []
    for purpose, keys in KINDS:
        for key, security in keys:
            places = [parse_listener(text) for text in listeners.get(key, ())]
            public = [one for one in places if not ip_address(one[0]).is_loopback]
            if places:
                host, port = hostname if public else "localhost", (public or places)[0][1]
                found.append(Door(purpose, host, port, security))
                break
    return tuple(found)
