"""Frozen rows that leave the store. Ids are 64-bit, times UTC microseconds, sizes bytes."""

from array import array
from typing import NamedTuple

import msgspec

SEEN, ANSWERED, FLAGGED, DELETED, DRAFT = 1, 2, 4, 8, 16
"""Bits of the `flags` column: the system flags of RFC 3501 §2.3.2 that are stored. \\Recent is not."""
KEYWORDED = 128
"""Bit set in `Snapshot.flags` (never in the database) where a message has keywords."""
SYSTEM_FLAGS = {SEEN: "\\Seen", ANSWERED: "\\Answered", FLAGGED: "\\Flagged", DELETED: "\\Deleted", DRAFT: "\\Draft"}


class Topic(msgspec.Struct, frozen=True):
    """What changed, for the feed: `mailbox` (a folder's messages), `folders` (an account's list of them),
    `account` (credentials, state), `domain`."""

    kind: str
    id: int


class DomainInfo(msgspec.Struct, frozen=True):
    """A hosted domain; `name` is an A-label in lower case."""

    id: int
    name: str
    organisation: int
    state: str
    suspended_at: int | None
    unknown: str
    """Policy for unknown recipients: "reject" or "catch_all"."""
    catch_all_account: int | None
    contact_account: int | None
    separators: str
    """Characters that start a subaddress (RFC 5233); "" is off."""
    quota_bytes: int | None
    used_bytes: int
    created_at: int
    privacy: str | None = None
    """What the record keeps of its mail: "full", "no-subjects" or "metadata"; None: as the server's setting says."""


class Account(msgspec.Struct, frozen=True):
    """What people call a mailbox: a login with its storage."""

    id: int
    domain: int
    address: str
    state: str
    """"unclaimed" until the owner has set the password, then "active"."""
    suspended_at: int | None
    quota_bytes: int | None
    used_bytes: int
    over_quota_since: int | None
    epoch: int
    """Raised by every write to the account or one of its credentials."""
    created_at: int


class AddressInfo(msgspec.Struct, frozen=True):
    """An address of a domain: kind "mailbox" (one account), "alias" (its targets) or "reject" (code and text)."""

    id: int
    domain: int
    localpart: str
    kind: str
    accounts: tuple[int, ...] = ()
    code: int | None = None
    text: str | None = None


class RouteFacts(msgspec.Struct, frozen=True):
    """All that `sending.routing.route` needs for one recipient, read at one moment.

    `found` holds the addresses of the domain that exist among the candidates, by local part;
    `accounts` every account named by them, by the catch-all and by the contact.
    """

    domain: DomainInfo | None
    candidates: tuple[str, ...]
    """Folded local parts to try: as given, then without the subaddress."""
    found: dict[str, AddressInfo]
    accounts: dict[int, Account]
    contact: int | None
    """Account for postmaster and abuse: the domain's contact, else the server's."""


class Credential(msgspec.Struct, frozen=True):
    """One row of the ledger of all that opens something. `secret_hash` never leaves the store but to be verified."""

    id: int
    owner_kind: str
    owner: int
    kind: str
    name: str
    secret_hash: bytes
    created_at: int
    created_by: str
    expires_at: int | None
    last_used_at: int | None
    last_used_from: str | None
    used_at: int | None
    revoked_at: int | None
    opener: int | None = None
    """Of a session: the credential it was opened with."""


class Operator(msgspec.Struct, frozen=True):
    """Who administers the server: no mailbox, even where one has the same address."""

    id: int
    email: str
    """Folded, as accounts' addresses are."""
    role: str
    created_at: int
    suspended_at: int | None


class MailboxInfo(msgspec.Struct, frozen=True):
    """IMAP's mailbox: a folder of an account. `name` is NFC text with "/" between levels; INBOX in capitals."""

    id: int
    account: int
    domain: int
    name: str
    uidvalidity: int
    uidnext: int
    recent_uid: int
    """UIDs from here on have not been shown to any session (\\Recent)."""
    highestmodseq: int
    exists: int
    unseen: int
    bytes: int
    special_use: str | None
    """As in RFC 6154, such as "\\Sent"."""


class Snapshot(msgspec.Struct, frozen=True):
    """All of a mailbox that a session must hold: parallel arrays in UID order, at one modseq.

    13 bytes a message: uids (array "I"), flags (bytearray of the flag bits, KEYWORDED where
    `keywords` has the UID), modseqs (array "Q").
    """

    info: MailboxInfo
    uids: "array[int]"
    flags: bytearray
    modseqs: "array[int]"
    keywords: dict[int, tuple[str, ...]]


class MessageRow(NamedTuple):
    """One message for FETCH and SEARCH; what was not needed is None.

    `size` is RFC822.SIZE: prefix, `header` and what follows the header in the body. `header` is the header block that
    is served: the body's own, or that downgraded (`mail.structure.Rendition`), which the sizes tell. `parts` are
    offsets into the stored body. The prefix stands before all of that.
    """

    uid: int
    blob: int
    prefix: bytes
    internaldate: int
    size: int
    envelope: bytes | None
    bodystructure: bytes | None
    body: bytes | None
    header: bytes | None
    parts: bytes | None


class FlagState(msgspec.Struct, frozen=True, gc=False):
    """Flags of one message after a change."""

    uid: int
    flags: int
    keywords: tuple[str, ...]
    modseq: int


class Changes(msgspec.Struct, frozen=True):
    """What happened in a mailbox after a modseq, in UID order: the single question behind all updates.

    `new` are messages whose UID was at or above the asker's UIDNEXT, `flags` other changed messages that still
    exist, `expunged` the UIDs gone. `info` is the mailbox now, None when the mailbox itself is gone.
    `whole`: tombstones since then have been purged, so `flags` lists every message below the asker's UIDNEXT that
    exists and `expunged` is empty; any other UID the asker knows is gone.
    """

    info: MailboxInfo | None
    new: tuple[FlagState, ...]
    flags: tuple[FlagState, ...]
    expunged: tuple[int, ...]
    whole: bool = False


class CopyResult(msgspec.Struct, frozen=True):
    """What COPYUID tells (RFC 4315 §3): source and target UIDs in the same order."""

    uidvalidity: int
    source: tuple[int, ...]
    target: tuple[int, ...]


class AppendResult(msgspec.Struct, frozen=True):
    """What APPENDUID tells (RFC 4315 §3)."""

    uidvalidity: int
    uid: int


class AuditEntry(msgspec.Struct, frozen=True):
    """One act, chained by hash to the one before it."""

    seq: int
    at: int
    actor: str
    act: str
    object: str
    before: str
    after: str
    source: str
    previous_hash: bytes
    hash: bytes
