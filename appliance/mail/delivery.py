"""Where mail goes: the fate of one recipient (Route), what is stored for a message (Plan).

Routes are a closed union, consumed by `match`; each carries the rule that decided it.
"""

from pathlib import Path

import msgspec

from appliance.mail.session_record import MessageRecord
from appliance.mail.structure import Rendition


class ToMailboxes(msgspec.Struct, frozen=True, tag=True):
    """Deliver to these accounts of the domain (ids); `delivered_to` is the address as the domain knows it."""

    domain: int
    accounts: tuple[int, ...]
    delivered_to: str
    rule: str


class UnknownUser(msgspec.Struct, frozen=True, tag=True):
    """Nobody has that address: 550 5.1.1."""

    rule: str = "unknown"


class RelayDenied(msgspec.Struct, frozen=True, tag=True):
    """Not one of our domains: 550 5.7.1."""

    rule: str = "relay"


class Suspended(msgspec.Struct, frozen=True, tag=True):
    """The domain or the mailbox is suspended: 450 4.2.1."""

    rule: str


class RejectAddress(msgspec.Struct, frozen=True, tag=True):
    """A reject-address with its own code (a 4xx or 5xx number) and text."""

    code: int
    text: str
    rule: str = "reject-address"


class NoContact(msgspec.Struct, frozen=True, tag=True):
    """postmaster or abuse where no contact exists: 450 4.3.0."""

    rule: str = "no-contact"


class OverQuota(msgspec.Struct, frozen=True, tag=True):
    """No target has room: 452 4.2.2 in the grace time, 552 5.2.2 after it (`graced` False).

    `accounts` are those whose grace time has to start now (ids; empty once it runs).
    """

    graced: bool
    accounts: tuple[int, ...]
    rule: str


Route = ToMailboxes | UnknownUser | RelayDenied | Suspended | RejectAddress | NoContact | OverQuota


class Content(msgspec.Struct, frozen=True):
    """Exact bytes of a message to be stored: in memory, or a complete, closed file on the store's file system.

    The store takes the file over (links or renames it); the bytes are never parsed and written again.
    """

    size: int
    sha256: bytes
    data: bytes | None = None
    path: Path | None = None


class Delivery(msgspec.Struct, frozen=True):
    """One copy for one account: the folder's name, and the fields that differ by recipient.

    `prefix` is whole header fields with their CRLF (Return-Path, Delivered-To) that stand before the shared body.
    """

    domain: int
    account: int
    mailbox: str
    prefix: bytes


class Plan(msgspec.Struct, frozen=True):
    """All that one accepted message changes, for one transaction (`store.accept`)."""

    trace: int
    content: Content
    rendition: Rendition
    deliveries: tuple[Delivery, ...]
    dedupe_key: bytes
    """SHA-256 over client address, envelope, Message-ID and the hash of the bytes received (the `accepted` journal)."""
    record: MessageRecord | None = None
    """What stays of the session and this transaction, written with the message or not at all."""
