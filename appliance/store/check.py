"""Does the database agree with itself, and with the files? Every look is short, so the server may run meanwhile."""

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from functools import partial

from appliance.ids import id_text
from appliance.store.audit import Audit
from appliance.store.blobs import GRACE_US, Blobs
from appliance.store.check_record import recipient_findings, transaction_findings
from appliance.store.engine import Engine, Tx
from appliance.store.errors import StoreError, StoreTimeout
from appliance.store.files import FilePool
from appliance.store.findings import CHUNK, Finding, Look, Looked
from appliance.store.repairs import REPAIRS

LONG_SECONDS = 3600.0
"""How long the looks that must see the whole database at once may take."""
_PIECE = 1024 * 1024
MAX_ROWS = 100
"""Findings of one kind that are worth listing."""

_MAILBOXES = """
SELECT m.id, m."exists", m.unseen, m.bytes, m.uidnext, m.highestmodseq, m.expunged_floor,
    count(g.uid), coalesce(sum(g.flags & 1 = 0), 0), coalesce(sum(g.size), 0), coalesce(max(g.uid), 0),
    coalesce(max(g.modseq), 0),
    (SELECT coalesce(max(modseq), 0) FROM expunged WHERE mailbox = m.id),
    (SELECT coalesce(max(uid), 0) FROM expunged WHERE mailbox = m.id)
FROM (SELECT * FROM mailbox WHERE id > ? ORDER BY id LIMIT ?) m LEFT JOIN message g ON g.mailbox = m.id AND g.uid > 0
GROUP BY m.id ORDER BY m.id
"""
_USAGE = {
    "account": "SELECT a.id, a.used_bytes, (SELECT coalesce(sum(bytes), 0) FROM mailbox WHERE account = a.id)"
    " FROM account a WHERE a.id > ? ORDER BY a.id LIMIT ?",
    "domain": "SELECT d.id, d.used_bytes, (SELECT coalesce(sum(used_bytes), 0) FROM account WHERE domain = d.id)"
    " FROM domain d WHERE d.id > ? ORDER BY d.id LIMIT ?",
    "organisation": "SELECT o.id, o.used_bytes,"
    " (SELECT coalesce(sum(used_bytes), 0) FROM domain WHERE organisation = o.id)"
    " FROM organisation o WHERE o.id > ? ORDER BY o.id LIMIT ?",
}
_BLOBS = """
SELECT b.id, b.domain, b.sha256, b.size, b.place, length(b.data),
    EXISTS (SELECT 1 FROM message WHERE blob = b.id) OR EXISTS (SELECT 1 FROM blob_orphan WHERE blob = b.id),
    EXISTS (SELECT 1 FROM rendition WHERE blob = b.id)
FROM blob b WHERE b.id > ? ORDER BY b.id LIMIT ?
"""
_BODILESS = f"""
SELECT mailbox, uid, blob FROM message m WHERE NOT EXISTS (SELECT 1 FROM blob WHERE id = m.blob) LIMIT {MAX_ROWS}
"""


class Check:
    """Looks for what is wrong, and puts right what can be."""

    def __init__(self, engine: Engine, blobs: Blobs, pool: FilePool, audit: Audit) -> None:
        self._engine = engine
        self._blobs = blobs
        self._pool = pool
        self._audit = audit

    async def check(self, *, bodies: bool = False) -> tuple[Finding, ...]:
        """All findings. `bodies` reads and hashes every body too, which takes long."""
        found: list[Finding] = []
        for look in (integrity, self._audit_findings, bodiless):
            found += (await self._look(look, -1, LONG_SECONDS))[1]
        found += await self._chunks(mailbox_findings)
        for table in _USAGE:
            found += await self._chunks(partial(usage_findings, table=table))
        found += await self._chunks(self._blob_findings)
        found += await self._chunks(transaction_findings)
        found += await self._chunks(recipient_findings)
        if bodies:
            found += await self._changed_bodies()
        found += await self._pool.run(lambda: list(self._strays()))
        return tuple(found)

    async def fix(self, findings: Sequence[Finding], actor: str) -> tuple[Finding, ...]:
        """Put right what is fixable, each with its audit row in one transaction; gives those that were fixed."""
        fixed = []
        for finding in findings:
            if not finding.fixable:
                continue
            if finding.kind == "stray-file":
                await self._pool.run(self._delete_stray, finding)
            else:
                await self._engine.write(partial(self._repair, finding=finding, actor=actor))
            fixed.append(finding)
        return tuple(fixed)

    def _repair(self, tx: Tx, finding: Finding, actor: str) -> None:
        REPAIRS[finding.kind](tx, finding.id)
        self._audit.append(tx, actor, "store.fix", finding.object, finding.text)

    async def _chunks(self, look: Look) -> list[Finding]:
        """Look at a whole table in short snapshots, by rising id."""
        found: list[Finding] = []
        after: int | None = -1
        while after is not None:
            after, more = await self._look(look, after, None)
            found += more
        return found

    async def _look(self, look: Look, after: int, seconds: float | None) -> Looked:
        """One look; a database too damaged for it is a finding, not an error."""
        try:
            return await self._engine.read(lambda connection: look(connection, after), seconds=seconds)
        except StoreTimeout:
            raise
        except StoreError as error:
            if not isinstance(error.__cause__, sqlite3.DatabaseError):
                raise
            return None, [Finding("integrity", "database", str(error))]

    def _audit_findings(self, connection: sqlite3.Connection, after: int) -> Looked:
        broken = self._audit.verify(connection)
        if broken is None:
            return None, []
        return None, [Finding("audit", f"audit {broken}", f"the audit chain is broken at entry {broken}")]

    def _blob_findings(self, connection: sqlite3.Connection, after: int) -> Looked:
        rows = connection.execute(_BLOBS, (after, CHUNK)).fetchall()
        found = []
        for blob, domain, sha256, size, place, length, used, rendered in rows:
            name = f"body {id_text(blob)}"
            if not used:
                found.append(Finding("unused-body", name, "no message names it, nor the collector", blob, fixable=True))
            if not rendered:
                found.append(Finding("rendition", name, "it has no rendition"))
            path = self._blobs.files.path((domain, sha256))
            if place == "file":
                length = path.stat().st_size if path.is_file() else None
            if length is None:
                found.append(Finding("missing-file", name, f"its file is missing: {path}"))
            elif length != size:
                found.append(Finding("body-size", name, f"it has {length} bytes, not {size}"))
        return (rows[-1][0] if len(rows) == CHUNK else None), found

    async def _changed_bodies(self) -> list[Finding]:
        found: list[Finding] = []
        after = -1
        while rows := await self._engine.read(partial(_hashes, after=after)):
            for blob, sha256 in rows:
                if await self._pool.run(self._changed, blob, sha256):
                    text = "its bytes are not those that were stored"
                    found.append(Finding("body-hash", f"body {id_text(blob)}", text))
            after = rows[-1][0]
        return found

    def _changed(self, blob: int, sha256: bytes) -> bool:
        digest = hashlib.sha256()
        offset = 0
        try:
            while piece := self._blobs.read(self._engine.reader, blob, offset, _PIECE):
                digest.update(piece)
                offset += len(piece)
        except StoreError:
            return False  # collected meanwhile, or its file is missing, which is a finding of its own
        return digest.digest() != sha256

    def _strays(self) -> Iterator[Finding]:
        before = self._engine.now() - GRACE_US
        for name, status in self._blobs.files.names():
            if status.st_mtime_ns // 1000 < before and not self._blobs.named(name):
                path = self._blobs.files.path(name)
                yield Finding("stray-file", str(path), "no row names this file", fixable=True)

    def _delete_stray(self, finding: Finding) -> None:
        for name, _ in self._blobs.files.names():
            if str(self._blobs.files.path(name)) == finding.object:
                self._blobs.files.delete(name)


