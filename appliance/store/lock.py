"""One process at a time on a data directory."""

import fcntl
import os
from pathlib import Path

from appliance.store.errors import StoreError


class AlreadyRunning(StoreError):
    """Another process has the data directory; the text names its pid."""


class DataLock:
    """The exclusive lock of a data directory (made if absent), held until `close` or the end of the process.

    It is the kernel's (flock): it cannot outlive its process, so there are no stale pid files to reason about.
    The pid in the file only serves the message. Raises AlreadyRunning.
    """

    def __init__(self, data_dir: Path) -> None:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = data_dir / "lock"
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.pread(self._descriptor, 20, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(self._descriptor)
            raise AlreadyRunning(f"{data_dir} is in use by another process, pid {pid}") from None
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def close(self) -> None:
        """Give it up; the file stays, for deleting it would let two processes lock two files of one name."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> "DataLock":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
