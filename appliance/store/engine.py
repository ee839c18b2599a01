"""One writer thread with group commit, and readers with connections of their own.

A write is a function of a `Tx`. The writer takes whatever is waiting (no timer, so a lone job never waits for
company), runs each job in a savepoint of one transaction and commits once: N callers share one fsync, and a job
that fails, fails alone. A caller's `await` returns only once its change is on the disk.

Rules for jobs:
- A job has no effect but on its Tx: after an error that voided the transaction it is run again.
- It neither parses, hashes nor waits: that happens before it, so that the writer's time goes to writing.
- It lets SQLite's errors pass: a swallowed one may have ended the transaction under it. (`sqlite3.IntegrityError`
  may be caught, it never does.)
"""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from typing import TypeVar

import peewee
import structlog

from appliance.records import Topic
from appliance.store.engine_sqlite import SqliteFile
from appliance.store.errors import StoreBroken, StoreBusy, StoreError
from appliance.store.feed import Feed
from appliance.store.readers import SNAPSHOT_SECONDS, Readers
from appliance.store.tx import Job, Tx
from appliance.store.wal_sqlite import Checkpointer, Pause, WalGauge
from appliance.store.writer import Ticket, Writer

__all__ = ["Engine", "Job", "Tx"]

log = structlog.get_logger("appliance.store")
T = TypeVar("T")

MAX_WAITING = 1024
"""Jobs in the queue beyond which a write is refused at once (StoreBusy)."""


class Engine:
    """The store's one writer and its readers, on a database that exists and has its schema.

    `now` gives UTC microseconds. `ids` is called on the writer thread only and must belong to the engine alone.
    One event loop at a time may use an engine.
    """

    def __init__(
        self,
        file: SqliteFile,
        feed: Feed,
        *,
        now: Callable[[], int],
        ids: Callable[[], int],
        read_seconds: float = SNAPSHOT_SECONDS,
    ) -> None:
        self.broken = asyncio.Event()
        """Set once the disk has failed: the daemon must stop."""
        self.failure: StoreBroken | None = None
        """Why it is broken; every later write raises it."""
        self.relieve: Callable[[], bool] = lambda: False
        """Makes room on a full disk for one more attempt, True where it could (`DiskGuard.relieve`). Any thread."""
        self.now = now
        self._file = file
        self._feed = feed
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False
        pause = Pause()
        self._writer = Writer(
            file,
            now=now,
            ids=ids,
            settle=self._settle,
            fail=self.fail,
            failure=lambda: self.failure,
            relieve=self._relieve,
            pause=pause,
        )
        self._gauge = WalGauge(file.path)
        self._checkpointer = Checkpointer(file.path, pause, self.fail)
        self._readers = Readers(file, read_seconds)

    @property
    def waiting(self) -> int:
        """Jobs in the writer's queue."""
        return self._writer.waiting

    @property
    def database(self) -> peewee.SqliteDatabase:
        """Peewee's database, for ORM queries inside jobs: `Model.select().execute(engine.database)`."""
        return self._file.database

    @property
    def reader(self) -> sqlite3.Connection:
        """The calling thread's own read-only connection, for small answers read inline.

        Fetch all rows of a statement at once: a cursor left open holds its snapshot.
        """
        return self._readers.mine

    async def write(self, job: Job[T], *, size: int = 0) -> T:
        """Run `job` in a transaction and return its result once that is durable.

        `size` is the bytes it writes, roughly, where that is much. Raises what the job raises (then nothing of it
        was kept), StoreBusy when too much is waiting, StoreFull when the disk is full, StoreBroken when it failed.
        """
        if self.failure is not None:
            raise self.failure
        if self._closed:
            raise StoreError("the store is closed")
        if self._writer.waiting >= MAX_WAITING:
            raise StoreBusy(f"{MAX_WAITING} changes are waiting already")
        self._loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = self._loop.create_future()
        self._writer.put(Ticket(job, size, future))
        return await future

    async def read(self, act: Callable[[sqlite3.Connection], T], *, seconds: float | None = None) -> T:
        """Run `act` on a reader thread, all of it in one snapshot; StoreTimeout once it holds that for 5 s.

        `seconds` allows more, for what must see the whole database at one moment: the WAL grows meanwhile.
        """
        return await self._readers.read(act, seconds)

    def fail(self, error: Exception, what: str) -> None:
        """Refuse all further writes: a write or an fsync failed, so what is on the disk is unknown. Any thread."""
        if self.failure is not None:
            return
        self.failure = StoreBroken(f"{what} failed: {error}")
        log.critical("no more is written, the disk failed", what=what, error=str(error))
        self._on_loop(self.broken.set)

    def shrink(self) -> None:
        """Give the room of the write-ahead log back soon, for a disk that runs low. Any thread."""
        self._checkpointer.kick(shrink=True)

    def close(self) -> None:
        """Finish what is queued, stop the threads and close every connection; blocks for that long."""
        if self._closed:
            return
        self._closed = True
        self._writer.stop()
        self._checkpointer.close()
        self._readers.close()
        self._writer.close()
        self._gauge.close()

    def _relieve(self) -> bool:
        self.shrink()
        return self.relieve()

    def _settle(self, batch: Sequence[Ticket], topics: Sequence[Topic]) -> None:
        """On the writer thread: hand a whole batch to the loop at once, then see to the WAL."""
        self._on_loop(lambda: self._resolve(batch, topics))
        if self._gauge.due():
            self._checkpointer.kick()

    def _resolve(self, batch: Sequence[Ticket], topics: Sequence[Topic]) -> None:
        for ticket in batch:
            future = ticket.future
            if future.done():
                continue
            if ticket.error is None:
                future.set_result(ticket.result)
            else:
                future.set_exception(ticket.error)
        self._feed.publish(topics)

    def _on_loop(self, act: Callable[[], None]) -> None:
        loop = self._loop
        if loop is None:
            act()
            return
        try:
            loop.call_soon_threadsafe(act)
        except RuntimeError as error:
            # The loop ended before its jobs did; nobody is left to be told.
            log.info("a change was made after the loop had ended", error=str(error))
