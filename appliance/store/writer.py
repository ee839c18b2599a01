"""The writer thread: takes the jobs that wait, commits them together, tells their callers."""

import queue
import sqlite3
import threading
import time
from asyncio import Future
from collections.abc import Callable, Sequence
from typing import Any

import structlog

from appliance.records import Topic
from appliance.store.engine_sqlite import Fault, SqliteFile, as_store_error, fault
from appliance.store.tx import Job, Tx
from appliance.store.wal_sqlite import Pause

log = structlog.get_logger("appliance.store")

MAX_BATCH_JOBS = 64
MAX_BATCH_BYTES = 8 * 1024 * 1024
SLOW_SECONDS = 0.25
"""A transaction slower than this is logged with its slowest job."""


class Ticket:
    """A job on its way through the writer, and what became of it."""

    __slots__ = ("error", "future", "job", "result", "seconds", "size")

    def __init__(self, job: Job[Any], size: int, future: "Future[Any]") -> None:
        self.job = job
        self.size = size
        self.future = future
        self.result: Any = None
        self.error: Exception | None = None
        self.seconds = 0.0

    @property
    def name(self) -> str:
        """The job's name, for the log."""
        job = getattr(self.job, "func", self.job)
        return str(getattr(job, "__qualname__", type(job).__name__))


class _Voided(Exception):
    """The transaction is gone, and with it all that the batch had written."""


Settle = Callable[[Sequence[Ticket], Sequence[Topic]], None]


