"""What the store does by itself: purge what has had its time, collect bodies nobody names, keep the ballast.

All of it in slices that take the writer for a few milliseconds, and only while no mail waits for it.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import msgspec
import structlog

from appliance.store.blobs import GRACE_US, Blobs
from appliance.store.disk import DiskGuard
from appliance.store.engine import Engine, Tx
from appliance.store.errors import StoreBroken, StoreError
from appliance.store.files import FilePool
from appliance.store.holds import Name
from appliance.store.mailbox_acts import gone, sweep
from appliance.store.record_upkeep import DAY, OLD_ROWS, RECORD_DAYS, purge_rows
from appliance.store.record_upkeep import SLICE as RECORD_SLICE

T = TypeVar("T")
log = structlog.get_logger("appliance.store")

INTERVAL = 60.0
"""Seconds between two rounds of purging."""
STRAY_ROUNDS = 1440
"""Rounds between two looks for files without rows: once a day."""
TOMBSTONE_US = 30 * 24 * 3600 * 1_000_000
"""How long an expunged message is remembered for clients that come back (RFC 7162 §3.2.7)."""
JOURNAL_US = 3600 * 1_000_000
"""How long an accepted message is known again after a break."""
SLICE = 250
"""Rows of one slice: well under 50 ms of the writer's time."""
BODY_SLICE = 50
"""Bodies of one slice: each may be 32 KiB of pages to free."""
VACUUM_PAGES = 256
PATIENCE = 50
"""Pauses of 20 ms that a slice waits for an idle writer before it joins in all the same."""

_OLD_TOMBSTONES = "SELECT mailbox, uid, modseq FROM expunged WHERE at < ? ORDER BY at LIMIT ?"
_FLOOR = "UPDATE mailbox SET expunged_floor = max(expunged_floor, ?) WHERE id = ?"
_OLD_JOURNAL = "DELETE FROM accepted WHERE key IN (SELECT key FROM accepted WHERE at < ? LIMIT ?)"
_OLD_ORPHANS = "SELECT blob FROM blob_orphan WHERE at < ? ORDER BY at LIMIT ?"
_UNUSED = "SELECT domain, sha256, place FROM blob WHERE id = ? AND NOT EXISTS (SELECT 1 FROM message WHERE blob = ?)"


class Purged(msgspec.Struct):
    """How much one round took away."""

    tombstones: int = 0
    journal: int = 0
    records: int = 0
    messages: int = 0
    bodies: int = 0
    files: int = 0
    pages: int = 0


