"""All that is particular to SQLite: how a database is opened, checkpointed, and what its errors mean."""

import contextlib
import enum
import os
import sqlite3
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import peewee
import structlog

from appliance.store.errors import StoreBroken, StoreFull

log = structlog.get_logger("appliance.store")

PAGE_SIZE = 4096
CHECKPOINT_FRAMES = 4 * 1024 * 1024 // PAGE_SIZE
"""A passive checkpoint is due for each 4 MiB of new WAL."""
TRUNCATE_BYTES = 64 * 1024 * 1024
"""Above this size of its file the WAL is cut back, if nobody stands in the way."""
BUSY_SECONDS = 30.0
"""A safety net only: within the process nobody but the writer takes the write lock."""


class Fault(enum.Enum):
    """What an error says about the transaction and the disk."""

    JOB = "job"
    FULL = "full"
    DISK = "disk"


def prepare_new(connection: sqlite3.Connection) -> None:
    """Settings that must come before the first table, in this order: auto_vacuum after WAL is silently ignored."""
    connection.execute(f"PRAGMA page_size = {PAGE_SIZE}")
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("PRAGMA journal_mode = WAL")


def open_alone(path: Path) -> sqlite3.Connection:
    """A plain read-write connection for creation and migration, by the only process that has the data directory."""
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def fault(error: BaseException) -> Fault:
    """Whether the job, a full disk or the disk itself is to blame for an error.

    Any IOERR counts as the disk: where it came from fsync the kernel may have dropped the pages, and the next
    fsync would lie.
    """
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return Fault.FULL
    return Fault.DISK if code == sqlite3.SQLITE_IOERR else Fault.JOB


def is_interrupt(error: sqlite3.Error) -> bool:
    """Whether a statement was stopped by its deadline."""
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT


def as_store_error(error: Exception) -> Exception:
    """The error a caller sees for one of its job's."""
    match fault(error):
        case Fault.FULL:
            return StoreFull("the disk is full")
        case Fault.DISK:
            return StoreBroken(f"the disk failed: {error}")
        case Fault.JOB:
            return error


class SqliteFile:
    """One database file: its writing connection, its readers and the look at its WAL."""

    def __init__(self, path: Path, *, reader_cache: int = 16 << 20, reader_mmap: int = 256 << 20) -> None:
        self.path = path
        self._reader_cache = reader_cache
        self._reader_mmap = reader_mmap
        # Everything but the writer thread is refused a connection of its own: autoconnect would make one silently.
        self.database = peewee.SqliteDatabase(
            str(path),
            pragmas=(
                ("foreign_keys", 1),
                ("synchronous", "FULL"),
                ("wal_autocheckpoint", 0),
                ("journal_size_limit", TRUNCATE_BYTES),
                ("cache_size", -(32 << 10)),
                ("temp_store", "MEMORY"),
            ),
            timeout=BUSY_SECONDS,
            autoconnect=False,
            cached_statements=512,
            check_same_thread=False,
        )

    def open_writer(self) -> sqlite3.Connection:
        """The connection of the calling thread, from now on the writer: peewee's own, so that its ORM works in jobs."""
        database: Any = self.database  # its type stubs leave connection() untyped
        database.connect()
        connection: sqlite3.Connection = database.connection()
        return connection

    def open_reader(self) -> sqlite3.Connection:
        """A read-only connection; each statement by itself sees a snapshot."""
        connection = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode=ro",
            uri=True,
            timeout=BUSY_SECONDS,
            isolation_level=None,
            cached_statements=256,
            check_same_thread=False,
        )
        connection.execute("PRAGMA query_only = ON")
        connection.execute(f"PRAGMA cache_size = {-(self._reader_cache >> 10)}")
        connection.execute(f"PRAGMA mmap_size = {self._reader_mmap}")
        return connection


class WalGauge:
    """How many frames the WAL holds, for one `pread` a commit.

    The count is mxFrame, at byte 16 of the wal-index (sqlite.org/walformat.html §2.1). The descriptor must stay
    open until every connection is closed: closing any descriptor of a file drops the locks the process holds on it.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(f"{path}-shm", os.O_RDONLY)
        self._mark = 0

    def due(self) -> bool:
        """Whether enough was written since it last said so; a WAL that started over counts from nothing."""
        frames: int = struct.unpack("=I", os.pread(self._descriptor, 4, 16))[0]
        if frames < self._mark:
            self._mark = 0
        if frames - self._mark < CHECKPOINT_FRAMES:
            return False
        self._mark = frames
        return True

    def close(self) -> None:
        """Only after the last connection is closed."""
        os.close(self._descriptor)


class Checkpointer:
    """Copies the WAL into the database on its own thread and connection, so that no commit ever waits for it."""

    def __init__(self, path: Path, failed: Callable[[Exception, str], None]) -> None:
        self._path = path
        self._failed = failed
        self._wake = threading.Event()
        self._stop = False
        self._thread = threading.Thread(target=self._run, name="store-checkpoint", daemon=True)
        self._thread.start()

    def kick(self) -> None:
        """Ask for a checkpoint soon."""
        self._wake.set()

    def close(self) -> None:
        """Stop, after a checkpoint under way."""
        self._stop = True
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        # busy_timeout 0: with a stuck reader TRUNCATE would hold the writer for the whole time-out.
        connection = sqlite3.connect(self._path, timeout=0, isolation_level=None)
        with contextlib.closing(connection):
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA wal_autocheckpoint = 0")
            while True:
                self._wake.wait()
                self._wake.clear()
                if self._stop:
                    return
                self._checkpoint(connection)

    def _checkpoint(self, connection: sqlite3.Connection) -> None:
        try:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            if os.stat(f"{self._path}-wal").st_size > TRUNCATE_BYTES:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.Error as error:
            if fault(error) is Fault.DISK:
                self._failed(error, "checkpoint")
            log.warning("checkpoint failed", error=str(error))
