"""SQLite's write-ahead log: how large it is, and how it gets into the database without a commit ever waiting for it."""

import contextlib
import os
import sqlite3
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import structlog

from appliance.store.engine_sqlite import PAGE_SIZE, TRUNCATE_BYTES, Fault, fault

log = structlog.get_logger("appliance.store")

CHECKPOINT_BYTES = 4 * 1024 * 1024
"""A passive checkpoint is due for so much new WAL."""
GRANT_SECONDS = 0.1
"""How long the writer is waited for before a truncation; an idle one does not answer, and is not in the way."""
PAUSE_SECONDS = 5.0
"""How long the writer waits for a truncation at most."""


class WalGauge:
    """How many frames the WAL holds, for one `pread` a commit.

    The count is mxFrame, at byte 16 of the wal-index (sqlite.org/walformat.html §2.1). The descriptor must stay
    open until every connection is closed: closing any descriptor of a file drops the locks the process holds on it.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(f"{path}-shm", os.O_RDONLY | os.O_CLOEXEC)
        self._mark = 0

    def due(self) -> bool:
        """Whether enough was written since it last said so; a WAL that started over counts from nothing."""
        frames: int = struct.unpack("=I", os.pread(self._descriptor, 4, 16))[0]
        if frames < self._mark:
            self._mark = 0
        if (frames - self._mark) * PAGE_SIZE < CHECKPOINT_BYTES:
            return False
        self._mark = frames
        return True

    def close(self) -> None:
        """Only after the last connection is closed."""
        os.close(self._descriptor)


class Pause:
    """A moment between two batches in which the writer keeps off the database."""

    def __init__(self) -> None:
        self._wanted = False
        self._granted = threading.Event()
        self._done = threading.Event()

    def give(self) -> None:
        """By the writer, before a batch: wait where a pause is wanted."""
        if self._wanted:
            self._granted.set()
            self._done.wait(PAUSE_SECONDS)

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        """By the checkpointer: the writer waits until this is left, or is idle."""
        self._granted.clear()
        self._done.clear()
        self._wanted = True
        self._granted.wait(GRANT_SECONDS)
        try:
            yield
        finally:
            self._wanted = False
            self._done.set()


class Checkpointer:
    """Copies the WAL into the database, on a thread and a connection of its own."""

    def __init__(self, path: Path, pause: Pause, failed: Callable[[Exception, str], None]) -> None:
        self._path = path
        self._pause = pause
        self._failed = failed
        self._wake = threading.Event()
        self._stop = False
        self._shrink = False
        self._thread = threading.Thread(target=self._run, name="store-checkpoint", daemon=True)
        self._thread.start()

    def kick(self, *, shrink: bool = False) -> None:
        """Ask for a checkpoint soon; with `shrink`, one that gives the WAL's room back. Any thread."""
        self._shrink |= shrink
        self._wake.set()

    def close(self) -> None:
        """Stop, after a checkpoint under way."""
        self._stop = True
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        # No busy time-out: with a stuck reader TRUNCATE would hold the writer for all of it.
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
        limit = CHECKPOINT_BYTES if self._shrink else TRUNCATE_BYTES
        self._shrink = False
        try:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            if os.stat(f"{self._path}-wal").st_size > limit:
                # Under load there is always a writer, so it has to stand aside; little is left to copy by now.
                with self._pause.taken():
                    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.Error as error:
            if fault(error) is Fault.DISK:
                self._failed(error, "checkpoint")
            log.warning("checkpoint failed", error=str(error))
