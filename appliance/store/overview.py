"""What administrators see first: mail of the last 24 hours, the latest transactions, and what somebody should look at.

Everything comes from indexes or small tables, on a reader thread and from one moment.
"""

import sqlite3
from collections.abc import Sequence

import msgspec

from appliance.ids import first_id
from appliance.store.engine import Engine
from appliance.store.snapshots import same_moment

HOUR = 3600 * 1_000_000
HOURS = 24
DAY = HOURS * HOUR
FATES = ("accepted", "deferred", "refused")
"""Fates of a transaction that are counted; others ("aborted", "lost") the peer brought about."""
LATEST = 20
NAMED = 3
"""How many of those that need a look are named; the others are counted."""

_COUNT = "SELECT count(*) FROM smtp_transaction WHERE outcome = ? AND id >= ? AND id < ?"
_LATEST = """
SELECT t.id, t.at, t.mail_from, t.outcome, t.code, t.reply,
    (SELECT address FROM smtp_recipient WHERE transaction_id = t.id ORDER BY number LIMIT 1),
    (SELECT count(*) FROM smtp_recipient WHERE transaction_id = t.id),
    (SELECT code || ' ' || reply FROM smtp_recipient WHERE transaction_id = t.id
     AND outcome = t.outcome AND outcome IN ('refused', 'deferred') ORDER BY number DESC LIMIT 1)
FROM smtp_transaction t {} ORDER BY t.id DESC LIMIT ?
"""
_SUSPENDED = "SELECT name, count(*) OVER () FROM domain WHERE suspended_at IS NOT NULL ORDER BY name LIMIT ?"
_FULL = """
SELECT address, count(*) OVER () FROM account
WHERE quota_bytes IS NOT NULL AND used_bytes >= quota_bytes ORDER BY address LIMIT ?
"""
_INVITES = """
SELECT count(*) FROM credential INDEXED BY credential_open_invite
WHERE kind = 'invite' AND used_at IS NULL AND revoked_at IS NULL AND expires_at > ? AND expires_at <= ?
"""
_SIZES = """
SELECT (SELECT count(*) FROM domain), (SELECT count(*) FROM account),
    (SELECT coalesce(sum(used_bytes), 0) FROM domain)
"""
_FIRST_START = "SELECT started FROM uptime ORDER BY id LIMIT 1"


class Hour(msgspec.Struct, frozen=True):
    """Transactions of one hour, by fate."""

    begins: int
    """UTC microseconds."""
    accepted: int
    deferred: int
    refused: int


class Latest(msgspec.Struct, frozen=True):
    """One transaction as a line of the list."""

    id: int
    at: int
    mail_from: str
    outcome: str
    code: int
    reply: str
    recipient: str | None
    """The first one."""
    recipients: int
    refusal: str | None
    """What a recipient was refused with, where none was left: more than the reply to the message says."""


class Some(msgspec.Struct, frozen=True):
    """The first few names, and how many there are."""

    names: tuple[str, ...]
    count: int


class Overview(msgspec.Struct, frozen=True):
    """All of it, as of one moment."""

    hours: tuple[Hour, ...]
    """The last 24, the oldest first; the last one is under way."""
    latest: tuple[Latest, ...]
    suspended: Some
    """Domains."""
    full: Some
    """Mailboxes that have reached their quota."""
    ending: int
    """Invites nobody has claimed yet that end within 24 hours."""
    ended: int
    """Mailboxes whose invite has ended unclaimed."""
    domains: int
    mailboxes: int
    used_bytes: int
    first_start: int | None
    """When the server ran first."""


async def overview(engine: Engine, now: int, fate: str = "") -> Overview:
    """As it is at `now`; `latest` only of one `fate`, where that is named."""

    def read(connection: sqlite3.Connection) -> Overview:
        with same_moment(connection):
            first = connection.execute(_FIRST_START).fetchone()
            domains, mailboxes, used = connection.execute(_SIZES).fetchone()
            return Overview(
                _hours(connection, now),
                _latest(connection, fate),
                _some(connection.execute(_SUSPENDED, (NAMED,)).fetchall()),
                _some(connection.execute(_FULL, (NAMED,)).fetchall()),
                connection.execute(_INVITES, (now, now + DAY)).fetchone()[0],
                connection.execute(_INVITES, (0, now)).fetchone()[0],
                domains,
                mailboxes,
                used,
                first[0] if first else None,
            )

    return await engine.read(read)


def _hours(connection: sqlite3.Connection, now: int) -> tuple[Hour, ...]:
    begin = now - now % HOUR - (HOURS - 1) * HOUR
    found = []
    for at in range(begin, begin + DAY, HOUR):
        part = (first_id(at), first_id(at + HOUR))
        counts = [connection.execute(_COUNT, (fate, *part)).fetchone()[0] for fate in FATES]
        found.append(Hour(at, *counts))
    return tuple(found)


def _latest(connection: sqlite3.Connection, fate: str) -> tuple[Latest, ...]:
    where, params = ("WHERE t.outcome = ?", (fate, LATEST)) if fate else ("", (LATEST,))
    rows = connection.execute(_LATEST.format(where), params).fetchall()
    return tuple([Latest(*row) for row in rows])


def _some(rows: Sequence[tuple[str, int]]) -> Some:
    return Some(tuple(name for name, _ in rows), rows[0][1] if rows else 0)