def _hashes(connection: sqlite3.Connection, after: int) -> list[tuple[int, bytes]]:
    return connection.execute("SELECT id, sha256 FROM blob WHERE id > ? ORDER BY id LIMIT ?", (after, CHUNK)).fetchall()


def integrity(connection: sqlite3.Connection, after: int) -> Looked:
    """SQLite's own view: pages, indexes, and the links between tables."""
    rows = connection.execute(f"PRAGMA integrity_check({MAX_ROWS})").fetchall()
    found = [Finding("integrity", "database", row[0]) for row in rows if row[0] != "ok"]
    for table, rowid, parent, _ in connection.execute("PRAGMA foreign_key_check").fetchmany(MAX_ROWS):
        found.append(Finding("link", f"{table} {rowid}", f"it names a {parent} that does not exist"))
    return None, found


def bodiless(connection: sqlite3.Connection, after: int) -> Looked:
    """Messages whose body is gone."""
    rows = connection.execute(_BODILESS).fetchall()
    return None, [
        Finding("message-without-body", f"mailbox {id_text(mailbox)} UID {uid}", f"there is no body {id_text(blob)}")
        for mailbox, uid, blob in rows
    ]


def mailbox_findings(connection: sqlite3.Connection, after: int) -> Looked:
    """Counters, UIDNEXT and HIGHESTMODSEQ against the messages and tombstones."""
    rows = connection.execute(_MAILBOXES, (after, CHUNK)).fetchall()
    found = []
    for mailbox, exists, unseen, size, uidnext, highest, floor, *counted in rows:
        messages, unread, total, max_uid, max_modseq, max_gone, max_gone_uid = counted
        name = f"mailbox {id_text(mailbox)}"
        if (exists, unseen, size) != (messages, unread, total):
            text = f"exists, unseen, bytes are {exists}, {unseen}, {size}; counted {messages}, {unread}, {total}"
            found.append(Finding("counters", name, text, mailbox, fixable=True))
        if uidnext <= max(max_uid, max_gone_uid):
            text = f"UIDNEXT {uidnext} is not above UID {max(max_uid, max_gone_uid)}"
            found.append(Finding("uidnext", name, text, mailbox, fixable=True))
        if highest < max(max_modseq, max_gone, floor):
            text = f"HIGHESTMODSEQ {highest} is below {max(max_modseq, max_gone, floor)}"
            found.append(Finding("modseq", name, text, mailbox, fixable=True))
    return (rows[-1][0] if len(rows) == CHUNK else None), found


def usage_findings(connection: sqlite3.Connection, after: int, table: str) -> Looked:
    """`used_bytes` of accounts, domains or organisations against what is below them."""
    rows = connection.execute(_USAGE[table], (after, CHUNK)).fetchall()
    found = [
        Finding(
            f"usage-{table}", f"{table} {id_text(id_)}", f"{used} bytes in use, counted {counted}", id_, fixable=True
        )
        for id_, used, counted in rows
        if used != counted
    ]
    return (rows[-1][0] if len(rows) == CHUNK else None), found