class Upkeep:
    """The store's own work. `run` does it all, for as long as it is not cancelled."""

    def __init__(
        self,
        engine: Engine,
        blobs: Blobs,
        pool: FilePool,
        guard: DiskGuard | None = None,
        *,
        record_days: int = RECORD_DAYS,
    ) -> None:
        self._engine = engine
        self._record_days = record_days
        self._blobs = blobs
        self._pool = pool
        self._guard = guard

    async def run(self) -> None:
        """Purge at start and then once a minute; errors are logged, a broken disk ends it."""
        round_ = 0
        while True:
            try:
                await self.purge(strays=round_ % STRAY_ROUNDS == 0)
            except StoreBroken:
                raise
            except (StoreError, OSError, sqlite3.Error) as error:
                log.warning("upkeep failed, it is tried again", error=str(error))
            round_ += 1
            await asyncio.sleep(INTERVAL)

    async def purge(self, *, strays: bool = True) -> Purged:
        """One round of everything; `strays` looks through all body files for those without a row."""
        now = self._engine.now()
        done = Purged()
        if self._guard is not None:
            await self._pool.run(self._guard.tend)
        done.tombstones = await self._slices(lambda tx: purge_tombstones(tx, now - TOMBSTONE_US))
        done.journal = await self._slices(lambda tx: tx.execute(_OLD_JOURNAL, (now - JOURNAL_US, SLICE)).rowcount)
        done.records = await self._purge_records(now)
        done.messages = await self._sweep_gone()
        done.bodies = await self.collect()
        if strays:
            done.files = await self._pool.run(self._delete_strays, now - GRACE_US)
        done.pages = await self._slices(vacuum)
        if any(msgspec.structs.astuple(done)):
            log.info("purged", **msgspec.structs.asdict(done))
        return done

    async def collect(self) -> int:
        """Delete the bodies that no message has named for the grace time, rows first, then files; gives how many."""
        before = self._engine.now() - GRACE_US
        await self._pool.run(self._blobs.files.delete_left)
        count = 0
        while True:
            looked, names, deleted = await self._slice(lambda tx: collect_rows(tx, before))
            for name in names:
                await self._pool.run(self._blobs.files.delete, name)
            count += deleted
            if looked < BODY_SLICE:
                return count

    async def _sweep_gone(self) -> int:
        """Messages of folders that are gone."""
        mailboxes = await self._engine.read(lambda connection: gone(Tx(connection, 0, int)))
        count = 0
        for mailbox in mailboxes:
            count += await self._slices(partial(sweep, mailbox=mailbox, limit=SLICE))
        return count

    async def _purge_records(self, now: int) -> int:
        """Rows of the record that have had their days."""
        if not self._record_days:
            return 0
        before = now - self._record_days * DAY
        count = 0
        for statement in OLD_ROWS:
            count += await self._slices(partial(purge_rows, statement=statement, before=before), RECORD_SLICE)
        return count

    def _delete_strays(self, before: int) -> int:
        count = 0
        for name, status in self._blobs.files.names():
            if status.st_mtime_ns // 1000 < before and self._blobs.files.delete(name):
                count += 1
        return count

    async def _slices(self, job: Callable[[Tx], int], limit: int = SLICE) -> int:
        """Repeat a slice until it finds less than a full one; gives the sum."""
        total = 0
        while True:
            count = await self._slice(job)
            total += count
            if count < limit:
                return total

    async def _slice(self, job: Callable[[Tx], T]) -> T:
        for _ in range(PATIENCE):
            if not self._engine.waiting:
                break
            await asyncio.sleep(0.02)
        return await self._engine.write(job)


def purge_tombstones(tx: Tx, before: int) -> int:
    """One slice of tombstones older than `before`; what the mailbox can still tell of begins above them."""
    rows = tx.execute(_OLD_TOMBSTONES, (before, SLICE)).fetchall()
    floors: dict[int, int] = {}
    for mailbox, _, modseq in rows:
        floors[mailbox] = max(modseq, floors.get(mailbox, 0))
    tx.executemany(_FLOOR, [(floor, mailbox) for mailbox, floor in sorted(floors.items())])
    tx.executemany("DELETE FROM expunged WHERE mailbox = ? AND uid = ?", [row[:2] for row in rows])
    return len(rows)


def collect_rows(tx: Tx, before: int) -> tuple[int, list[Name], int]:
    """One slice of bodies noted before `before`: gives how many were looked at, the files to delete, and how many went.

    A body that a message names again was only noted too early, and stays.
    """
    looked = tx.execute(_OLD_ORPHANS, (before, BODY_SLICE)).fetchall()
    names: list[Name] = []
    deleted = 0
    for (blob,) in looked:
        row = tx.execute(_UNUSED, (blob, blob)).fetchone()
        if row is not None:
            deleted += 1
            for table, column in (("rendition", "blob"), ("header_cache", "blob"), ("blob", "id")):
                tx.execute(f"DELETE FROM {table} WHERE {column} = ?", (blob,))
            if row[2] == "file":
                names.append((row[0], row[1]))
        tx.execute("DELETE FROM blob_orphan WHERE blob = ?", (blob,))
    return len(looked), names, deleted


def vacuum(tx: Tx) -> int:
    """One slice of giving free pages back to the file system, where more than a quarter of the file is free."""
    total = tx.execute("PRAGMA page_count").fetchone()[0]
    unused: int = tx.execute("PRAGMA freelist_count").fetchone()[0]
    if unused <= max(total // 4, VACUUM_PAGES):
        return 0
    for _ in range(VACUUM_PAGES):
        # One page each: the pragma gives a page up for each step, and sqlite3 steps a statement without columns once.
        tx.execute("PRAGMA incremental_vacuum(1)")
    return VACUUM_PAGES
