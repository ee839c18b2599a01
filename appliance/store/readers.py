"""Read-only connections: one for each thread that asks, and a small pool for reads that take longer."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from appliance.store.engine_sqlite import SqliteFile, as_store_error, is_interrupt
from appliance.store.errors import StoreBusy, StoreError, StoreTimeout

T = TypeVar("T")

THREADS = 4
MAX_WAITING = 256
"""Reads under way and waiting beyond which another is refused at once (StoreBusy)."""
SNAPSHOT_SECONDS = 5.0
"""How long a read may hold its snapshot: an older one would keep the WAL from shrinking."""
_STEPS = 10_000
"""Steps of SQLite's machine between two looks at the clock (about a millisecond)."""


class Readers:
    """The readers of one database file."""

    def __init__(self, file: SqliteFile, seconds: float = SNAPSHOT_SECONDS) -> None:
        self._file = file
        self._seconds = seconds
        self._local = threading.local()
        self._all: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(THREADS, "store-read")
        self._under_way = 0
        self._closed = False

    @property
    def mine(self) -> sqlite3.Connection:
        """The calling thread's own connection."""
        try:
            connection: sqlite3.Connection = self._local.connection
        except AttributeError:
            connection = self._local.connection = self._file.open_reader()
            with self._lock:
                self._all.append(connection)
        return connection

    async def read(self, act: Callable[[sqlite3.Connection], T], seconds: float | None = None) -> T:
        """Run `act` on a pool thread, all of it in one snapshot, for so many seconds."""
        if self._closed:
            raise StoreError("the store is closed")
        if self._under_way >= MAX_WAITING:
            raise StoreBusy(f"{MAX_WAITING} reads are waiting already")
        self._under_way += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._pool, self._snapshot, act, seconds or self._seconds
            )
        finally:
            self._under_way -= 1

    def _snapshot(self, act: Callable[[sqlite3.Connection], T], seconds: float) -> T:
        connection = self.mine
        end = time.monotonic() + seconds
        # A deadline looked at between steps, not interrupt() from outside: that could hit the next read instead.
        connection.set_progress_handler(lambda: self._closed or time.monotonic() > end, _STEPS)
        connection.execute("BEGIN")
        try:
            return act(connection)
        except sqlite3.Error as error:
            if is_interrupt(error):
                raise StoreTimeout(f"a read took more than {seconds:g} s") from error
            raise as_store_error(error) from error
        finally:
            connection.set_progress_handler(None, 0)
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    def close(self) -> None:
        """Stop the pool (reads under way are interrupted) and close every connection."""
        self._closed = True
        self._pool.shutdown(wait=True, cancel_futures=True)
        with self._lock:
            for connection in self._all:
                connection.close()
            self._all.clear()