class Writer:
    """The one thread that writes.

    `settle` gets each batch once its fate is durable, `fail` the disk's failures, of which `failure` tells; `relieve`
    may make room on a full disk; `pause` is where it stands aside for the checkpointer.
    """

    def __init__(
        self,
        file: SqliteFile,
        *,
        now: Callable[[], int],
        ids: Callable[[], int],
        settle: Settle,
        fail: Callable[[Exception, str], None],
        failure: Callable[[], Exception | None],
        relieve: Callable[[], bool],
        pause: Pause,
    ) -> None:
        self._file = file
        self._now = now
        self._ids = ids
        self._settle = settle
        self._fail = fail
        self._failure = failure
        self._relieve = relieve
        self._pause = pause
        self._queue: queue.SimpleQueue[Ticket | None] = queue.SimpleQueue()
        self._stopping = False
        opened: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, args=(opened,), name="store-write", daemon=True)
        self._thread.start()
        if error := opened.get():
            raise error

    def put(self, ticket: Ticket) -> None:
        """Queue a job."""
        self._queue.put(ticket)

    @property
    def waiting(self) -> int:
        """Jobs in the queue."""
        return self._queue.qsize()

    def stop(self) -> None:
        """Finish what is queued; returns when the thread has ended. The connection stays open."""
        self._queue.put(None)
        self._thread.join()

    def close(self) -> None:
        """Close the connection: the last of its database, so that SQLite empties and removes the WAL."""
        self._connection.close()

    def _run(self, opened: "queue.SimpleQueue[Exception | None]") -> None:
        try:
            self._connection = self._file.open_writer()
        except Exception as error:
            opened.put(error)
            return
        opened.put(None)
        while not self._stopping:
            self._turn()

    def _turn(self) -> None:
        """Wait for a job, then work on all that wait. No name outlives it, for jobs hold on to files (`blobs`)."""
        ticket = self._queue.get()
        if ticket is None:
            self._stopping = True
        else:
            self._work(self._take(ticket))

    def _take(self, first: Ticket) -> list[Ticket]:
        """Whatever waits, up to the bounds. A caller that has given up is not worth a write."""
        batch: list[Ticket] = []
        size = 0
        ticket: Ticket | None = first
        try:
            while ticket is not None:
                if not ticket.future.cancelled():
                    batch.append(ticket)
                    size += ticket.size
                if len(batch) >= MAX_BATCH_JOBS or size >= MAX_BATCH_BYTES:
                    return batch
                ticket = self._queue.get_nowait()
            self._stopping = True
        except queue.Empty:
            pass
        return batch

    def _work(self, batch: list[Ticket]) -> None:
        self._pause.give()
        start = time.perf_counter()
        topics: list[Topic] = []
        try:
            if len(batch) == 1 or not self._together(batch, topics):
                for ticket in batch:
                    self._alone(ticket, topics)
        except BaseException as error:  # the thread must live on, and every caller must hear of it
            self._fail(error if isinstance(error, Exception) else RuntimeError(repr(error)), "the writer")
            for ticket in batch:
                ticket.error = self._failure()
        self._settle(batch, topics)
        if (seconds := time.perf_counter() - start) > SLOW_SECONDS:
            slowest = max(batch, key=lambda ticket: ticket.seconds)
            log.warning(
                "slow transaction",
                seconds=round(seconds, 3),
                jobs=len(batch),
                slowest=slowest.name,
                slowest_seconds=round(slowest.seconds, 3),
            )

    def _together(self, batch: Sequence[Ticket], topics: list[Topic]) -> bool:
        """Run and commit all jobs as one; False when the transaction was voided and nothing of it was kept."""
        connection = self._connection
        tx = Tx(connection, self._now(), self._ids)
        try:
            connection.execute("BEGIN IMMEDIATE")
            for ticket in batch:
                self._step(tx, ticket)
            connection.execute("COMMIT")
        except (sqlite3.Error, _Voided) as error:
            self._roll_back(error)
            return False
        self._committed(tx, topics)
        return True

    def _step(self, tx: Tx, ticket: Ticket) -> None:
        """One job in its savepoint."""
        connection = self._connection
        topics, after = len(tx.topics), len(tx.after)
        start = time.perf_counter()
        connection.execute("SAVEPOINT job")
        try:
            ticket.result = ticket.job(tx)
        except Exception as error:
            # SQLITE_FULL, IOERR and NOMEM may end the whole transaction, not only the statement. A full disk is
            # dealt with job by job, even where the others could go on: only there is the reserve let go.
            if not connection.in_transaction or fault(error) is not Fault.JOB:
                raise _Voided from error
            connection.execute("ROLLBACK TO job")
            del tx.topics[topics:], tx.after[after:]
            ticket.error = as_store_error(error)
        connection.execute("RELEASE job")
        ticket.seconds = time.perf_counter() - start

    def _alone(self, ticket: Ticket, topics: list[Topic]) -> None:
        """One job in a transaction of its own; once more where the disk was full and room could be made."""
        start = time.perf_counter()
        tx, error = self._attempt(ticket, topics)
        if error and fault(error) is Fault.FULL and not tx.brings_mail and self._relieve():
            _, error = self._attempt(ticket, topics)
        ticket.error = None if error is None else self._failure() or as_store_error(error)
        ticket.seconds = time.perf_counter() - start

    def _attempt(self, ticket: Ticket, topics: list[Topic]) -> tuple[Tx, Exception | None]:
        """Run and commit one job; gives its transaction, and what went wrong."""
        ticket.result = None
        connection = self._connection
        tx = Tx(connection, self._now(), self._ids)
        if failure := self._failure():
            return tx, failure
        try:
            connection.execute("BEGIN IMMEDIATE")
            result = ticket.job(tx)
            connection.execute("COMMIT")
        except Exception as error:
            self._roll_back(error)
            return tx, error
        ticket.result = result
        self._committed(tx, topics)
        return tx, None

    def _roll_back(self, error: Exception) -> None:
        """Leave no transaction open, and tell when it is the disk that failed."""
        cause = error.__cause__ or error
        if fault(cause) is Fault.DISK and isinstance(cause, Exception):
            self._fail(cause, "write to the database")
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _committed(self, tx: Tx, topics: list[Topic]) -> None:
        topics += tx.topics
        for act in tx.after:
            try:
                act()
            except Exception:
                log.exception("after commit")
