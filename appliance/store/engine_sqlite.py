"""All that is particular to SQLite: how a database is opened, and what its errors mean (and `wal_sqlite`)."""

import enum
import sqlite3
from pathlib import Path
from typing import Any

import peewee

from appliance.store.errors import StoreBroken, StoreError, StoreFull

PAGE_SIZE = 4096
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
    """What a caller outside the store sees of an error: never SQLite's own, which is kept as the cause."""
    if not isinstance(error, sqlite3.Error):
        return error
    seen: StoreError
    match fault(error):
        case Fault.FULL:
            seen = StoreFull("the disk is full")
        case Fault.DISK:
            seen = StoreBroken(f"the disk failed: {error}")
        case Fault.JOB:
            seen = StoreError(f"the database refused it: {error}")
    seen.__cause__ = error
    return seen


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
